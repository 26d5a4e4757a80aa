use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;

use crate::publish::{Blob, Staged};
use crate::record::Described;
use crate::{
    ByteRange, ChecksumAlgorithm, Condition, EtagKind, Expected, ObjectBody, ObjectError, ObjectInfo, Objects,
};

/// How a copy differs from its source.
#[derive(Clone, Debug, Default)]
pub struct CopyOptions {
    /// Content type, headers and user metadata of the copy; the source's if none are given.
    pub replace: Option<Replace>,
    /// Tags of the copy; the source's if none are given.
    pub tags: Option<BTreeMap<String, String>>,
    /// What must hold of the object that is replaced.
    pub condition: Option<Condition>,
    /// What must hold of the source: it still has this ETag (without quotes).
    pub source_etag: Option<String>,
    /// The checksum of the copy; the source's if none is given.
    pub checksum: Option<ChecksumAlgorithm>,
}

/// What takes the place of the source's own description.
#[derive(Clone, Debug, Default)]
pub struct Replace {
    pub content_type: Option<String>,
    pub headers: BTreeMap<String, String>,
    pub user_metadata: BTreeMap<String, String>,
}

impl Objects {
    /// Copies an object. Bytes that lie in one file are shared by both names, not copied; a multipart
    /// upload becomes an object of one file with the ETag of its bytes.
    pub async fn copy(
        &self,
        from: (&str, &str),
        to: (&str, &str),
        options: CopyOptions,
    ) -> Result<ObjectInfo, ObjectError> {
        self.require_bucket(to.0).await?;
        let (source, body) = self.get(from.0, from.1, None).await?;
        if options.source_etag.as_ref().is_some_and(|etag| *etag != source.etag) {
            let (bucket, key) = (from.0.to_owned(), from.1.to_owned());
            return Err(ObjectError::PreconditionFailed { bucket, key });
        }
        let wanted: BTreeSet<_> = match options.checksum {
            Some(algorithm) => [algorithm].into(),
            None => source.checksums.values.keys().copied().collect(),
        };
        let same = source.parts.is_none() && wanted.iter().eq(source.checksums.values.keys());
        let blob = match if same { self.share(&source, &body).await? } else { None } {
            Some(blob) => blob,
            None => self.duplicate(body, wanted).await?,
        };
        let replace = options.replace.unwrap_or(Replace {
            content_type: source.content_type,
            headers: source.headers,
            user_metadata: source.user_metadata,
        });
        self.publish_one(Staged {
            bucket: to.0.to_owned(),
            key: to.1.to_owned(),
            condition: options.condition,
            described: Described {
                content_type: replace.content_type,
                headers: replace.headers,
                user_metadata: replace.user_metadata,
                tags: options.tags.unwrap_or(source.tags),
            },
            blob,
        })
        .await
    }

    /// A second name for the same file, or `None` where the file system has none to give.
    async fn share(&self, source: &ObjectInfo, body: &ObjectBody) -> Result<Option<Blob>, ObjectError> {
        // The copy of an object in parts is one of a piece, with the digest of all.
        let in_parts = source.etag.contains('-');
        if in_parts {
            return Ok(None);
        }
        let (files, id, lease) = (self.files.clone(), body.id().clone(), body.lease());
        let linked = self
            .rt
            .blocking("objects link", move || {
                let linked = files.link(&id);
                drop(lease);
                linked
            })
            .await;
        match linked {
            Ok(staged) => {
                let checksums = source.checksums.values.clone();
                Ok(Some(Blob { staged, size: source.size, etag: source.etag.clone(), checksums }))
            }
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    async fn duplicate(
        &self,
        mut body: ObjectBody,
        algorithms: BTreeSet<ChecksumAlgorithm>,
    ) -> Result<Blob, ObjectError> {
        let checksums = algorithms.into_iter().map(|algorithm| (algorithm, None)).collect();
        let expected = Expected { checksums, ..Expected::default() };
        let mut writer = crate::write::FileWriter::new(self.files.clone(), expected, EtagKind::Md5);
        while let Some(bytes) = body.next().await {
            writer.write(bytes?).await?;
        }
        writer.finish().await
    }

    /// The bytes of a part that is copied from an object.
    pub(crate) async fn duplicate_range(
        &self,
        from: (&str, &str),
        range: Option<ByteRange>,
        source_etag: Option<&str>,
        algorithms: BTreeSet<ChecksumAlgorithm>,
    ) -> Result<Blob, ObjectError> {
        let (source, body) = self.get(from.0, from.1, range).await?;
        if source_etag.is_some_and(|etag| etag != source.etag) {
            let (bucket, key) = (from.0.to_owned(), from.1.to_owned());
            return Err(ObjectError::PreconditionFailed { bucket, key });
        }
        self.duplicate(body, algorithms).await
    }
}

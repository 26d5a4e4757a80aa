use std::collections::BTreeMap;

use meta::{Key, Revision, Txn};

use super::PAGE;
use crate::checksum::{combined, composite, multipart_etag};
use crate::files::FileId;
use crate::publish::Put;
use crate::record::{Body, Extent, NO_KEY, ObjectRecord, PartRecord, UploadRecord, VERSION, read};
use crate::{ChecksumAlgorithm, Checksums, Condition, ObjectError, ObjectInfo, Objects, PublishError, keys};

/// How often completing is tried while parts of the upload are being replaced.
const ATTEMPTS_MAX: usize = 16;

/// A part as the one who completes an upload describes it.
#[derive(Clone, Debug, Default)]
pub struct CompletedPart {
    pub number: u32,
    /// Without quotes.
    pub etag: String,
    /// Compared where given.
    pub checksums: BTreeMap<ChecksumAlgorithm, String>,
}

/// What must hold of the object when it is put together.
#[derive(Clone, Debug, Default)]
pub struct CompleteOptions {
    pub condition: Option<Condition>,
    /// The least bytes of every part but the last.
    pub part_size_min: u64,
    pub size: Option<u64>,
    /// The object's checksums, without the number of parts.
    pub checksums: BTreeMap<ChecksumAlgorithm, String>,
}

struct StoredPart {
    key: Key,
    revision: Revision,
    record: PartRecord,
}

impl Objects {
    /// Makes an object of the named parts, in ascending order of their numbers. Parts that are not named
    /// are gone. Completing again what was completed answers again.
    pub async fn complete_upload(
        &self,
        bucket: &str,
        key: &str,
        upload: &str,
        parts: &[CompletedPart],
        options: CompleteOptions,
    ) -> Result<ObjectInfo, ObjectError> {
        if parts.windows(2).any(|pair| pair[0].number >= pair[1].number) {
            return Err(ObjectError::PartOrder);
        }
        let at = keys::upload(bucket, key, upload);
        for _ in 0..ATTEMPTS_MAX {
            let Some(found) = self.find_upload(&at).await? else {
                return self.completed_before(bucket, key, upload).await;
            };
            let chosen = choose(parts, self.stored_parts(upload).await?, options.part_size_min)?;
            let record = self.assemble(&found.value, upload, &chosen, &options)?;
            let mut txn = Txn::new()
                .require_revision(at.clone(), found.revision)
                .delete(at.clone())
                .put(keys::discard(upload), "");
            for part in &chosen {
                txn = txn.require_revision(part.key.clone(), part.revision).delete(part.key.clone());
            }
            let extents = (chosen.len() != 1).then(|| chosen.iter().map(extent).collect());
            let put = Put {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                condition: options.condition.clone(),
                record,
                staged: Vec::new(),
                extents,
            };
            match self.publish_puts(vec![put], txn).await {
                Ok((mut infos, _)) => {
                    // The note is durable: what is not discarded now is discarded at the next start.
                    if let Err(error) = self.discard_parts(upload).await {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "the unused parts of an upload could not be removed yet"
                        );
                    }
                    return Ok(infos.pop().expect("one object was published"));
                }
                // A part was replaced, or another call completed or aborted the upload.
                Err(PublishError::Conflict { .. }) => {}
                Err(PublishError::Object(error)) => return Err(error),
            }
        }
        Err(ObjectError::Contended { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    async fn completed_before(
        &self,
        bucket: &str,
        key: &str,
        upload: &str,
    ) -> Result<ObjectInfo, ObjectError> {
        match read::<ObjectRecord>(&self.meta, &keys::object(bucket, key)).await? {
            Some(object) if object.value.upload.as_deref() == Some(upload) => {
                Ok(object.value.into_info(bucket, key))
            }
            _ => {
                self.require_bucket(bucket).await?;
                Err(ObjectError::NoSuchUpload { upload: upload.to_owned() })
            }
        }
    }

    async fn stored_parts(&self, upload: &str) -> Result<BTreeMap<u32, StoredPart>, ObjectError> {
        let (prefix, mut after, mut found) = (keys::parts(upload), None::<Key>, BTreeMap::new());
        loop {
            let page = self.meta.scan(&prefix, after.as_ref(), PAGE).await?;
            after = page.last().map(|entry| entry.key.clone());
            let last = page.len() < PAGE;
            for entry in page {
                let number = entry.key.last_u64().and_then(|number| u32::try_from(number).ok());
                let record = entry.json()?;
                let part = StoredPart { key: entry.key, revision: entry.revision, record };
                found.insert(number.unwrap_or_default(), part);
            }
            if last {
                return Ok(found);
            }
        }
    }

    fn assemble(
        &self,
        upload: &UploadRecord,
        id: &str,
        parts: &[StoredPart],
        options: &CompleteOptions,
    ) -> Result<ObjectRecord, ObjectError> {
        let size = parts.iter().map(|part| part.record.size).sum();
        if let Some(expected) = options.size
            && expected != size
        {
            return Err(ObjectError::SizeMismatch { expected, received: size });
        }
        let checksums = checksums_of(upload, parts);
        for (&algorithm, expected) in &options.checksums {
            let expected = if checksums.composite && !expected.contains('-') {
                format!("{expected}-{}", parts.len())
            } else {
                expected.clone()
            };
            if checksums.values.get(&algorithm) != Some(&expected) {
                return Err(ObjectError::ChecksumMismatch { algorithm });
            }
        }
        let body = match parts {
            [only] => only.record.file.clone(),
            _ => FileId::new(&self.rt),
        };
        let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let md5 = |part: &StoredPart| {
            hex::decode(&part.record.etag).ok().and_then(|md5| md5.try_into().ok()).unwrap_or_default()
        };
        Ok(ObjectRecord {
            version: VERSION,
            key_id: NO_KEY,
            body: Body { id: body, extents: count },
            size,
            etag: multipart_etag(parts.iter().map(md5)),
            modified: self.rt.now(),
            described: upload.described.clone(),
            checksums,
            parts: Some(count),
            upload: Some(id.to_owned()),
        })
    }
}

fn choose(
    named: &[CompletedPart],
    mut stored: BTreeMap<u32, StoredPart>,
    part_size_min: u64,
) -> Result<Vec<StoredPart>, ObjectError> {
    let mut chosen = Vec::with_capacity(named.len());
    for (index, part) in named.iter().enumerate() {
        let number = part.number;
        let Some(found) = stored.remove(&number) else { return Err(ObjectError::InvalidPart { number }) };
        let same =
            |(algorithm, value)| found.record.checksums.get(algorithm).is_none_or(|stored| stored == value);
        if found.record.etag != part.etag || !part.checksums.iter().all(same) {
            return Err(ObjectError::InvalidPart { number });
        }
        let size = found.record.size;
        if index + 1 < named.len() && size < part_size_min {
            return Err(ObjectError::PartTooSmall { number, size, minimum: part_size_min });
        }
        chosen.push(found);
    }
    if chosen.is_empty() {
        return Err(ObjectError::Invalid { reason: "an upload is completed with no part".to_owned() });
    }
    Ok(chosen)
}

fn checksums_of(upload: &UploadRecord, parts: &[StoredPart]) -> Checksums {
    let Some(algorithm) = upload.checksum else { return Checksums::default() };
    let each = parts.iter().map(|part| {
        let text = part.record.checksums.get(&algorithm).map_or("", String::as_str);
        (text, part.record.size)
    });
    let value = if upload.composite {
        composite(algorithm, each.map(|(text, _)| text))
    } else {
        combined(algorithm, each)
    };
    Checksums {
        composite: upload.composite,
        values: value.into_iter().map(|value| (algorithm, value)).collect(),
    }
}

fn extent(part: &StoredPart) -> Extent {
    Extent { file: part.record.file.clone(), size: part.record.size }
}

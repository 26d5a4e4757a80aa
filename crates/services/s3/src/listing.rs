//! What both versions of listing objects share.

use names::AccountId;
use objects::{ListRequest, ObjectInfo};
use s3s::S3Result;
use s3s::dto::{ChecksumAlgorithm, CommonPrefix, EncodingType, Object, ObjectStorageClass};

use crate::S3;
use crate::checksums;
use crate::error::refused;
use crate::values::{KeyEncoding, etag, owner, page_size, size, timestamp};

pub(crate) struct Asked<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) prefix: Option<&'a str>,
    pub(crate) delimiter: Option<&'a str>,
    pub(crate) after: Option<String>,
    pub(crate) max_keys: Option<i32>,
    pub(crate) encoding: Option<&'a EncodingType>,
    /// Shown with each object, if given.
    pub(crate) owner: Option<&'a AccountId>,
}

pub(crate) struct Listed {
    pub(crate) contents: Vec<Object>,
    pub(crate) common_prefixes: Vec<CommonPrefix>,
    pub(crate) max_keys: i32,
    pub(crate) truncated: bool,
    /// The last key or group of the page, not encoded, if there is more.
    pub(crate) next: Option<String>,
    pub(crate) encoding: KeyEncoding,
}

pub(crate) async fn list(s3: &S3, asked: Asked<'_>) -> S3Result<Listed> {
    let encoding = KeyEncoding::of(asked.encoding)?;
    let max_keys = page_size(asked.max_keys, "maxKeys")?;
    let request = ListRequest {
        prefix: asked.prefix.unwrap_or("").to_owned(),
        delimiter: asked.delimiter.filter(|delimiter| !delimiter.is_empty()).map(str::to_owned),
        start_after: asked.after.filter(|after| !after.is_empty()),
        limit: usize::try_from(max_keys).unwrap_or(0),
    };
    let page = s3.objects.list(asked.bucket, &request).await.map_err(refused)?;
    Ok(Listed {
        contents: page.objects.iter().map(|object| shown(object, encoding, asked.owner)).collect(),
        common_prefixes: page
            .prefixes
            .into_iter()
            .map(|prefix| CommonPrefix { prefix: Some(encoding.text(prefix)) })
            .collect(),
        max_keys,
        truncated: page.next.is_some(),
        next: page.next,
        encoding,
    })
}

fn shown(object: &ObjectInfo, encoding: KeyEncoding, account: Option<&AccountId>) -> Object {
    let algorithms: Vec<_> = object
        .checksums
        .values
        .keys()
        .map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name()))
        .collect();
    Object {
        checksum_algorithm: (!algorithms.is_empty()).then_some(algorithms),
        checksum_type: checksums::kind(&object.checksums),
        e_tag: Some(etag(&object.etag)),
        key: Some(encoding.text(object.key.as_str())),
        last_modified: Some(timestamp(object.modified)),
        owner: account.map(owner),
        restore_status: None,
        size: Some(size(object.size)),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
    }
}

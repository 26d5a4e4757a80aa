use names::AccountId;
use objects::{UploadInfo, UploadListRequest};
use s3s::dto::{
    ChecksumAlgorithm, ChecksumType, CommonPrefix, Initiator, ListMultipartUploadsInput,
    ListMultipartUploadsOutput, MultipartUpload, StorageClass,
};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;
use crate::error::refused;
use crate::values::{KeyEncoding, owner, page_size, timestamp};

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let input = &request.input;
    let bucket = s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let encoding = KeyEncoding::of(input.encoding_type.as_ref())?;
    let max_uploads = page_size(input.max_uploads, "max-uploads")?;
    let after_key = input.key_marker.clone().filter(|marker| !marker.is_empty());
    // Without a key, the marker of an upload means nothing.
    let after_upload =
        input.upload_id_marker.clone().filter(|marker| !marker.is_empty() && after_key.is_some());
    let list = UploadListRequest {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().filter(|delimiter| !delimiter.is_empty()),
        after_key,
        after_upload,
        limit: usize::try_from(max_uploads).unwrap_or(0),
    };
    let page = s3.objects.uploads(&input.bucket, &list).await.map_err(refused)?;
    let truncated = page.next.is_some();
    let (next_key, next_upload) = page.next.unzip();
    let account = &bucket.owner.account;
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket.clone()),
        common_prefixes: Some(
            page.prefixes
                .into_iter()
                .map(|prefix| CommonPrefix { prefix: Some(encoding.text(prefix)) })
                .collect(),
        ),
        delimiter: input.delimiter.clone().map(|delimiter| encoding.text(delimiter)),
        encoding_type: input.encoding_type.clone(),
        is_truncated: Some(truncated),
        key_marker: Some(encoding.text(input.key_marker.clone().unwrap_or_default())),
        max_uploads: Some(max_uploads),
        next_key_marker: next_key.map(|key| encoding.text(key)),
        next_upload_id_marker: next_upload.flatten(),
        prefix: Some(encoding.text(list.prefix.as_str())),
        request_charged: None,
        upload_id_marker: Some(input.upload_id_marker.clone().unwrap_or_default()),
        uploads: Some(page.uploads.into_iter().map(|upload| shown(upload, encoding, account)).collect()),
    }))
}

fn shown(upload: UploadInfo, encoding: KeyEncoding, account: &AccountId) -> MultipartUpload {
    let owner = owner(account);
    let kind = if upload.composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT };
    MultipartUpload {
        checksum_algorithm: upload.checksum.map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: upload.checksum.map(|_| ChecksumType::from_static(kind)),
        initiated: Some(timestamp(upload.initiated)),
        initiator: Some(Initiator { display_name: None, id: owner.id.clone() }),
        key: Some(encoding.text(upload.key)),
        owner: Some(owner),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        upload_id: Some(upload.id),
    }
}

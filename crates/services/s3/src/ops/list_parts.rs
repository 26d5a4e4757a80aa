use objects::PartInfo;
use s3s::dto::{
    ChecksumAlgorithm, ChecksumType, Initiator, ListPartsInput, ListPartsOutput, Part, StorageClass,
};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;
use crate::checksums;
use crate::error::refused;
use crate::values::{etag, owner, page_size, size, timestamp};

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<ListPartsInput>,
) -> S3Result<S3Response<ListPartsOutput>> {
    let input = &request.input;
    let bucket = s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let max_parts = page_size(input.max_parts, "max-parts")?;
    let after = input.part_number_marker.and_then(|marker| u32::try_from(marker).ok()).unwrap_or(0);
    let limit = usize::try_from(max_parts).unwrap_or(0);
    let page =
        s3.objects.parts(&input.bucket, &input.key, &input.upload_id, after, limit).await.map_err(refused)?;
    let last = page.parts.last().map_or(after, |part| part.number);
    let owner = owner(&bucket.owner.account);
    let kind = if page.upload.composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT };
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        upload_id: Some(input.upload_id.clone()),
        max_parts: Some(max_parts),
        part_number_marker: i32::try_from(after).ok(),
        next_part_number_marker: i32::try_from(last).ok(),
        is_truncated: Some(page.more),
        initiator: Some(Initiator { display_name: None, id: owner.id.clone() }),
        owner: Some(owner),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        checksum_algorithm: page
            .upload
            .checksum
            .map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: page.upload.checksum.map(|_| ChecksumType::from_static(kind)),
        parts: Some(page.parts.into_iter().map(shown).collect()),
        ..ListPartsOutput::default()
    }))
}

fn shown(part: PartInfo) -> Part {
    let mut shown = Part {
        e_tag: Some(etag(&part.etag)),
        last_modified: Some(timestamp(part.modified)),
        part_number: i32::try_from(part.number).ok(),
        size: Some(size(part.size)),
        ..Part::default()
    };
    checksums::show!(shown, part.checksums);
    shown
}

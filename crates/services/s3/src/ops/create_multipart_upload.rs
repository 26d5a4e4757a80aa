use std::collections::BTreeMap;

use objects::{ChecksumAlgorithm, PutOptions, UploadOptions};
use s3s::dto::{
    ChecksumAlgorithm as AlgorithmName, ChecksumType, CreateMultipartUploadInput, CreateMultipartUploadOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use crate::S3;
use crate::checksums;
use crate::description::described;
use crate::error::{invalid_argument, refused};
use crate::limits::OBJECT_TAGS_MAX;
use crate::values::tags_in_header;

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let description = described!(input)?;
    let tags = match &input.tagging {
        Some(header) => tags_in_header(header, OBJECT_TAGS_MAX)?,
        None => BTreeMap::new(),
    };
    let (algorithm, composite) = checksum(input)?;
    let options = UploadOptions {
        put: PutOptions {
            content_type: Some(description.content_type),
            headers: description.headers,
            user_metadata: description.user_metadata,
            tags,
            ..PutOptions::default()
        },
        checksum: Some(algorithm),
        composite,
    };
    let upload = s3.objects.create_upload(&input.bucket, &input.key, options).await.map_err(refused)?;
    let asked = input.checksum_algorithm.is_some();
    let kind = if composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT };
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        upload_id: Some(upload.id),
        checksum_algorithm: asked.then(|| AlgorithmName::from_static(algorithm.name())),
        checksum_type: asked.then(|| ChecksumType::from_static(kind)),
        ..CreateMultipartUploadOutput::default()
    }))
}

/// The algorithm, and whether the object's checksum is made of its parts' checksums.
fn checksum(input: &CreateMultipartUploadInput) -> S3Result<(ChecksumAlgorithm, bool)> {
    let Some(name) = &input.checksum_algorithm else {
        return Ok((checksums::DEFAULT, false));
    };
    let algorithm = checksums::algorithm(name.as_str())?;
    let is_digest = matches!(algorithm, ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256);
    let is_full_only = algorithm == ChecksumAlgorithm::Crc64nvme;
    let composite = match input.checksum_type.as_ref().map(ChecksumType::as_str) {
        None => !is_full_only,
        Some(ChecksumType::COMPOSITE) => true,
        Some(ChecksumType::FULL_OBJECT) => false,
        Some(_) => return Err(invalid_argument("Value for x-amz-checksum-type header is invalid.")),
    };
    if (composite && is_full_only) || (!composite && is_digest) {
        return Err(s3_error!(
            InvalidRequest,
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            if composite { "COMPOSITE" } else { "FULL_OBJECT" },
            algorithm.name().to_ascii_lowercase()
        ));
    }
    Ok((algorithm, composite))
}

use objects::{CompleteOptions, CompletedPart};
use s3s::dto::{
    ChecksumType, CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedMultipartUpload,
    CompletedPart as NamedPart,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use crate::S3;
use crate::checksums;
use crate::conditions::write_condition;
use crate::error::refused;
use crate::limits::{PART_BYTES_MIN, PART_NUMBER_MAX};
use crate::values::etag;

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let parts = named_parts(input.multipart_upload.as_ref())?;
    check_kind(s3, input).await?;
    let options = CompleteOptions {
        condition: write_condition(input.if_match.as_ref(), input.if_none_match.as_ref())?,
        part_size_min: PART_BYTES_MIN,
        size: input.mpu_object_size.and_then(|size| u64::try_from(size).ok()),
        checksums: checksums::given!(input),
    };
    let object = s3
        .objects
        .complete_upload(&input.bucket, &input.key, &input.upload_id, &parts, options)
        .await
        .map_err(refused)?;
    let mut output = CompleteMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        e_tag: Some(etag(&object.etag)),
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        checksum_type: checksums::kind(&object.checksums),
        ..CompleteMultipartUploadOutput::default()
    };
    checksums::show!(output, object.checksums.values);
    Ok(S3Response::new(output))
}

/// The kind of checksum the client has in mind must be the one the upload was begun with.
async fn check_kind(s3: &S3, input: &CompleteMultipartUploadInput) -> S3Result<()> {
    let Some(asked) = &input.checksum_type else { return Ok(()) };
    // An upload that is gone may have been completed before: that is for completing to find out.
    let Ok(upload) = s3.objects.upload(&input.bucket, &input.key, &input.upload_id).await else {
        return Ok(());
    };
    let kind = if upload.composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT };
    if asked.as_str() == kind {
        return Ok(());
    }
    Err(s3_error!(
        InvalidRequest,
        "The upload was created using the {kind} checksum mode. The complete request must use the same checksum mode."
    ))
}

fn named_parts(upload: Option<&CompletedMultipartUpload>) -> S3Result<Vec<CompletedPart>> {
    let parts = upload.and_then(|upload| upload.parts.as_deref()).unwrap_or(&[]);
    if parts.is_empty() || parts.len() > PART_NUMBER_MAX as usize {
        return Err(malformed());
    }
    parts.iter().map(named_part).collect()
}

fn named_part(part: &NamedPart) -> S3Result<CompletedPart> {
    let number = part.part_number.and_then(|number| u32::try_from(number).ok());
    let (Some(number), Some(etag)) = (number, &part.e_tag) else { return Err(malformed()) };
    Ok(CompletedPart { number, etag: etag.value().to_owned(), checksums: checksums::given!(part) })
}

fn malformed() -> S3Error {
    s3_error!(
        MalformedXML,
        "The XML you provided was not well-formed or did not validate against our published schema"
    )
}

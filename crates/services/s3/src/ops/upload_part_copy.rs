use objects::ByteRange;
use s3s::dto::{CopyPartResult, Range, UploadPartCopyInput, UploadPartCopyOutput};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use crate::S3;
use crate::checksums;
use crate::conditions::ReadConditions;
use crate::error::{invalid_argument, refused};
use crate::limits::OBJECT_BYTES_MAX;
use crate::ops::copy_object::source;
use crate::ops::upload_part::part_number;
use crate::values::{etag, timestamp};

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let number = part_number(input.part_number)?;
    let (bucket, key) = source(&input.copy_source)?;
    s3.own_bucket(&request, bucket, input.expected_source_bucket_owner.as_deref()).await?;
    let object = s3.objects.head(bucket, key).await.map_err(refused)?;
    let conditions = ReadConditions {
        if_match: input.copy_source_if_match.as_ref(),
        if_none_match: input.copy_source_if_none_match.as_ref(),
        if_modified_since: input.copy_source_if_modified_since.as_ref(),
        if_unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
    };
    conditions.check_source(&object)?;
    let range = input.copy_source_range.as_deref().map(|text| source_range(text, object.size)).transpose()?;
    let bytes = range.and_then(|range| range.within(object.size)).unwrap_or(0..object.size);
    if bytes.end - bytes.start > OBJECT_BYTES_MAX {
        return Err(s3_error!(
            InvalidRequest,
            "The specified copy source is larger than the maximum allowable size for a copy source: {OBJECT_BYTES_MAX}"
        ));
    }
    let to = (&*input.bucket, &*input.key);
    let etag_now = Some(&*object.etag);
    let part = s3
        .objects
        .upload_part_copy((bucket, key), range, etag_now, to, &input.upload_id, number)
        .await
        .map_err(refused)?;
    let mut result = CopyPartResult {
        e_tag: Some(etag(&part.etag)),
        last_modified: Some(timestamp(part.modified)),
        ..CopyPartResult::default()
    };
    checksums::show!(result, part.checksums);
    let output = UploadPartCopyOutput { copy_part_result: Some(result), ..UploadPartCopyOutput::default() };
    Ok(S3Response::new(output))
}

/// Unlike a range of a read, it must lie within the source as a whole.
fn source_range(text: &str, size: u64) -> S3Result<ByteRange> {
    match Range::parse(text) {
        Ok(Range::Int { first, last: Some(last) }) if last < size => Ok(ByteRange::FromTo(first, last + 1)),
        Ok(Range::Int { last: Some(_), .. }) => {
            Err(invalid_argument(&format!("Range specified is not valid for source object of size: {size}")))
        }
        _ => Err(invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
        )),
    }
}

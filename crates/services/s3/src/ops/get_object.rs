use objects::{ByteRange, ObjectBody, ObjectInfo};
use s3s::dto::{ChecksumMode, GetObjectInput, GetObjectOutput, Range, StreamingBlob};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;
use crate::checksums;
use crate::conditions::ReadConditions;
use crate::description::{self, parse_http_date};
use crate::error::invalid_argument;
use crate::ops::head_object::{part_refused, range_refused};
use crate::values::{etag, http_timestamp, size};

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let (object, body) = open(s3, input).await?;
    let conditions = ReadConditions {
        if_match: input.if_match.as_ref(),
        if_none_match: input.if_none_match.as_ref(),
        if_modified_since: input.if_modified_since.as_ref(),
        if_unmodified_since: input.if_unmodified_since.as_ref(),
    };
    conditions.check(&object)?;
    let partial = input.range.is_some() || input.part_number.is_some();
    let range = body.range();
    let content_range = (partial && !range.is_empty())
        .then(|| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size));
    let mut output = GetObjectOutput {
        content_length: Some(size(body.size())),
        body: Some(StreamingBlob::wrap(body)),
        ..describe(&object)
    };
    let whole = range == (0..object.size);
    let wanted = input.checksum_mode.as_ref().map(ChecksumMode::as_str) == Some(ChecksumMode::ENABLED);
    if wanted && whole {
        checksums::show!(output, object.checksums.values);
        output.checksum_type = checksums::kind(&object.checksums);
    }
    if input.part_number.is_some() {
        output.parts_count = object.parts.and_then(|parts| i32::try_from(parts).ok());
    }
    // With a range, `s3s` answers that the content is partial.
    output.content_range = content_range;
    Ok(S3Response::new(output))
}

async fn open(s3: &S3, input: &GetObjectInput) -> S3Result<(ObjectInfo, ObjectBody)> {
    let (bucket, key) = (&input.bucket, &input.key);
    match (input.range, input.part_number) {
        (Some(_), Some(_)) => {
            Err(invalid_argument("Cannot specify both Range header and partNumber query parameter"))
        }
        (None, Some(number)) => {
            let number = u32::try_from(number).unwrap_or(0);
            s3.objects.get_part(bucket, key, number).await.map_err(part_refused)
        }
        (range, None) => s3.objects.get(bucket, key, range.map(byte_range)).await.map_err(range_refused),
    }
}

pub(crate) fn byte_range(range: Range) -> ByteRange {
    match range {
        Range::Int { first, last: None } => ByteRange::From(first),
        Range::Int { first, last: Some(last) } => ByteRange::FromTo(first, last.saturating_add(1)),
        Range::Suffix { length } => ByteRange::Last(length),
    }
}

/// What is true of every answer about the object. The `response-…` parameters are laid over it by `s3s`.
fn describe(object: &ObjectInfo) -> GetObjectOutput {
    let header = |name: &str| object.headers.get(name).cloned();
    GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: header(description::CACHE_CONTROL),
        content_disposition: header(description::CONTENT_DISPOSITION),
        content_encoding: header(description::CONTENT_ENCODING),
        content_language: header(description::CONTENT_LANGUAGE),
        content_type: object.content_type.clone(),
        e_tag: Some(etag(&object.etag)),
        expires: header(description::EXPIRES).as_deref().and_then(parse_http_date),
        last_modified: Some(http_timestamp(object.modified)),
        metadata: description::metadata(&object.user_metadata),
        tag_count: i32::try_from(object.tags.len()).ok().filter(|count| *count > 0),
        ..GetObjectOutput::default()
    }
}

use http::{HeaderMap, HeaderValue, StatusCode, header};
use objects::{ObjectError, ObjectInfo};
use s3s::dto::{ChecksumMode, HeadObjectInput, HeadObjectOutput};
use s3s::{S3Error, S3Request, S3Response, S3Result};

use crate::S3;
use crate::checksums;
use crate::conditions::ReadConditions;
use crate::description::{self, parse_http_date};
use crate::error::{custom, invalid_argument, refused};
use crate::ops::get_object::byte_range;
use crate::values::{etag, http_timestamp, size};

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let object = s3.objects.head(&input.bucket, &input.key).await.map_err(refused)?;
    let conditions = ReadConditions {
        if_match: input.if_match.as_ref(),
        if_none_match: input.if_none_match.as_ref(),
        if_modified_since: input.if_modified_since.as_ref(),
        if_unmodified_since: input.if_unmodified_since.as_ref(),
    };
    conditions.check(&object)?;
    let mut output = describe(&object);
    let range = match (input.range, input.part_number) {
        (None, None) => None,
        (Some(_), Some(_)) => {
            return Err(invalid_argument("Cannot specify both Range header and partNumber query parameter"));
        }
        (Some(range), None) => {
            let size = object.size;
            let within = byte_range(range).within(size);
            Some(within.ok_or_else(|| range_refused(ObjectError::InvalidRange { size }))?)
        }
        (None, Some(number)) => {
            let number = u32::try_from(number).unwrap_or(0);
            let part = s3.objects.get_part(&input.bucket, &input.key, number).await.map_err(part_refused)?;
            output.parts_count = object.parts.and_then(|parts| i32::try_from(parts).ok());
            Some(part.1.range())
        }
    };
    let wanted = input.checksum_mode.as_ref().map(ChecksumMode::as_str) == Some(ChecksumMode::ENABLED);
    if wanted && range.as_ref().is_none_or(|range| *range == (0..object.size)) {
        checksums::show!(output, object.checksums.values);
        output.checksum_type = checksums::kind(&object.checksums);
    }
    let mut response = S3Response::new(output);
    response.headers = overrides(input)?;
    if let Some(range) = range.filter(|range| !range.is_empty()) {
        response.output.content_length = Some(size(range.end - range.start));
        response.output.content_range =
            Some(format!("bytes {}-{}/{}", range.start, range.end - 1, object.size));
        // `s3s` does this for GET alone; the rim does it for what is marked so.
        response.extensions.insert(StatusCode::PARTIAL_CONTENT);
    }
    Ok(response)
}

fn describe(object: &ObjectInfo) -> HeadObjectOutput {
    let header = |name: &str| object.headers.get(name).cloned();
    HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: header(description::CACHE_CONTROL),
        content_disposition: header(description::CONTENT_DISPOSITION),
        content_encoding: header(description::CONTENT_ENCODING),
        content_language: header(description::CONTENT_LANGUAGE),
        content_length: Some(size(object.size)),
        content_type: object.content_type.clone(),
        e_tag: Some(etag(&object.etag)),
        expires: header(description::EXPIRES).as_deref().and_then(parse_http_date),
        last_modified: Some(http_timestamp(object.modified)),
        metadata: description::metadata(&object.user_metadata),
        ..HeadObjectOutput::default()
    }
}

/// What the `response-…` parameters say instead of the object.
fn overrides(input: &HeadObjectInput) -> S3Result<HeaderMap> {
    let expires = input.response_expires.as_ref().map(|time| {
        let mut shown = Vec::new();
        let formatted = time.format(s3s::dto::TimestampFormat::HttpDate, &mut shown);
        formatted.ok().and_then(|()| String::from_utf8(shown).ok()).unwrap_or_default()
    });
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CACHE_CONTROL, &input.response_cache_control),
        (header::CONTENT_DISPOSITION, &input.response_content_disposition),
        (header::CONTENT_ENCODING, &input.response_content_encoding),
        (header::CONTENT_LANGUAGE, &input.response_content_language),
        (header::CONTENT_TYPE, &input.response_content_type),
        (header::EXPIRES, &expires),
    ] {
        if let Some(value) = value {
            headers.insert(name, text(value)?);
        }
    }
    Ok(headers)
}

fn text(value: &str) -> S3Result<HeaderValue> {
    HeaderValue::try_from(value).map_err(|_| invalid_argument("a response header has an invalid value"))
}

/// A range outside of the object also tells how large the object is.
pub(crate) fn range_refused(error: ObjectError) -> S3Error {
    let ObjectError::InvalidRange { size } = error else { return refused(error) };
    let mut refused = refused(error);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    if let Ok(shown) = HeaderValue::try_from(format!("bytes */{size}")) {
        headers.insert(header::CONTENT_RANGE, shown);
    }
    refused.set_headers(headers);
    refused
}

pub(crate) fn part_refused(error: ObjectError) -> S3Error {
    match error {
        ObjectError::InvalidPart { .. } => custom(
            "InvalidPartNumber",
            StatusCode::RANGE_NOT_SATISFIABLE,
            "The requested partnumber is not satisfiable",
        ),
        other => refused(other),
    }
}

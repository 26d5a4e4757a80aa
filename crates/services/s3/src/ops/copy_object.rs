use objects::{CopyOptions, ObjectInfo, Replace};
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, ETagCondition, MetadataDirective,
    TaggingDirective,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use crate::S3;
use crate::checksums;
use crate::conditions::{ReadConditions, write_condition};
use crate::description::{Description, described};
use crate::error::{invalid_argument, not_implemented, refused};
use crate::limits::{OBJECT_BYTES_MAX, OBJECT_TAGS_MAX};
use crate::values::{etag, tags_in_header, timestamp};

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
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
    if object.size > OBJECT_BYTES_MAX {
        return Err(s3_error!(
            InvalidRequest,
            "The specified copy source is larger than the maximum allowable size for a copy source: {OBJECT_BYTES_MAX}"
        ));
    }
    let options = options(&request, &object)?;
    if (bucket, key) == (&*input.bucket, &*input.key) && options.replace.is_none() && options.tags.is_none() {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."
        ));
    }
    let to = (&*input.bucket, &*input.key);
    let copied = s3.objects.copy((bucket, key), to, options).await.map_err(refused)?;
    let mut result = CopyObjectResult {
        e_tag: Some(etag(&copied.etag)),
        last_modified: Some(timestamp(copied.modified)),
        checksum_type: checksums::kind(&copied.checksums),
        ..CopyObjectResult::default()
    };
    checksums::show!(result, copied.checksums.values);
    let output = CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() };
    Ok(S3Response::new(output))
}

fn options(request: &S3Request<CopyObjectInput>, object: &ObjectInfo) -> S3Result<CopyOptions> {
    let input = &request.input;
    let replace = match input.metadata_directive.as_ref().map(MetadataDirective::as_str) {
        None | Some(MetadataDirective::COPY) => None,
        Some(MetadataDirective::REPLACE) => {
            let Description { content_type, headers, user_metadata } = described!(input)?;
            Some(Replace { content_type: Some(content_type), headers, user_metadata })
        }
        Some(_) => return Err(invalid_argument("Unknown metadata directive.")),
    };
    let tags = match input.tagging_directive.as_ref().map(TaggingDirective::as_str) {
        None | Some(TaggingDirective::COPY) => None,
        Some(TaggingDirective::REPLACE) => {
            Some(tags_in_header(input.tagging.as_deref().unwrap_or(""), OBJECT_TAGS_MAX)?)
        }
        Some(_) => return Err(invalid_argument("Unknown tagging directive.")),
    };
    let algorithm = input.checksum_algorithm.as_ref().map(|name| checksums::algorithm(name.as_str()));
    // `s3s` does not read these two for a copy.
    let condition = |name: &str| {
        let value = request.headers.get(name).map(|value| ETagCondition::parse_http_header(value.as_bytes()));
        value.transpose().map_err(|_| invalid_argument("Invalid ETag in a condition"))
    };
    Ok(CopyOptions {
        replace,
        tags,
        condition: write_condition(condition("if-match")?.as_ref(), condition("if-none-match")?.as_ref())?,
        source_etag: Some(object.etag.clone()),
        checksum: algorithm.transpose()?,
    })
}

/// Bucket and key of the source.
pub(crate) fn source(source: &CopySource) -> S3Result<(&str, &str)> {
    match source {
        CopySource::Bucket { bucket, key, version_id } => {
            if version_id.as_deref().is_some_and(|version| version != "null") {
                return Err(not_implemented("x-amz-copy-source with versionId"));
            }
            Ok((bucket, key))
        }
        CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
            Err(not_implemented("x-amz-copy-source with an access point"))
        }
    }
}

use std::collections::BTreeMap;

use objects::PutOptions;
use s3s::dto::{PutObjectInput, PutObjectOutput};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;
use crate::checksums;
use crate::conditions::write_condition;
use crate::description::described;
use crate::error::refused;
use crate::limits::OBJECT_TAGS_MAX;
use crate::upload_body::{expected, pour};
use crate::values::{etag, tags_in_header};

pub(crate) async fn handle(
    s3: &S3,
    mut request: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let body = request.input.body.take();
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let description = described!(input)?;
    let tags = match &input.tagging {
        Some(header) => tags_in_header(header, OBJECT_TAGS_MAX)?,
        None => BTreeMap::new(),
    };
    let given = checksums::given!(input);
    let expected = expected(&request.headers, input.content_length, input.content_md5.clone(), given)?;
    let options = PutOptions {
        content_type: Some(description.content_type),
        headers: description.headers,
        user_metadata: description.user_metadata,
        tags,
        condition: write_condition(input.if_match.as_ref(), input.if_none_match.as_ref())?,
        expected: expected.clone(),
        ..PutOptions::default()
    };
    let mut writer = s3.objects.writer(&input.bucket, &input.key, options).await.map_err(refused)?;
    pour(&s3.rt, &request, body, &expected, &mut writer).await?;
    let object = writer.finish().await.map_err(refused)?;
    let mut output = PutObjectOutput {
        e_tag: Some(etag(&object.etag)),
        checksum_type: checksums::kind(&object.checksums),
        ..PutObjectOutput::default()
    };
    checksums::show!(output, object.checksums.values);
    Ok(S3Response::new(output))
}

use s3s::dto::{UploadPartInput, UploadPartOutput};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;
use crate::checksums;
use crate::error::{invalid_argument, refused};
use crate::limits::PART_NUMBER_MAX;
use crate::upload_body::{expected, pour};
use crate::values::etag;

pub(crate) async fn handle(
    s3: &S3,
    mut request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let body = request.input.body.take();
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let number = part_number(input.part_number)?;
    let given = checksums::given!(input);
    let expected = expected(&request.headers, input.content_length, input.content_md5.clone(), given)?;
    let mut writer = s3
        .objects
        .part_writer(&input.bucket, &input.key, &input.upload_id, number, expected.clone())
        .await
        .map_err(refused)?;
    pour(&s3.rt, &request, body, &expected, &mut writer).await?;
    let part = writer.finish().await.map_err(refused)?;
    let mut output = UploadPartOutput { e_tag: Some(etag(&part.etag)), ..UploadPartOutput::default() };
    checksums::show!(output, part.checksums);
    Ok(S3Response::new(output))
}

pub(crate) fn part_number(number: i32) -> S3Result<u32> {
    let number = u32::try_from(number).ok().filter(|number| (1..=PART_NUMBER_MAX as u32).contains(number));
    number.ok_or_else(|| invalid_argument("Part number must be an integer between 1 and 10000, inclusive"))
}

use s3s::dto::{PutObjectTaggingInput, PutObjectTaggingOutput};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;
use crate::error::refused;
use crate::limits::OBJECT_TAGS_MAX;
use crate::values::tags_in;

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<PutObjectTaggingInput>,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let tags = tags_in(input.tagging.tag_set.clone(), OBJECT_TAGS_MAX)?;
    s3.objects.set_tags(&input.bucket, &input.key, tags).await.map_err(refused)?;
    Ok(S3Response::new(PutObjectTaggingOutput::default()))
}

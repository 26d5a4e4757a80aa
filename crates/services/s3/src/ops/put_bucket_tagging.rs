use s3s::dto::{PutBucketTaggingInput, PutBucketTaggingOutput};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;
use crate::error::refused;
use crate::limits::BUCKET_TAGS_MAX;
use crate::values::tags_in;

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<PutBucketTaggingInput>,
) -> S3Result<S3Response<PutBucketTaggingOutput>> {
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let tags = tags_in(input.tagging.tag_set.clone(), BUCKET_TAGS_MAX)?;
    s3.objects.set_bucket_tags(&input.bucket, tags).await.map_err(refused)?;
    Ok(S3Response::new(PutBucketTaggingOutput::default()))
}

use s3s::dto::{GetBucketVersioningInput, GetBucketVersioningOutput};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;

/// A bucket whose versioning was never set has no status, and none can be set.
pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    Ok(S3Response::new(GetBucketVersioningOutput::default()))
}

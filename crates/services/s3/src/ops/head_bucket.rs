use s3s::dto::{HeadBucketInput, HeadBucketOutput};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<HeadBucketInput>,
) -> S3Result<S3Response<HeadBucketOutput>> {
    let input = &request.input;
    let bucket = s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let bucket_region = Some(bucket.owner.region.as_str().to_owned());
    Ok(S3Response::new(HeadBucketOutput { bucket_region, ..HeadBucketOutput::default() }))
}

use s3s::dto::{BucketLocationConstraint, GetBucketLocationInput, GetBucketLocationOutput};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    let input = &request.input;
    let bucket = s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    // The first region is told by saying nothing.
    let region = bucket.owner.region.as_str();
    let named = (region != "us-east-1").then(|| BucketLocationConstraint::from(region.to_owned()));
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint: named }))
}

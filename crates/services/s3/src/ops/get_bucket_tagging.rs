use s3s::dto::{GetBucketTaggingInput, GetBucketTaggingOutput};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use crate::S3;
use crate::values::tags_out;

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<GetBucketTaggingInput>,
) -> S3Result<S3Response<GetBucketTaggingOutput>> {
    let input = &request.input;
    let bucket = s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    if bucket.tags.is_empty() {
        return Err(s3_error!(NoSuchTagSet, "The TagSet does not exist"));
    }
    Ok(S3Response::new(GetBucketTaggingOutput { tag_set: tags_out(bucket.tags) }))
}

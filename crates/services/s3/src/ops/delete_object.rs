use s3s::dto::{DeleteObjectInput, DeleteObjectOutput};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;
use crate::conditions::write_condition;
use crate::error::refused;

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let condition = write_condition(input.if_match.as_ref(), None)?;
    // Deleting what is not there is a success.
    s3.objects.delete_if(&input.bucket, &input.key, condition).await.map_err(refused)?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

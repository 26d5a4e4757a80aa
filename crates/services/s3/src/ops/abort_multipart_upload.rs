use s3s::dto::{AbortMultipartUploadInput, AbortMultipartUploadOutput};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;
use crate::error::refused;

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    s3.objects.abort_upload(&input.bucket, &input.key, &input.upload_id).await.map_err(refused)?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

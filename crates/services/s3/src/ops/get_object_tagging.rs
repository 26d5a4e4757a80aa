use s3s::dto::{GetObjectTaggingInput, GetObjectTaggingOutput};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;
use crate::error::refused;
use crate::values::tags_out;

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let object = s3.objects.head(&input.bucket, &input.key).await.map_err(refused)?;
    let tag_set = tags_out(object.tags);
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set, version_id: None }))
}

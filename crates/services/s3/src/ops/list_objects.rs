use s3s::dto::{ListObjectsInput, ListObjectsOutput};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;
use crate::listing::{Asked, list};

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<ListObjectsInput>,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let input = &request.input;
    let bucket = s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let asked = Asked {
        bucket: &input.bucket,
        prefix: input.prefix.as_deref(),
        delimiter: input.delimiter.as_deref(),
        after: input.marker.clone(),
        max_keys: input.max_keys,
        encoding: input.encoding_type.as_ref(),
        owner: Some(&bucket.owner.account),
    };
    let listed = list(s3, asked).await?;
    // The first version of the API tells where to go on only when it groups keys.
    let next_marker = listed.next.filter(|_| input.delimiter.is_some());
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket.clone()),
        prefix: Some(listed.encoding.text(input.prefix.clone().unwrap_or_default())),
        marker: Some(listed.encoding.text(input.marker.clone().unwrap_or_default())),
        max_keys: Some(listed.max_keys),
        is_truncated: Some(listed.truncated),
        contents: Some(listed.contents),
        common_prefixes: Some(listed.common_prefixes),
        delimiter: input.delimiter.clone().map(|delimiter| listed.encoding.text(delimiter)),
        next_marker: next_marker.map(|marker| listed.encoding.text(marker)),
        encoding_type: input.encoding_type.clone(),
        request_charged: None,
    }))
}

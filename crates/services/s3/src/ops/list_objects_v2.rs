use s3s::dto::{ListObjectsV2Input, ListObjectsV2Output};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;
use crate::error::invalid_argument;
use crate::listing::{Asked, list};

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let input = &request.input;
    let bucket = s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let after = match &input.continuation_token {
        Some(token) => Some(read_token(token)?),
        None => input.start_after.clone(),
    };
    let asked = Asked {
        bucket: &input.bucket,
        prefix: input.prefix.as_deref(),
        delimiter: input.delimiter.as_deref(),
        after,
        max_keys: input.max_keys,
        encoding: input.encoding_type.as_ref(),
        owner: (input.fetch_owner == Some(true)).then_some(&bucket.owner.account),
    };
    let listed = list(s3, asked).await?;
    let count = listed.contents.len() + listed.common_prefixes.len();
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket.clone()),
        prefix: Some(listed.encoding.text(input.prefix.clone().unwrap_or_default())),
        max_keys: Some(listed.max_keys),
        key_count: i32::try_from(count).ok(),
        continuation_token: input.continuation_token.clone(),
        is_truncated: Some(listed.truncated),
        next_continuation_token: listed.next.as_deref().map(write_token),
        contents: Some(listed.contents),
        common_prefixes: Some(listed.common_prefixes),
        delimiter: input.delimiter.clone().map(|delimiter| listed.encoding.text(delimiter)),
        encoding_type: input.encoding_type.clone(),
        start_after: input.start_after.clone().map(|after| listed.encoding.text(after)),
        request_charged: None,
    }))
}

/// A token is the last key or group of the page, spelt so that nobody takes it for one.
fn write_token(last: &str) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(last)
}

fn read_token(token: &str) -> S3Result<String> {
    let last = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(token).ok();
    last.and_then(|last| String::from_utf8(last).ok())
        .ok_or_else(|| invalid_argument("The continuation token provided is incorrect"))
}

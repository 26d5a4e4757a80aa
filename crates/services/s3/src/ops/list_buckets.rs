use s3s::dto::{Bucket, ListBucketsInput, ListBucketsOutput};
use s3s::{S3Request, S3Response, S3Result};

use crate::S3;
use crate::error::{invalid_argument, refused};
use crate::limits::BUCKETS_PAGE_MAX;
use crate::values::{owner, timestamp};

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<ListBucketsInput>,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let input = &request.input;
    let limit = input.max_buckets.unwrap_or(BUCKETS_PAGE_MAX);
    if !(1..=BUCKETS_PAGE_MAX).contains(&limit) {
        return Err(invalid_argument("Argument max-buckets must be an integer between 1 and 10000"));
    }
    let limit = usize::try_from(limit).expect("the limit is positive");
    let account = S3::account(&request)?;
    let prefix = input.prefix.as_deref().unwrap_or("");
    let after = input.continuation_token.as_deref().unwrap_or("");
    let mut buckets = s3.objects.buckets(&account).await.map_err(refused)?;
    buckets.retain(|bucket| {
        let here = input.bucket_region.as_ref().is_none_or(|region| region == bucket.owner.region.as_str());
        here && bucket.name.starts_with(prefix) && *bucket.name > *after
    });
    let more = buckets.len() > limit;
    buckets.truncate(limit);
    let continuation_token = buckets.last().filter(|_| more).map(|bucket| bucket.name.clone());
    let listed = buckets.into_iter().map(|bucket| Bucket {
        bucket_region: Some(bucket.owner.region.as_str().to_owned()),
        creation_date: Some(timestamp(bucket.created)),
        name: Some(bucket.name),
    });
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(listed.collect()),
        continuation_token,
        owner: Some(owner(&account)),
        prefix: input.prefix.clone(),
    }))
}

use std::time::Duration;

use aws::Credential;
use aws::sigv4::{SigningIdentity, SigningKeys, hash_hex, sign_request};
use names::AccountId;

use super::{Bench, head};

fn constraint(region: &str) -> String {
    format!(
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
    )
}

impl Bench {
    async fn create_in(&self, signed: &str, name: &str, body: String) -> super::Answer {
        let mut parts = head("PUT", &format!("/{name}"), &[], body.len());
        self.sign(&mut parts, &hash_hex(body.as_bytes()), signed, Duration::ZERO);
        self.raw(parts, body).await
    }
}

/// CreateBucket, GetBucketLocation, ListBuckets.
#[tokio::test]
async fn create_bucket_follows_the_rules_about_regions() {
    let bench = Bench::new().await;
    assert_eq!(bench.create_in("us-east-1", "one", String::new()).await.ok().header("location"), "/one");
    bench.create_in("us-east-1", "two", constraint("eu-west-1")).await.ok();
    bench.create_in("ap-northeast-2", "three", constraint("ap-northeast-2")).await.ok();
    let refused = [
        ("ap-northeast-2", String::new(), "IllegalLocationConstraintException"),
        ("ap-northeast-2", constraint("eu-west-1"), "IllegalLocationConstraintException"),
        ("us-east-1", constraint("us-east-1"), "InvalidLocationConstraint"),
        ("us-east-1", constraint("Not A Region"), "InvalidLocationConstraint"),
    ];
    for (signed, body, code) in refused {
        bench.create_in(signed, "four", body).await.refused(400, code);
    }
    let location = async |name: &str| bench.get(&format!("/{name}?location"), &[]).await.ok();
    assert!(location("one").await.all("LocationConstraint").concat().is_empty());
    assert!(location("two").await.text().contains(">eu-west-1</LocationConstraint>"));
    let listed = bench.get("/", &[]).await.ok();
    assert_eq!(listed.all("Name"), ["lake", "one", "three", "two"]);
    assert_eq!(listed.all("BucketRegion"), ["us-east-1", "us-east-1", "ap-northeast-2", "eu-west-1"]);
}

#[tokio::test]
async fn create_bucket_again_is_fine_in_the_first_region_only() {
    let bench = Bench::new().await;
    bench.send("PUT", "/lake", &[], "").await.ok();
    bench.create_in("eu-west-1", "two", constraint("eu-west-1")).await.ok();
    bench
        .create_in("eu-west-1", "two", constraint("eu-west-1"))
        .await
        .refused(409, "BucketAlreadyOwnedByYou");
}

#[tokio::test]
async fn create_bucket_refuses_what_it_would_not_do() {
    let bench = Bench::new().await;
    let tags = "<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags></CreateBucketConfiguration>";
    bench.send("PUT", "/two", &[], tags).await.refused(501, "NotImplemented");
    for (header, value) in [
        ("x-amz-acl", "public-read"),
        ("x-amz-grant-read", "id=1"),
        ("x-amz-bucket-object-lock-enabled", "true"),
        ("x-amz-object-ownership", "ObjectWriter"),
    ] {
        let answer = bench.send("PUT", "/two", &[(header, value)], "").await;
        assert!(answer.refused(501, "NotImplemented").one("Message").contains(header));
    }
    bench.send("PUT", "/two", &[("x-amz-acl", "private")], "").await.ok();
    for name in ["Upper", "a", "under_score", "192.168.0.1"] {
        bench.send("PUT", &format!("/{name}"), &[], "").await.refused(400, "InvalidBucketName");
    }
}

/// DeleteBucket, HeadBucket.
#[tokio::test]
async fn delete_bucket_and_head_bucket_say_what_is_there() {
    let bench = Bench::new().await;
    bench.put("a", "x").await;
    bench.send("DELETE", "/lake", &[], "").await.refused(409, "BucketNotEmpty");
    bench.send("DELETE", "/lake/a", &[], "").await.ok();
    let found = bench.send("HEAD", "/lake", &[], "").await.ok();
    assert_eq!(found.header("x-amz-bucket-region"), "us-east-1");
    assert_eq!(bench.send("DELETE", "/lake", &[], "").await.status, 204);
    assert_eq!(bench.send("HEAD", "/lake", &[], "").await.status, 404);
    bench.send("DELETE", "/lake", &[], "").await.refused(404, "NoSuchBucket");
}

#[tokio::test]
async fn list_buckets_comes_in_pages() {
    let bench = Bench::new().await;
    for name in ["data-1", "data-2", "data-3"] {
        bench.send("PUT", &format!("/{name}"), &[], "").await.ok();
    }
    let first = bench.get("/?max-buckets=2&prefix=data", &[]).await.ok();
    assert_eq!(first.all("Name"), ["data-1", "data-2"]);
    let token = first.one("ContinuationToken");
    let second = bench.get(&format!("/?continuation-token={token}&prefix=data"), &[]).await.ok();
    assert_eq!(second.all("Name"), ["data-3"]);
    assert!(second.all("ContinuationToken").is_empty());
    bench.get("/?max-buckets=0", &[]).await.refused(400, "InvalidArgument");
}

/// GetBucketVersioning.
#[tokio::test]
async fn get_bucket_versioning_is_empty_and_cannot_be_set() {
    let bench = Bench::new().await;
    assert!(bench.get("/lake?versioning", &[]).await.ok().all("Status").is_empty());
    let enable = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let answer = bench.send("PUT", "/lake?versioning", &[], enable).await;
    assert!(answer.refused(501, "NotImplemented").text().contains("PutBucketVersioning"));
}

#[tokio::test]
async fn a_bucket_is_its_owners_alone() {
    let bench = Bench::new().await;
    bench.put("a", "x").await;
    let other = AccountId::new("111111111111").unwrap();
    bench.credentials.insert("AKIDOTHER", Credential::root(other, "other"));
    let identity = SigningIdentity {
        access_key: "AKIDOTHER",
        secret: "other",
        session_token: None,
        region: "us-east-1",
        service: "s3",
    };
    for (method, target, status, code) in [
        ("GET", "/lake/a", 403, "AccessDenied"),
        ("DELETE", "/lake/a", 403, "AccessDenied"),
        ("PUT", "/lake", 409, "BucketAlreadyExists"),
    ] {
        let mut parts = head(method, target, &[], 0);
        sign_request(&mut parts, &hash_hex(b""), &identity, &SigningKeys::new(), bench.rt.now());
        bench.raw(parts, "").await.refused(status, code);
    }
    let expects = [("x-amz-expected-bucket-owner", "111111111111")];
    bench.get("/lake/a", &expects).await.refused(403, "AccessDenied");
    bench.get("/lake/a", &[("x-amz-expected-bucket-owner", "000000000000")]).await.ok();
}

use super::Bench;

fn tagging(pairs: &[(&str, &str)]) -> String {
    let tags: String = pairs
        .iter()
        .map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"))
        .collect();
    format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")
}

/// PutBucketTagging, GetBucketTagging, DeleteBucketTagging.
#[tokio::test]
async fn put_bucket_tagging_get_bucket_tagging_and_delete_bucket_tagging_agree() {
    let bench = Bench::new().await;
    bench.get("/lake?tagging", &[]).await.refused(404, "NoSuchTagSet");
    bench.send("PUT", "/lake?tagging", &[], tagging(&[("a", "1"), ("b", "2")])).await.ok();
    let found = bench.get("/lake?tagging", &[]).await.ok();
    assert_eq!((found.all("Key").concat(), found.all("Value").concat()), ("ab".into(), "12".into()));
    assert_eq!(bench.send("DELETE", "/lake?tagging", &[], "").await.status, 204);
    bench.get("/lake?tagging", &[]).await.refused(404, "NoSuchTagSet");
}

/// PutObjectTagging, GetObjectTagging, DeleteObjectTagging.
#[tokio::test]
async fn put_object_tagging_get_object_tagging_and_delete_object_tagging_agree() {
    let bench = Bench::new().await;
    bench.put("a", "x").await;
    assert!(bench.get("/lake/a?tagging", &[]).await.ok().all("Tag").is_empty());
    bench.send("PUT", "/lake/a?tagging", &[], tagging(&[("a", "1")])).await.ok();
    assert_eq!(bench.get("/lake/a?tagging", &[]).await.ok().one("Value"), "1");
    assert_eq!(bench.get("/lake/a", &[]).await.ok().header("x-amz-tagging-count"), "1");
    assert_eq!(bench.send("DELETE", "/lake/a?tagging", &[], "").await.status, 204);
    assert!(bench.get("/lake/a?tagging", &[]).await.ok().all("Tag").is_empty());
    bench.send("PUT", "/lake/none?tagging", &[], tagging(&[("a", "1")])).await.refused(404, "NoSuchKey");
}

#[tokio::test]
async fn tags_have_their_limits() {
    let bench = Bench::new().await;
    bench.put("a", "x").await;
    let long = "k".repeat(129);
    let many: Vec<(String, String)> = (0..11).map(|number| (number.to_string(), "v".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(key, value)| (&**key, &**value)).collect();
    for pairs in [&[("a", "1"), ("a", "2")][..], &[(long.as_str(), "1")], &[("aws:a", "1")], &many] {
        bench.send("PUT", "/lake/a?tagging", &[], tagging(pairs)).await.refused(400, "InvalidTag");
    }
    bench.send("PUT", "/lake/b", &[("x-amz-tagging", "a=1&a=2")], "x").await.refused(400, "InvalidTag");
    bench.get("/lake/b", &[]).await.refused(404, "NoSuchKey");
}

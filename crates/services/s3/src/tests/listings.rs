use super::Bench;

async fn filled() -> Bench {
    let bench = Bench::new().await;
    for key in ["a", "b/1", "b/2", "b/c/3", "d%20e"] {
        bench.put(key, "x").await;
    }
    bench
}

/// ListObjectsV2.
#[tokio::test]
async fn list_objects_v2_groups_and_pages() {
    let bench = filled().await;
    let all = bench.get("/lake?list-type=2", &[]).await.ok();
    assert_eq!(all.all("Key"), ["a", "b/1", "b/2", "b/c/3", "d e"]);
    assert_eq!((all.one("KeyCount"), all.one("IsTruncated")), ("5".to_owned(), "false".to_owned()));
    assert!(all.all("Owner").is_empty());
    let mut target = "/lake?list-type=2&delimiter=%2F&max-keys=1".to_owned();
    let (mut keys, mut groups) = (Vec::new(), Vec::new());
    loop {
        let page = bench.get(&target, &[]).await.ok();
        keys.extend(page.all("Key"));
        groups.extend(page.all("CommonPrefixes"));
        let Some(token) = page.all("NextContinuationToken").pop() else { break };
        target = format!("/lake?list-type=2&delimiter=%2F&max-keys=1&continuation-token={token}");
    }
    assert_eq!((keys.join(","), groups.join(",")), ("a,d e".to_owned(), "<Prefix>b/</Prefix>".to_owned()));
    let below = bench.get("/lake?list-type=2&prefix=b%2F&delimiter=%2F&fetch-owner=true", &[]).await.ok();
    assert_eq!(below.all("Key"), ["b/1", "b/2"]);
    assert_eq!(below.all("Owner").len(), 2);
    let after = bench.get("/lake?list-type=2&start-after=b%2F1", &[]).await.ok();
    assert_eq!(after.all("Key"), ["b/2", "b/c/3", "d e"]);
    let encoded = bench.get("/lake?list-type=2&encoding-type=url", &[]).await.ok();
    assert_eq!(encoded.all("Key").last().map(String::as_str), Some("d%20e"));
    let none = bench.get("/lake?list-type=2&max-keys=0", &[]).await.ok();
    assert_eq!((none.one("KeyCount"), none.one("IsTruncated")), ("0".to_owned(), "false".to_owned()));
}

/// Trino always asks.
#[tokio::test]
async fn objects_that_were_never_archived_have_no_restore_status() {
    let bench = filled().await;
    let asked = [("x-amz-optional-object-attributes", "RestoreStatus")];
    for target in ["/lake?list-type=2", "/lake"] {
        let page = bench.get(target, &asked).await.ok();
        assert_eq!((page.all("Key").len(), page.all("RestoreStatus")), (5, vec![]));
    }
}

#[tokio::test]
async fn list_objects_v2_refuses_what_it_cannot_read() {
    let bench = filled().await;
    for parameters in ["max-keys=-1", "continuation-token=%2A", "encoding-type=base64"] {
        bench.get(&format!("/lake?list-type=2&{parameters}"), &[]).await.refused(400, "InvalidArgument");
    }
    let asked = [("x-amz-optional-object-attributes", "Colour")];
    bench.get("/lake?list-type=2", &asked).await.refused(501, "NotImplemented");
    bench.get("/none?list-type=2", &[]).await.refused(404, "NoSuchBucket");
}

/// ListObjects.
#[tokio::test]
async fn list_objects_of_the_first_version_goes_on_from_a_marker() {
    let bench = filled().await;
    let first = bench.get("/lake?delimiter=%2F&max-keys=2", &[]).await.ok();
    assert_eq!(first.all("Key"), ["a"]);
    assert_eq!(first.one("NextMarker"), "b/");
    let second = bench.get("/lake?delimiter=%2F&marker=b%2F", &[]).await.ok();
    assert_eq!(second.all("Key"), ["d e"]);
    assert!(second.all("CommonPrefixes").is_empty());
    let plain = bench.get("/lake?max-keys=2", &[]).await.ok();
    assert_eq!((plain.all("Key"), plain.all("NextMarker")), (vec!["a".into(), "b/1".into()], vec![]));
    assert_eq!(plain.all("Owner").len(), 2);
}

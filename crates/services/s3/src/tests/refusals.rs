use super::{Bench, head};

#[tokio::test]
async fn headers_that_nothing_executes_are_refused_by_name() {
    let bench = Bench::new().await;
    for (header, value) in [
        ("x-amz-acl", "public-read"),
        ("x-amz-grant-full-control", "id=1"),
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "1"),
        ("x-amz-server-side-encryption-context", "e30="),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
        ("x-amz-copy-source-server-side-encryption-customer-key", "x"),
        ("x-amz-storage-class", "GLACIER"),
        ("x-amz-website-redirect-location", "/b"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-object-lock-legal-hold", "ON"),
        ("x-amz-object-lock-event-hold", "ON"),
        ("x-amz-write-offset-bytes", "0"),
        ("x-amz-mfa", "1 2"),
        ("x-amz-bypass-governance-retention", "true"),
        ("x-amz-if-match-size", "5"),
        ("x-amz-if-match-initiated-time", "x"),
        ("x-amz-checksum-sha512", "x"),
        ("x-amz-checksum-xxhash3", "x"),
        ("x-amz-annotation-directive", "COPY"),
        ("x-amz-bucket-namespace", "x"),
        ("x-amz-never-heard-of", "x"),
    ] {
        let answer = bench.send("PUT", "/lake/a", &[(header, value)], "x").await;
        assert!(answer.refused(501, "NotImplemented").one("Message").contains(header), "{header}");
    }
    bench.get("/lake/a", &[]).await.refused(404, "NoSuchKey");
}

#[tokio::test]
async fn versions_other_than_null_are_refused() {
    let bench = Bench::new().await;
    bench.put("a", "x").await;
    bench.get("/lake/a?versionId=null", &[]).await.ok();
    for method in ["GET", "DELETE"] {
        bench.send(method, "/lake/a?versionId=7", &[], "").await.refused(501, "NotImplemented");
    }
}

#[tokio::test]
async fn operations_that_are_not_built_are_refused_by_name() {
    let bench = Bench::new().await;
    for (method, target, name) in [
        ("GET", "/lake?acl", "GetBucketAcl"),
        ("GET", "/lake?policy", "GetBucketPolicy"),
        ("GET", "/lake?lifecycle", "GetBucketLifecycleConfiguration"),
        ("GET", "/lake?encryption", "GetBucketEncryption"),
        ("GET", "/lake?versions", "ListObjectVersions"),
        ("GET", "/lake/a?torrent", "GetObjectTorrent"),
        ("GET", "/lake/a?attributes", "GetObjectAttributes"),
        ("POST", "/lake/a?restore", "RestoreObject"),
        ("DELETE", "/lake?cors", "DeleteBucketCors"),
    ] {
        let answer = bench.send(method, target, &[("x-amz-object-attributes", "ETag")], "").await;
        assert!(answer.refused(501, "NotImplemented").one("Message").contains(name), "{name}");
    }
    let mut form = head("POST", "/lake", &[("content-type", "multipart/form-data; boundary=x")], 0);
    bench.sign(&mut form, "UNSIGNED-PAYLOAD", "us-east-1", std::time::Duration::ZERO);
    assert!(bench.raw(form, "").await.refused(501, "NotImplemented").text().contains("PostObject"));
}

#[test]
fn the_contract_and_the_permissions_list_the_same_operations() {
    let contract = include_str!("../../contract.toml");
    let built = contract.lines().filter_map(|line| line.strip_prefix("[built.")?.strip_suffix(']'));
    let mut built: Vec<&str> = built.collect();
    built.sort_unstable();
    assert_eq!(built, crate::rim::PERMISSIONS.map(|(name, _)| name));
}

#[tokio::test]
async fn malformed_documents_are_refused() {
    let bench = Bench::new().await;
    for body in ["<Delete", "nonsense", "<Delete><Object></Object></Delete>"] {
        bench.send("POST", "/lake?delete", &[], body).await.refused(400, "MalformedXML");
    }
}

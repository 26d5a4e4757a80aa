use super::{BUCKET, Bench};

const HELLO_ETAG: &str = "\"5d41402abc4b2a76b9719d911017c592\"";

#[tokio::test]
async fn put_object_and_get_object_agree_on_everything_that_was_said() {
    let bench = Bench::new().await;
    let headers = [
        ("content-type", "text/plain"),
        ("cache-control", "no-store"),
        ("content-disposition", "attachment"),
        ("content-encoding", "aws-chunked,gzip"),
        ("content-language", "ko"),
        ("expires", "Wed, 21 Oct 2026 07:28:00 GMT"),
        ("x-amz-meta-colour", "blue"),
        ("x-amz-storage-class", "STANDARD"),
        ("x-amz-tagging", "team=data&name=a%20b+c"),
    ];
    let put = bench.send("PUT", "/lake/a%20b/%EB%AC%BC", &headers, "hello").await.ok();
    assert_eq!(put.header("etag"), HELLO_ETAG);
    // The CRC-64/NVME of "hello".
    assert_eq!(put.header("x-amz-checksum-crc64nvme"), "M3eFcAZSQlc=");
    assert_eq!(put.header("x-amz-checksum-type"), "FULL_OBJECT");
    for method in ["GET", "HEAD"] {
        let got =
            bench.send(method, "/lake/a%20b/%EB%AC%BC", &[("x-amz-checksum-mode", "ENABLED")], "").await;
        let got = got.ok();
        for (name, value) in [
            ("etag", HELLO_ETAG),
            ("content-length", "5"),
            ("content-type", "text/plain"),
            ("cache-control", "no-store"),
            ("content-disposition", "attachment"),
            ("content-encoding", "gzip"),
            ("content-language", "ko"),
            ("expires", "Wed, 21 Oct 2026 07:28:00 GMT"),
            ("x-amz-meta-colour", "blue"),
            ("accept-ranges", "bytes"),
            ("x-amz-checksum-crc64nvme", "M3eFcAZSQlc="),
        ] {
            assert_eq!(got.header(name), value, "{method} {name}");
        }
        assert_eq!(got.body, if method == "GET" { "hello" } else { "" });
        assert!(!got.header("x-amz-request-id").is_empty());
    }
}

#[tokio::test]
async fn get_object_and_head_object_give_ranges() {
    let bench = Bench::new().await;
    bench.put("a", "0123456789").await;
    for (range, body, shown) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let got = bench.get("/lake/a", &[("range", range)]).await;
        assert_eq!((got.status.as_u16(), got.body.as_ref()), (206, body.as_bytes()));
        assert_eq!(got.header("content-range"), shown);
        let found = bench.send("HEAD", "/lake/a", &[("range", range)], "").await;
        assert_eq!((found.status.as_u16(), found.header("content-range")), (206, shown));
        assert_eq!(found.header("content-length"), body.len().to_string());
    }
    let beyond = bench.get("/lake/a", &[("range", "bytes=10-")]).await.refused(416, "InvalidRange");
    assert_eq!(beyond.header("content-range"), "bytes */10");
    assert_eq!(bench.send("HEAD", "/lake/a", &[("range", "bytes=10-")], "").await.status, 416);
}

#[tokio::test]
async fn get_object_can_be_told_what_headers_to_answer_with() {
    let bench = Bench::new().await;
    bench.put("a", "x").await;
    let target = "/lake/a?response-content-type=text%2Fcsv&response-cache-control=no-cache";
    for method in ["GET", "HEAD"] {
        let got = bench.send(method, target, &[], "").await.ok();
        assert_eq!((got.header("content-type"), got.header("cache-control")), ("text/csv", "no-cache"));
    }
}

#[tokio::test]
async fn conditions_of_reads_are_checked_in_their_order() {
    let bench = Bench::new().await;
    bench.put("a", "hello").await;
    let (past, future) = ("Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT");
    let cases: [(super::Headers<'_>, u16); 9] = [
        (&[("if-match", HELLO_ETAG)], 200),
        (&[("if-match", "*")], 200),
        (&[("if-match", "\"other\"")], 412),
        (&[("if-none-match", HELLO_ETAG)], 304),
        (&[("if-none-match", "\"other\"")], 200),
        (&[("if-modified-since", future)], 304),
        (&[("if-modified-since", past)], 200),
        (&[("if-unmodified-since", past)], 412),
        (&[("if-match", HELLO_ETAG), ("if-unmodified-since", past)], 200),
    ];
    for (headers, status) in cases {
        for method in ["GET", "HEAD"] {
            let got = bench.send(method, "/lake/a", headers, "").await;
            assert_eq!(got.status.as_u16(), status, "{method} {headers:?}");
            if status == 304 {
                assert_eq!(got.header("etag"), HELLO_ETAG);
            }
        }
    }
}

#[tokio::test]
async fn put_object_keeps_to_its_conditions() {
    let bench = Bench::new().await;
    let put = async |name: &str, value: &str| bench.send("PUT", "/lake/a", &[(name, value)], "hello").await;
    put("if-match", HELLO_ETAG).await.refused(412, "PreconditionFailed");
    put("if-none-match", "*").await.ok();
    put("if-none-match", "*").await.refused(412, "PreconditionFailed");
    put("if-match", "\"other\"").await.refused(412, "PreconditionFailed");
    put("if-match", HELLO_ETAG).await.ok();
    put("if-none-match", "\"other\"").await.refused(501, "NotImplemented");
}

#[tokio::test]
async fn put_object_stores_nothing_that_is_not_what_was_announced() {
    let bench = Bench::new().await;
    let put = async |headers: super::Headers<'_>| bench.send("PUT", "/lake/a", headers, "hello").await;
    put(&[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")]).await.ok();
    put(&[("x-amz-checksum-crc32", "NhCmhg==")]).await.ok();
    bench.send("DELETE", "/lake/a", &[], "").await.ok();
    put(&[("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")]).await.refused(400, "BadDigest");
    put(&[("content-md5", "nonsense")]).await.refused(400, "InvalidDigest");
    put(&[("x-amz-checksum-crc32", "AAAAAA==")]).await.refused(400, "BadDigest");
    put(&[("x-amz-checksum-crc32", "NhCmhg=="), ("x-amz-checksum-crc32c", "mnG7TA==")])
        .await
        .refused(400, "InvalidRequest");
    put(&[("x-amz-checksum-sha512", "AAAA")]).await.refused(501, "NotImplemented");
    put(&[("x-amz-sdk-checksum-algorithm", "XXHASH64")]).await.refused(501, "NotImplemented");
    let mut huge = vec![b'x'; 2049];
    huge.fill(b'y');
    let huge = String::from_utf8(huge).unwrap();
    put(&[("x-amz-meta-a", &huge)]).await.refused(400, "MetadataTooLarge");
    bench.get("/lake/a", &[]).await.refused(404, "NoSuchKey");
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_not_stored() {
    let bench = Bench::new().await;
    let mut parts = super::head("PUT", "/lake/a", &[], 10);
    bench.sign(&mut parts, "UNSIGNED-PAYLOAD", "us-east-1", std::time::Duration::ZERO);
    bench.raw(parts, "hello").await.refused(400, "IncompleteBody");
    bench.get("/lake/a", &[]).await.refused(404, "NoSuchKey");
}

#[tokio::test]
async fn copy_object_takes_over_or_replaces_what_is_said_of_the_object() {
    let bench = Bench::new().await;
    let said = [("content-type", "text/plain"), ("x-amz-meta-colour", "blue"), ("x-amz-tagging", "a=1")];
    bench.send("PUT", "/lake/a", &said, "hello").await.ok();
    let copy = async |target: &str, headers: super::Headers<'_>| {
        let mut all = vec![("x-amz-copy-source", "/lake/a")];
        all.extend_from_slice(headers);
        bench.send("PUT", target, &all, "").await
    };
    assert_eq!(copy("/lake/b", &[]).await.ok().one("ETag").replace("&quot;", "\""), HELLO_ETAG);
    let copied = bench.get("/lake/b", &[]).await.ok();
    assert_eq!((copied.header("content-type"), copied.header("x-amz-meta-colour")), ("text/plain", "blue"));
    assert_eq!(bench.get("/lake/b?tagging", &[]).await.ok().one("Key"), "a");
    let replace = [
        ("x-amz-metadata-directive", "REPLACE"),
        ("x-amz-meta-size", "big"),
        ("x-amz-tagging-directive", "REPLACE"),
        ("x-amz-tagging", "b=2"),
    ];
    copy("/lake/c", &replace).await.ok();
    let replaced = bench.get("/lake/c", &[]).await.ok();
    assert_eq!(replaced.header("x-amz-meta-size"), "big");
    assert_eq!(replaced.header("content-type"), "binary/octet-stream");
    assert!(!replaced.headers.contains_key("x-amz-meta-colour"));
    assert_eq!(bench.get("/lake/c?tagging", &[]).await.ok().one("Key"), "b");

    copy("/lake/a", &[]).await.refused(400, "InvalidRequest");
    copy("/lake/a", &[("x-amz-metadata-directive", "REPLACE")]).await.ok();
    copy("/lake/d", &[("x-amz-copy-source-if-match", "\"other\"")]).await.refused(412, "PreconditionFailed");
    copy("/lake/d", &[("x-amz-copy-source-if-none-match", HELLO_ETAG)])
        .await
        .refused(412, "PreconditionFailed");
    copy("/lake/b", &[("if-none-match", "*")]).await.refused(412, "PreconditionFailed");
    copy("/lake/d", &[("x-amz-metadata-directive", "MERGE")]).await.refused(400, "InvalidArgument");
    let missing = [("x-amz-copy-source", "/lake/none")];
    bench.send("PUT", "/lake/d", &missing, "").await.refused(404, "NoSuchKey");
    let versioned = [("x-amz-copy-source", "/lake/a?versionId=7")];
    bench.send("PUT", "/lake/d", &versioned, "").await.refused(501, "NotImplemented");
}

#[tokio::test]
async fn delete_object_succeeds_whether_there_was_one_or_not() {
    let bench = Bench::new().await;
    bench.put("a", "hello").await;
    bench
        .send("DELETE", "/lake/a", &[("if-match", "\"other\"")], "")
        .await
        .refused(412, "PreconditionFailed");
    assert_eq!(bench.send("DELETE", "/lake/a", &[("if-match", HELLO_ETAG)], "").await.status, 204);
    assert_eq!(bench.send("DELETE", "/lake/a", &[], "").await.status, 204);
    bench.send("DELETE", "/none/a", &[], "").await.refused(404, "NoSuchBucket");
}

#[tokio::test]
async fn delete_objects_answers_for_each_key() {
    let bench = Bench::new().await;
    for key in ["a", "b", "c"] {
        bench.put(key, "hello").await;
    }
    let body = "<Delete><Object><Key>a</Key></Object><Object><Key>none</Key></Object>\
         <Object><Key>b</Key><ETag>\"other\"</ETag></Object>\
         <Object><Key>c</Key><VersionId>7</VersionId></Object></Delete>";
    let answer = bench.send("POST", "/lake?delete", &[], body).await.ok();
    assert_eq!(answer.all("Deleted").len(), 2);
    assert_eq!(answer.all("Code"), ["PreconditionFailed", "NotImplemented"]);
    let quiet = "<Delete><Quiet>true</Quiet><Object><Key>b</Key></Object></Delete>";
    assert!(bench.send("POST", "/lake?delete", &[], quiet).await.ok().all("Deleted").is_empty());
    let listed = bench.get(&format!("/{BUCKET}?list-type=2"), &[]).await.ok();
    assert_eq!(listed.all("Key"), ["c"]);
    bench.send("POST", "/lake?delete", &[], "<Delete></Delete>").await.refused(400, "MalformedXML");
    let wrong = [("x-amz-checksum-crc32", "AAAAAA==")];
    bench.send("POST", "/lake?delete", &wrong, body).await.refused(400, "BadDigest");
    let sized = "<Delete><Object><Key>c</Key><Size>5</Size></Object></Delete>";
    assert_eq!(bench.send("POST", "/lake?delete", &[], sized).await.ok().all("Code"), ["NotImplemented"]);
}

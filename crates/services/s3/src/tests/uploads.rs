use bytes::Bytes;

use super::{Answer, Bench};

const PART: usize = 5 << 20;

impl Bench {
    async fn begin(&self, headers: super::Headers<'_>) -> String {
        self.send("POST", "/lake/big?uploads", headers, "").await.ok().one("UploadId")
    }

    async fn part(&self, upload: &str, number: u32, body: impl Into<Bytes>) -> String {
        let target = format!("/lake/big?partNumber={number}&uploadId={upload}");
        self.send("PUT", &target, &[], body).await.ok().header("etag").to_owned()
    }

    async fn complete(&self, upload: &str, parts: &[(u32, &str)], headers: super::Headers<'_>) -> Answer {
        let parts: String = parts
            .iter()
            .map(|(number, etag)| {
                format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
            })
            .collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        self.send("POST", &format!("/lake/big?uploadId={upload}"), headers, body).await
    }
}

#[tokio::test]
async fn complete_multipart_upload_makes_one_object_of_the_parts() {
    let bench = Bench::new().await;
    let upload = bench.begin(&[("content-type", "x/y"), ("x-amz-meta-a", "b")]).await;
    let second = bench.part(&upload, 2, "tail").await;
    let first = bench.part(&upload, 1, vec![b'x'; PART]).await;
    let done = bench.complete(&upload, &[(1, &first), (2, &second)], &[]).await.ok();
    assert!(done.one("ETag").contains("-2"));
    assert_eq!(done.one("Key"), "big");
    let got = bench.get("/lake/big", &[("range", "bytes=5242878-")]).await;
    assert_eq!(got.body, "xxtail");
    assert_eq!((got.header("content-type"), got.header("x-amz-meta-a")), ("x/y", "b"));
    for method in ["GET", "HEAD"] {
        let part = bench.send(method, "/lake/big?partNumber=2", &[], "").await;
        assert_eq!((part.status.as_u16(), part.header("x-amz-mp-parts-count")), (206, "2"));
        assert_eq!(part.header("content-length"), "4");
        assert_eq!(bench.send(method, "/lake/big?partNumber=3", &[], "").await.status, 416);
    }
    // A client that did not hear the answer asks again.
    bench.complete(&upload, &[(1, &first), (2, &second)], &[]).await.ok();
    bench.get(&format!("/lake/big?uploadId={upload}"), &[]).await.refused(404, "NoSuchUpload");
}

#[tokio::test]
async fn complete_multipart_upload_refuses_parts_that_do_not_fit() {
    let bench = Bench::new().await;
    let upload = bench.begin(&[]).await;
    let first = bench.part(&upload, 1, "small").await;
    let second = bench.part(&upload, 2, "tail").await;
    bench.complete(&upload, &[(1, &first), (2, &second)], &[]).await.refused(400, "EntityTooSmall");
    bench.complete(&upload, &[(2, &second), (1, &first)], &[]).await.refused(400, "InvalidPartOrder");
    bench.complete(&upload, &[(3, &second)], &[]).await.refused(400, "InvalidPart");
    bench.complete(&upload, &[(1, &second)], &[]).await.refused(400, "InvalidPart");
    bench.complete(&upload, &[], &[]).await.refused(400, "MalformedXML");
    bench.complete("unknown", &[(1, &first)], &[]).await.refused(404, "NoSuchUpload");
    bench
        .complete(&upload, &[(1, &first)], &[("x-amz-mp-object-size", "6")])
        .await
        .refused(400, "IncompleteBody");
    bench.put("big", "there").await;
    bench
        .complete(&upload, &[(1, &first)], &[("if-none-match", "*")])
        .await
        .refused(412, "PreconditionFailed");
    let hashed = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{first}</ETag><ChecksumSHA512>x</ChecksumSHA512></Part></CompleteMultipartUpload>"
    );
    let answer = bench.send("POST", &format!("/lake/big?uploadId={upload}"), &[], hashed).await;
    assert!(answer.refused(501, "NotImplemented").one("Message").contains("ChecksumSHA512"));
    bench.complete(&upload, &[(1, &first)], &[]).await.ok();
}

#[tokio::test]
async fn create_multipart_upload_knows_which_checksums_go_together() {
    let bench = Bench::new().await;
    let begin = async |algorithm: &str, kind: &str| {
        let headers = [("x-amz-checksum-algorithm", algorithm), ("x-amz-checksum-type", kind)];
        bench.send("POST", "/lake/big?uploads", &headers, "").await
    };
    begin("CRC32", "FULL_OBJECT").await.ok();
    begin("SHA256", "COMPOSITE").await.ok();
    begin("SHA256", "FULL_OBJECT").await.refused(400, "InvalidRequest");
    begin("CRC64NVME", "COMPOSITE").await.refused(400, "InvalidRequest");
    begin("CRC32", "SOMETHING").await.refused(400, "InvalidArgument");
    begin("MD5", "COMPOSITE").await.refused(501, "NotImplemented");

    let upload = begin("SHA256", "COMPOSITE").await.one("UploadId");
    let target = format!("/lake/big?partNumber=1&uploadId={upload}");
    let wrong = [("x-amz-checksum-sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")];
    bench.send("PUT", &target, &wrong, "hello").await.refused(400, "BadDigest");
    let part = bench.send("PUT", &target, &[], "hello").await.ok();
    assert_eq!(part.header("x-amz-checksum-sha256"), "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
    let etag = part.header("etag").to_owned();
    let full = [("x-amz-checksum-type", "FULL_OBJECT")];
    bench.complete(&upload, &[(1, &etag)], &full).await.refused(400, "InvalidRequest");
    let done = bench.complete(&upload, &[(1, &etag)], &[("x-amz-checksum-type", "COMPOSITE")]).await.ok();
    assert!(done.one("ChecksumSHA256").ends_with("-1"));
}

#[tokio::test]
async fn upload_part_checks_its_number_and_its_upload() {
    let bench = Bench::new().await;
    let upload = bench.begin(&[]).await;
    for number in ["0", "10001"] {
        let target = format!("/lake/big?partNumber={number}&uploadId={upload}");
        bench.send("PUT", &target, &[], "x").await.refused(400, "InvalidArgument");
    }
    bench.send("PUT", "/lake/big?partNumber=1&uploadId=none", &[], "x").await.refused(404, "NoSuchUpload");
}

#[tokio::test]
async fn upload_part_copy_takes_a_range_that_lies_within_its_source() {
    let bench = Bench::new().await;
    bench.put("a", "0123456789").await;
    let upload = bench.begin(&[]).await;
    let target = format!("/lake/big?partNumber=1&uploadId={upload}");
    let copy = async |range: &str| {
        let headers = [("x-amz-copy-source", "/lake/a"), ("x-amz-copy-source-range", range)];
        bench.send("PUT", &target, &headers, "").await
    };
    copy("bytes=5-10").await.refused(400, "InvalidArgument");
    copy("bytes=5-").await.refused(400, "InvalidArgument");
    let etag = copy("bytes=5-9").await.ok().one("ETag").replace("&quot;", "\"");
    bench.complete(&upload, &[(1, &etag)], &[]).await.ok();
    assert_eq!(bench.get("/lake/big", &[]).await.body, "56789");
}

#[tokio::test]
async fn list_parts_and_list_multipart_uploads_show_what_is_open() {
    let bench = Bench::new().await;
    let upload = bench.begin(&[("x-amz-checksum-algorithm", "CRC32")]).await;
    for number in 1..=3 {
        bench.part(&upload, number, "hello").await;
    }
    let first = bench.get(&format!("/lake/big?uploadId={upload}&max-parts=2"), &[]).await.ok();
    assert_eq!(first.all("PartNumber"), ["1", "2"]);
    assert_eq!((first.one("IsTruncated"), first.one("NextPartNumberMarker")), ("true".into(), "2".into()));
    assert_eq!(first.all("ChecksumCRC32").first().map(String::as_str), Some("NhCmhg=="));
    let rest = bench.get(&format!("/lake/big?uploadId={upload}&part-number-marker=2"), &[]).await.ok();
    assert_eq!(rest.all("PartNumber"), ["3"]);

    bench.send("POST", "/lake/d%20e/f?uploads", &[], "").await.ok();
    let all = bench.get("/lake?uploads&encoding-type=url", &[]).await.ok();
    assert_eq!(all.all("Key"), ["big", "d%20e/f"]);
    let grouped = bench.get("/lake?uploads&delimiter=%2F&max-uploads=1", &[]).await.ok();
    assert_eq!((grouped.all("Key"), grouped.one("NextKeyMarker")), (vec!["big".into()], "big".into()));
    let marker = grouped.one("NextUploadIdMarker");
    let target = format!("/lake?uploads&delimiter=%2F&key-marker=big&upload-id-marker={marker}");
    assert_eq!(bench.get(&target, &[]).await.ok().all("CommonPrefixes"), ["<Prefix>d e/</Prefix>"]);
}

#[tokio::test]
async fn abort_multipart_upload_ends_it() {
    let bench = Bench::new().await;
    let upload = bench.begin(&[]).await;
    bench.part(&upload, 1, "x").await;
    let target = format!("/lake/big?uploadId={upload}");
    assert_eq!(bench.send("DELETE", &target, &[], "").await.status, 204);
    bench.send("DELETE", &target, &[], "").await.refused(404, "NoSuchUpload");
    assert!(bench.get("/lake?uploads", &[]).await.ok().all("Upload").is_empty());
}

use std::time::Duration;

use aws::sigv4::chunked::{STREAMING_PAYLOAD, Seed, encode};
use aws::sigv4::{Authorization, SigningKeys};
use bytes::Bytes;

use super::{Answer, Bench, SECRET, head};

impl Bench {
    async fn put_signed_chunks(&self, payload: &[u8], change: impl Fn(Vec<u8>) -> Vec<u8>) -> Answer {
        let length = payload.len().to_string();
        let said = [("x-amz-decoded-content-length", &*length), ("content-encoding", "aws-chunked")];
        let mut parts = head("PUT", "/lake/a", &said, 0);
        parts.headers.remove("content-length");
        self.sign(&mut parts, STREAMING_PAYLOAD, "us-east-1", Duration::ZERO);
        let keys = SigningKeys::new();
        let seed = {
            let authorization = Authorization::of(&parts).unwrap().unwrap();
            Seed::new(&authorization, SECRET, &keys)
        };
        let body = change(encode(payload, 8192, &seed).to_vec());
        parts.headers.insert("content-length", body.len().to_string().parse().unwrap());
        self.raw(parts, body).await
    }

    async fn put_with_trailer(&self, body: impl Into<Bytes>, length: &str) -> Answer {
        let body = body.into();
        let said = [
            ("x-amz-decoded-content-length", length),
            ("content-encoding", "aws-chunked"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
        ];
        let mut parts = head("PUT", "/lake/a", &said, body.len());
        self.sign(&mut parts, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "us-east-1", Duration::ZERO);
        self.raw(parts, body).await
    }
}

#[tokio::test]
async fn a_body_in_signed_chunks_is_stored_as_its_payload() {
    for bench in [Bench::new().await, Bench::insecure().await] {
        let payload: Vec<u8> = (0..50_000u32).map(|at| at as u8).collect();
        bench.put_signed_chunks(&payload, |body| body).await.ok();
        let got = bench.get("/lake/a", &[]).await.ok();
        assert_eq!(got.body, payload);
        assert!(!got.headers.contains_key("content-encoding"));
    }
}

#[tokio::test]
async fn a_changed_or_cut_chunk_is_not_stored() {
    let bench = Bench::new().await;
    let payload = vec![b'x'; 20_000];
    let changed = |mut body: Vec<u8>| {
        let at = body.len() / 2;
        body[at] = if body[at] == b'x' { b'y' } else { b'x' };
        body
    };
    bench.put_signed_chunks(&payload, changed).await.refused(403, "SignatureDoesNotMatch");
    let cut = |body: Vec<u8>| body[..body.len() / 2].to_vec();
    bench.put_signed_chunks(&payload, cut).await.refused(400, "IncompleteBody");
    bench.get("/lake/a", &[]).await.refused(404, "NoSuchKey");
}

#[tokio::test]
async fn a_trailing_checksum_is_verified_and_kept() {
    for bench in [Bench::new().await, Bench::insecure().await] {
        let good = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
        let put = bench.put_with_trailer(good, "5").await.ok();
        assert_eq!(put.header("x-amz-checksum-crc32"), "NhCmhg==");
        bench.send("DELETE", "/lake/a", &[], "").await.ok();
        let wrong = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        bench.put_with_trailer(wrong, "5").await.refused(400, "BadDigest");
        let none = "5\r\nhello\r\n0\r\n\r\n";
        assert!(!bench.put_with_trailer(none, "5").await.status.is_success());
        let short = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
        assert!(!bench.put_with_trailer(short, "6").await.status.is_success());
        bench.get("/lake/a", &[]).await.refused(404, "NoSuchKey");
    }
}

#[tokio::test]
async fn chunks_that_are_none_are_refused() {
    let bench = Bench::insecure().await;
    for body in
        ["", "zz\r\nhello\r\n0\r\n\r\n", "5\r\nhelloworld\r\n0\r\n\r\n", "5\r\nhe", "ffffffffffffffffff\r\n"]
    {
        assert_eq!(bench.put_with_trailer(body, "5").await.status.as_u16(), 400, "{body:?}");
    }
    bench.get("/lake/a", &[]).await.refused(404, "NoSuchKey");
}

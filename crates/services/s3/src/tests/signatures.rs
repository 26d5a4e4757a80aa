use std::time::Duration;

use aws::CredentialStore;
use aws::sigv4::{SigningIdentity, SigningKeys, hash_hex, sign_request};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::{Bench, KEY, SECRET, account, head};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_request_without_a_good_signature_is_refused() {
    let bench = Bench::new().await;
    bench.raw(head("GET", "/lake", &[], 0), "").await.refused(403, "AccessDenied");
    let mut parts = head("GET", "/lake", &[], 0);
    bench.sign(&mut parts, &hash_hex(b""), "us-east-1", Duration::ZERO);
    let good = parts.headers["authorization"].to_str().unwrap().to_owned();
    let last = if good.ends_with('0') { "1" } else { "0" };
    let wrong = format!("{}{last}", &good[..good.len() - 1]);
    parts.headers.insert("authorization", wrong.parse().unwrap());
    bench.raw(parts.clone(), "").await.refused(403, "SignatureDoesNotMatch");
    parts.headers.insert("authorization", good.replace(KEY, "AKIDNOBODY").parse().unwrap());
    bench.raw(parts.clone(), "").await.refused(403, "InvalidAccessKeyId");
    parts.headers.insert("authorization", "AWS4-HMAC-SHA256 nonsense".parse().unwrap());
    bench.raw(parts.clone(), "").await.refused(400, "AuthorizationHeaderMalformed");
    parts.headers.insert("authorization", format!("AWS {KEY}:c2lnbmF0dXJl").parse().unwrap());
    bench.raw(parts, "").await.refused(400, "InvalidRequest");
}

#[tokio::test]
async fn a_clock_may_be_off_by_a_quarter_of_an_hour() {
    let bench = Bench::new().await;
    let at = async |ago: Duration| {
        let mut parts = head("GET", "/lake", &[], 0);
        bench.sign(&mut parts, &hash_hex(b""), "us-east-1", ago);
        bench.raw(parts, "").await
    };
    at(14 * MINUTE).await.ok();
    at(16 * MINUTE).await.refused(403, "RequestTimeTooSkewed");
}

#[tokio::test]
async fn headers_that_were_added_after_signing_are_refused() {
    let bench = Bench::new().await;
    let mut parts = head("PUT", "/lake/a", &[], 1);
    bench.sign(&mut parts, &hash_hex(b"x"), "us-east-1", Duration::ZERO);
    parts.headers.insert("x-amz-meta-added", "later".parse().unwrap());
    bench.raw(parts, "x").await.refused(403, "AccessDenied");
    let mut parts = head("GET", "/lake", &[], 0);
    bench.sign(&mut parts, &hash_hex(b""), "us-east-1", Duration::ZERO);
    let unbound = parts.headers["authorization"].to_str().unwrap().replace("=host;", "=");
    parts.headers.insert("authorization", unbound.parse().unwrap());
    bench.raw(parts, "").await.refused(403, "AccessDenied");
}

#[tokio::test]
async fn a_body_other_than_the_signed_one_is_not_stored() {
    let bench = Bench::new().await;
    let mut parts = head("PUT", "/lake/a", &[], 5);
    bench.sign(&mut parts, &hash_hex(b"hello"), "us-east-1", Duration::ZERO);
    bench.raw(parts, "HELLO").await.refused(400, "XAmzContentSHA256Mismatch");
    bench.get("/lake/a", &[]).await.refused(404, "NoSuchKey");
}

#[tokio::test]
async fn a_presigned_url_is_good_until_it_expires() {
    let bench = Bench::new().await;
    bench.put("a", "hello").await;
    let open = async |method: &str, target: &str, body: &'static str| {
        let mut parts = head(method, target, &[], body.len());
        if body.is_empty() {
            parts.headers.remove("content-length");
        }
        bench.raw(parts, body).await
    };
    let url = bench.presign("GET", "/lake/a", 600, 9 * MINUTE);
    assert_eq!(open("GET", &url, "").await.ok().body, "hello");
    open("DELETE", &url, "").await.refused(403, "SignatureDoesNotMatch");
    open("GET", &url.replace("/lake/a", "/lake/b"), "").await.refused(403, "SignatureDoesNotMatch");
    let old = bench.presign("GET", "/lake/a", 600, 11 * MINUTE);
    let expired = open("GET", &old, "").await.refused(403, "AccessDenied");
    assert_eq!(expired.one("Message"), "Request has expired");
    let long = bench.presign("GET", "/lake/a", 604_801, Duration::ZERO);
    open("GET", &long, "").await.refused(400, "AuthorizationQueryParametersError");
    let put = bench.presign("PUT", "/lake/c", 600, Duration::ZERO);
    open("PUT", &put, "put").await.ok();
    assert_eq!(bench.get("/lake/c", &[]).await.body, "put");
}

/// As SDKs presign for the oldest regions when nothing else is asked of them.
fn presign_v2(secret: &str, method: &str, path: &str, expires: i64, amz: &[(&str, &str)]) -> String {
    let headers: String = amz.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let string = format!("{method}\n\n\n{expires}\n{headers}{path}");
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(string.as_bytes());
    let signature = base64_simd::STANDARD.encode_to_string(mac.finalize().into_bytes());
    let mut url = format!("{path}?AWSAccessKeyId={KEY}&Expires={expires}&Signature=");
    aws::sigv4::encode_uri(&mut url, signature.as_bytes(), false);
    for (name, value) in amz {
        url.push_str(&format!("&{name}={value}"));
    }
    url
}

#[tokio::test]
async fn a_url_presigned_with_version_2_is_good_until_it_expires() {
    let bench = Bench::new().await;
    bench.put("a", "hello").await;
    let open = async |method: &str, url: &str, body: &'static str| {
        bench.raw(head(method, url, &[], body.len()), body).await
    };
    let now = bench.rt.now().as_millis() / 1000;
    let url = presign_v2(SECRET, "GET", "/lake/a", now + 60, &[]);
    assert_eq!(open("GET", &url, "").await.ok().body, "hello");
    open("DELETE", &url, "").await.refused(403, "SignatureDoesNotMatch");
    let later = url.replace(&format!("Expires={}", now + 60), &format!("Expires={}", now + 90));
    open("GET", &later, "").await.refused(403, "SignatureDoesNotMatch");
    let old = presign_v2(SECRET, "GET", "/lake/a", now - 60, &[]);
    open("GET", &old, "").await.refused(403, "AccessDenied");
    let forged = presign_v2("guess", "GET", "/lake/a", now + 60, &[]);
    open("GET", &forged, "").await.refused(403, "SignatureDoesNotMatch");
    let put = presign_v2(SECRET, "PUT", "/lake/b", now + 60, &[("x-amz-meta-colour", "blue")]);
    open("PUT", &put, "x").await.ok();
    assert_eq!(bench.get("/lake/b", &[]).await.ok().header("x-amz-meta-colour"), "blue");
    let changed = put.replace("colour=blue", "colour=red");
    open("PUT", &changed, "x").await.refused(403, "SignatureDoesNotMatch");
    let insecure = Bench::insecure().await;
    insecure.raw(head("PUT", &forged, &[], 1), "x").await.ok();
}

#[tokio::test]
async fn parameters_of_a_presigned_url_mean_what_their_headers_mean() {
    let bench = Bench::new().await;
    let url = bench.presign("PUT", "/lake/a?x-amz-meta-colour=dark%20blue", 600, Duration::ZERO);
    bench.raw(head("PUT", &url, &[], 1), "x").await.ok();
    assert_eq!(bench.get("/lake/a", &[]).await.ok().header("x-amz-meta-colour"), "dark blue");
    let url = bench.presign("PUT", "/lake/b?x-amz-acl=public-read", 600, Duration::ZERO);
    bench.raw(head("PUT", &url, &[], 1), "x").await.refused(501, "NotImplemented");
}

#[tokio::test]
async fn temporary_credentials_need_their_token() {
    let bench = Bench::new().await;
    let temporary = bench.credentials.temporary().unwrap();
    let issued = temporary.issue(
        &account(),
        &format!("arn:aws:iam::{}:root", account()),
        bench.rt.now().plus(60 * MINUTE),
        &bench.rt,
    );
    let send = async |token: Option<&str>| {
        let identity = SigningIdentity {
            access_key: &issued.access_key,
            secret: &issued.secret,
            session_token: token,
            region: "us-east-1",
            service: "s3",
        };
        let mut parts = head("GET", "/lake", &[], 0);
        sign_request(&mut parts, &hash_hex(b""), &identity, &SigningKeys::new(), bench.rt.now());
        bench.raw(parts, "").await
    };
    send(Some(&issued.session_token)).await.ok();
    assert_eq!(send(None).await.status, 400);
    assert!(!send(Some("other")).await.status.is_success());
}

#[tokio::test]
async fn without_checked_signatures_any_or_none_is_good() {
    let bench = Bench::insecure().await;
    bench.raw(head("PUT", "/lake/a", &[], 5), "hello").await.ok();
    let mut parts = head("GET", "/lake/a", &[], 0);
    let identity = SigningIdentity {
        access_key: "anyone",
        secret: "anything",
        session_token: Some("whatever"),
        region: "eu-west-1",
        service: "s3",
    };
    sign_request(
        &mut parts,
        &hash_hex(b""),
        &identity,
        &SigningKeys::new(),
        bench.rt.now().minus(90 * MINUTE),
    );
    assert_eq!(bench.raw(parts, "").await.ok().body, "hello");
    let url = bench.presign("GET", "/lake/a", 1, 90 * MINUTE);
    assert_eq!(bench.raw(head("GET", &url, &[], 0), "").await.ok().body, "hello");
    let body = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
    let mut parts = head("PUT", "/other", &[], body.len());
    sign_request(&mut parts, &hash_hex(body.as_bytes()), &identity, &SigningKeys::new(), bench.rt.now());
    bench.raw(parts, body).await.ok();
}

#[tokio::test]
async fn a_bucket_may_stand_in_the_host() {
    let bench = Bench::new().await;
    for (number, host) in
        ["lake.localhost:4566", "lake.s3.localhost", "lake.s3.us-east-1.localhost:4566"].iter().enumerate()
    {
        bench.send("PUT", &format!("/deep/{number}"), &[("host", host)], "x").await.ok();
        assert_eq!(bench.get(&format!("/lake/deep/{number}"), &[]).await.ok().body, "x");
    }
    bench.send("PUT", "/", &[("host", "other.localhost:4566")], "").await.ok();
    assert_eq!(bench.get("/", &[("host", "s3.localhost")]).await.ok().all("Name"), ["lake", "other"]);
    bench.send("PUT", "/lake/b", &[("host", "mulgil.internal:4566")], "x").await.ok();
}

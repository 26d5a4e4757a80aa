use http::{HeaderName, HeaderValue, Request};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::sigv4::{EMPTY_PAYLOAD, SigningIdentity, presign_request, sign_request};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn at(text: &str) -> Timestamp {
    parse_timestamp(text).unwrap()
}

fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    request.body(()).unwrap().into_parts().0
}

fn check(parts: &Parts, payload_hash: &str, now: &str) -> Result<(), SignatureError> {
    check_with(parts, payload_hash, at(now), PathStyle::Normalized)
}

fn check_with(parts: &Parts, hash: &str, now: Timestamp, style: PathStyle) -> Result<(), SignatureError> {
    let authorization = Authorization::of(parts)?.ok_or(SignatureError::Missing)?;
    verify(parts, &authorization, hash, SECRET, &SigningKeys::new(), now, style)
}

/// The requests of AWS's published test suite, with the signatures it publishes.
#[test]
fn the_published_test_suite_is_accepted_and_reproduced() {
    const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");
    const HOST: (&str, &str) = ("host", "example.amazonaws.com");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let trim = [HOST, ("my-header1", " value1"), ("my-header2", " \"a   b   c\""), DATE];
    type Vector<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, &'a str);
    let vectors: [Vector<'_>; 7] = [
        ("GET", "/", &[HOST, DATE], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", &[HOST, DATE], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            &[HOST, DATE],
            "",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            &[HOST, DATE],
            "",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        (
            "GET",
            "/?%E1%88%B4=bar",
            &[HOST, DATE],
            "",
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        ("GET", "/", &trim, "", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
        (
            "POST",
            "/",
            &[form, HOST, DATE],
            "Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ];
    for (method, uri, headers, body, signature) in vectors {
        let mut parts = request(method, uri, headers);
        let mut signed: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        signed.sort_unstable();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={}, Signature={signature}",
            signed.join(";")
        );
        parts.headers.insert("authorization", authorization.parse().unwrap());
        let hash = hash_hex(body.as_bytes());
        assert_eq!(check(&parts, &hash, "20150830T123600Z"), Ok(()), "{method} {uri} {headers:?}");
    }
}

/// See `sigv4/vectors.py`.
#[test]
fn what_botocore_signs_is_accepted() {
    let file: Value = serde_json::from_str(include_str!("../vectors.json")).unwrap();
    let now = at("20261122T085013Z");
    for vector in file["vectors"].as_array().unwrap() {
        let text = |name: &str| vector[name].as_str().unwrap();
        let mut parts = request(text("method"), text("uri"), &[]);
        for (name, value) in vector["headers"].as_object().unwrap() {
            let value = HeaderValue::from_str(value.as_str().unwrap()).unwrap();
            parts.headers.insert(name.parse::<HeaderName>().unwrap(), value);
        }
        let style = if text("kind") == "s3" { PathStyle::S3 } else { PathStyle::Normalized };
        let hash = hash_hex(text("body").as_bytes());
        assert_eq!(check_with(&parts, &hash, now, style), Ok(()), "{}", text("name"));
        let wrong = hash_hex(b"another body");
        assert_eq!(check_with(&parts, &wrong, now, style), Err(SignatureError::Mismatch), "{}", text("name"));
    }
}

/// The example of the S3 documentation.
#[test]
fn the_documented_presigned_url_is_accepted_for_a_day() {
    let uri = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let parts = request("GET", uri, &[("host", "examplebucket.s3.amazonaws.com")]);
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let authorization = Authorization::of(&parts).unwrap().unwrap();
    let verdict = |now: &str| {
        let keys = SigningKeys::new();
        verify(&parts, &authorization, crate::sigv4::UNSIGNED_PAYLOAD, secret, &keys, at(now), PathStyle::S3)
    };
    assert_eq!(verdict("20130524T000000Z"), Ok(()));
    assert_eq!(verdict("20130525T000000Z"), Ok(()));
    assert_eq!(
        verdict("20130525T000001Z"),
        Err(SignatureError::Clock(
            "Signature expired: 20130524T000000Z is now earlier than 20130524T000001Z (20130525T000001Z - 86400 s.)"
                .into()
        ))
    );
}

fn identity() -> SigningIdentity<'static> {
    SigningIdentity {
        access_key: "AKIDEXAMPLE",
        secret: SECRET,
        session_token: None,
        region: "us-east-1",
        service: "kinesis",
    }
}

const NOW: &str = "20261122T085013Z";

fn signed() -> Parts {
    let headers = [
        ("host", "127.0.0.1:4566"),
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "Kinesis_20131202.PutRecord"),
    ];
    let mut parts = request("POST", "/path?a=1", &headers);
    sign_request(&mut parts, &hash_hex(b"{}"), &identity(), &SigningKeys::new(), at(NOW));
    parts
}

#[test]
fn what_our_client_signs_is_accepted_within_five_minutes() {
    let parts = signed();
    let hash = hash_hex(b"{}");
    for now in ["20261122T085013Z", "20261122T085513Z", "20261122T084513Z"] {
        assert_eq!(check(&parts, &hash, now), Ok(()), "{now}");
    }
    assert_eq!(
        check(&parts, &hash, "20261122T085514Z").unwrap_err().to_string(),
        "Signature expired: 20261122T085013Z is now earlier than 20261122T085014Z (20261122T085514Z - 5 min.)"
    );
    assert_eq!(
        check(&parts, &hash, "20261122T084512Z").unwrap_err().to_string(),
        "Signature not yet current: 20261122T085013Z is still later than 20261122T085012Z (20261122T084512Z + 5 min.)"
    );
}

#[test]
fn nothing_that_is_signed_can_be_changed() {
    let hash = hash_hex(b"{}");
    let changes: [fn(&mut Parts); 6] = [
        |parts| parts.method = http::Method::PUT,
        |parts| parts.uri = "/other?a=1".parse().unwrap(),
        |parts| parts.uri = "/path?a=2".parse().unwrap(),
        |parts| parts.uri = "/path?a=1&b=2".parse().unwrap(),
        |parts| {
            parts.headers.insert("x-amz-target", "Kinesis_20131202.DeleteStream".parse().unwrap());
        },
        |parts| {
            parts.headers.insert("host", "elsewhere".parse().unwrap());
        },
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut parts = signed();
        change(&mut parts);
        assert_eq!(check(&parts, &hash, NOW), Err(SignatureError::Mismatch), "change {index}");
    }
    assert_eq!(check(&signed(), &hash_hex(b"{ }"), NOW), Err(SignatureError::Mismatch));
}

#[test]
fn a_signature_differing_in_any_one_digit_is_refused() {
    let parts = signed();
    let header = parts.headers["authorization"].to_str().unwrap().to_owned();
    let start = header.find("Signature=").unwrap() + "Signature=".len();
    for digit in start..header.len() {
        let mut changed = header.clone().into_bytes();
        changed[digit] = if changed[digit] == b'0' { b'1' } else { b'0' };
        let mut parts = parts.clone();
        parts.headers.insert("authorization", HeaderValue::from_bytes(&changed).unwrap());
        assert_eq!(check(&parts, &hash_hex(b"{}"), NOW), Err(SignatureError::Mismatch));
    }
    let mut parts = parts;
    parts.headers.insert("authorization", header[..header.len() - 1].parse().unwrap());
    assert_eq!(check(&parts, &hash_hex(b"{}"), NOW), Err(SignatureError::Mismatch));
}

#[test]
fn a_signature_must_cover_the_host_and_the_operation() {
    let uncovered = |list: &str| {
        let mut parts = signed();
        let header = parts.headers["authorization"].to_str().unwrap();
        let header = header.replace("content-type;host;x-amz-date;x-amz-target", list);
        parts.headers.insert("authorization", header.parse().unwrap());
        check(&parts, &hash_hex(b"{}"), NOW)
    };
    assert!(matches!(uncovered("x-amz-date;x-amz-target"), Err(SignatureError::Scope(_))));
    assert!(matches!(uncovered("host;x-amz-date"), Err(SignatureError::Scope(_))));
    assert_eq!(uncovered("host;x-amz-absent;x-amz-target"), Err(SignatureError::Mismatch));
}

#[test]
fn the_day_of_the_scope_must_be_the_day_of_the_request() {
    let mut parts = signed();
    let header = parts.headers["authorization"].to_str().unwrap().replace("/20261122/", "/20261121/");
    parts.headers.insert("authorization", header.parse().unwrap());
    let error = check(&parts, &hash_hex(b"{}"), NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20261121' != '20261122', from '20261122T085013Z'."
    );
}

#[test]
fn a_presigned_request_ends_when_it_says() {
    let parts = request("GET", "/?Action=GetCallerIdentity", &[("host", "127.0.0.1:4566")]);
    let keys = SigningKeys::new();
    let token = SigningIdentity { session_token: Some("to+ken=="), ..identity() };
    for identity in [identity(), token] {
        let uri = presign_request(&parts, EMPTY_PAYLOAD, &identity, &keys, at(NOW), 60);
        let presigned = request("GET", &uri, &[("host", "127.0.0.1:4566")]);
        assert_eq!(check(&presigned, EMPTY_PAYLOAD, "20261122T085113Z"), Ok(()));
        let late = check(&presigned, EMPTY_PAYLOAD, "20261122T085114Z").unwrap_err();
        assert!(matches!(late, SignatureError::Clock(_)), "{late}");
        let longer = uri.replace("X-Amz-Expires=60", "X-Amz-Expires=600");
        let longer = request("GET", &longer, &[("host", "127.0.0.1:4566")]);
        assert_eq!(check(&longer, EMPTY_PAYLOAD, NOW), Err(SignatureError::Mismatch));
    }
}

#[test]
fn incomplete_signatures_say_what_is_missing() {
    let cases = [
        ("Basic abc", "Unsupported AWS 'algorithm': 'Basic'."),
        (
            "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0",
            "Authorization header requires 'Credential' parameter.",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=A/20261122/r/s/aws4_request, Signature=0",
            "Authorization header requires 'SignedHeaders' parameter.",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=A/20261122/r/s/aws4_request, SignedHeaders=host",
            "Authorization header requires 'Signature' parameter.",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=A/r/s/aws4_request, SignedHeaders=host, Signature=0",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'A/r/s/aws4_request'",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=A/20261122/r/s/aws5, SignedHeaders=host, Signature=0",
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'.",
        ),
    ];
    for (header, message) in cases {
        let headers = [("host", "h"), ("x-amz-date", NOW), ("authorization", header)];
        let error = check(&request("GET", "/", &headers), EMPTY_PAYLOAD, NOW).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    assert_eq!(check(&request("GET", "/", &[]), EMPTY_PAYLOAD, NOW), Err(SignatureError::Missing));
}

#[test]
fn derived_keys_are_remembered_per_secret_day_region_and_service() {
    let keys = SigningKeys::new();
    let first = keys.get("a", "20261122", "r", "s");
    assert_eq!(keys.get("a", "20261122", "r", "s"), first);
    for (secret, day, region, service) in [
        ("b", "20261122", "r", "s"),
        ("a", "20261123", "r", "s"),
        ("a", "20261122", "x", "s"),
        ("a", "20261122", "r", "x"),
    ] {
        assert_ne!(keys.get(secret, day, region, service), first);
    }
    assert_eq!(keys.get("a", "20261122", "r", "s"), first);
}

proptest! {
    #[test]
    fn arbitrary_authorization_headers_never_panic(header in "[ -~]{0,200}", date in "[ -~]{0,20}") {
        let parts = request("GET", "/", &[("host", "h"), ("x-amz-date", &date), ("authorization", &header)]);
        prop_assert!(check(&parts, EMPTY_PAYLOAD, NOW).is_err());
        let _ = crate::sigv4::claimed_scope(&parts);
    }

    #[test]
    fn nearly_right_authorization_headers_never_panic(
        credential in "[ -~]{0,40}", list in "[a-z;:-]{0,30}", date in "[0-9TZ]{0,17}"
    ) {
        let header = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={list}, Signature=00");
        let parts = request("GET", "/", &[("host", "h"), ("x-amz-date", &date), ("authorization", &header)]);
        prop_assert!(check(&parts, EMPTY_PAYLOAD, NOW).is_err());
        let scoped = format!("AWS4-HMAC-SHA256 Credential=A/20261122/r/s/aws4_request, SignedHeaders={list}, Signature=00");
        let parts = request("GET", "/", &[("host", "h"), ("x-amz-date", &date), ("authorization", &scoped)]);
        prop_assert!(check(&parts, EMPTY_PAYLOAD, NOW).is_err());
    }

    #[test]
    fn arbitrary_queries_never_panic(query in "([ -~&&[^# <>\"]]|%[0-9A-F]{2}|X-Amz-[A-Z][a-z]+=){0,60}") {
        let Ok(uri) = format!("/?{query}").parse::<http::Uri>() else { return Ok(()) };
        let parts = Request::builder().uri(uri).header("host", "h").body(()).unwrap().into_parts().0;
        let _ = check(&parts, EMPTY_PAYLOAD, NOW);
        let _ = crate::sigv4::claimed_scope(&parts);
    }

    #[test]
    fn whatever_our_client_signs_our_server_accepts(
        path in "(/[a-zA-Z0-9._~%20-]{0,8}){1,4}", name in "[a-zA-Z0-9 &=+/é-]{0,12}", value in "[a-zA-Z0-9 &=+/é-]{0,12}", body: Vec<u8>
    ) {
        let mut uri = String::new();
        crate::sigv4::encode_uri(&mut uri, path.as_bytes(), true);
        uri.push_str("?n");
        crate::sigv4::encode_uri(&mut uri, name.as_bytes(), false);
        uri.push('=');
        crate::sigv4::encode_uri(&mut uri, value.as_bytes(), false);
        let mut parts = request("POST", &uri, &[("host", "127.0.0.1:4566")]);
        let hash = hash_hex(&body);
        sign_request(&mut parts, &hash, &identity(), &SigningKeys::new(), at(NOW));
        prop_assert_eq!(check(&parts, &hash, NOW), Ok(()));
    }
}

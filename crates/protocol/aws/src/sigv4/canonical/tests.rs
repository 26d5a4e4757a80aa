use http::Request;

use super::*;

fn path(raw: &str, style: PathStyle) -> String {
    let mut out = String::new();
    canonical_path(&mut out, raw, style);
    out
}

fn query(raw: &str) -> String {
    let mut out = String::new();
    canonical_query(&mut out, raw);
    out
}

#[test]
fn paths_lose_dot_segments_and_empty_ones() {
    for (raw, canonical) in [
        ("", "/"),
        ("/", "/"),
        ("//", "/"),
        ("/./", "/"),
        ("/example/..", "/"),
        ("/example1/example2/../..", "/"),
        ("//example//", "/example/"),
        ("/./example", "/example"),
        ("/a/b/../c", "/a/c"),
        ("/../..", "/"),
    ] {
        assert_eq!(path(raw, PathStyle::Normalized), canonical, "{raw}");
    }
}

#[test]
fn paths_are_encoded_twice_but_for_s3_whose_keys_stay_as_they_are() {
    assert_eq!(path("/example%20space/", PathStyle::Normalized), "/example%2520space/");
    assert_eq!(path("/example%20space/", PathStyle::S3), "/example%20space/");
    assert_eq!(path("/a//b/../c", PathStyle::S3), "/a//b/../c");
    assert_eq!(path("/k%C3%A4se", PathStyle::S3), "/k%C3%A4se");
    assert_eq!(path("/a+b", PathStyle::S3), "/a%2Bb");
}

#[test]
fn queries_are_sorted_by_name_then_value_in_one_spelling() {
    assert_eq!(query("Param2=value2&Param1=value1"), "Param1=value1&Param2=value2");
    assert_eq!(query("a=2&a=1&b"), "a=1&a=2&b=");
    assert_eq!(query("a=%2f&b=%7e"), "a=%2F&b=~");
    assert_eq!(query("a=x+y&b=x%20y"), "a=x%20y&b=x%20y");
    assert_eq!(query("&&a=1&"), "a=1");
    assert_eq!(query("X-Amz-Signature=abc&X-Amz-Date=1"), "X-Amz-Date=1");
}

#[test]
fn header_values_are_trimmed_collapsed_and_joined() {
    let request = Request::builder()
        .uri("/")
        .header("host", "h")
        .header("my-header1", " value1  \t")
        .header("my-header1", "a   b")
        .body(())
        .unwrap();
    let parts = request.into_parts().0;
    let canonical = canonical_request(&parts, "host;my-header1", "hash", PathStyle::S3).unwrap();
    assert_eq!(canonical, "GET\n/\n\nhost:h\nmy-header1:value1,a b\n\nhost;my-header1\nhash");
}

#[test]
fn a_header_that_is_listed_but_absent_has_no_canonical_form() {
    let parts = Request::builder().uri("/").body(()).unwrap().into_parts().0;
    assert_eq!(canonical_request(&parts, "x-amz-date", "hash", PathStyle::S3), None);
}

#[test]
fn the_authority_of_http2_stands_for_the_host() {
    let parts = Request::builder().uri("http://example.amazonaws.com/").body(()).unwrap().into_parts().0;
    let canonical = canonical_request(&parts, "host", "hash", PathStyle::S3).unwrap();
    assert!(canonical.contains("host:example.amazonaws.com\n"));
}

#[test]
fn the_authority_may_be_signed_by_its_http2_name() {
    let signed = |request: http::request::Builder| {
        let parts = request.body(()).unwrap().into_parts().0;
        canonical_request(&parts, ":authority", "hash", PathStyle::S3)
    };
    let expected = Some("GET\n/\n\n:authority:example.com:4566\n\n:authority\nhash".to_owned());
    assert_eq!(signed(Request::builder().uri("http://example.com:4566/")), expected);
    assert_eq!(
        signed(Request::builder().uri("/").header("host", "example.com:4566")),
        expected,
        "behind a proxy"
    );
    assert_eq!(signed(Request::builder().uri("/")), None);
}

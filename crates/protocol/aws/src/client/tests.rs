use super::*;

fn client() -> Client {
    Client::new("http://127.0.0.1:4566/", Credentials::new("AKIDEXAMPLE", "secret"), "us-east-1")
}

fn error(content_type: &str, body: &'static str) -> ClientError {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
    let response =
        Response { status: StatusCode::BAD_REQUEST, headers, body: Bytes::from_static(body.as_bytes()) };
    response.checked().unwrap_err()
}

#[test]
fn names_and_values_are_encoded_into_the_uri() {
    let uri = client().uri("/bucket/a b/ü+?", &[("prefix", "x&y"), ("empty", "")]).unwrap();
    assert_eq!(uri, "http://127.0.0.1:4566/bucket/a%20b/%C3%BC%2B%3F?prefix=x%26y&empty=");
    assert_eq!(client().uri("/", &[]).unwrap(), "http://127.0.0.1:4566/");
}

#[test]
fn errors_of_every_protocol_are_read() {
    let json = error("application/x-amz-json-1.1", "{\"__type\":\"SomeException\",\"Message\":\"why\"}");
    assert_eq!((json.code.as_str(), json.message.as_str(), json.status), ("SomeException", "why", 400));
    let xml = error(
        "text/xml",
        "<ErrorResponse><Error><Code>C</Code><Message>a &lt;b&gt; &amp;lt;</Message></Error></ErrorResponse>",
    );
    assert_eq!((xml.code.as_str(), xml.message.as_str()), ("C", "a <b> &lt;"));
    let neither = error("text/plain", "gone");
    assert_eq!((neither.code.as_str(), neither.message.as_str()), ("400 Bad Request", "gone"));
}

#[test]
fn what_cannot_be_a_header_is_an_error_not_a_panic() {
    for (name, value) in [("bad name", "x"), ("name", "line\nbreak")] {
        let result = client().prepare_any(Method::GET, "s3", "/", &[], &[(name, value)], Bytes::new());
        assert_eq!(result.err().unwrap().code, "InvalidRequest");
    }
}

#[tokio::test]
async fn nobody_listening_is_an_error_without_a_status() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::new(&format!("http://{free}"), Credentials::new("k", "s"), "us-east-1");
    let error = client.call(Target::KINESIS, "ListStreams", &Value::Null).await.unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (0, "ConnectionFailed"));
}

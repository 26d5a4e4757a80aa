//! Every request that must not reach a handler, and what its caller is told.

use super::*;

#[tokio::test]
async fn a_signature_that_is_not_right_has_the_code_its_protocol_knows() {
    let world = World::start().await;
    let cases = [
        (KEY, "wrong", "InvalidSignatureException", "SignatureDoesNotMatch"),
        ("AKIDUNKNOWN", SECRET, "UnrecognizedClientException", "InvalidClientTokenId"),
    ];
    for (key, secret, json_code, query_code) in cases {
        let client = world.client_of(key, secret);
        let json = client.call(TOY, "Echo", &json!({"Name": "a"})).await;
        assert_eq!(code(json), (json_code.to_owned(), 403));
        let query = client.call_query("toyq", "2026-01-01", "Echo", &[("Name", "a")]).await.unwrap_err();
        assert_eq!((query.code.as_str(), query.status), (query_code, 403));
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_both_times() {
    let world = World::start().await;
    let (late, clock) = Rt::manual(world.rt.now(), 2);
    clock.set(world.rt.now().minus(Duration::from_secs(301)));
    let client = Client::with_rt(&world.endpoint, Credentials::new(KEY, SECRET), "us-east-1", late);
    let error = client.call(TOY, "Echo", &json!({"Name": "a"})).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("InvalidSignatureException", 403));
    assert_eq!(
        error.message,
        "Signature expired: 20261122T084512Z is now earlier than 20261122T084513Z (20261122T085013Z - 5 min.)"
    );
}

#[tokio::test]
async fn a_signature_for_another_service_is_refused() {
    let world = World::start().await;
    let target = Target { service: "kinesis", ..TOY };
    let error = world.client().call(target, "Echo", &json!({"Name": "a"})).await.unwrap_err();
    assert_eq!(error.code, "InvalidSignatureException");
    assert_eq!(error.message, "Credential should be scoped to correct service: 'toy'. ");
}

#[tokio::test]
async fn an_unsigned_request_is_missing_its_token() {
    let world = World::start().await;
    let headers = [("x-amz-target", "Toy_20260101.Echo"), ("content-type", "application/x-amz-json-1.1")];
    let (status, body) = transport::plain(&world.endpoint, Method::POST, &headers, b"{\"Name\":\"a\"}").await;
    assert_eq!(status, 403);
    assert_eq!(
        body,
        "{\"__type\":\"MissingAuthenticationTokenException\",\"message\":\"Missing Authentication Token\"}"
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let (status, body) =
        transport::plain(&world.endpoint, Method::POST, &form, b"Action=Echo&Version=2026-01-01&Name=a")
            .await;
    assert_eq!(status, 403);
    assert!(body.contains("<Code>MissingAuthenticationToken</Code>"), "{body}");
    let basic = [("x-amz-target", "Toy_20260101.Echo"), ("authorization", "Basic YTpi")];
    let (status, body) = transport::plain(&world.endpoint, Method::POST, &basic, b"{}").await;
    assert_eq!(status, 400);
    assert!(body.contains("IncompleteSignatureException"), "{body}");
}

#[tokio::test]
async fn operations_that_are_not_built_are_refused_by_name_and_never_retried() {
    let world = World::start().await;
    let client = world.client();
    let error = client.call(TOY, "Explode", &json!({})).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("UnknownOperationException", 400));
    assert_eq!(error.message, "toy:Explode is not supported by Mulgil: toys must not");
    let error = client.call(TOY, "Implode", &json!({})).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("UnknownOperationException", 400));
    assert_eq!(error.message, "Toy Service has no operation 'Implode'");

    let error = client.call_query("toyq", "2026-01-01", "Explode", &[]).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("InvalidAction", 400));
    assert_eq!(error.message, "toyq:Explode is not supported by Mulgil: toys must not");
}

#[tokio::test]
async fn services_that_are_not_mounted_are_refused_by_name() {
    let world = World::start().await;
    let client = world.client();
    let dynamo = Target { service: "dynamodb", prefix: "DynamoDB_20120810", version: "1.0" };
    let error = client.call(dynamo, "ListTables", &json!({})).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("UnknownOperationException", 400));
    assert_eq!(error.message, "the target 'DynamoDB_20120810.ListTables' is not provided by Mulgil");
    let error = client.call_query("iam", "2010-05-08", "ListUsers", &[]).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("InvalidAction", 400));
    assert_eq!(error.message, "the service 'iam' is not provided by Mulgil");
}

#[tokio::test]
async fn bodies_that_do_not_fit_say_what_is_wrong_with_them() {
    let world = World::start().await;
    let client = world.client();
    let cases: [(&str, &str, &str); 8] = [
        ("{\"Name\":", "SerializationException", "The request is not valid JSON: "),
        ("[]", "SerializationException", "Unexpected token"),
        ("{\"Name\":\"a\",\"Count\":\"x\"}", "SerializationException", "count"),
        ("{\"Name\":\"a\",\"Nmae\":1}", "InvalidArgumentException", "Unknown field 'Nmae' in "),
        (
            "{\"Name\":\"a\",\"Fancy\":{\"Hat\":1}}",
            "InvalidArgumentException",
            "Field 'Fancy' is not supported by Mulgil: it is not plain",
        ),
        (
            "{}",
            "ValidationException",
            "Value null at 'name' failed to satisfy constraint: Member must not be null",
        ),
        (
            "{\"Name\":\"123456789\"}",
            "ValidationException",
            "Member must have length less than or equal to 8",
        ),
        ("{\"Name\":\"a\",\"Data\":\"!\"}", "SerializationException", "data"),
    ];
    for (body, code, message) in cases {
        for operation in ["Echo", "Raw"] {
            let prepared = client.prepare(TOY, operation, Bytes::from_static(body.as_bytes())).unwrap();
            let error = client.send_prepared(&prepared).await.unwrap().checked().unwrap_err();
            assert_eq!((error.code.as_str(), error.status), (code, 400), "{body}: {}", error.message);
            assert!(error.message.contains(message), "{body}: {}", error.message);
        }
    }
    let deep = format!("{{\"Fancy\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let prepared = client.prepare(TOY, "Echo", Bytes::from(deep)).unwrap();
    let error = client.send_prepared(&prepared).await.unwrap().checked().unwrap_err();
    assert_eq!(error.code, "SerializationException");
}

#[tokio::test]
async fn query_parameters_that_do_not_fit_are_refused_alike() {
    let world = World::start().await;
    let cases = [
        (("Count", "many"), "MalformedInput", "Parameter 'Count' has a value of the wrong type"),
        (("Nmae", "b"), "ValidationError", "Unknown field 'Nmae' in Echo"),
        (
            ("Fancy.member.1", "b"),
            "ValidationError",
            "Field 'Fancy' is not supported by Mulgil: it is not plain",
        ),
    ];
    for (parameter, code, message) in cases {
        let parameters = [("Name", "a"), parameter];
        let error = world.client().call_query("toyq", "2026-01-01", "Echo", &parameters).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.status, error.message.as_str()), (code, 400, message));
    }
    let none = world.client().send(Method::POST, "toyq", "/", &[], &[], Bytes::new()).await.unwrap();
    assert_eq!(none.checked().unwrap_err().code, "MissingAction");
}

#[tokio::test]
async fn modelled_errors_keep_their_fields_and_faults_of_ours_keep_their_cause() {
    let world = World::start().await;
    let client = world.client();
    let prepared = client.prepare(TOY, "Fail", Bytes::from_static(b"{\"Name\":\"x\"}")).unwrap();
    let response = client.send_prepared(&prepared).await.unwrap();
    assert_eq!(response.status, 400);
    let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(body, json!({"__type": "ResourceNotFoundException", "message": "no x", "Extra": 7}));
    let error = client.call(TOY, "Fail", &json!({"Name": "ours"})).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("InternalFailure", 500));
    assert!(!error.message.contains("secret"), "{}", error.message);
    let query = client.call_query("toyq", "2026-01-01", "Fail", &[("Name", "ours")]).await.unwrap_err();
    assert_eq!((query.code.as_str(), query.status), ("InternalFailure", 500));
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_request_and_no_other() {
    let world = World::start().await;
    let client = world.client();
    assert_eq!(code(client.call(TOY, "Panic", &json!({})).await), ("InternalFailure".to_owned(), 500));
    client.call(TOY, "Echo", &json!({"Name": "a"})).await.unwrap();
}

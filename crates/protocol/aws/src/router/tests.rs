mod cbor;
mod refusals;
mod streams;
mod tls;
mod toy;
mod transport;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use names::{AccountId, Region, Scope};
use rt::{ManualClock, Rt, Timestamp};
use serde_json::json;

use super::*;
use crate::body::full;
use crate::client::{Client, ClientError, Credentials, Target};
use crate::{ApiError, Context, Credential, LocalAccount, MemoryCredentials, Principal, serve};

const TOY: Target = Target { service: "toy", prefix: "Toy_20260101", version: "1.1" };
const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn account() -> AccountId {
    AccountId::new("000000000000").unwrap()
}

fn known_key() -> MemoryCredentials {
    MemoryCredentials::new().with(KEY, Credential::root(account(), SECRET))
}

/// A server with the toy services on a free port, and the clock of both sides.
struct World {
    rt: Rt,
    clock: ManualClock,
    endpoint: String,
    toy: Arc<toy::Toy>,
    caller: crate::Caller,
    router: Router,
}

impl World {
    async fn start() -> World {
        World::with(Arc::new(LocalAccount), known_key(), Limits::default()).await
    }

    async fn with(authorizer: Arc<dyn Authorizer>, credentials: MemoryCredentials, limits: Limits) -> World {
        let (rt, clock) = Rt::manual(Timestamp::from_millis(1_795_337_413_000), 1);
        let mut router = Router::builder(rt.clone(), authorizer, Arc::new(credentials), limits);
        let toy = Arc::new(toy::Toy::new(router.caller()));
        router.service(toy::service(toy.clone())).service(toy::query_service(toy.clone()));
        router.service(toy::all_service(toy.clone()));
        router.fallback_http(|request: Request<Incoming>| async move {
            Response::new(full(format!("fallback {}", request.uri().path())))
        });
        router.internal("POST", "/_mulgil/echo", |request: Request<Bytes>| async move {
            Response::new(full(request.into_body()))
        });
        router.internal_signed("GET", "/_mulgil/secret", "toy", |_| async { Response::new(full("secret")) });
        router.public("/metrics", |_| async { Response::new(full("metrics")) });
        let caller = router.caller();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = router.build();
        rt.spawn("listener", serve(listener, router.clone(), rt.stop()));
        World { rt, clock, endpoint, toy, caller, router }
    }

    fn client(&self) -> Client {
        self.client_of(KEY, SECRET)
    }

    fn client_of(&self, key: &str, secret: &str) -> Client {
        Client::with_rt(&self.endpoint, Credentials::new(key, secret), "ap-northeast-2", self.rt.clone())
    }

    fn root(&self) -> (Principal, Scope) {
        let region = Region::new("ap-northeast-2").unwrap();
        (Principal::root(account(), KEY), Scope::new(account(), region))
    }
}

fn code(result: Result<serde_json::Value, ClientError>) -> (String, u16) {
    let error = result.unwrap_err();
    (error.code, error.status)
}

#[tokio::test]
async fn a_signed_call_reaches_its_handler_and_its_answer_comes_back() {
    let world = World::start().await;
    let input = json!({"Name": "a", "Data": "aGk=", "Since": 1_795_337_413.25, "Count": 3});
    assert_eq!(world.client().call(TOY, "Echo", &input).await.unwrap(), input);
    let context = world.toy.last_context();
    assert_eq!(context.scope, world.root().1);
    assert_eq!(context.principal, world.root().0);
    assert_eq!((context.service, context.operation), ("toy", "Echo"));
    assert_eq!(context.now, world.rt.now());
}

#[tokio::test]
async fn an_answer_has_the_content_type_and_the_request_id_of_the_context() {
    let world = World::start().await;
    let client = world.client();
    let prepared = client.prepare(TOY, "Echo", Bytes::from_static(b"{\"Name\":\"a\"}")).unwrap();
    let response = client.send_prepared(&prepared).await.unwrap();
    assert_eq!(response.headers["content-type"], "application/x-amz-json-1.1");
    assert_eq!(response.headers["x-amzn-requestid"], world.toy.last_context().request_id);
    assert_eq!(response.body, "{\"Name\":\"a\"}");
}

#[tokio::test]
async fn a_public_path_answers_who_does_not_sign_and_leaves_signed_requests_alone() {
    let world = World::start().await;
    let url = format!("{}/metrics", world.endpoint);
    assert_eq!(transport::plain_get(&url).await, (200, "metrics".to_owned()));
    let token = [("authorization", "Bearer token")];
    assert_eq!(transport::plain(&url, Method::GET, &token, b"").await.1, "metrics");
    assert_eq!(transport::plain(&url, Method::PUT, &[], b"").await.1, "fallback /metrics");
    let signed = world.client().send(Method::GET, "s3", "/metrics", &[], &[], Bytes::new()).await.unwrap();
    assert_eq!(signed.body, "fallback /metrics");
}

#[tokio::test]
async fn an_endpoint_of_the_servers_own_may_ask_for_a_signature() {
    let world = World::start().await;
    assert_eq!(transport::plain_get(&format!("{}/_mulgil/secret", world.endpoint)).await.0, 403);
    for (client, status) in [(world.client(), 200), (world.client_of(KEY, "another"), 403)] {
        let path = "/_mulgil/secret";
        let answer = client.send(Method::GET, "toy", path, &[], &[], Bytes::new()).await.unwrap();
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn a_raw_handler_gets_the_body_as_it_is() {
    let world = World::start().await;
    let input = json!({"Name": "raw"});
    assert_eq!(world.client().call(TOY, "Raw", &input).await.unwrap(), json!({"Length": 14}));
    let (principal, scope) = world.root();
    let answer = world.caller.call_as(&principal, &scope, "toy", "Raw", input).await.unwrap();
    assert_eq!(answer, json!({"Length": 14}));
}

#[tokio::test]
async fn a_query_call_comes_as_a_form_or_as_a_presigned_link() {
    let world = World::start().await;
    let client = world.client();
    let xml =
        client.call_query("toyq", "2026-01-01", "Echo", &[("Name", "a<&é"), ("Count", "3")]).await.unwrap();
    let expected = "<EchoResult><Name>a&lt;&amp;é</Name><Count>3</Count></EchoResult>";
    assert!(xml.starts_with("<EchoResponse xmlns=\"urn:toyq\">") && xml.contains(expected), "{xml}");
    let id = world.toy.last_context().request_id;
    assert!(
        xml.contains(&format!("<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>")),
        "{xml}"
    );

    let query = [("Action", "Echo"), ("Version", "2026-01-01"), ("Name", "b c")];
    let link = client.presign(Method::GET, "toyq", "/", &query, 60).unwrap();
    let answer = transport::plain_get(&link).await;
    assert_eq!(answer.0, 200);
    assert!(answer.1.contains("<Name>b c</Name>"), "{}", answer.1);
    world.clock.advance(Duration::from_secs(61));
    let answer = transport::plain_get(&link).await;
    assert_eq!(answer.0, 403);
    assert!(
        answer.1.contains("<Code>SignatureDoesNotMatch</Code><Message>Signature expired: "),
        "{}",
        answer.1
    );
}

#[tokio::test]
async fn what_no_service_claims_goes_to_the_fallback() {
    let world = World::start().await;
    let answer = world.client().send(Method::GET, "s3", "/bucket/key", &[], &[], Bytes::new()).await.unwrap();
    assert_eq!(answer.body, "fallback /bucket/key");
    assert_eq!(transport::plain_get(&format!("{}/bucket", world.endpoint)).await.1, "fallback /bucket");
}

#[tokio::test]
async fn internal_endpoints_answer_without_a_signature_and_only_as_mounted() {
    let world = World::start().await;
    let client = world.client();
    let send = |method, path: &'static str| {
        let client = client.clone();
        async move { client.send(method, "x", path, &[], &[], Bytes::from_static(b"hi")).await.unwrap() }
    };
    assert_eq!(send(Method::POST, "/_mulgil/echo").await.body, "hi");
    assert_eq!(send(Method::GET, "/_mulgil/echo").await.status, 404);
    assert_eq!(send(Method::POST, "/_mulgil/other").await.status, 404);
}

#[tokio::test]
async fn temporary_credentials_work_with_their_token_until_they_expire() {
    let credentials = known_key();
    let world = World::with(Arc::new(LocalAccount), known_key(), Limits::default()).await;
    let arn = "arn:aws:sts::000000000000:assumed-role/loader/nightly";
    let expires = world.rt.now().plus(Duration::from_secs(900));
    let issued = credentials.temporary().unwrap().issue(&account(), arn, expires, &world.rt);
    let client = |token: Option<String>| {
        let credentials = Credentials {
            access_key: issued.access_key.clone(),
            secret: issued.secret.clone(),
            session_token: token,
        };
        Client::with_rt(&world.endpoint, credentials, "us-east-1", world.rt.clone())
    };
    let input = json!({"Name": "a"});
    client(Some(issued.session_token.clone())).call(TOY, "Echo", &input).await.unwrap();
    assert_eq!(world.toy.last_context().principal.arn, arn);

    let refused = ("UnrecognizedClientException".to_owned(), 403);
    for token in
        [None, Some(String::new()), Some("AAAA".to_owned()), Some(issued.session_token.replace('A', "B"))]
    {
        assert_eq!(code(client(token).call(TOY, "Echo", &input).await), refused);
    }
    world.clock.advance(Duration::from_secs(900));
    let expired = client(Some(issued.session_token.clone())).call(TOY, "Echo", &input).await;
    assert_eq!(code(expired), ("ExpiredTokenException".to_owned(), 403));
}

#[tokio::test]
async fn a_call_in_process_is_checked_like_one_over_the_wire() {
    let world = World::start().await;
    let (principal, scope) = world.root();
    let call = |service: &'static str, operation: &'static str, input| {
        world.caller.call_as(&principal, &scope, service, operation, input)
    };
    assert_eq!(call("toy", "Echo", json!({"Name": "a"})).await.unwrap(), json!({"Name": "a"}));
    assert_eq!(call("toyq", "Echo", json!({"Name": "a"})).await.unwrap(), json!({"Name": "a"}));
    assert_eq!(call("toy", "Echo", json!({})).await.unwrap_err().code(), "ValidationException");
    assert_eq!(call("toy", "Explode", json!({})).await.unwrap_err().code(), "UnknownOperationException");
    assert_eq!(call("nosuch", "Echo", json!({})).await.unwrap_err().code(), "UnknownOperationException");
    assert_eq!(call("toy", "Panic", json!({})).await.unwrap_err().status(), 500);
    // And from within a handler, as the same principal.
    let answer = world.client().call(TOY, "Forward", &json!({"Name": "inner"})).await.unwrap();
    assert_eq!(answer, json!({"Name": "inner"}));
    assert_eq!(world.toy.last_context().principal, principal);
}

#[tokio::test]
async fn a_call_before_there_is_a_router_is_refused_as_unavailable() {
    let (principal, scope) =
        (Principal::root(account(), KEY), Scope::new(account(), Region::new("us-east-1").unwrap()));
    let early = crate::Caller::default().call_as(&principal, &scope, "toy", "Echo", json!({})).await;
    assert_eq!(early.unwrap_err().status(), 503);
}

#[tokio::test]
async fn without_signature_checks_everybody_is_the_local_account() {
    let region = Region::new("eu-west-1").unwrap();
    let credentials = MemoryCredentials::insecure_any(account(), region.clone());
    let world = World::with(Arc::new(LocalAccount), credentials, Limits::default()).await;
    world.client_of("anything", "wrong").call(TOY, "Echo", &json!({"Name": "a"})).await.unwrap();
    let context = world.toy.last_context();
    assert_eq!(context.scope.region.as_str(), "ap-northeast-2");
    assert_eq!((context.principal.account, context.principal.access_key.as_str()), (account(), "anything"));

    let link = format!("{}/?Action=Echo&Version=2026-01-01&Name=x", world.endpoint);
    assert_eq!(transport::plain_get(&link).await.0, 200);
    assert_eq!(world.toy.last_context().scope.region, region);
}

struct DenyEcho;

impl Authorizer for DenyEcho {
    fn authorize(
        &self,
        principal: &Principal,
        action: &str,
        _resource: Option<&str>,
        _context: &Context,
    ) -> Result<(), ApiError> {
        match action {
            "toy:Echo" => Err(ApiError::access_denied(format!("User: {} may not {action}", principal.arn))),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn the_authorizer_is_asked_before_every_handler() {
    let world = World::with(Arc::new(DenyEcho), known_key(), Limits::default()).await;
    let error = world.client().call(TOY, "Echo", &json!({"Name": "a"})).await.unwrap_err();
    assert_eq!(error.code, "AccessDeniedException");
    assert_eq!(error.message, "User: arn:aws:iam::000000000000:root may not toy:Echo");
    let forwarded = world.client().call(TOY, "Forward", &json!({"Name": "a"})).await;
    assert_eq!(code(forwarded).0, "AccessDeniedException");
    world.client().call(TOY, "Raw", &json!({"Name": "a"})).await.unwrap();
}

#[test]
#[should_panic(expected = "toy:Raw is built and has 0 handlers")]
fn a_service_that_contradicts_its_contract_does_not_start() {
    let toy = Arc::new(toy::Toy::new(crate::Caller::default()));
    let mut operations = toy::operations();
    operations.retain(|operation| operation.model.name != "Raw");
    let _ = Service::new(&toy::SERVICE, toy, operations);
}

use std::time::Duration;

use aws::client::{Client, ClientError, Credentials};
use aws::{Credential, Limits, LocalAccount, MemoryCredentials, Router, Service};
use names::AccountId;
use rt::{ManualClock, Timestamp};

use super::*;

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const ROLE: &str = "arn:aws:iam::123456789012:role/etl/loader";

struct World {
    rt: Rt,
    clock: ManualClock,
    endpoint: String,
}

impl World {
    async fn start() -> World {
        let (rt, clock) = Rt::manual(Timestamp::from_millis(1_795_337_413_000), 1);
        let account = AccountId::new("123456789012").unwrap();
        let credentials = Arc::new(MemoryCredentials::new().with(KEY, Credential::root(account, SECRET)));
        let sts = Arc::new(Sts::new(rt.clone(), credentials.clone()));
        let mut router = Router::builder(rt.clone(), Arc::new(LocalAccount), credentials, Limits::default());
        router.service(Service::new(&model::SERVICE, sts, operations()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        rt.spawn("listener", aws::serve(listener, router, rt.stop()));
        World { rt, clock, endpoint }
    }

    fn client(&self) -> Client {
        self.client_of(Credentials::new(KEY, SECRET))
    }

    fn client_of(&self, credentials: Credentials) -> Client {
        Client::with_rt(&self.endpoint, credentials, "us-east-1", self.rt.clone())
    }

    async fn assume(&self, client: &Client, parameters: &[(&str, &str)]) -> Result<String, ClientError> {
        let given = [&[("RoleArn", ROLE), ("RoleSessionName", "nightly")], parameters].concat();
        call(client, "AssumeRole", &given).await
    }
}

async fn call(client: &Client, action: &str, parameters: &[(&str, &str)]) -> Result<String, ClientError> {
    client.call_query("sts", "2011-06-15", action, parameters).await
}

fn text<'a>(xml: &'a str, element: &str) -> &'a str {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let start = xml.find(&open).unwrap_or_else(|| panic!("no {element} in {xml}")) + open.len();
    &xml[start..start + xml[start..].find(&close).unwrap()]
}

fn session(xml: &str) -> Credentials {
    Credentials {
        access_key: text(xml, "AccessKeyId").to_owned(),
        secret: text(xml, "SecretAccessKey").to_owned(),
        session_token: Some(text(xml, "SessionToken").to_owned()),
    }
}

#[tokio::test]
async fn the_root_learns_its_account_and_arn() {
    let world = World::start().await;
    let xml = call(&world.client(), "GetCallerIdentity", &[]).await.unwrap();
    assert_eq!(text(&xml, "Account"), "123456789012");
    assert_eq!(text(&xml, "Arn"), "arn:aws:iam::123456789012:root");
    assert_eq!(text(&xml, "UserId"), "123456789012");
}

#[tokio::test]
async fn a_known_key_tells_its_account_and_an_unknown_one_is_refused() {
    let world = World::start().await;
    // The model wants sixteen letters at least.
    let short = call(&world.client(), "GetAccessKeyInfo", &[("AccessKeyId", KEY)]).await.unwrap_err();
    assert_eq!(short.code, "ValidationError");
    let unknown = [("AccessKeyId", "AKIAIOSFODNN7EXAMPLE")];
    let error = call(&world.client(), "GetAccessKeyInfo", &unknown).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("ValidationError", 400));
    let issued = session(&call(&world.client(), "GetSessionToken", &[]).await.unwrap());
    let known = [("AccessKeyId", issued.access_key.as_str())];
    let xml = call(&world.client(), "GetAccessKeyInfo", &known).await.unwrap();
    assert_eq!(text(&xml, "Account"), "123456789012");
}

#[tokio::test]
async fn an_assumed_role_acts_under_its_own_name_until_it_expires() {
    let world = World::start().await;
    let xml = world.assume(&world.client(), &[("DurationSeconds", "900")]).await.unwrap();
    let arn = "arn:aws:sts::123456789012:assumed-role/loader/nightly";
    assert_eq!(text(&xml, "Arn"), arn);
    assert_eq!(text(&xml, "Expiration"), "2026-11-22T09:05:13Z");
    let id = text(&xml, "AssumedRoleId").to_owned();
    assert!(id.starts_with("AROA") && id.ends_with(":nightly") && id.len() == 21 + ":nightly".len(), "{id}");

    let client = world.client_of(session(&xml));
    let identity = call(&client, "GetCallerIdentity", &[]).await.unwrap();
    assert_eq!(text(&identity, "Arn"), arn);
    assert_eq!(text(&identity, "UserId"), id);
    world.clock.advance(Duration::from_secs(900));
    let error = call(&client, "GetCallerIdentity", &[]).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("ExpiredToken", 403));
}

#[tokio::test]
async fn only_roles_of_the_own_account_can_be_assumed() {
    let world = World::start().await;
    let assume = |arn: &'static str| {
        let client = world.client();
        async move { call(&client, "AssumeRole", &[("RoleArn", arn), ("RoleSessionName", "x1")]).await }
    };
    let foreign = assume("arn:aws:iam::999999999999:role/loader").await.unwrap_err();
    assert_eq!((foreign.code.as_str(), foreign.status), ("AccessDenied", 403));
    assert_eq!(
        foreign.message,
        "User: arn:aws:iam::123456789012:root is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::999999999999:role/loader"
    );
    for invalid in [
        "arn:aws:iam::123456789012:user/a",
        "arn:aws:s3:::role/role-bucket",
        "role/loader-of-flights",
        "arn:aws:iam::123456789012:role/",
    ] {
        assert_eq!(assume(invalid).await.unwrap_err().code, "ValidationError", "{invalid}");
    }
}

#[tokio::test]
async fn a_session_of_the_root_lasts_an_hour_at_most() {
    let world = World::start().await;
    for parameters in [&[][..], &[("DurationSeconds", "129600")]] {
        let xml = call(&world.client(), "GetSessionToken", parameters).await.unwrap();
        assert_eq!(text(&xml, "Expiration"), "2026-11-22T09:50:13Z");
        let client = world.client_of(session(&xml));
        let identity = call(&client, "GetCallerIdentity", &[]).await.unwrap();
        assert_eq!(text(&identity, "Arn"), "arn:aws:iam::123456789012:root");
    }
}

#[tokio::test]
async fn sessions_do_not_beget_longer_sessions() {
    let world = World::start().await;
    let client = world.client_of(session(&world.assume(&world.client(), &[]).await.unwrap()));
    let error = call(&client, "GetSessionToken", &[]).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("AccessDenied", 403));
    let error = world.assume(&client, &[("DurationSeconds", "3601")]).await.unwrap_err();
    assert_eq!(error.code, "ValidationError");
    world.assume(&client, &[("DurationSeconds", "3600")]).await.unwrap();
}

#[tokio::test]
async fn what_is_not_built_is_refused_by_name() {
    let world = World::start().await;
    let error = call(&world.client(), "GetFederationToken", &[("Name", "x")]).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("InvalidAction", 400));
    assert_eq!(
        error.message,
        "sts:GetFederationToken is not supported by Mulgil: federation is not built yet"
    );
    let tags = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "data")];
    let error = world.assume(&world.client(), &tags).await.unwrap_err();
    assert_eq!(error.code, "ValidationError");
    assert!(error.message.starts_with("Field 'Tags' is not supported by Mulgil: "), "{}", error.message);
}

#[test]
fn every_constraint_of_every_operation_is_checked() {
    let tried = aws::model::testing::assert_constraints(&model::SERVICE);
    assert_eq!(tried.operations, 4);
}

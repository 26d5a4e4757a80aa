//! Every operation, called in process through the router: checked input, typed handler, checked
//! output.

mod databases;
mod partitions;
mod search;
mod tables;

use std::sync::Arc;

use aws::{Limits, LocalAccount, MemoryCredentials, Principal, Router, Service};
use lake::Lake;
use meta::Meta;
use names::{AccountId, Region, Scope};
use objects::Objects;
use rt::{ManualClock, Rt, Timestamp};
use serde_json::{Value, json};

use crate::{Glue, model, operations};

const ACCOUNT: &str = "123456789012";

struct World {
    /// The caller holds it weakly.
    _router: Router,
    caller: aws::Caller,
    principal: Principal,
    scope: Scope,
    clock: ManualClock,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> World {
        let (rt, clock) = Rt::manual(Timestamp::from_millis(1_795_337_413_000), 1);
        let dir = tempfile::tempdir().unwrap();
        let meta = Meta::in_memory(rt.clone()).await;
        let objects = Objects::open(dir.path(), meta.clone(), rt.clone()).await.unwrap();
        let glue = Arc::new(Glue::new(Lake::new(meta, objects, rt.clone())));
        let credentials = Arc::new(MemoryCredentials::new());
        let mut builder = Router::builder(rt, Arc::new(LocalAccount), credentials, Limits::default());
        builder.service(Service::new(&model::SERVICE, glue, operations()));
        let caller = builder.caller();
        let account = AccountId::new(ACCOUNT).unwrap();
        World {
            _router: builder.build(),
            caller,
            principal: Principal::root(account.clone(), "AKIDEXAMPLE"),
            scope: Scope::new(account, Region::new("us-east-1").unwrap()),
            clock,
            _dir: dir,
        }
    }

    /// With the database `air` and in it the table `flights`, partitioned by day and hour.
    async fn with_flights() -> World {
        let world = World::new().await;
        world.ok("CreateDatabase", json!({"DatabaseInput": {"Name": "Air"}})).await;
        world.ok("CreateTable", json!({"DatabaseName": "air", "TableInput": flights()})).await;
        world
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, (String, String)> {
        let answer = self.caller.call_as(&self.principal, &self.scope, "glue", operation, input).await;
        answer.map_err(|error| {
            assert_eq!(error.status(), 400, "{error}");
            (error.code().to_owned(), error.message().to_owned())
        })
    }

    async fn ok(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    }

    /// The code and message of a call that fails.
    async fn fails(&self, operation: &str, input: Value) -> (String, String) {
        match self.call(operation, input).await {
            Ok(answer) => panic!("{operation} answered {answer}"),
            Err(error) => error,
        }
    }

    /// Follows `NextToken` and gathers the named member of every item of a list.
    async fn pages(&self, operation: &str, mut input: Value, list: &str, member: &str) -> Vec<Value> {
        let mut found = Vec::new();
        loop {
            let answer = self.ok(operation, input.clone()).await;
            found.extend(answer[list].as_array().unwrap().iter().map(|item| item[member].clone()));
            match &answer["NextToken"] {
                Value::Null => return found,
                token => input["NextToken"] = token.clone(),
            }
        }
    }
}

fn flights() -> Value {
    json!({
        "Name": "Flights",
        "Description": "departures",
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": "day", "Type": "date"}, {"Name": "hour", "Type": "int", "Comment": "UTC"}],
        "StorageDescriptor": {
            "Columns": [{"Name": "Delay", "Type": "int"}, {"Name": "origin", "Type": "string", "Parameters": {"a": "b"}}],
            "Location": "s3://lake/flights/"
        }
    })
}

fn error(code: &str, message: &str) -> (String, String) {
    (code.to_owned(), message.to_owned())
}

#[tokio::test]
async fn there_is_one_catalog_and_it_is_the_account() {
    let world = World::with_flights().await;
    world.ok("GetDatabase", json!({"CatalogId": ACCOUNT, "Name": "air"})).await;
    let other = world.fails("GetDatabase", json!({"CatalogId": "999999999999", "Name": "air"})).await;
    assert_eq!(other, error("EntityNotFoundException", "Catalog 999999999999 not found."));
}

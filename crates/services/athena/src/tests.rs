//! The service in process: store, objects, lake and engine are the real ones.

use std::sync::Arc;

use aws::{ApiError, Context, Principal};
use lake::Lake;
use meta::{Meta, Txn};
use names::{AccountId, Region, Scope};
use objects::Objects;
use query::{Engine, QuerySettings};
use rt::{ManualClock, Rt, Timestamp};

use crate::execution::{Execution, State};
use crate::keys::{self, AthenaKey};
use crate::limits::HISTORY_KEPT;
use crate::model::*;
use crate::ops;
use crate::{Athena, AthenaSettings};

const LONG: &str = "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x) \
                    CROSS JOIN UNNEST(sequence(1, 10000)) AS b(y) \
                    CROSS JOIN UNNEST(sequence(1, 100)) AS c(z) WHERE (x * y * z) % 7919 = 3";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// One node's storage, on which services can be started one after the other.
struct Node {
    rt: Rt,
    clock: ManualClock,
    meta: Meta,
    objects: Objects,
    scope: Scope,
    _dir: tempfile::TempDir,
}

impl Node {
    async fn new() -> Node {
        let (rt, clock) = Rt::manual(Timestamp::from_millis(1_790_000_000_000), 7);
        let dir = tempfile::tempdir().unwrap();
        let meta = Meta::in_memory(rt.clone()).await;
        let objects = Objects::open(dir.path(), meta.clone(), rt.clone()).await.unwrap();
        let scope = Scope::new(AccountId::new("000000000000").unwrap(), Region::new("us-east-1").unwrap());
        objects.create_bucket("out", &scope).await.unwrap();
        Node { rt, clock, meta, objects, scope, _dir: dir }
    }

    fn service(&self, running: usize, admitted: usize) -> Service {
        let lake = Lake::new(self.meta.clone(), self.objects.clone(), self.rt.clone());
        let engine = Engine::new(self.rt.clone(), lake.clone(), QuerySettings::default());
        let settings = AthenaSettings {
            queries_running_max: running,
            queries_admitted_max: admitted,
            ..AthenaSettings::default()
        };
        let (rt, meta, objects) = (self.rt.clone(), self.meta.clone(), self.objects.clone());
        let athena = Arc::new(Athena::new(rt, meta, objects, lake, engine, settings));
        Service { athena, scope: self.scope.clone() }
    }
}

/// The operations as a caller sees them.
struct Service {
    athena: Arc<Athena>,
    scope: Scope,
}

impl Service {
    fn ctx(&self) -> Context {
        Context {
            scope: self.scope.clone(),
            principal: Principal::root(self.scope.account.clone(), "key"),
            request_id: "request".into(),
            service: "athena",
            operation: "test",
            now: self.athena.rt.now(),
        }
    }

    async fn start_with(&self, input: StartQueryExecutionInput) -> Result<String, ApiError> {
        let output = ops::start_query_execution::handle(self.ctx(), self.athena.clone(), input).await?;
        Ok(output.query_execution_id.unwrap())
    }

    async fn start(&self, sql: &str) -> String {
        self.start_with(request(sql)).await.unwrap()
    }

    async fn get(&self, id: &str) -> Result<QueryExecution, ApiError> {
        let input = GetQueryExecutionInput { query_execution_id: id.into() };
        let output = ops::get_query_execution::handle(self.ctx(), self.athena.clone(), input).await?;
        Ok(output.query_execution.unwrap())
    }

    /// The execution once it has ended.
    async fn ended(&self, id: &str) -> QueryExecution {
        let mut changes = self.athena.meta.watch(&AthenaKey::Execution(id).in_scope(&self.scope));
        loop {
            let execution = self.get(id).await.unwrap();
            let state = execution.status.as_ref().unwrap().state.unwrap();
            if !matches!(state, QueryExecutionState::Queued | QueryExecutionState::Running) {
                return execution;
            }
            changes.changed().await;
        }
    }

    async fn stop(&self, id: &str) {
        let input = StopQueryExecutionInput { query_execution_id: id.into() };
        ops::stop_query_execution::handle(self.ctx(), self.athena.clone(), input).await.unwrap();
    }

    async fn results(&self, id: &str) -> Result<GetQueryResultsOutput, ApiError> {
        let input = GetQueryResultsInput { query_execution_id: id.into(), ..Default::default() };
        ops::get_query_results::handle(self.ctx(), self.athena.clone(), input).await
    }
}

fn request(sql: &str) -> StartQueryExecutionInput {
    StartQueryExecutionInput {
        query_string: sql.into(),
        result_configuration: Some(ResultConfiguration {
            output_location: Some("s3://out/results".into()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn state_of(execution: &QueryExecution) -> QueryExecutionState {
    execution.status.as_ref().unwrap().state.unwrap()
}

fn reason_of(execution: &QueryExecution) -> String {
    execution.status.as_ref().unwrap().state_change_reason.clone().unwrap_or_default()
}

#[tokio::test]
async fn a_query_runs_to_its_end_and_its_result_is_read_back() {
    let node = Node::new().await;
    let service = node.service(2, 10);
    let id = service.start("SELECT 'a' AS x").await;
    let execution = service.ended(&id).await;
    assert_eq!(state_of(&execution), QueryExecutionState::Succeeded, "{}", reason_of(&execution));
    let location = execution.result_configuration.unwrap().output_location.unwrap();
    assert_eq!(location, format!("s3://out/results/{id}.csv"));
    node.objects.head("out", &format!("results/{id}.csv.metadata")).await.unwrap();
    let results = service.results(&id).await.unwrap();
    let set = results.result_set.unwrap();
    assert_eq!(set.rows.unwrap().len(), 2, "the header and the row");
    assert!(!set.result_set_metadata.unwrap().column_info.unwrap().is_empty());
    assert_eq!(results.next_token, None);
    assert!(node.meta.scan(&keys::all_pending(), None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_unknown_name_fails_the_query_with_the_engines_reason_and_no_result() {
    let node = Node::new().await;
    let service = node.service(2, 10);
    let id = service.start("SELECT * FROM nowhere.missing").await;
    let execution = service.ended(&id).await;
    assert_eq!(state_of(&execution), QueryExecutionState::Failed);
    let error = execution.status.as_ref().unwrap().athena_error.clone().unwrap();
    assert_eq!((error.error_category, error.error_type), (Some(2), Some(1301)));
    let reason = reason_of(&execution);
    assert!(reason.starts_with("SCHEMA_NOT_FOUND: line 1:15: "), "{reason}");
    assert_eq!(error.error_message, Some(reason));
    let refused = service.results(&id).await.unwrap_err();
    assert_eq!(refused.message(), "Query did not finish successfully. Final query state: FAILED");
    assert!(node.objects.head("out", &format!("results/{id}.csv")).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_was_answered_is_final() {
    let node = Node::new().await;
    let service = node.service(1, 10);
    let running = service.start(LONG).await;
    let waiting = service.start("SELECT 1 AS x").await;
    for id in [&running, &waiting] {
        service.stop(id).await;
        assert_eq!(state_of(&service.get(id).await.unwrap()), QueryExecutionState::Cancelled);
        service.stop(id).await;
    }
    let next = service.start("SELECT 2 AS x").await;
    assert_eq!(
        state_of(&service.ended(&next).await),
        QueryExecutionState::Succeeded,
        "the turn is free again"
    );
    for id in [&running, &waiting] {
        assert_eq!(state_of(&service.get(id).await.unwrap()), QueryExecutionState::Cancelled);
        assert!(node.objects.head("out", &format!("results/{id}.csv")).await.is_err());
    }
}

#[tokio::test]
async fn more_queries_than_are_admitted_are_refused_until_one_is_over() {
    let node = Node::new().await;
    let service = node.service(0, 2);
    let first = service.start("SELECT 1 AS x").await;
    service.start("SELECT 2 AS x").await;
    let refused = service.start_with(request("SELECT 3 AS x")).await.unwrap_err();
    assert_eq!(refused.code(), "TooManyRequestsException");
    assert_eq!(refused.fields()["Reason"], "CONCURRENT_QUERY_LIMIT_EXCEEDED");
    service.stop(&first).await;
    while service.athena.runner.live(&first).is_some() {
        tokio::task::yield_now().await;
    }
    service.start("SELECT 3 AS x").await;
}

#[tokio::test]
async fn a_token_stands_for_one_request() {
    let node = Node::new().await;
    let service = node.service(1, 10);
    let with_token =
        |sql| StartQueryExecutionInput { client_request_token: Some(TOKEN.into()), ..request(sql) };
    let first = service.start_with(with_token("SELECT 1 AS x")).await.unwrap();
    assert_eq!(service.start_with(with_token("SELECT 1 AS x")).await.unwrap(), first);
    service.ended(&first).await;
    assert_eq!(service.start_with(with_token("SELECT 1 AS x")).await.unwrap(), first);
    let refused = service.start_with(with_token("SELECT 2 AS x")).await.unwrap_err();
    assert_eq!(refused.fields()["AthenaErrorCode"], "IDEMPOTENT_PARAMETER_MISMATCH");
}

#[tokio::test]
async fn what_was_accepted_before_a_restart_is_run_after_it() {
    let node = Node::new().await;
    let before = node.service(0, 10);
    let id = before.start("SELECT 'kept' AS x").await;
    assert_eq!(state_of(&before.get(&id).await.unwrap()), QueryExecutionState::Queued);
    let after = node.service(1, 10);
    after.athena.start().await.unwrap();
    assert_eq!(state_of(&after.ended(&id).await), QueryExecutionState::Succeeded);
}

#[tokio::test]
async fn a_statement_that_may_not_run_twice_has_failed_if_it_had_started() {
    let node = Node::new().await;
    let before = node.service(0, 10);
    let id = before.start("CREATE DATABASE once").await;
    let key = AthenaKey::Execution(&id).in_scope(&node.scope);
    let entry = node.meta.get(&key).await.unwrap().unwrap();
    let mut execution: Execution = entry.json().unwrap();
    execution.state = State::Running;
    node.meta.commit(Txn::new().put_json(key, &execution)).await.unwrap();
    let after = node.service(1, 10);
    after.athena.start().await.unwrap();
    let ended = after.ended(&id).await;
    assert_eq!(state_of(&ended), QueryExecutionState::Failed);
    assert!(reason_of(&ended).contains("was running when the service stopped"), "{}", reason_of(&ended));
    assert!(node.meta.scan(&keys::all_pending(), None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn executions_are_forgotten_when_they_are_old() {
    let node = Node::new().await;
    let service = node.service(1, 10);
    let old = service.start_with(StartQueryExecutionInput {
        client_request_token: Some(TOKEN.into()),
        ..request("SELECT 1 AS x")
    });
    let old = old.await.unwrap();
    service.ended(&old).await;
    node.clock.advance(HISTORY_KEPT / 2);
    let young = service.start("SELECT 2 AS x").await;
    service.ended(&young).await;
    node.clock.advance(HISTORY_KEPT / 2);
    service.athena.forget_due().await.unwrap();
    let refused = service.get(&old).await.unwrap_err();
    assert_eq!(refused.message(), format!("QueryExecution {old} was not found"));
    service.get(&young).await.unwrap();
    let listed =
        ops::list_query_executions::handle(service.ctx(), service.athena.clone(), Default::default());
    assert_eq!(listed.await.unwrap().query_execution_ids, Some(vec![young]));
}

#[tokio::test]
async fn a_work_groups_location_wins_where_it_is_enforced_and_primary_has_none() {
    let node = Node::new().await;
    let service = node.service(1, 10);
    let none = StartQueryExecutionInput { query_string: "SELECT 1 AS x".into(), ..Default::default() };
    let refused = service.start_with(none).await.unwrap_err();
    assert!(refused.message().starts_with("No output location provided."), "{}", refused.message());
    let create = CreateWorkGroupInput {
        name: "strict".into(),
        configuration: Some(WorkGroupConfiguration {
            result_configuration: Some(ResultConfiguration {
                output_location: Some("s3://out/strict/".into()),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    ops::create_work_group::handle(service.ctx(), service.athena.clone(), create).await.unwrap();
    let with_token =
        || StartQueryExecutionInput { client_request_token: Some(TOKEN.into()), ..request("SELECT 1 AS x") };
    let strict = StartQueryExecutionInput { work_group: Some("strict".into()), ..with_token() };
    let id = service.start_with(strict).await.unwrap();
    let location = service.ended(&id).await.result_configuration.unwrap().output_location.unwrap();
    assert_eq!(location, format!("s3://out/strict/{id}.csv"));
    let delete = |name: &str| DeleteWorkGroupInput { work_group: name.into(), ..Default::default() };
    for name in ["primary", "strict", "unknown"] {
        let refused =
            ops::delete_work_group::handle(service.ctx(), service.athena.clone(), delete(name)).await;
        assert_eq!(refused.unwrap_err().code(), "InvalidRequestException", "{name}");
    }
    let recursive = DeleteWorkGroupInput { recursive_delete_option: Some(true), ..delete("strict") };
    ops::delete_work_group::handle(service.ctx(), service.athena.clone(), recursive).await.unwrap();
    assert!(service.get(&id).await.is_err(), "its history went with it");
    let again = service.start_with(with_token()).await.unwrap();
    assert_ne!(again, id, "a token of what is forgotten stands for nothing");
}

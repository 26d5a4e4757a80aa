use std::sync::Arc;

use aws::{ApiError, Context};
use meta::{CommitError, Txn};
use names::Scope;
use query::Engine;

use crate::Athena;
use crate::error::{Rejection, from_commit, from_meta, invalid, too_many_queries};
use crate::execution::{Execution, Figures, Request, State};
use crate::keys::AthenaKey;
use crate::limits::CONFLICT_RETRIES_MAX;
use crate::location::Asked;
use crate::model::{StartQueryExecutionInput, StartQueryExecutionOutput};
use crate::runner::{accepted, finished};
use crate::shapes::check_catalog;
use crate::statement::classify;
use crate::workgroup::{PRIMARY, WorkGroupRecord};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: StartQueryExecutionInput,
) -> Result<StartQueryExecutionOutput, ApiError> {
    let token = input.client_request_token.clone();
    let request = request(input);
    if let Some(catalog) = &request.catalog {
        check_catalog(catalog)?;
    }
    Engine::check(&request.sql).map_err(|error| invalid(Rejection::Syntax, error.to_string()))?;
    let group = athena.work_group(&ctx.scope, &request.work_group).await?;
    if !group.enabled {
        return Err(invalid(Rejection::Input, format!("WorkGroup {} is disabled.", group.name)));
    }
    for _ in 0..CONFLICT_RETRIES_MAX {
        let id = match look_up(&athena, &ctx.scope, token.as_deref(), &request).await? {
            Token::Started(id) => Some(id),
            Token::Free(claim) => {
                start(&athena, &ctx.scope, token.clone(), claim, request.clone(), &group).await?
            }
        };
        if id.is_some() {
            return Ok(StartQueryExecutionOutput { query_execution_id: id });
        }
    }
    Err(ApiError::internal("a client request token is taken and free at once"))
}

fn request(input: StartQueryExecutionInput) -> Request {
    let context = input.query_execution_context.unwrap_or_default();
    let result = input.result_configuration.unwrap_or_default();
    let reuse = input.result_reuse_configuration.and_then(|reuse| reuse.result_reuse_by_age_configuration);
    Request {
        sql: input.query_string,
        catalog: context.catalog,
        database: context.database,
        work_group: input.work_group.unwrap_or_else(|| PRIMARY.to_owned()),
        parameters: input.execution_parameters.unwrap_or_default(),
        output_location: result.output_location,
        expected_bucket_owner: result.expected_bucket_owner,
        acl: result.acl_configuration.map(|acl| acl.s3_acl_option.as_str().to_owned()),
        reuse: reuse.map(|reuse| (reuse.enabled, reuse.max_age_in_minutes)),
    }
}

/// What a client request token stands for.
enum Token {
    /// This execution, which is what is asked for again.
    Started(String),
    /// Nothing, or an execution that was forgotten; claiming it requires that this stays so.
    Free(Txn),
}

async fn look_up(
    athena: &Athena,
    scope: &Scope,
    token: Option<&str>,
    request: &Request,
) -> Result<Token, ApiError> {
    let Some(token) = token else { return Ok(Token::Free(Txn::new())) };
    let key = AthenaKey::Token(token).in_scope(scope);
    let Some(entry) = athena.meta.get(&key).await.map_err(from_meta)? else {
        return Ok(Token::Free(Txn::new().require_absent(key)));
    };
    let id: String = entry.json().map_err(from_meta)?;
    match athena.execution(scope, &id).await? {
        None => Ok(Token::Free(Txn::new().require_revision(key, entry.revision))),
        Some(earlier) if earlier.request == *request => Ok(Token::Started(id)),
        Some(_) => Err(invalid(Rejection::IdempotencyMismatch, "Idempotent parameters do not match")),
    }
}

/// Accepts the query durably and sends it on its way. `None` if the token was taken meanwhile.
async fn start(
    athena: &Arc<Athena>,
    scope: &Scope,
    token: Option<String>,
    claim: Txn,
    request: Request,
    group: &WorkGroupRecord,
) -> Result<Option<String>, ApiError> {
    let execution = planned(athena, scope, token, request, group).await?;
    let reused = execution.state == State::Succeeded;
    let admission = if reused { None } else { Some(athena.runner.admit().ok_or_else(too_many_queries)?) };
    let mut txn = accepted(claim, scope, &execution);
    if reused {
        txn = finished(txn, &execution, athena.rt.now());
    }
    if let Some(token) = &execution.token {
        txn = txn.put_json(AthenaKey::Token(token).in_scope(scope), &execution.id);
    }
    let revision = match athena.meta.commit(txn).await {
        Ok(revision) => revision,
        Err(CommitError::Conflict { .. }) => return Ok(None),
        Err(error) => return Err(from_commit(error)),
    };
    let id = execution.id.clone();
    if let Some(admission) = admission {
        athena.submit(execution, revision, admission);
    }
    Ok(Some(id))
}

/// The record of a new execution; already finished if an earlier result will do.
async fn planned(
    athena: &Athena,
    scope: &Scope,
    token: Option<String>,
    request: Request,
    group: &WorkGroupRecord,
) -> Result<Execution, ApiError> {
    let statement = classify(&request.sql);
    let id = athena.rt.uuid();
    let asked = Asked {
        location: request.output_location.as_deref(),
        expected_bucket_owner: request.expected_bucket_owner.as_deref(),
    };
    let name = format!("{id}.{}", statement.file.extension());
    let place = athena.place(scope, &asked, &group.settings, &name).await?;
    let now = athena.rt.now();
    let reused = athena.reusable(scope, &request).await?;
    let mut execution = Execution {
        id,
        request,
        token,
        scope: scope.clone(),
        kind: statement.kind,
        verb: statement.verb,
        repeatable: statement.repeatable,
        file: statement.file,
        place,
        bytes_scanned_max: group.settings.bytes_scanned_max,
        state: State::Queued,
        reason: None,
        failure: None,
        submitted: now,
        completed: None,
        figures: Figures::default(),
        columns: Vec::new(),
        update_count: None,
        reused_from: None,
    };
    if let Some(earlier) = reused {
        execution.state = State::Succeeded;
        execution.completed = Some(now);
        execution.place = earlier.place;
        execution.columns = earlier.columns;
        execution.figures.output_rows = earlier.figures.output_rows;
        execution.figures.output_bytes = earlier.figures.output_bytes;
        execution.reused_from = Some(earlier.id);
    }
    Ok(execution)
}

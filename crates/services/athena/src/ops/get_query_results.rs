use std::sync::Arc;

use crate::Athena;
use crate::error::{Rejection, from_object, invalid, unsupported};
use crate::execution::{Execution, State};
use crate::limits::RESULT_ROWS_MAX;
use crate::model::{
    Datum, GetQueryResultsInput, GetQueryResultsOutput, QueryResultType, ResultSet, ResultSetMetadata, Row,
};
use crate::results::read_page;
use crate::shapes::column_info;
use crate::spool::Cell;
use crate::statement::Kind;
use aws::{ApiError, Context, paging};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: GetQueryResultsInput,
) -> Result<GetQueryResultsOutput, ApiError> {
    if input.query_result_type == Some(QueryResultType::DataManifest) {
        return Err(unsupported("The query result type DATA_MANIFEST"));
    }
    let execution = athena.existing_execution(&ctx.scope, &input.query_execution_id).await?;
    check_state(&execution)?;
    let offset = match &input.next_token {
        Some(token) => offset(&execution, token)?,
        None => 0,
    };
    let limit = input.max_results.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(RESULT_ROWS_MAX);
    let place = (execution.place.bucket.as_str(), execution.place.key.as_str());
    let size = athena.objects.head(place.0, place.1).await.map_err(from_object)?.size;
    let page = read_page(&athena.objects, place, execution.file, (offset, size), limit.min(RESULT_ROWS_MAX))
        .await
        .map_err(from_object)?;
    Ok(GetQueryResultsOutput {
        update_count: (execution.kind != Kind::Ddl).then_some(execution.update_count.unwrap_or(0)),
        result_set: Some(ResultSet {
            rows: Some(page.rows.into_iter().map(row).collect()),
            result_set_metadata: Some(ResultSetMetadata {
                column_info: Some(execution.columns.iter().map(column_info).collect()),
            }),
        }),
        next_token: page.next.map(|next| token(&execution, next)),
    })
}

fn check_state(execution: &Execution) -> Result<(), ApiError> {
    let message = match execution.state {
        State::Succeeded => return Ok(()),
        State::Queued | State::Running => {
            format!("Query has not yet finished. Current state: {}", execution.state.as_str())
        }
        State::Failed | State::Cancelled => {
            format!("Query did not finish successfully. Final query state: {}", execution.state.as_str())
        }
    };
    Err(invalid(Rejection::ExecutionState, message))
}

fn row(cells: Vec<Cell>) -> Row {
    let data = cells.into_iter().map(|cell| Datum { var_char_value: cell }).collect();
    Row { data: Some(data) }
}

/// A token is the execution it belongs to and the byte at which the next page begins.
fn token(execution: &Execution, offset: u64) -> String {
    paging::encode(&(&execution.id, offset))
}

fn offset(execution: &Execution, token: &str) -> Result<u64, ApiError> {
    paging::decode::<(String, u64)>(token)
        .filter(|(id, _)| *id == execution.id)
        .map(|(_, offset)| offset)
        .ok_or_else(|| invalid(Rejection::Input, format!("Malformed nextPageToken {token}")))
}

//! Records as the wire shapes that describe them.

use aws::ApiError;
use lake::{Database, Table};

use crate::error::{Rejection, invalid};
use crate::execution::{Column, Execution, Failure, State};
use crate::model;
use crate::named::NamedRecord;
use crate::prepared::PreparedRecord;
use crate::statement::Kind;
use crate::workgroup::{ENGINE_VERSION, WorkGroupRecord};

/// The name of the one data catalog.
pub(crate) const CATALOG: &str = "AwsDataCatalog";

/// Refuses a catalog that is not there. Its name is not case-sensitive.
pub(crate) fn check_catalog(name: &str) -> Result<(), ApiError> {
    if name.eq_ignore_ascii_case(CATALOG) {
        return Ok(());
    }
    Err(invalid(Rejection::NoSuchCatalog, format!("Catalog '{name}' does not exist")))
}

pub(crate) fn engine_version(selected: &str) -> model::EngineVersion {
    model::EngineVersion {
        selected_engine_version: Some(selected.to_owned()),
        effective_engine_version: Some(ENGINE_VERSION.to_owned()),
    }
}

pub(crate) fn state(state: State) -> model::QueryExecutionState {
    match state {
        State::Queued => model::QueryExecutionState::Queued,
        State::Running => model::QueryExecutionState::Running,
        State::Succeeded => model::QueryExecutionState::Succeeded,
        State::Failed => model::QueryExecutionState::Failed,
        State::Cancelled => model::QueryExecutionState::Cancelled,
    }
}

fn statement_type(kind: Kind) -> model::StatementType {
    match kind {
        Kind::Ddl => model::StatementType::Ddl,
        Kind::Dml => model::StatementType::Dml,
        Kind::Utility => model::StatementType::Utility,
    }
}

pub(crate) fn query_execution(execution: Execution, now: rt::Timestamp) -> model::QueryExecution {
    let statistics = statistics(&execution, now);
    let status = model::QueryExecutionStatus {
        state: Some(state(execution.state)),
        state_change_reason: execution.reason,
        submission_date_time: Some(execution.submitted.into()),
        completion_date_time: execution.completed.map(Into::into),
        athena_error: execution.failure.map(athena_error),
    };
    let request = execution.request;
    model::QueryExecution {
        query_execution_id: Some(execution.id),
        query: Some(request.sql),
        statement_type: Some(statement_type(execution.kind)),
        result_configuration: Some(model::ResultConfiguration {
            output_location: Some(execution.place.uri()),
            expected_bucket_owner: request.expected_bucket_owner,
            acl_configuration: request.acl.as_deref().and_then(acl),
            ..Default::default()
        }),
        result_reuse_configuration: Some(model::ResultReuseConfiguration {
            result_reuse_by_age_configuration: Some(model::ResultReuseByAgeConfiguration {
                enabled: request.reuse.is_some_and(|(enabled, _)| enabled),
                max_age_in_minutes: request.reuse.and_then(|(_, minutes)| minutes),
            }),
        }),
        query_execution_context: Some(model::QueryExecutionContext {
            database: request.database,
            catalog: request.catalog.map(|catalog| catalog.to_lowercase()),
        }),
        status: Some(status),
        statistics: Some(statistics),
        work_group: Some(request.work_group),
        engine_version: Some(engine_version("AUTO")),
        execution_parameters: (!request.parameters.is_empty()).then_some(request.parameters),
        substatement_type: Some(execution.verb),
        ..Default::default()
    }
}

pub(crate) fn acl(option: &str) -> Option<model::AclConfiguration> {
    option.parse().ok().map(|s3_acl_option| model::AclConfiguration { s3_acl_option })
}

fn athena_error(failure: Failure) -> model::AthenaError {
    model::AthenaError {
        error_category: Some(failure.category),
        error_type: Some(failure.error_type),
        retryable: Some(failure.retryable),
        error_message: Some(failure.reason),
    }
}

fn long(number: u64) -> Option<i64> {
    Some(i64::try_from(number).unwrap_or(i64::MAX))
}

fn statistics(execution: &Execution, now: rt::Timestamp) -> model::QueryExecutionStatistics {
    let figures = &execution.figures;
    model::QueryExecutionStatistics {
        engine_execution_time_in_millis: long(figures.engine_ms),
        data_scanned_in_bytes: long(figures.scanned_bytes),
        total_execution_time_in_millis: long(execution.total_ms(now)),
        query_queue_time_in_millis: long(figures.queue_ms),
        service_pre_processing_time_in_millis: long(0),
        query_planning_time_in_millis: long(figures.planning_ms),
        service_processing_time_in_millis: long(figures.publish_ms),
        result_reuse_information: Some(model::ResultReuseInformation {
            reused_previous_result: execution.reused_from.is_some(),
        }),
        ..Default::default()
    }
}

pub(crate) fn runtime_statistics(execution: &Execution, now: rt::Timestamp) -> model::QueryRuntimeStatistics {
    let figures = &execution.figures;
    model::QueryRuntimeStatistics {
        timeline: Some(model::QueryRuntimeStatisticsTimeline {
            query_queue_time_in_millis: long(figures.queue_ms),
            service_pre_processing_time_in_millis: long(0),
            query_planning_time_in_millis: long(figures.planning_ms),
            engine_execution_time_in_millis: long(figures.engine_ms),
            service_processing_time_in_millis: long(figures.publish_ms),
            total_execution_time_in_millis: long(execution.total_ms(now)),
        }),
        rows: Some(model::QueryRuntimeStatisticsRows {
            input_bytes: long(figures.scanned_bytes),
            output_bytes: long(figures.output_bytes),
            output_rows: long(figures.output_rows),
            ..Default::default()
        }),
        ..Default::default()
    }
}

pub(crate) fn column_info(column: &Column) -> model::ColumnInfo {
    model::ColumnInfo {
        catalog_name: Some("hive".to_owned()),
        schema_name: Some(String::new()),
        table_name: Some(String::new()),
        name: column.name.clone(),
        label: Some(column.name.clone()),
        type_: column.type_.clone(),
        precision: Some(column.precision),
        scale: Some(column.scale),
        nullable: Some(model::ColumnNullable::Unknown),
        case_sensitive: Some(column.case_sensitive()),
    }
}

pub(crate) fn work_group(record: WorkGroupRecord) -> model::WorkGroup {
    let settings = record.settings;
    model::WorkGroup {
        name: record.name,
        state: Some(work_group_state(record.enabled)),
        configuration: Some(model::WorkGroupConfiguration {
            result_configuration: Some(model::ResultConfiguration {
                output_location: settings.output_location,
                expected_bucket_owner: settings.expected_bucket_owner,
                acl_configuration: settings.acl.as_deref().and_then(acl),
                ..Default::default()
            }),
            enforce_work_group_configuration: Some(settings.enforce),
            publish_cloud_watch_metrics_enabled: Some(settings.publish_metrics),
            bytes_scanned_cutoff_per_query: settings.bytes_scanned_max.and_then(long),
            requester_pays_enabled: Some(settings.requester_pays),
            engine_version: Some(engine_version(&settings.engine_version)),
            enable_minimum_encryption_configuration: Some(false),
            ..Default::default()
        }),
        description: record.description.filter(|text| !text.is_empty()),
        creation_time: Some(record.created.into()),
        ..Default::default()
    }
}

pub(crate) fn work_group_summary(record: WorkGroupRecord) -> model::WorkGroupSummary {
    model::WorkGroupSummary {
        name: Some(record.name),
        state: Some(work_group_state(record.enabled)),
        description: Some(record.description.unwrap_or_default()),
        creation_time: Some(record.created.into()),
        engine_version: Some(engine_version(&record.settings.engine_version)),
        ..Default::default()
    }
}

fn work_group_state(enabled: bool) -> model::WorkGroupState {
    if enabled { model::WorkGroupState::Enabled } else { model::WorkGroupState::Disabled }
}

pub(crate) fn named_query(record: NamedRecord) -> model::NamedQuery {
    model::NamedQuery {
        name: record.name,
        description: record.description,
        database: record.database,
        query_string: record.sql,
        named_query_id: Some(record.id),
        work_group: Some(record.work_group),
    }
}

pub(crate) fn prepared_statement(record: PreparedRecord, work_group: &str) -> model::PreparedStatement {
    model::PreparedStatement {
        statement_name: Some(record.name),
        query_statement: Some(record.sql),
        work_group_name: Some(work_group.to_owned()),
        description: record.description,
        last_modified_time: Some(record.modified.into()),
    }
}

pub(crate) fn database(database: Database) -> model::Database {
    model::Database {
        name: database.name,
        description: database.description.filter(|text| !text.is_empty()),
        parameters: (!database.parameters.is_empty()).then_some(database.parameters),
    }
}

pub(crate) fn table(table: Table) -> model::TableMetadata {
    let mut parameters = table.parameters;
    let storage = table.storage;
    let described = [
        ("location", storage.location),
        ("inputformat", storage.input_format),
        ("outputformat", storage.output_format),
        ("serde.serialization.lib", storage.serde.library),
    ];
    for (name, value) in described {
        if let Some(value) = value {
            parameters.entry(name.to_owned()).or_insert(value);
        }
    }
    for (name, value) in storage.serde.parameters {
        parameters.entry(format!("serde.param.{name}")).or_insert(value);
    }
    model::TableMetadata {
        name: table.name,
        create_time: Some(table.created.into()),
        last_access_time: None,
        table_type: table.table_type,
        columns: Some(table.columns.into_iter().map(column).collect()),
        partition_keys: Some(table.partition_keys.into_iter().map(column).collect()),
        parameters: Some(parameters),
    }
}

fn column(column: lake::Column) -> model::Column {
    model::Column { name: column.name, type_: Some(column.type_), comment: column.comment }
}

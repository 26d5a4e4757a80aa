//! One file per operation.

use aws::operation;

use crate::{Athena, model};

mod batch_get_named_query;
mod batch_get_prepared_statement;
mod batch_get_query_execution;
mod create_named_query;
mod create_prepared_statement;
pub(crate) mod create_work_group;
mod delete_named_query;
mod delete_prepared_statement;
pub(crate) mod delete_work_group;
mod get_data_catalog;
mod get_database;
mod get_named_query;
mod get_prepared_statement;
pub(crate) mod get_query_execution;
pub(crate) mod get_query_results;
mod get_query_runtime_statistics;
mod get_table_metadata;
mod get_work_group;
mod list_data_catalogs;
mod list_databases;
mod list_engine_versions;
mod list_named_queries;
mod list_prepared_statements;
pub(crate) mod list_query_executions;
mod list_table_metadata;
mod list_tags_for_resource;
mod list_work_groups;
pub(crate) mod start_query_execution;
pub(crate) mod stop_query_execution;
pub(crate) mod tag_resource;
mod untag_resource;
mod update_named_query;
mod update_prepared_statement;
mod update_work_group;

/// Every built operation with its handler.
pub fn operations() -> Vec<aws::Operation<Athena>> {
    vec![
        operation(&model::op::BATCH_GET_NAMED_QUERY, batch_get_named_query::handle),
        operation(&model::op::BATCH_GET_PREPARED_STATEMENT, batch_get_prepared_statement::handle),
        operation(&model::op::BATCH_GET_QUERY_EXECUTION, batch_get_query_execution::handle),
        operation(&model::op::CREATE_NAMED_QUERY, create_named_query::handle),
        operation(&model::op::CREATE_PREPARED_STATEMENT, create_prepared_statement::handle),
        operation(&model::op::CREATE_WORK_GROUP, create_work_group::handle),
        operation(&model::op::DELETE_NAMED_QUERY, delete_named_query::handle),
        operation(&model::op::DELETE_PREPARED_STATEMENT, delete_prepared_statement::handle),
        operation(&model::op::DELETE_WORK_GROUP, delete_work_group::handle),
        operation(&model::op::GET_DATA_CATALOG, get_data_catalog::handle),
        operation(&model::op::GET_DATABASE, get_database::handle),
        operation(&model::op::GET_NAMED_QUERY, get_named_query::handle),
        operation(&model::op::GET_PREPARED_STATEMENT, get_prepared_statement::handle),
        operation(&model::op::GET_QUERY_EXECUTION, get_query_execution::handle),
        operation(&model::op::GET_QUERY_RESULTS, get_query_results::handle),
        operation(&model::op::GET_QUERY_RUNTIME_STATISTICS, get_query_runtime_statistics::handle),
        operation(&model::op::GET_TABLE_METADATA, get_table_metadata::handle),
        operation(&model::op::GET_WORK_GROUP, get_work_group::handle),
        operation(&model::op::LIST_DATA_CATALOGS, list_data_catalogs::handle),
        operation(&model::op::LIST_DATABASES, list_databases::handle),
        operation(&model::op::LIST_ENGINE_VERSIONS, list_engine_versions::handle),
        operation(&model::op::LIST_NAMED_QUERIES, list_named_queries::handle),
        operation(&model::op::LIST_PREPARED_STATEMENTS, list_prepared_statements::handle),
        operation(&model::op::LIST_QUERY_EXECUTIONS, list_query_executions::handle),
        operation(&model::op::LIST_TABLE_METADATA, list_table_metadata::handle),
        operation(&model::op::LIST_TAGS_FOR_RESOURCE, list_tags_for_resource::handle),
        operation(&model::op::LIST_WORK_GROUPS, list_work_groups::handle),
        operation(&model::op::START_QUERY_EXECUTION, start_query_execution::handle),
        operation(&model::op::STOP_QUERY_EXECUTION, stop_query_execution::handle),
        operation(&model::op::TAG_RESOURCE, tag_resource::handle),
        operation(&model::op::UNTAG_RESOURCE, untag_resource::handle),
        operation(&model::op::UPDATE_NAMED_QUERY, update_named_query::handle),
        operation(&model::op::UPDATE_PREPARED_STATEMENT, update_prepared_statement::handle),
        operation(&model::op::UPDATE_WORK_GROUP, update_work_group::handle),
    ]
}

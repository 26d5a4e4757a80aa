//! One file per operation, and what several of them share.

mod batch_create_partition;
mod batch_delete_partition;
mod batch_delete_table;
mod batch_delete_table_version;
mod batch_get_partition;
mod batch_update_partition;
mod create_database;
mod create_partition;
mod create_partition_index;
mod create_table;
mod delete_column_statistics_for_partition;
mod delete_column_statistics_for_table;
mod delete_database;
mod delete_partition;
mod delete_partition_index;
mod delete_table;
mod delete_table_version;
mod get_column_statistics_for_partition;
mod get_column_statistics_for_table;
mod get_database;
mod get_databases;
mod get_partition;
mod get_partition_indexes;
mod get_partitions;
mod get_table;
mod get_table_version;
mod get_table_versions;
mod get_tables;
mod get_tags;
mod get_user_defined_function;
mod get_user_defined_functions;
mod search_tables;
mod tag_resource;
mod untag_resource;
mod update_column_statistics_for_partition;
mod update_column_statistics_for_table;
mod update_database;
mod update_partition;
mod update_table;

mod attributes;
mod indexes;
mod statistics;
mod tags;

use lake::catalog::Outcomes;

use crate::Glue;
use crate::error::detail;
use crate::model::{PartitionError, op};

pub(crate) fn all() -> Vec<aws::Operation<Glue>> {
    vec![
        aws::operation(&op::BATCH_CREATE_PARTITION, batch_create_partition::handle),
        aws::operation(&op::BATCH_DELETE_PARTITION, batch_delete_partition::handle),
        aws::operation(&op::BATCH_DELETE_TABLE, batch_delete_table::handle),
        aws::operation(&op::BATCH_DELETE_TABLE_VERSION, batch_delete_table_version::handle),
        aws::operation(&op::BATCH_GET_PARTITION, batch_get_partition::handle),
        aws::operation(&op::BATCH_UPDATE_PARTITION, batch_update_partition::handle),
        aws::operation(&op::CREATE_DATABASE, create_database::handle),
        aws::operation(&op::CREATE_PARTITION, create_partition::handle),
        aws::operation(&op::CREATE_PARTITION_INDEX, create_partition_index::handle),
        aws::operation(&op::CREATE_TABLE, create_table::handle),
        aws::operation(
            &op::DELETE_COLUMN_STATISTICS_FOR_PARTITION,
            delete_column_statistics_for_partition::handle,
        ),
        aws::operation(&op::DELETE_COLUMN_STATISTICS_FOR_TABLE, delete_column_statistics_for_table::handle),
        aws::operation(&op::DELETE_DATABASE, delete_database::handle),
        aws::operation(&op::DELETE_PARTITION, delete_partition::handle),
        aws::operation(&op::DELETE_PARTITION_INDEX, delete_partition_index::handle),
        aws::operation(&op::DELETE_TABLE, delete_table::handle),
        aws::operation(&op::DELETE_TABLE_VERSION, delete_table_version::handle),
        aws::operation(&op::GET_COLUMN_STATISTICS_FOR_PARTITION, get_column_statistics_for_partition::handle),
        aws::operation(&op::GET_COLUMN_STATISTICS_FOR_TABLE, get_column_statistics_for_table::handle),
        aws::operation(&op::GET_DATABASE, get_database::handle),
        aws::operation(&op::GET_DATABASES, get_databases::handle),
        aws::operation(&op::GET_PARTITION, get_partition::handle),
        aws::operation(&op::GET_PARTITION_INDEXES, get_partition_indexes::handle),
        aws::operation(&op::GET_PARTITIONS, get_partitions::handle),
        aws::operation(&op::GET_TABLE, get_table::handle),
        aws::operation(&op::GET_TABLE_VERSION, get_table_version::handle),
        aws::operation(&op::GET_TABLE_VERSIONS, get_table_versions::handle),
        aws::operation(&op::GET_TABLES, get_tables::handle),
        aws::operation(&op::GET_TAGS, get_tags::handle),
        aws::operation(&op::GET_USER_DEFINED_FUNCTION, get_user_defined_function::handle),
        aws::operation(&op::GET_USER_DEFINED_FUNCTIONS, get_user_defined_functions::handle),
        aws::operation(&op::SEARCH_TABLES, search_tables::handle),
        aws::operation(&op::TAG_RESOURCE, tag_resource::handle),
        aws::operation(&op::UNTAG_RESOURCE, untag_resource::handle),
        aws::operation(
            &op::UPDATE_COLUMN_STATISTICS_FOR_PARTITION,
            update_column_statistics_for_partition::handle,
        ),
        aws::operation(&op::UPDATE_COLUMN_STATISTICS_FOR_TABLE, update_column_statistics_for_table::handle),
        aws::operation(&op::UPDATE_DATABASE, update_database::handle),
        aws::operation(&op::UPDATE_PARTITION, update_partition::handle),
        aws::operation(&op::UPDATE_TABLE, update_table::handle),
    ]
}

/// The partitions of a batch that failed, each with why.
fn partition_errors(values: Vec<Vec<String>>, outcomes: Outcomes) -> Vec<PartitionError> {
    let failed = values.into_iter().zip(outcomes).filter_map(|(values, outcome)| {
        let error_detail = Some(detail(outcome.err()?));
        Some(PartitionError { partition_values: Some(values), error_detail })
    });
    failed.collect()
}

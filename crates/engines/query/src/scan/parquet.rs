//! Scans of Parquet files.

use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::common::config::TableParquetOptions;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::ExecutionPlan;

use super::adapt::AnyCase;
use super::footer::Readers;
use super::{LakeTable, STORE, Scan};

pub(super) fn plan(table: &LakeTable, state: &dyn Session, scan: Scan) -> Result<Arc<dyn ExecutionPlan>> {
    let options = TableParquetOptions {
        global: state.config_options().execution.parquet.clone(),
        ..TableParquetOptions::default()
    };
    let readers = Readers {
        objects: table.lake.objects().clone(),
        footers: Arc::clone(&table.footers),
        stats: Arc::clone(&table.stats),
    };
    let schema = TableSchema::new(Arc::clone(&table.files_schema), table.keys_schema.fields().to_vec());
    let source = ParquetSource::new(schema)
        .with_table_parquet_options(options)
        .with_parquet_file_reader_factory(Arc::new(readers));
    let statistics = table.statistics(&scan.files);
    let files = scan.files.iter().map(|file| table.partitioned(file)).collect::<Result<Vec<_>>>()?;
    let groups = FileGroup::new(files).split_files(scan.partitions);
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE)?, Arc::new(source))
        .with_file_groups(groups)
        .with_statistics(statistics)
        .with_projection_indices(scan.projection)?
        .with_limit(scan.limit)
        .with_expr_adapter(Some(Arc::new(AnyCase)))
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

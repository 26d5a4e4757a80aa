//! Iceberg tables as DataFusion reads them: any snapshot, with its row deletes applied.
//!
//! Manifests decide which files a statement opens, by partition values and by the bounds of columns. Files
//! are read by the same Parquet source as all others, with columns found by their field ids; rows that
//! position deletes name are left out as they are read. Only files with equality deletes, which other
//! engines write, go through Iceberg's own reader.

mod by_id;
mod deletes;
mod foreign;
pub(crate) mod metadata;
mod predicate;

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use iceberg::scan::FileScanTask;
use iceberg::spec::{DataContentType, DataFileFormat};
use lake::iceberg::{IcebergError, IcebergTable};
use lake::live::LiveRows;
use lake::{DataFile, Lake};
use rt::Timestamp;

use super::footer::Readers;
use super::{FooterCache, STORE, live, one_of};
use crate::answer::Stats;
use crate::error::{ErrorKind, QueryError, fail};
use crate::types;

/// One snapshot of a table in one statement.
pub(crate) struct SnapshotTable {
    lake: Lake,
    table: IcebergTable,
    /// An older one than the current, which has the columns that it had then.
    older: Option<i64>,
    /// The columns of the table or of that snapshot.
    columns: iceberg::spec::SchemaRef,
    schema: SchemaRef,
    /// Rows of now that no file has yet.
    live: Vec<LiveRows>,
    footers: Arc<FooterCache>,
    stats: Arc<Stats>,
}

impl SnapshotTable {
    pub(crate) fn new(
        lake: Lake,
        table: IcebergTable,
        older: Option<i64>,
        footers: Arc<FooterCache>,
        stats: Arc<Stats>,
    ) -> std::result::Result<SnapshotTable, QueryError> {
        let columns = match older {
            Some(_) => table.snapshot_schema(older).map_err(QueryError::internal)?,
            None => Arc::clone(table.metadata().current_schema()),
        };
        let arrow = iceberg::arrow::schema_to_arrow_schema(&columns).map_err(QueryError::internal)?;
        let fields = arrow
            .fields()
            .iter()
            .map(|field| Field::new(field.name().to_lowercase(), types::of_iceberg(field.data_type()), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(SnapshotTable { lake, table, older, columns, schema, live: Vec::new(), footers, stats })
    }

    /// The current snapshot, and beside it rows that are in no file yet.
    pub(crate) fn with_live(self, live: Vec<LiveRows>) -> SnapshotTable {
        SnapshotTable { live, ..self }
    }

    async fn tasks(&self, filters: &[Expr]) -> Result<Vec<FileScanTask>> {
        let planned_by = self.table.snapshot_schema(self.older).map_err(unplanned)?;
        let predicate = predicate::of(filters, &predicate::Columns { table: &self.columns, planned_by });
        let tasks = self.table.plan(self.older, None, predicate).await.map_err(unplanned)?;
        self.stats.add_files(tasks.len() as u64);
        Ok(tasks)
    }

    /// The files that our own source can read.
    async fn direct(
        &self,
        state: &dyn Session,
        tasks: &[FileScanTask],
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let readers = Readers {
            objects: self.lake.objects().clone(),
            footers: Arc::clone(&self.footers),
            stats: Arc::clone(&self.stats),
        };
        let deleted = deletes::Deletes::load(&readers, tasks).await?;
        let mut files = Vec::with_capacity(tasks.len());
        for task in tasks {
            let file = data_file(&task.data_file_path, task.file_size_in_bytes)?;
            let path = format!("{}/{}", file.bucket, file.key);
            let mut planned = PartitionedFile::new(path, file.size);
            if let Some(access) = deleted.access(&readers, &file, &task.data_file_path).await? {
                planned = planned.with_extension(access);
            }
            files.push(planned.with_extension(file));
        }
        let names = by_id::ById::new(&self.columns, self.table.metadata().last_column_id());
        let options = TableParquetOptions {
            global: state.config_options().execution.parquet.clone(),
            ..TableParquetOptions::default()
        };
        let source = ParquetSource::new(TableSchema::new(Arc::clone(&self.schema), Vec::new()))
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(readers));
        let groups = FileGroup::new(files).split_files(state.config().target_partitions());
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE)?, Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_expr_adapter(Some(Arc::new(names)))
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

impl std::fmt::Debug for SnapshotTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SnapshotTable({})", self.table.table.identifier())
    }
}

#[async_trait]
impl TableProvider for SnapshotTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let tasks = self.tasks(filters).await?;
        if let Some(reason) = tasks.iter().find_map(unread) {
            return Err(fail(ErrorKind::NotSupported, reason));
        }
        let (foreign, direct): (Vec<_>, Vec<_>) = tasks.into_iter().partition(needs_own_reader);
        let limit = limit.filter(|_| filters.is_empty());
        let mut plans = Vec::new();
        if !direct.is_empty() {
            plans.push(self.direct(state, &direct, projection, limit).await?);
        }
        if !foreign.is_empty() {
            plans.push(foreign::plan(&self.table.table, &self.schema, foreign, projection)?);
        }
        if !self.live.is_empty() {
            self.stats.add_scanned(self.live.iter().map(|rows| rows.bytes).sum());
            let no_keys = Arc::new(Schema::empty());
            plans.push(live::plan(&self.live, &self.schema, &no_keys, &self.schema, projection)?);
        }
        one_of(plans, &self.schema, projection)
    }
}

/// Why the file is not read here, if so.
fn unread(task: &FileScanTask) -> Option<String> {
    if task.data_file_format != DataFileFormat::Parquet {
        let format = task.data_file_format.to_string().to_uppercase();
        return Some(format!("Iceberg data files in {format} are not supported: {}", task.data_file_path));
    }
    // A plan tells nothing else of a delete file's format.
    let vector = task.deletes.iter().find(|delete| delete.file_path.ends_with(".puffin"))?;
    Some(format!("Iceberg deletion vectors are not supported: {}", vector.file_path))
}

/// What position deletes and field ids alone do not describe.
fn needs_own_reader(task: &FileScanTask) -> bool {
    task.deletes.iter().any(|delete| delete.file_type != DataContentType::PositionDeletes)
        || task.name_mapping.is_some()
}

/// A data file never changes, so its name is its version.
fn data_file(path: &str, size: u64) -> Result<DataFile> {
    let place = lake::location::parse(path).map_err(|error| {
        fail(ErrorKind::BadData, format!("the data file {path} cannot be opened: {error}"))
    })?;
    Ok(DataFile {
        bucket: place.bucket,
        key: place.prefix.trim_end_matches('/').to_owned(),
        size,
        etag: String::new(),
        modified: Timestamp::from_millis(0),
        partition_values: Vec::new(),
    })
}

fn unplanned(error: IcebergError) -> DataFusionError {
    fail(ErrorKind::BadData, format!("the table's metadata cannot be read: {error}"))
}

//! Rows to the data files of their tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use lake::iceberg::{
    AddedFile, DataSettings, DataWriter, NewFile, RowOperation, Schema, UpsertWriter, Upserts,
};
use objects::Staged;

use super::{Form, Route, TableRows, Target};
use crate::failpoints::at;
use crate::parts::Parts;
use crate::{FlowError, IcebergEncode};

/// What a batch has for one table: files that nobody sees yet.
pub(crate) struct TableBatch {
    pub(crate) target: Arc<Target>,
    /// The schema that the commit makes the table's, if it is a new one.
    pub(crate) evolved: Option<Schema>,
    pub(crate) files: Vec<AddedFile>,
    pub(crate) upserts: Option<Upserts>,
    pub(crate) staged: Vec<Staged>,
}

pub(crate) struct TableLanes<'a> {
    parts: &'a Parts,
    encode: IcebergEncode,
    lanes: BTreeMap<Route, TableLane>,
}

struct TableLane {
    target: Arc<Target>,
    form: Arc<Form>,
    writer: Writer,
}

enum Writer {
    Append(Box<DataWriter>),
    Upsert(Box<UpsertWriter>),
}

impl<'a> TableLanes<'a> {
    pub(crate) fn new(parts: &'a Parts, encode: IcebergEncode) -> TableLanes<'a> {
        TableLanes { parts, encode, lanes: BTreeMap::new() }
    }

    pub(crate) async fn write(&mut self, rows: TableRows) -> Result<(), FlowError> {
        let TableRows { target, form, rows, operations } = rows;
        if !self.lanes.contains_key(&target.route) {
            let lane = self.open(&target, &form)?;
            self.lanes.insert(target.route.clone(), lane);
        }
        let lane = self.lanes.get_mut(&target.route).expect("it was opened above");
        if form.version > lane.form.version {
            lane.writer.evolve(&form.schema).await?;
            lane.form = form;
        }
        let rows = lane.form.conform(&rows).map_err(|error| FlowError::Schema(Box::new(error)))?;
        lane.writer.write(rows, &operations).await
    }

    /// Closes all files.
    pub(crate) async fn finish(self) -> Result<Vec<TableBatch>, FlowError> {
        let mut batches = Vec::with_capacity(self.lanes.len());
        for TableLane { target, form, writer } in self.lanes.into_values() {
            let evolved = (form.version > 0).then(|| form.schema.as_ref().clone());
            let (mut files, mut staged) = (Vec::new(), Vec::new());
            let mut upserts = None;
            match writer {
                Writer::Append(writer) => {
                    for NewFile { staged: one, file, spec_id } in writer.finish().await? {
                        staged.push(one);
                        files.push(AddedFile { file, spec_id });
                    }
                }
                Writer::Upsert(writer) => {
                    let (rows, files) = writer.finish().await?;
                    upserts = Some(rows);
                    staged = files;
                }
            }
            batches.push(TableBatch { target, evolved, files, upserts, staged });
            self.parts.pass(at::AFTER_DATA_OBJECT).await?;
        }
        Ok(batches)
    }

    fn open(&self, target: &Arc<Target>, form: &Arc<Form>) -> Result<TableLane, FlowError> {
        let iceberg = self.parts.lake.iceberg();
        let settings = DataSettings {
            parquet: self.encode.parquet.clone(),
            memory_bytes_max: self.parts.settings.partition_bytes,
            ..DataSettings::default()
        };
        let writer = iceberg.data_writer_with(&target.base, Arc::clone(&form.schema), settings)?;
        let writer = if target.keys.is_empty() {
            Writer::Append(Box::new(writer))
        } else {
            Writer::Upsert(Box::new(iceberg.upsert_writer(&target.base, writer, &target.keys)?))
        };
        Ok(TableLane { target: Arc::clone(target), form: Arc::clone(form), writer })
    }
}

impl Writer {
    async fn evolve(&mut self, schema: &Arc<Schema>) -> Result<(), FlowError> {
        match self {
            Writer::Append(writer) => writer.evolve(Arc::clone(schema)).await?,
            Writer::Upsert(writer) => writer.evolve(Arc::clone(schema)).await?,
        }
        Ok(())
    }

    async fn write(
        &mut self,
        rows: arrow::array::RecordBatch,
        operations: &[RowOperation],
    ) -> Result<(), FlowError> {
        match self {
            Writer::Append(writer) => {
                writer.write(rows).await?;
            }
            Writer::Upsert(writer) => writer.write(rows, operations).await?,
        }
        Ok(())
    }
}

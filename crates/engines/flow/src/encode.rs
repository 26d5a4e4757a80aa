//! Payloads to the bytes of an object, in the order of the batch.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;
use lake::Table;

use crate::compress::Compressor;
use crate::plan::Plan;
use crate::tables::TableRows;
use crate::{Encode, FlowError, ParquetEncode};

pub(crate) enum Payload {
    Bytes(Vec<u8>),
    Rows(RecordBatch),
    /// The members of the group, which are no bytes of an object.
    Records,
    Table(Box<TableRows>),
}

/// Writes payloads as the content of one object. What is returned is to be appended to the object.
pub(crate) enum Encoder {
    Bytes(Compressor),
    Parquet(Box<lake::parquet::Writer>),
    Orc(Box<lake::orc::Writer>),
    Held(HeldRows),
}

/// Rows that wait to be written to their object. A row group in the making costs some hundred kilobytes before its
/// first row: where hundreds of files are in the making, each gets one only when its rows are to go.
pub(crate) struct HeldRows {
    plan: Arc<Plan>,
    key: String,
    batches: Vec<RecordBatch>,
    bytes: usize,
    /// The file, once a row group of it is written.
    begun: Option<Box<Encoder>>,
}

/// So many batches are joined to one: small ones cost more than their rows.
const HELD_BATCHES_MAX: usize = 16;

impl HeldRows {
    fn push(&mut self, batch: RecordBatch) -> Result<(), FlowError> {
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
        if self.batches.len() >= HELD_BATCHES_MAX {
            let joined = concat_batches(&self.batches[0].schema(), &self.batches);
            let joined = joined.map_err(|error| FlowError::Encode(Box::new(error)))?;
            self.bytes = joined.get_array_memory_size();
            self.batches = vec![joined];
        }
        Ok(())
    }

    /// Makes a row group of what is held.
    fn spill(&mut self) -> Result<Vec<Bytes>, FlowError> {
        let encoder = match &mut self.begun {
            Some(encoder) => encoder,
            none => {
                let encoder = Encoder::new(&self.plan.spec.encode, self.plan.table.as_ref(), &self.key)?;
                none.insert(Box::new(encoder))
            }
        };
        let mut file = Vec::new();
        self.bytes = 0;
        for batch in self.batches.drain(..) {
            file.extend(encoder.push(Payload::Rows(batch))?);
        }
        file.extend(encoder.spill()?);
        Ok(file)
    }

    fn finish(mut self) -> Result<Vec<Bytes>, FlowError> {
        let mut file = self.spill()?;
        if let Some(encoder) = self.begun {
            file.extend(encoder.finish()?);
        }
        Ok(file)
    }
}

impl Encoder {
    /// For the object `key`.
    pub(crate) fn new(encode: &Encode, table: Option<&Table>, key: &str) -> Result<Encoder, FlowError> {
        match encode {
            Encode::Raw(raw) => Ok(Encoder::Bytes(Compressor::new(raw.compression, archived_name(key)))),
            Encode::Requests(_) => unreachable!("requests have no objects"),
            Encode::Parquet(parquet) => {
                let ParquetEncode { parquet: settings, orc, .. } = parquet.as_ref();
                if let Some(settings) = orc {
                    let writer = lake::orc::Writer::new(&schema(table)?, settings).map_err(orc_error)?;
                    return Ok(Encoder::Orc(Box::new(writer)));
                }
                let writer = lake::parquet::Writer::new(schema(table)?, settings).map_err(parquet_error)?;
                Ok(Encoder::Parquet(Box::new(writer)))
            }
            Encode::Iceberg(_) => unreachable!("rows of iceberg tables are written by their own lanes"),
        }
    }

    /// For one of many objects that are in the making at once.
    pub(crate) fn one_of_many(plan: &Arc<Plan>, key: &str) -> Result<Encoder, FlowError> {
        match &plan.spec.encode {
            Encode::Parquet(_) => Ok(Encoder::Held(HeldRows {
                plan: plan.clone(),
                key: key.to_owned(),
                batches: Vec::new(),
                bytes: 0,
                begun: None,
            })),
            encode => Encoder::new(encode, plan.table.as_ref(), key),
        }
    }

    /// Bytes of memory it holds.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Encoder::Bytes(compressor) => compressor.memory(),
            Encoder::Parquet(writer) => writer.memory_size(),
            Encoder::Orc(writer) => writer.memory_size(),
            Encoder::Held(rows) => rows.bytes + rows.begun.as_ref().map_or(0, |file| file.memory()),
        }
    }

    /// Bytes that are ready; often none.
    pub(crate) fn push(&mut self, payload: Payload) -> Result<Vec<Bytes>, FlowError> {
        match (self, payload) {
            (Encoder::Bytes(compressor), Payload::Bytes(bytes)) => compressor.push(bytes).map(piece),
            (Encoder::Parquet(writer), Payload::Rows(batch)) => {
                writer.write(&batch).map_err(parquet_error)?;
                Ok(writer.take_flushed())
            }
            (Encoder::Orc(writer), Payload::Rows(batch)) => {
                writer.write(&batch).map_err(orc_error)?;
                Ok(piece(writer.take_flushed()))
            }
            (Encoder::Held(rows), Payload::Rows(batch)) => {
                rows.push(batch)?;
                Ok(Vec::new())
            }
            _ => unreachable!("converter and encoder are made from the same settings"),
        }
    }

    /// The bytes of all that was pushed so far, so that little of it is held any more.
    pub(crate) fn spill(&mut self) -> Result<Vec<Bytes>, FlowError> {
        match self {
            Encoder::Bytes(compressor) => compressor.flush().map(piece),
            Encoder::Parquet(writer) => {
                writer.close_group().map_err(parquet_error)?;
                Ok(writer.take_flushed())
            }
            Encoder::Orc(writer) => {
                writer.close_stripe().map_err(orc_error)?;
                Ok(piece(writer.take_flushed()))
            }
            Encoder::Held(rows) => rows.spill(),
        }
    }

    /// The last bytes of the object.
    pub(crate) fn finish(self) -> Result<Vec<Bytes>, FlowError> {
        match self {
            Encoder::Bytes(compressor) => compressor.finish().map(piece),
            Encoder::Parquet(writer) => writer.finish().map_err(parquet_error),
            Encoder::Orc(writer) => writer.finish().map(piece).map_err(orc_error),
            Encoder::Held(rows) => rows.finish(),
        }
    }
}

fn piece(bytes: Bytes) -> Vec<Bytes> {
    if bytes.is_empty() { Vec::new() } else { vec![bytes] }
}

/// The file in an archive is called as the archive is, without its ending.
pub(crate) fn archived_name(key: &str) -> String {
    let file = key.rsplit_once('/').map_or(key, |(_, file)| file);
    file.strip_suffix(".zip").unwrap_or(file).to_owned()
}

fn parquet_error(error: lake::parquet::ParquetError) -> FlowError {
    FlowError::Encode(Box::new(error))
}

fn orc_error(error: lake::orc::OrcError) -> FlowError {
    FlowError::Encode(Box::new(error))
}

pub(crate) fn schema(table: Option<&Table>) -> Result<arrow::datatypes::SchemaRef, FlowError> {
    let table = table.expect("a batch of rows is planned with its table");
    lake::types::schema(&table.columns).map_err(|error| FlowError::Schema(Box::new(error)))
}

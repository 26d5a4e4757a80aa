//! Records to the bytes of an object, in two steps: [`Converter`] works on chunks that may be converted
//! at the same time on several threads; [`Encoder`] takes what came out of it in the order of the batch.

use std::io::Write;

use bytes::Bytes;
use flate2::write::GzEncoder;
use lake::Table;
use lake::json::Decoder;

use crate::reader::Chunk;
use crate::reject::{Attempt, ErrorShape, Failure, FailureKind};
use crate::{Compression, Encode, FlowError, ParquetEncode, RawEncode};

/// Bytes of encoded rows that are written out while a batch is still in work.
const FLUSH_BYTES: usize = 1 << 20;

/// Turns chunks into payloads; shared by all that do so at the same time.
pub(crate) struct Converter {
    kind: Kind,
    errors: ErrorShape,
    attempt: Attempt,
}

enum Kind {
    Raw { delimiter: Vec<u8> },
    Rows(Decoder),
}

/// What became of a chunk.
pub(crate) struct Converted {
    pub(crate) payload: Payload,
    pub(crate) delivered: Count,
    pub(crate) rejected: Count,
    /// Lines of the error output.
    pub(crate) error_lines: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

impl Count {
    pub(crate) fn add(&mut self, other: Count) {
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

pub(crate) enum Payload {
    Bytes(Vec<u8>),
    Rows(arrow::array::RecordBatch),
}

/// Writes payloads as the content of one object. What is returned is to be appended to the object.
pub(crate) enum Encoder {
    Plain,
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Parquet { writer: Box<lake::parquet::Writer>, rows: bool },
}

impl Converter {
    pub(crate) fn new(
        encode: &Encode,
        table: Option<&Table>,
        errors: &ErrorShape,
        attempt: Attempt,
    ) -> Result<Converter, FlowError> {
        let kind = match encode {
            Encode::Raw(raw) => {
                Kind::Raw { delimiter: raw.delimiter.as_deref().unwrap_or_default().as_bytes().to_vec() }
            }
            Encode::Parquet(parquet) => {
                let schema = schema(table)?;
                let decoder = Decoder::new(schema, parquet.json.clone())
                    .map_err(|error| FlowError::Schema(Box::new(error)))?;
                Kind::Rows(decoder)
            }
        };
        Ok(Converter { kind, errors: errors.clone(), attempt })
    }

    pub(crate) fn convert(&self, chunk: Chunk) -> Converted {
        let whole = Count { records: chunk.data.len() as u64, bytes: chunk.bytes as u64 };
        match &self.kind {
            Kind::Raw { delimiter } => {
                let mut bytes = Vec::with_capacity(chunk.bytes + delimiter.len() * chunk.data.len());
                for data in &chunk.data {
                    bytes.extend_from_slice(data);
                    bytes.extend_from_slice(delimiter);
                }
                Converted {
                    payload: Payload::Bytes(bytes),
                    delivered: whole,
                    rejected: Count::default(),
                    error_lines: Vec::new(),
                }
            }
            Kind::Rows(decoder) => {
                let decoded = decoder.decode(&chunk.data);
                let mut rejected = Count::default();
                let mut error_lines = Vec::new();
                for bad in &decoded.rejected {
                    let (data, origin) = (&chunk.data[bad.index], chunk.origins[bad.index]);
                    rejected.add(Count { records: 1, bytes: data.len() as u64 });
                    let failure = Failure {
                        kind: FailureKind::Format,
                        reason: &bad.reason,
                        data,
                        arrival: origin.at,
                        partition: origin.partition,
                        offset: origin.offset,
                    };
                    self.errors.write_line(&failure, self.attempt, &mut error_lines);
                }
                let delivered =
                    Count { records: whole.records - rejected.records, bytes: whole.bytes - rejected.bytes };
                Converted { payload: Payload::Rows(decoded.batch), delivered, rejected, error_lines }
            }
        }
    }
}

impl Encoder {
    pub(crate) fn new(encode: &Encode, table: Option<&Table>) -> Result<Encoder, FlowError> {
        match encode {
            Encode::Raw(RawEncode { compression: Compression::None, .. }) => Ok(Encoder::Plain),
            Encode::Raw(RawEncode { compression: Compression::Gzip, .. }) => {
                let encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
                Ok(Encoder::Gzip(Box::new(encoder)))
            }
            Encode::Parquet(parquet) => {
                let ParquetEncode { parquet: settings, .. } = parquet.as_ref();
                let writer = lake::parquet::Writer::new(schema(table)?, settings).map_err(parquet_error)?;
                Ok(Encoder::Parquet { writer: Box::new(writer), rows: false })
            }
        }
    }

    /// Bytes that are ready; often none.
    pub(crate) fn push(&mut self, payload: Payload) -> Result<Bytes, FlowError> {
        match (self, payload) {
            (Encoder::Plain, Payload::Bytes(bytes)) => Ok(bytes.into()),
            (Encoder::Gzip(encoder), Payload::Bytes(bytes)) => {
                encoder.write_all(&bytes).map_err(|error| FlowError::Encode(Box::new(error)))?;
                let ready = encoder.get_mut();
                let enough = ready.len() >= FLUSH_BYTES;
                Ok(if enough { std::mem::take(ready).into() } else { Bytes::new() })
            }
            (Encoder::Parquet { writer, rows }, Payload::Rows(batch)) => {
                if batch.num_rows() == 0 {
                    return Ok(Bytes::new());
                }
                *rows = true;
                writer.write(&batch).map_err(parquet_error)?;
                Ok(writer.take_flushed())
            }
            _ => unreachable!("converter and encoder are made from the same settings"),
        }
    }

    /// The last bytes of the object; `None` if there is nothing to make an object of.
    pub(crate) fn finish(self) -> Result<Option<Bytes>, FlowError> {
        match self {
            Encoder::Plain => Ok(Some(Bytes::new())),
            Encoder::Gzip(encoder) => {
                let bytes = encoder.finish().map_err(|error| FlowError::Encode(Box::new(error)))?;
                Ok(Some(bytes.into()))
            }
            Encoder::Parquet { rows: false, .. } => Ok(None),
            Encoder::Parquet { writer, .. } => Ok(Some(writer.finish().map_err(parquet_error)?)),
        }
    }
}

fn parquet_error(error: lake::parquet::ParquetError) -> FlowError {
    FlowError::Encode(Box::new(error))
}

fn schema(table: Option<&Table>) -> Result<arrow::datatypes::SchemaRef, FlowError> {
    let table = table.expect("a batch of rows is planned with its table");
    lake::types::schema(&table.columns).map_err(|error| FlowError::Schema(Box::new(error)))
}

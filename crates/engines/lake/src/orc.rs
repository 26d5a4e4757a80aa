//! Arrow batches to ORC bytes.
//!
//! Files are of version 0.12 without row indexes and bloom filters: stripes of columns, each in the simplest
//! encoding that every reader knows (integers in runs of version 2, text direct). The same settings and batches
//! give the same bytes.
//!
//! Start with [`Writer`]; `column` turns arrays into streams, `runs` and `proto` are the codecs below.

mod column;
mod compress;
mod proto;
mod runs;

use arrow::array::{Array, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Fields, SchemaRef};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use column::{Column, Encoded};
use proto::Message;

const MAGIC: &[u8] = b"ORC";

/// Of the format's writers, the one for those that have no number of their own.
const WRITER_VERSION: u64 = 1;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compression {
    #[default]
    Snappy,
    Zlib,
    Uncompressed,
}

/// How a file is laid out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrcSettings {
    /// Default Snappy.
    pub compression: Compression,
    /// Encoded bytes after which a stripe is closed. Default 64 MiB; a stripe is what a reader takes as one
    /// piece of work and what this writer holds in memory.
    pub stripe_bytes: usize,
}

impl Default for OrcSettings {
    fn default() -> OrcSettings {
        OrcSettings { compression: Compression::default(), stripe_bytes: 64 << 20 }
    }
}

/// The batches do not fit the format.
#[derive(Debug, Error)]
pub enum OrcError {
    #[error("column {column} has the type {type_}, which is not written as ORC")]
    Type { column: String, type_: DataType },
    #[error("a column cannot be compressed")]
    Compress(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// One file in the making, held in memory up to what [`Writer::take_flushed`] took.
pub struct Writer {
    settings: OrcSettings,
    root: Column,
    /// Of the stripe in progress.
    stripe_rows: u64,
    rows: u64,
    stripes: Vec<Message>,
    /// Where the next stripe begins.
    offset: u64,
    flushed: Vec<u8>,
}

impl Writer {
    pub fn new(schema: &SchemaRef, settings: &OrcSettings) -> Result<Writer, OrcError> {
        let root = Column::new("", &DataType::Struct(schema.fields().clone()))?;
        Ok(Writer {
            settings: settings.clone(),
            root,
            stripe_rows: 0,
            rows: 0,
            stripes: Vec::new(),
            offset: MAGIC.len() as u64,
            flushed: MAGIC.to_vec(),
        })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), OrcError> {
        let fields: &Fields = batch.schema_ref().fields();
        let rows = batch.num_rows();
        let all = StructArray::try_new_with_length(fields.clone(), batch.columns().to_vec(), None, rows);
        self.root.append(&all.expect("a batch is a struct without nulls") as &dyn Array);
        self.stripe_rows += rows as u64;
        if self.root.memory() >= self.settings.stripe_bytes { self.close_stripe() } else { Ok(()) }
    }

    /// Bytes of memory held by the stripe in progress and the closed ones not yet taken.
    pub fn memory_size(&self) -> usize {
        self.root.memory() + self.flushed.capacity()
    }

    /// The bytes of the stripes closed since the last call, for a caller that stores the file as it grows.
    /// [`Writer::finish`] returns only what was not taken.
    pub fn take_flushed(&mut self) -> Bytes {
        std::mem::take(&mut self.flushed).into()
    }

    /// Closes the file and returns its bytes, or those after the last [`Writer::take_flushed`].
    pub fn finish(mut self) -> Result<Bytes, OrcError> {
        self.close_stripe()?;
        let footer = self.compress(&self.footer().into_bytes())?;
        let postscript = Message::default()
            .number(1, footer.len() as u64)
            .number(2, compress::code(self.settings.compression))
            .number(3, compress::CHUNK_BYTES as u64)
            .packed(4, &[0, 12])
            .number(5, 0)
            .number(6, WRITER_VERSION)
            .bytes(8000, MAGIC)
            .into_bytes();
        self.flushed.extend_from_slice(&footer);
        self.flushed.extend_from_slice(&postscript);
        self.flushed.push(u8::try_from(postscript.len()).expect("a postscript has some thirty bytes"));
        Ok(self.flushed.into())
    }

    /// Closes the stripe in progress, if there is one.
    pub fn close_stripe(&mut self) -> Result<(), OrcError> {
        if self.stripe_rows == 0 {
            return Ok(());
        }
        let mut columns = Vec::new();
        self.root.finish(&mut columns);
        let mut data = Vec::new();
        let mut streams = Message::default();
        let mut encodings = Message::default();
        for (number, Encoded { encoding, streams: of }) in columns.into_iter().enumerate() {
            for (kind, bytes) in of {
                let bytes = self.compress(&bytes)?;
                let stream = Message::default()
                    .number(1, kind as u64)
                    .number(2, number as u64)
                    .number(3, bytes.len() as u64);
                streams = streams.message(1, stream);
                data.extend_from_slice(&bytes);
            }
            encodings = encodings.message(2, Message::default().number(1, encoding));
        }
        let footer = streams.append(encodings).bytes(3, b"UTC").into_bytes();
        let footer = self.compress(&footer)?;
        let stripe = Message::default()
            .number(1, self.offset)
            .number(2, 0)
            .number(3, data.len() as u64)
            .number(4, footer.len() as u64)
            .number(5, self.stripe_rows);
        self.stripes.push(stripe);
        self.offset += (data.len() + footer.len()) as u64;
        self.flushed.extend_from_slice(&data);
        self.flushed.extend_from_slice(&footer);
        self.rows += std::mem::take(&mut self.stripe_rows);
        Ok(())
    }

    fn footer(&self) -> Message {
        let mut footer = Message::default().number(1, MAGIC.len() as u64).number(2, self.offset);
        for stripe in &self.stripes {
            footer = footer.message(3, stripe.clone());
        }
        let mut types = Vec::new();
        self.root.types(&mut types);
        for type_ in types {
            footer = footer.message(4, type_);
        }
        footer.number(6, self.rows).number(8, 0)
    }

    fn compress(&self, bytes: &[u8]) -> Result<Vec<u8>, OrcError> {
        compress::compress(self.settings.compression, bytes)
    }
}

#[cfg(test)]
mod tests;

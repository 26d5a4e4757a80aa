//! JSON records to Arrow batches.
//!
//! A record holds one JSON object or several in a row; each object is a row of the schema. Keys that
//! no column asks for are checked for syntax and left out, columns without a key are null.
//!
//! # What a value becomes
//!
//! | column | takes |
//! |---|---|
//! | `string` | text; a number or boolean as it is written; an object or array as its JSON text |
//! | `varchar(n)`, `char(n)` | as `string`, up to n characters |
//! | integers | a number or numeric text without a fraction (`1.0` and `1e3` have none) that fits |
//! | `float`, `double` | a number or numeric text, also `NaN` and `Infinity` as text |
//! | `decimal(p,s)` | a number or numeric text; further digits are rounded half up, as Hive does |
//! | `boolean` | `true`, `false`, or either as text |
//! | `date` | text `yyyy-MM-dd`, or a timestamp's text, of which it is the day |
//! | `timestamp` | text in ISO 8601 or `yyyy-MM-dd HH:mm:ss[.f…]`; a number or numeric text of epoch seconds, or milliseconds from 13 digits on; with a zone it is converted to UTC; [`JsonOptions::timestamp_formats`] are tried first |
//! | `binary` | text, as its UTF-8 bytes |
//! | `array`, `map`, `struct` | an array, object, object; see [`JsonOptions::lone_value_as_array`] |
//!
//! # Guarantees
//!
//! * A record is taken whole or not at all. One that is malformed, has a key twice, or has a value
//!   that does not fit its column is set aside with a reason that names the field, the byte and what
//!   was expected; its neighbours are not touched.
//! * One pass, whatever the share of bad records: values go straight into the columns, and a bad
//!   record is taken back by cutting the columns to their length before it.

mod column;
mod cursor;
mod fault;
mod fields;
mod nested;
mod options;
mod pattern;
mod scalar;
mod text;
pub(crate) mod time;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use thiserror::Error;

use cursor::{Cursor, Token};
use fault::Fault;
use fields::Fields;
use pattern::TimePattern;

pub use options::JsonOptions;

/// The most bytes of records in one call, since a column's offsets are 32 bits.
pub const BATCH_BYTES_MAX: usize = 1 << 30;

/// Decodes records by a fixed schema. Cheap to keep and to share; each call stands alone.
#[derive(Clone)]
pub struct Decoder {
    schema: SchemaRef,
    rules: Arc<Rules>,
}

/// What the options mean, worked out once.
struct Rules {
    case_insensitive: bool,
    dots_to_underscores: bool,
    lone_value_as_array: bool,
    /// Folded column name → key.
    keys: HashMap<String, String>,
    timestamps: Vec<TimePattern>,
}

/// The rows of the good records, in order, and the bad records.
#[derive(Debug, Clone)]
pub struct Decoded {
    pub batch: RecordBatch,
    /// Whether some record has a key, at its top level, that no column asks for.
    pub unknown_keys: bool,
    /// How many rows each record became, in the order of the input; none if it was rejected.
    pub rows: Vec<u32>,
    /// By ascending index.
    pub rejected: Vec<Rejected>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The record's place in the input.
    pub index: usize,
    /// For a person: which field, where, what was expected and what was found.
    pub reason: String,
}

/// The options or the schema cannot be decoded by.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonError {
    #[error("timestamp format '{format}': {reason}")]
    TimestampFormat { format: String, reason: String },
    #[error("column {column} has the type {type_}, which JSON is not read into")]
    Type { column: String, type_: String },
}

impl Decoder {
    /// A schema as [`types::schema`](crate::types::schema) makes it.
    pub fn new(schema: SchemaRef, options: JsonOptions) -> Result<Decoder, JsonError> {
        let timestamps = options
            .timestamp_formats
            .iter()
            .map(|format| {
                TimePattern::parse(format)
                    .map_err(|reason| JsonError::TimestampFormat { format: format.clone(), reason })
            })
            .collect::<Result<_, _>>()?;
        let rules = Rules {
            case_insensitive: options.case_insensitive,
            dots_to_underscores: options.dots_to_underscores,
            lone_value_as_array: options.lone_value_as_array,
            keys: options.column_to_key.into_iter().map(|(name, key)| (name.to_lowercase(), key)).collect(),
            timestamps,
        };
        let decoder = Decoder { schema, rules: Arc::new(rules) };
        // A type that cannot be decoded is told here, so that `decode` cannot fail.
        decoder.fields()?;
        Ok(decoder)
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Decodes the records of one batch, at most [`BATCH_BYTES_MAX`] bytes together.
    pub fn decode(&self, records: &[Bytes]) -> Decoded {
        let bytes: usize = records.iter().map(Bytes::len).sum();
        assert!(bytes <= BATCH_BYTES_MAX, "a batch of {bytes} bytes is over the limit");
        let mut fields = self.fields().expect("the schema was checked when the decoder was made");
        let mut rows = 0;
        let mut rejected = Vec::new();
        let mut made = Vec::with_capacity(records.len());
        for (index, record) in records.iter().enumerate() {
            match read_record(&mut fields, record, rows) {
                Ok(now) => {
                    made.push(u32::try_from(now - rows).expect("a row is at least a byte of a small batch"));
                    rows = now;
                }
                Err(fault) => {
                    fields.truncate(rows);
                    made.push(0);
                    rejected.push(Rejected { index, reason: fault.to_string() });
                }
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let unknown_keys = fields.unknown_keys();
        let columns = fields.finish();
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .expect("every column has the schema's type and one value per row");
        Decoded { batch, unknown_keys, rows: made, rejected }
    }

    fn fields(&self) -> Result<Fields, JsonError> {
        Fields::new(self.schema.fields(), &self.rules)
    }
}

/// Appends the rows of one record and answers how many there are now.
fn read_record(fields: &mut Fields, record: &[u8], mut rows: usize) -> Result<usize, Box<Fault>> {
    let text = std::str::from_utf8(record)
        .map_err(|error| Fault::new(error.valid_up_to(), "the record is not UTF-8 text"))?;
    let mut cursor = Cursor::new(text);
    if cursor.at_end() {
        return Err(Fault::new(0, "the record is empty, a JSON object was expected"));
    }
    while !cursor.at_end() {
        let at = cursor.position();
        match cursor.token()? {
            Token::Object => {
                fields.read(&mut cursor, rows)?;
                rows += 1;
            }
            token => {
                return Err(Fault::new(
                    at,
                    format!("a JSON object was expected, found {}", cursor.shown(at, token)),
                ));
            }
        }
    }
    Ok(rows)
}

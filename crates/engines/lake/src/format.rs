//! Which reader and writer a storage descriptor asks for.
//!
//! The catalog names Java classes; [`Format::of`] says what they mean here, and
//! [`StoredAs::classes`] which ones a `STORED AS` stands for. ORC, Avro and the older Hive formats are
//! recognised and refused by name.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::json::JsonOptions;
use crate::model::{Parameters, Serde, Storage};

pub const PARQUET_SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";
pub const OPENX_JSON_SERDE: &str = "org.openx.data.jsonserde.JsonSerDe";
pub const HIVE_JSON_SERDE: &str = "org.apache.hive.hcatalog.data.JsonSerDe";
pub const OPEN_CSV_SERDE: &str = "org.apache.hadoop.hive.serde2.OpenCSVSerde";
pub const LAZY_SIMPLE_SERDE: &str = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe";
pub const ORC_SERDE: &str = "org.apache.hadoop.hive.ql.io.orc.OrcSerde";
pub const AVRO_SERDE: &str = "org.apache.hadoop.hive.serde2.avro.AvroSerDe";

const TEXT_INPUT: &str = "org.apache.hadoop.mapred.TextInputFormat";
const TEXT_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat";
const PARQUET_INPUT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat";
const PARQUET_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat";
const ORC_INPUT: &str = "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat";
const ORC_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat";
const AVRO_INPUT: &str = "org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat";
const AVRO_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat";
const SEQUENCE_INPUT: &str = "org.apache.hadoop.mapred.SequenceFileInputFormat";
const SEQUENCE_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat";

/// A format this node reads.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    Parquet,
    /// One JSON object per line; text may be gzipped.
    Json(JsonOptions),
    /// Delimited lines; text may be gzipped.
    Csv(CsvOptions),
}

/// Delimited text. Bytes, since Hive's delimiters are ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvOptions {
    pub dialect: CsvDialect,
    pub separator: u8,
    pub quote: Option<u8>,
    pub escape: Option<u8>,
    /// Lines left out at each file's start.
    pub header_lines: usize,
    /// The text that stands for NULL.
    pub null: Option<String>,
    /// Between the elements of an array and the entries of a map (lazy text only).
    pub collection_separator: u8,
    /// Between a map's key and value (lazy text only).
    pub map_key_separator: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsvDialect {
    /// Quoted fields, every value a string that is cast to its column.
    OpenCsv,
    /// Hive's own delimited text; a value that does not read as its column is NULL.
    LazySimple,
}

/// Why a table's files cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatError {
    /// A format that Mulgil knows by name but does not read.
    #[error("the format {0} is not supported")]
    Unsupported(String),
    #[error("the table names neither a SerDe nor an input format")]
    Unnamed,
    #[error("SerDe property '{property}' has the value '{value}': {reason}")]
    Property { property: String, value: String, reason: &'static str },
}

/// The classes behind a `STORED AS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classes {
    pub input_format: &'static str,
    pub output_format: &'static str,
    pub serde: &'static str,
}

/// The names that Hive's `STORED AS` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredAs {
    Parquet,
    TextFile,
    JsonFile,
    Orc,
    Avro,
    SequenceFile,
}

impl StoredAs {
    /// Case does not matter; `None` for a name Hive does not know.
    pub fn parse(name: &str) -> Option<StoredAs> {
        Some(match name.to_ascii_uppercase().as_str() {
            "PARQUET" | "PARQUETFILE" => StoredAs::Parquet,
            "TEXTFILE" => StoredAs::TextFile,
            "JSONFILE" => StoredAs::JsonFile,
            "ORC" | "ORCFILE" => StoredAs::Orc,
            "AVRO" | "AVROFILE" => StoredAs::Avro,
            "SEQUENCEFILE" => StoredAs::SequenceFile,
            _ => return None,
        })
    }

    pub fn classes(self) -> Classes {
        let (input_format, output_format, serde) = match self {
            StoredAs::Parquet => (PARQUET_INPUT, PARQUET_OUTPUT, PARQUET_SERDE),
            StoredAs::TextFile => (TEXT_INPUT, TEXT_OUTPUT, LAZY_SIMPLE_SERDE),
            StoredAs::JsonFile => (TEXT_INPUT, TEXT_OUTPUT, HIVE_JSON_SERDE),
            StoredAs::Orc => (ORC_INPUT, ORC_OUTPUT, ORC_SERDE),
            StoredAs::Avro => (AVRO_INPUT, AVRO_OUTPUT, AVRO_SERDE),
            StoredAs::SequenceFile => (SEQUENCE_INPUT, SEQUENCE_OUTPUT, LAZY_SIMPLE_SERDE),
        };
        Classes { input_format, output_format, serde }
    }

    /// A descriptor of this format at `location`.
    pub fn storage(self, location: impl Into<String>) -> Storage {
        let classes = self.classes();
        Storage {
            location: Some(location.into()),
            input_format: Some(classes.input_format.to_owned()),
            output_format: Some(classes.output_format.to_owned()),
            serde: Serde {
                name: None,
                library: Some(classes.serde.to_owned()),
                parameters: BTreeMap::from([("serialization.format".to_owned(), "1".to_owned())]),
            },
            ..Storage::default()
        }
    }
}

impl Storage {
    /// `ROW FORMAT SERDE 'class' WITH SERDEPROPERTIES (…)`: replaces the SerDe, keeps the rest.
    #[must_use]
    pub fn with_serde(mut self, class: impl Into<String>, properties: Parameters) -> Storage {
        self.serde = Serde { name: None, library: Some(class.into()), parameters: properties };
        self
    }
}

impl Format {
    /// The format of a table's or partition's files. The SerDe decides; without one, the input
    /// format. `skip.header.line.count` is read from the storage's and the SerDe's parameters; where
    /// it is a table's property, use [`Format::of_table`].
    pub fn of(storage: &Storage) -> Result<Format, FormatError> {
        Format::with_parameters(storage, &Parameters::new())
    }

    /// As [`Format::of`], with the table's own parameters considered too.
    pub fn of_table(table: &crate::model::Table) -> Result<Format, FormatError> {
        Format::with_parameters(&table.storage, &table.parameters)
    }

    /// As [`Format::of`], for a partition's storage with its table's parameters.
    pub fn with_parameters(storage: &Storage, table: &Parameters) -> Result<Format, FormatError> {
        let class = storage.serde.library.as_deref().filter(|class| !class.is_empty());
        let Some(class) = class else {
            return match storage.input_format.as_deref() {
                Some(PARQUET_INPUT) => Ok(Format::Parquet),
                Some(input) if !input.is_empty() => Err(FormatError::Unsupported(input.to_owned())),
                _ => Err(FormatError::Unnamed),
            };
        };
        let properties = &storage.serde.parameters;
        match class {
            PARQUET_SERDE | "parquet.hive.serde.ParquetHiveSerDe" => Ok(Format::Parquet),
            OPENX_JSON_SERDE => Ok(Format::Json(JsonOptions::open_x(properties))),
            HIVE_JSON_SERDE | "org.apache.hadoop.hive.serde2.JsonSerDe" => {
                Ok(Format::Json(JsonOptions::hive(properties)))
            }
            OPEN_CSV_SERDE | LAZY_SIMPLE_SERDE => {
                let input = storage.input_format.as_deref().unwrap_or(TEXT_INPUT);
                if input != TEXT_INPUT {
                    return Err(FormatError::Unsupported(input.to_owned()));
                }
                let mut options = if class == OPEN_CSV_SERDE {
                    CsvOptions::open_csv(properties)?
                } else {
                    CsvOptions::lazy_simple(properties)?
                };
                options.header_lines = header_lines(&[table, &storage.parameters, properties])?;
                Ok(Format::Csv(options))
            }
            other => Err(FormatError::Unsupported(other.to_owned())),
        }
    }
}

impl CsvOptions {
    fn open_csv(properties: &Parameters) -> Result<CsvOptions, FormatError> {
        Ok(CsvOptions {
            dialect: CsvDialect::OpenCsv,
            separator: byte(properties, "separatorChar")?.unwrap_or(b','),
            quote: Some(byte(properties, "quoteChar")?.unwrap_or(b'"')),
            escape: Some(byte(properties, "escapeChar")?.unwrap_or(b'\\')),
            header_lines: 0,
            null: None,
            collection_separator: 2,
            map_key_separator: 3,
        })
    }

    fn lazy_simple(properties: &Parameters) -> Result<CsvOptions, FormatError> {
        let field = byte(properties, "field.delim")?;
        let separator =
            field.or(byte(properties, "serialization.format")?.filter(|b| *b < b'0' || *b > b'9'));
        let collection = byte(properties, "collection.delim")?;
        let collection = collection.or(byte(properties, "colelction.delim")?);
        if let Some(line) = byte(properties, "line.delim")?.filter(|line| *line != b'\n') {
            return Err(FormatError::Property {
                property: "line.delim".to_owned(),
                value: (line as char).to_string(),
                reason: "lines end with a newline",
            });
        }
        Ok(CsvOptions {
            dialect: CsvDialect::LazySimple,
            separator: separator.unwrap_or(1),
            quote: None,
            escape: byte(properties, "escape.delim")?,
            header_lines: 0,
            null: Some(properties.get("serialization.null.format").map_or("\\N", String::as_str).to_owned()),
            collection_separator: collection.unwrap_or(2),
            map_key_separator: byte(properties, "mapkey.delim")?.unwrap_or(3),
        })
    }
}

/// A delimiter property: one ASCII character, or as Hive also takes it a number (`1`, `001`) or an
/// escape (`\t`, `\001`, `\u0001`).
fn byte(properties: &Parameters, property: &str) -> Result<Option<u8>, FormatError> {
    let Some(value) = properties.get(property).filter(|value| !value.is_empty()) else { return Ok(None) };
    let escaped = |text: &str| match text {
        "t" => Some(b'\t'),
        "n" => Some(b'\n'),
        "r" => Some(b'\r'),
        "\\" => Some(b'\\'),
        "'" => Some(b'\''),
        "\"" => Some(b'"'),
        text => match text.strip_prefix('u') {
            Some(hex) => u8::from_str_radix(hex, 16).ok(),
            None => u8::from_str_radix(text, 8).ok(),
        },
    };
    let byte = match (value.as_bytes(), value.strip_prefix('\\')) {
        ([one], _) => Some(*one),
        (_, Some(escape)) => escaped(escape),
        _ => value.parse::<u8>().ok(),
    };
    match byte.filter(u8::is_ascii) {
        Some(byte) => Ok(Some(byte)),
        None => Err(FormatError::Property {
            property: property.to_owned(),
            value: value.clone(),
            reason: "one ASCII character was expected",
        }),
    }
}

fn header_lines(places: &[&Parameters]) -> Result<usize, FormatError> {
    const PROPERTY: &str = "skip.header.line.count";
    let Some(value) = places.iter().find_map(|parameters| parameters.get(PROPERTY)) else { return Ok(0) };
    value.trim().parse().map_err(|_| FormatError::Property {
        property: PROPERTY.to_owned(),
        value: value.clone(),
        reason: "a number was expected",
    })
}

#[cfg(test)]
mod tests;

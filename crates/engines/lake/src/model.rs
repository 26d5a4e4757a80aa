//! The catalog's nouns: the Hive metastore's model, without any API's vocabulary.
//!
//! Every struct carries `extra`: what an API accepts, stores and gives back without its meaning
//! anything here (bucketing columns, owner lists, …). It is JSON so that nothing is lost.

use std::collections::BTreeMap;

use rt::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub type Parameters = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Database {
    /// Lower case.
    pub name: String,
    pub description: Option<String>,
    /// `s3://bucket/prefix`, the default parent of its tables.
    pub location: Option<String>,
    pub parameters: Parameters,
    pub created: Timestamp,
    pub extra: Value,
}

impl Database {
    pub fn new(name: impl Into<String>) -> Database {
        Database {
            name: name.into(),
            description: None,
            location: None,
            parameters: Parameters::new(),
            created: Timestamp::from_millis(0),
            extra: Value::Null,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Lower case.
    pub database: String,
    /// Lower case.
    pub name: String,
    pub description: Option<String>,
    pub owner: Option<String>,
    /// `EXTERNAL_TABLE`, `VIRTUAL_VIEW`, …
    pub table_type: Option<String>,
    /// The columns in the files, without the partition keys.
    pub columns: Vec<Column>,
    pub partition_keys: Vec<Column>,
    /// Its `columns` are unused: the table's are above.
    pub storage: Storage,
    pub parameters: Parameters,
    pub view_original_text: Option<String>,
    pub view_expanded_text: Option<String>,
    pub retention: Option<i32>,
    /// 0 at creation, one more with each update. Set by the catalog.
    pub version: u64,
    /// Set by the catalog.
    pub created: Timestamp,
    /// Set by the catalog.
    pub updated: Timestamp,
    pub extra: Value,
}

impl Table {
    /// An external table without columns; the rest is for the caller to fill in.
    pub fn new(database: impl Into<String>, name: impl Into<String>) -> Table {
        Table {
            database: database.into(),
            name: name.into(),
            description: None,
            owner: None,
            table_type: Some("EXTERNAL_TABLE".into()),
            columns: Vec::new(),
            partition_keys: Vec::new(),
            storage: Storage::default(),
            parameters: Parameters::new(),
            view_original_text: None,
            view_expanded_text: None,
            retention: None,
            version: 0,
            created: Timestamp::from_millis(0),
            updated: Timestamp::from_millis(0),
            extra: Value::Null,
        }
    }

    pub fn is_view(&self) -> bool {
        self.table_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("VIRTUAL_VIEW"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// As given; matched without regard to case.
    pub name: String,
    /// Hive type text, as given: `struct<a:int,b:array<string>>`. May be absent in what an API
    /// stored, then it is the empty string.
    pub type_: String,
    pub comment: Option<String>,
    pub parameters: Parameters,
}

impl Column {
    pub fn new(name: impl Into<String>, type_: impl Into<String>) -> Column {
        Column { name: name.into(), type_: type_.into(), comment: None, parameters: Parameters::new() }
    }
}

/// Where data lies and which classes read and write it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Storage {
    /// `s3://bucket/prefix`.
    pub location: Option<String>,
    pub input_format: Option<String>,
    pub output_format: Option<String>,
    pub serde: Serde,
    pub compressed: bool,
    pub parameters: Parameters,
    /// The columns a partition was written with; empty: as its table's.
    pub columns: Vec<Column>,
    pub extra: Value,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serde {
    pub name: Option<String>,
    /// The Java class that names the format.
    pub library: Option<String>,
    pub parameters: Parameters,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partition {
    /// One value per partition key, in the keys' order, as text.
    pub values: Vec<String>,
    pub storage: Storage,
    pub parameters: Parameters,
    /// Set by the catalog.
    pub created: Timestamp,
    pub last_access: Option<Timestamp>,
    pub extra: Value,
}

impl Partition {
    pub fn new(values: Vec<String>, storage: Storage) -> Partition {
        Partition {
            values,
            storage,
            parameters: Parameters::new(),
            created: Timestamp::from_millis(0),
            last_access: None,
            extra: Value::Null,
        }
    }

    /// A partition of `table` at its default place, `<table location>/key=value/…/`, in the table's
    /// format. `None` when the table has no location.
    pub fn at_default(table: &Table, values: Vec<String>) -> Option<Partition> {
        let base = table.storage.location.as_deref()?;
        let path = crate::partition::path(&table.partition_keys, &values);
        let location = format!("{}/{path}/", base.trim_end_matches('/'));
        let storage =
            Storage { location: Some(location), columns: table.columns.clone(), ..table.storage.clone() };
        Some(Partition::new(values, storage))
    }
}

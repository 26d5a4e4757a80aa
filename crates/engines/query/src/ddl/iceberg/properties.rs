//! Table properties: Athena's names for some of Iceberg's.

use std::collections::{BTreeMap, HashMap};

use lake::Table;
use lake::iceberg::{COMPACTION_PROPERTY, IcebergTable, UPKEEP_PROPERTY, is_iceberg};

use super::refused;
use crate::ddl::tables::semantic;
use crate::engine::{Engine, Session};
use crate::error::QueryError;

/// What a property's values are.
#[derive(Clone, Copy)]
enum Values {
    Word,
    Number,
    /// Iceberg counts milliseconds.
    Seconds,
    Switch,
}

const NAMES: [(&str, &str, Values); 11] = [
    ("write_compression", "write.parquet.compression-codec", Values::Word),
    ("compression_level", "write.parquet.compression-level", Values::Number),
    ("vacuum_min_snapshots_to_keep", "history.expire.min-snapshots-to-keep", Values::Number),
    ("vacuum_max_snapshot_age_seconds", "history.expire.max-snapshot-age-ms", Values::Seconds),
    ("vacuum_max_metadata_files_to_keep", "write.metadata.previous-versions-max", Values::Number),
    ("optimize_rewrite_data_file_threshold", REWRITE_FILES, Values::Number),
    ("optimize_rewrite_delete_file_threshold", "optimize.rewrite.delete-file-threshold", Values::Number),
    (
        "optimize_rewrite_min_data_file_size_bytes",
        "optimize.rewrite.min-data-file-size-bytes",
        Values::Number,
    ),
    ("optimize_rewrite_max_data_file_size_bytes", "write.target-file-size-bytes", Values::Number),
    (UPKEEP_PROPERTY, UPKEEP_PROPERTY, Values::Switch),
    (COMPACTION_PROPERTY, COMPACTION_PROPERTY, Values::Switch),
];

/// So many small files are rewritten together.
const REWRITE_FILES: &str = "optimize.rewrite.data-file-threshold";

const MILLIS: u64 = 1_000;

/// Athena's table properties as Iceberg's.
pub(super) fn stored(given: &[(String, String)]) -> Result<HashMap<String, String>, QueryError> {
    let mut stored = HashMap::new();
    for (key, value) in given {
        match key.to_lowercase().as_str() {
            "table_type" => {}
            "format" if value.eq_ignore_ascii_case("parquet") => {}
            "format" => return Err(QueryError::unsupported(format!("The Iceberg file format {value}"))),
            name => {
                let (own, values) = known(key, name)?;
                let number = || {
                    value
                        .parse::<u64>()
                        .map_err(|_| semantic(format!("the table property {key} is not a number: {value}")))
                };
                let value = match values {
                    Values::Word => value.to_lowercase(),
                    Values::Number => number()?.to_string(),
                    Values::Seconds => number()?.saturating_mul(MILLIS).to_string(),
                    Values::Switch => match value.to_lowercase().as_str() {
                        word @ ("true" | "false") => word.to_owned(),
                        _ => return Err(semantic(format!("the table property {key} is true or false"))),
                    },
                };
                stored.insert(own.to_owned(), value);
            }
        }
    }
    Ok(stored)
}

/// What these properties of Athena's are called in Iceberg.
pub(super) fn names(given: &[String]) -> Result<Vec<String>, QueryError> {
    given.iter().map(|key| Ok(known(key, &key.to_lowercase())?.0.to_owned())).collect()
}

fn known(key: &str, name: &str) -> Result<(&'static str, Values), QueryError> {
    let found = NAMES.iter().find(|(athena, ..)| *athena == name);
    let found = found.ok_or_else(|| semantic(format!("Unsupported table property key: {key}")))?;
    Ok((found.1, found.2))
}

/// The table's own number of small files that are rewritten together.
pub(super) fn rewrite_files(table: &IcebergTable) -> Result<Option<usize>, QueryError> {
    let value = table.metadata().properties().get(REWRITE_FILES);
    let invalid =
        |value: &str| semantic(format!("the table property {REWRITE_FILES} is not a number: {value}"));
    value.map(|value| value.parse().map_err(|_| invalid(value))).transpose()
}

/// The properties of an Iceberg table that the catalog does not have, by Athena's names where it has one.
pub(crate) async fn shown(
    engine: &Engine,
    session: &Session,
    table: &Table,
) -> Result<BTreeMap<String, String>, QueryError> {
    if !is_iceberg(table) {
        return Ok(BTreeMap::new());
    }
    let loaded = engine.lake().iceberg().load(&session.scope, &table.database, &table.name).await;
    Ok(of(&loaded.map_err(refused)?))
}

pub(super) fn of(table: &IcebergTable) -> BTreeMap<String, String> {
    let shown = table.metadata().properties().iter().map(|(own, value)| {
        let Some((name, _, values)) = NAMES.iter().find(|(_, known, _)| known == own) else {
            return (own.clone(), value.clone());
        };
        let value = match (values, value.parse::<u64>()) {
            (Values::Seconds, Ok(millis)) => (millis / MILLIS).to_string(),
            _ => value.clone(),
        };
        ((*name).to_owned(), value)
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(given: &[(&str, &str)]) -> Vec<(String, String)> {
        given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn properties_have_the_names_of_iceberg_in_its_metadata() {
        let given = pairs(&[
            ("table_type", "ICEBERG"),
            ("format", "parquet"),
            ("Write_Compression", "ZSTD"),
            ("vacuum_max_snapshot_age_seconds", "60"),
            ("mulgil.upkeep.enabled", "false"),
        ]);
        let expected = pairs(&[
            ("write.parquet.compression-codec", "zstd"),
            ("history.expire.max-snapshot-age-ms", "60000"),
            ("mulgil.upkeep.enabled", "false"),
        ]);
        assert_eq!(stored(&given).unwrap(), expected.into_iter().collect());
        assert_eq!(
            names(&["VACUUM_min_snapshots_to_keep".into()]).unwrap(),
            ["history.expire.min-snapshots-to-keep"]
        );
    }

    #[test]
    fn properties_without_a_meaning_are_refused_by_name() {
        for (given, reason) in [
            (("colour", "red"), "Unsupported table property key: colour"),
            (("compression_level", "high"), "compression_level is not a number: high"),
            (("format", "orc"), "The Iceberg file format orc"),
            (("mulgil.upkeep.enabled", "off"), "is true or false"),
        ] {
            let error = stored(&pairs(&[given])).unwrap_err();
            assert!(error.message.contains(reason), "{}", error.message);
        }
        assert!(names(&["colour".into()]).is_err());
    }
}

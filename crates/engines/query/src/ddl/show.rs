//! SHOW and DESCRIBE: the catalog as text, padded as Hive pads it.

use std::collections::BTreeMap;
use std::fmt::Write;

use lake::{Column, Table};

use super::run::Lines;
use crate::engine::{Engine, Session};
use crate::error::{ErrorKind, QueryError};
use crate::{information, view};

/// The names that match Hive's pattern: `*` for any text, `|` for a choice.
pub(super) fn matching(names: Vec<String>, pattern: Option<&str>) -> Vec<String> {
    let Some(pattern) = pattern else { return names };
    let choices: Vec<String> =
        pattern.to_lowercase().split('|').map(|choice| choice.replace('%', "*")).collect();
    names.into_iter().filter(|name| choices.iter().any(|choice| fits(name, choice))).collect()
}

fn fits(name: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut last = None;
    for piece in pieces {
        if let Some(piece) = last.replace(piece) {
            match rest.find(piece) {
                Some(at) => rest = &rest[at + str::len(piece)..],
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

fn padded(text: &str) -> String {
    format!("{text:<20}")
}

fn line(column: &Column) -> String {
    let comment = column.comment.as_deref().unwrap_or("");
    format!("{}\t{}\t{}", padded(&column.name.to_lowercase()), padded(&column.type_), padded(comment))
}

pub(super) fn describe(table: &Table, extended: bool) -> Lines {
    let mut lines: Vec<String> = table.columns.iter().chain(&table.partition_keys).map(line).collect();
    if !table.partition_keys.is_empty() {
        lines.push("\t \t ".to_owned());
        lines.push("# Partition Information\t \t ".to_owned());
        lines.push(format!("{}\t{}\t{}", padded("# col_name"), padded("data_type"), padded("comment")));
        lines.push("\t \t ".to_owned());
        lines.extend(table.partition_keys.iter().map(line));
    }
    if extended {
        let mut detail =
            |key: &str, value: &str| lines.push(format!("{}\t{}\t ", padded(key), padded(value)));
        detail("", "");
        detail("# Detailed Table Information", "");
        detail("Database:", &table.database);
        detail("Owner:", table.owner.as_deref().unwrap_or("hadoop"));
        detail("CreateTime:", &table.created.to_utc().format("%a %b %d %H:%M:%S UTC %Y").to_string());
        detail("Location:", table.storage.location.as_deref().unwrap_or(""));
        detail("Table Type:", table.table_type.as_deref().unwrap_or("EXTERNAL_TABLE"));
        detail("SerDe Library:", table.storage.serde.library.as_deref().unwrap_or(""));
        detail("InputFormat:", table.storage.input_format.as_deref().unwrap_or(""));
        detail("OutputFormat:", table.storage.output_format.as_deref().unwrap_or(""));
        for (key, value) in &table.parameters {
            lines.push(format!("\t{}\t{}", padded(key), padded(value)));
        }
    }
    ("col_name", lines)
}

pub(super) fn columns(table: &Table) -> Lines {
    let all = table.columns.iter().chain(&table.partition_keys);
    ("field", all.map(|column| padded(&column.name.to_lowercase())).collect())
}

/// `further` are those that the catalog does not have.
pub(super) fn properties(table: &Table, further: BTreeMap<String, String>, key: Option<&str>) -> Lines {
    let all: BTreeMap<_, _> = further.iter().chain(&table.parameters).collect();
    let lines = match key {
        None => all.iter().map(|(key, value)| format!("{key}\t{value}")).collect(),
        Some(key) => match all.get(&key.to_owned()) {
            Some(value) => vec![(*value).clone()],
            None => vec![format!("Table {}.{} does not have property: {key}", table.database, table.name)],
        },
    };
    ("prpt_name", lines)
}

pub(super) async fn partitions(
    engine: &Engine,
    session: &Session,
    table: &Table,
) -> Result<Lines, QueryError> {
    if table.partition_keys.is_empty() {
        let message = format!(
            "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. Table {} is not a partitioned table",
            table.name
        );
        return Err(QueryError::new(ErrorKind::Ddl, message));
    }
    let found = information::all_partitions(engine.lake(), session, table).await?;
    let lines = found.iter().map(|partition| lake::partition::path(&table.partition_keys, &partition.values));
    Ok(("partition", lines.collect()))
}

pub(super) fn create_view(table: &Table) -> Result<Lines, QueryError> {
    let Some(definition) = view::Definition::of(table).filter(|_| table.is_view()) else {
        let message = format!("FAILED: SemanticException {}.{} is not a view", table.database, table.name);
        return Err(QueryError::new(ErrorKind::Ddl, message));
    };
    let mut lines = vec![format!("CREATE VIEW {}.{} AS", table.database, table.name)];
    lines.extend(definition.original_sql.lines().map(str::to_owned));
    Ok(("Create View", lines))
}

pub(super) fn create_table(table: &Table) -> Result<Lines, QueryError> {
    if table.is_view() {
        let message = format!(
            "FAILED: SemanticException {}.{} is a view. Use SHOW CREATE VIEW",
            table.database, table.name
        );
        return Err(QueryError::new(ErrorKind::Ddl, message));
    }
    let mut text = format!("CREATE EXTERNAL TABLE `{}.{}`(\n", table.database, table.name);
    text.push_str(&definitions(&table.columns));
    text.push('\n');
    if let Some(comment) = &table.description {
        let _ = writeln!(text, "COMMENT {}", quoted(comment));
    }
    if !table.partition_keys.is_empty() {
        let _ = writeln!(text, "PARTITIONED BY ( \n{}", definitions(&table.partition_keys));
    }
    let serde = &table.storage.serde;
    if let Some(library) = &serde.library {
        let _ = writeln!(text, "ROW FORMAT SERDE \n  {} ", quoted(library));
    }
    let properties: Vec<_> = serde
        .parameters
        .iter()
        .filter(|(key, _)| *key != "serialization.format" || serde.parameters.len() > 1)
        .collect();
    if !properties.is_empty() {
        let list: Vec<String> =
            properties.iter().map(|(key, value)| format!("  {}={}", quoted(key), quoted(value))).collect();
        let _ = writeln!(text, "WITH SERDEPROPERTIES ( \n{}) ", list.join(", \n"));
    }
    if let (Some(input), Some(output)) = (&table.storage.input_format, &table.storage.output_format) {
        let _ = writeln!(
            text,
            "STORED AS INPUTFORMAT \n  {} \nOUTPUTFORMAT \n  {}",
            quoted(input),
            quoted(output)
        );
    }
    if let Some(location) = &table.storage.location {
        let _ = writeln!(text, "LOCATION\n  {}", quoted(location));
    }
    let shown: Vec<String> = table
        .parameters
        .iter()
        .filter(|(key, _)| *key != "EXTERNAL")
        .map(|(key, value)| format!("  {}={}", quoted(key), quoted(value)))
        .collect();
    if !shown.is_empty() {
        let _ = writeln!(text, "TBLPROPERTIES (\n{})", shown.join(", \n"));
    }
    Ok(("createtab_stmt", text.lines().map(str::to_owned).collect()))
}

pub(super) fn definitions(columns: &[Column]) -> String {
    let list: Vec<String> = columns
        .iter()
        .map(|column| {
            let comment = column
                .comment
                .as_ref()
                .map(|comment| format!(" COMMENT {}", quoted(comment)))
                .unwrap_or_default();
            format!("  `{}` {}{comment}", column.name.to_lowercase(), column.type_)
        })
        .collect();
    format!("{})", list.join(", \n"))
}

/// A string of Hive's, which reads back as it was.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_chooses_names() {
        let names = || vec!["orders".to_owned(), "orders_old".to_owned(), "users".to_owned()];
        assert_eq!(matching(names(), Some("ord*")), ["orders", "orders_old"]);
        assert_eq!(matching(names(), Some("*s")), ["orders", "users"]);
        assert_eq!(matching(names(), Some("o*old|users")), ["orders_old", "users"]);
        assert_eq!(matching(names(), Some("order")), Vec::<String>::new());
    }
}

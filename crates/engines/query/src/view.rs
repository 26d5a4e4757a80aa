//! Views, stored as Athena stores them: a comment with base64 JSON in the table's original text.

use base64_simd::STANDARD;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use lake::Table;
use serde::{Deserialize, Serialize};

const OPENING: &str = "/* Presto View: ";
const CLOSING: &str = " */";

/// What a view says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Definition {
    pub(crate) original_sql: String,
    /// Where unqualified names of the text belong.
    pub(crate) catalog: Option<String>,
    pub(crate) schema: Option<String>,
    pub(crate) columns: Vec<DefinedColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DefinedColumn {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) type_: String,
}

impl Definition {
    pub(crate) fn of(table: &Table) -> Option<Definition> {
        let text = table.view_original_text.as_deref()?.trim();
        let encoded = text.strip_prefix(OPENING.trim_end())?.strip_suffix(CLOSING.trim_start())?.trim();
        let json = STANDARD.decode_to_vec(encoded).ok()?;
        serde_json::from_slice(&json).ok()
    }

    pub(crate) fn encode(&self) -> String {
        let json = serde_json::to_vec(self).expect("a view's definition is plain JSON");
        format!("{OPENING}{}{CLOSING}", STANDARD.encode_to_string(json))
    }
}

/// The plan with the names its view declares.
pub(crate) fn with_declared_names(plan: LogicalPlan, definition: &Definition) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = plan.schema().iter().map(Expr::from).collect();
    let named = columns.into_iter().enumerate().map(|(index, column)| match definition.columns.get(index) {
        Some(defined) => column.alias(defined.name.to_lowercase()),
        None => column,
    });
    LogicalPlanBuilder::from(plan.clone()).project(named.collect::<Vec<_>>())?.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_survives_the_tables_text() {
        let definition = Definition {
            original_sql: "SELECT 1 AS \"é\"".into(),
            catalog: Some("awsdatacatalog".into()),
            schema: Some("db".into()),
            columns: vec![DefinedColumn { name: "é".into(), type_: "integer".into() }],
        };
        let mut table = Table::new("db", "v");
        table.view_original_text = Some(definition.encode());
        assert_eq!(Definition::of(&table), Some(definition));
    }
}

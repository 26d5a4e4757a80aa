use crate::model::{Table, TableAttributes};

/// The table with the attributes asked for; all without a choice. `LATEST_ICEBERG_METADATA` adds to
/// the rest what these tables do not have.
pub(super) fn selected(table: Table, attributes: &[TableAttributes]) -> Table {
    let has = |wanted| attributes.contains(&wanted);
    let whole = has(TableAttributes::Default) || has(TableAttributes::LatestIcebergMetadata);
    if attributes.is_empty() || whole {
        return table;
    }
    Table {
        name: table.name,
        database_name: table.database_name,
        catalog_id: table.catalog_id,
        table_type: table.table_type.filter(|_| has(TableAttributes::TableType)),
        ..Table::default()
    }
}

//! Data definitions as they are understood.

use lake::iceberg::Place;

use super::cursor::ObjectName;
use crate::parse::Tokens;

#[derive(Debug)]
pub(crate) enum Statement {
    CreateDatabase {
        name: String,
        if_not_exists: bool,
        comment: Option<String>,
        location: Option<String>,
        properties: Vec<(String, String)>,
    },
    DropDatabase {
        name: String,
        if_exists: bool,
        cascade: bool,
    },
    CreateTable(Box<CreateTable>),
    DropTable {
        name: ObjectName,
        if_exists: bool,
    },
    AlterTable {
        name: ObjectName,
        action: AlterTable,
    },
    Repair {
        name: ObjectName,
    },
    /// Small files of an Iceberg table become large ones.
    Optimize {
        name: ObjectName,
    },
    /// An Iceberg table forgets old snapshots and loses the files that only they had.
    Vacuum {
        name: ObjectName,
    },
    ShowDatabases {
        pattern: Option<String>,
    },
    ShowTables {
        database: Option<String>,
        pattern: Option<String>,
    },
    ShowViews {
        database: Option<String>,
        pattern: Option<String>,
    },
    ShowPartitions {
        name: ObjectName,
    },
    ShowColumns {
        name: ObjectName,
    },
    ShowProperties {
        name: ObjectName,
        key: Option<String>,
    },
    ShowCreateTable {
        name: ObjectName,
    },
    ShowCreateView {
        name: ObjectName,
    },
    Describe {
        name: ObjectName,
        extended: bool,
        formatted: bool,
    },
    CreateView {
        name: ObjectName,
        or_replace: bool,
        query: Tokens,
        text: String,
    },
    DropView {
        name: ObjectName,
        if_exists: bool,
    },
}

#[derive(Debug, Default)]
pub(crate) struct CreateTable {
    pub(super) name: Option<ObjectName>,
    pub(super) external: bool,
    pub(super) if_not_exists: bool,
    pub(super) columns: Vec<ColumnDefinition>,
    pub(super) partition_keys: Vec<ColumnDefinition>,
    /// Iceberg's: columns of the table, bare or in a function.
    pub(super) partition_by: Vec<String>,
    pub(super) comment: Option<String>,
    /// The SerDe's class; without one it follows from `stored_as`.
    pub(super) serde: Option<String>,
    pub(super) serde_properties: Vec<(String, String)>,
    pub(super) stored_as: Option<String>,
    pub(super) input_format: Option<String>,
    pub(super) output_format: Option<String>,
    pub(super) location: Option<String>,
    pub(super) properties: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnDefinition {
    pub(super) name: String,
    pub(super) type_: String,
    pub(super) comment: Option<String>,
}

/// Key and value of each part.
pub(crate) type PartitionSpec = Vec<(String, String)>;

#[derive(Debug)]
pub(crate) enum AlterTable {
    AddPartitions { if_not_exists: bool, partitions: Vec<(PartitionSpec, Option<String>)> },
    DropPartitions { if_exists: bool, partitions: Vec<PartitionSpec> },
    RenamePartition { from: PartitionSpec, to: PartitionSpec },
    AddColumns(Vec<ColumnDefinition>),
    ReplaceColumns(Vec<ColumnDefinition>),
    DropColumn(String),
    ChangeColumn { name: String, to: ColumnDefinition, place: Option<Place> },
    SetLocation { partition: Option<PartitionSpec>, location: String },
    SetProperties(Vec<(String, String)>),
    UnsetProperties(Vec<String>),
}

impl Statement {
    /// As listings of statements call it.
    pub(crate) fn verb(&self) -> &'static str {
        match self {
            Statement::CreateDatabase { .. } => "CREATE_DATABASE",
            Statement::DropDatabase { .. } => "DROP_DATABASE",
            Statement::CreateTable(_) => "CREATE_TABLE",
            Statement::DropTable { .. } => "DROP_TABLE",
            Statement::AlterTable { action, .. } => match action {
                AlterTable::AddPartitions { .. } => "ALTER_TABLE_ADD_PARTITION",
                AlterTable::DropPartitions { .. } => "ALTER_TABLE_DROP_PARTITION",
                AlterTable::RenamePartition { .. } => "ALTER_TABLE_RENAME_PARTITION",
                AlterTable::AddColumns(_) => "ALTER_TABLE_ADD_COLUMN",
                AlterTable::ReplaceColumns(_) => "ALTER_TABLE_REPLACE_COLUMN",
                AlterTable::DropColumn(_) => "ALTER_TABLE_DROP_COLUMN",
                AlterTable::ChangeColumn { .. } => "ALTER_TABLE_CHANGE_COLUMN",
                AlterTable::SetLocation { .. } => "ALTER_TABLE_SET_LOCATION",
                AlterTable::SetProperties(_) => "ALTER_TABLE_SET_TBLPROPERTIES",
                AlterTable::UnsetProperties(_) => "ALTER_TABLE_UNSET_TBLPROPERTIES",
            },
            Statement::Optimize { .. } => "OPTIMIZE",
            Statement::Vacuum { .. } => "VACUUM",
            Statement::Repair { .. } => "MSCK_REPAIR_TABLE",
            Statement::ShowDatabases { .. } => "SHOW_DATABASES",
            Statement::ShowTables { .. } => "SHOW_TABLES",
            Statement::ShowViews { .. } => "SHOW_VIEWS",
            Statement::ShowPartitions { .. } => "SHOW_PARTITIONS",
            Statement::ShowColumns { .. } => "SHOW_COLUMNS",
            Statement::ShowProperties { .. } => "SHOW_TBLPROPERTIES",
            Statement::ShowCreateTable { .. } => "SHOW_CREATE_TABLE",
            Statement::ShowCreateView { .. } => "SHOW_CREATE_VIEW",
            Statement::Describe { .. } => "DESCRIBE_TABLE",
            Statement::CreateView { .. } => "CREATE_VIEW",
            Statement::DropView { .. } => "DROP_VIEW",
        }
    }

    /// Statements that only look.
    pub(crate) fn is_utility(&self) -> bool {
        matches!(self.verb().split('_').next(), Some("SHOW" | "DESCRIBE"))
    }
}

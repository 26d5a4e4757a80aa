//! Hive's data definition grammar, as far as Athena takes it.

use datafusion::sql::sqlparser::tokenizer::Token;
use lake::iceberg::Place;

use super::cursor::Cursor;
use super::statement::{AlterTable, ColumnDefinition, CreateTable, PartitionSpec, Statement};
use crate::error::QueryError;
use crate::parse::Tokens;

/// The statement that `text` is, if it is a data definition.
pub(crate) fn parse(text: &str) -> Result<Option<Statement>, QueryError> {
    const LEADING: [&str; 10] =
        ["create", "drop", "alter", "msck", "show", "describe", "desc", "truncate", "optimize", "vacuum"];
    let head = Tokens::first_word(text);
    if !LEADING.contains(&head.as_str()) {
        return Ok(None);
    }
    if let Some(view) = create_view(text)? {
        return Ok(Some(view));
    }
    let tokens = Tokens::hive(text)?;
    let mut cursor = Cursor::new(&tokens);
    let statement = statement(&mut cursor)?;
    cursor.done()?;
    Ok(Some(statement))
}

/// A view's query is of the other grammar, with double-quoted names.
fn create_view(text: &str) -> Result<Option<Statement>, QueryError> {
    let Ok(tokens) = Tokens::of(text) else { return Ok(None) };
    let mut cursor = Cursor::new(&tokens);
    if !cursor.take(&["create"]) {
        return Ok(None);
    }
    let or_replace = cursor.take(&["or", "replace"]);
    if !cursor.take(&["view"]) {
        return Ok(None);
    }
    let name = cursor.object()?;
    if cursor.sees(&["comment"]) {
        cursor.at += 2;
    }
    if cursor.take(&["security"]) {
        cursor.word()?;
    }
    cursor.expect(&["as"])?;
    let at = cursor.at;
    if cursor.is_done() {
        return Err(cursor.expected("<query>"));
    }
    let text = tokens.text_from(at).to_owned();
    Ok(Some(Statement::CreateView { name, or_replace, query: tokens.skip(at), text }))
}

fn statement(cursor: &mut Cursor<'_>) -> Result<Statement, QueryError> {
    if cursor.take(&["create"]) {
        return create(cursor);
    }
    if cursor.take(&["drop"]) {
        return drop_object(cursor);
    }
    if cursor.take(&["alter"]) {
        return alter(cursor);
    }
    if cursor.take(&["msck"]) {
        cursor.expect(&["repair", "table"])?;
        return Ok(Statement::Repair { name: cursor.object()? });
    }
    if cursor.take(&["optimize"]) {
        let name = cursor.object()?;
        cursor.expect(&["rewrite", "data", "using", "bin_pack"])?;
        if cursor.sees(&["where"]) {
            return Err(QueryError::unsupported("OPTIMIZE … WHERE"));
        }
        return Ok(Statement::Optimize { name });
    }
    if cursor.take(&["vacuum"]) {
        return Ok(Statement::Vacuum { name: cursor.object()? });
    }
    if cursor.take(&["show"]) {
        return show(cursor);
    }
    if cursor.take(&["describe"]) || cursor.take(&["desc"]) {
        let extended = cursor.take(&["extended"]);
        let formatted = cursor.take(&["formatted"]);
        let name = cursor.object()?;
        if cursor.take(&["partition"]) {
            spec(cursor)?;
        }
        return Ok(Statement::Describe { name, extended, formatted });
    }
    Err(QueryError::unsupported(format!("The statement {}", cursor.tokens.first_words(2))))
}

fn create(cursor: &mut Cursor<'_>) -> Result<Statement, QueryError> {
    if cursor.take(&["database"]) || cursor.take(&["schema"]) {
        return create_database(cursor);
    }
    let external = cursor.take(&["external"]);
    if !cursor.take(&["table"]) {
        return Err(cursor.expected("'TABLE', 'EXTERNAL', 'VIEW', 'DATABASE', 'SCHEMA'"));
    }
    create_table(cursor, external).map(|table| Statement::CreateTable(Box::new(table)))
}

fn create_database(cursor: &mut Cursor<'_>) -> Result<Statement, QueryError> {
    let if_not_exists = cursor.take(&["if", "not", "exists"]);
    let name = cursor.word()?;
    let (mut comment, mut location, mut properties) = (None, None, Vec::new());
    loop {
        if cursor.take(&["comment"]) {
            comment = Some(cursor.string()?);
        } else if cursor.take(&["location"]) {
            location = Some(cursor.string()?);
        } else if cursor.take(&["with", "dbproperties"]) {
            properties = cursor.properties()?;
        } else {
            return Ok(Statement::CreateDatabase { name, if_not_exists, comment, location, properties });
        }
    }
}

fn create_table(cursor: &mut Cursor<'_>, external: bool) -> Result<CreateTable, QueryError> {
    let if_not_exists = cursor.take(&["if", "not", "exists"]);
    let name = Some(cursor.object()?);
    let mut table = CreateTable { name, external, if_not_exists, ..CreateTable::default() };
    if cursor.sees(&["with"]) || cursor.sees(&["as"]) {
        return Err(QueryError::unsupported("CREATE TABLE AS SELECT"));
    }
    if cursor.sees(&["like"]) {
        return Err(QueryError::unsupported("CREATE TABLE LIKE"));
    }
    table.columns = cursor.list(column)?;
    loop {
        if cursor.take(&["comment"]) {
            table.comment = Some(cursor.string()?);
        } else if cursor.take(&["partitioned", "by"]) {
            partitioned_by(cursor, &mut table)?;
        } else if cursor.take(&["row", "format"]) {
            row_format(cursor, &mut table)?;
        } else if cursor.take(&["with", "serdeproperties"]) {
            table.serde_properties.extend(cursor.properties()?);
        } else if cursor.take(&["stored", "as"]) {
            if cursor.take(&["inputformat"]) {
                table.input_format = Some(cursor.string()?);
                cursor.expect(&["outputformat"])?;
                table.output_format = Some(cursor.string()?);
            } else {
                table.stored_as = Some(cursor.word()?);
            }
        } else if cursor.take(&["location"]) {
            table.location = Some(cursor.string()?);
        } else if cursor.take(&["tblproperties"]) {
            table.properties = cursor.properties()?;
        } else if cursor.sees(&["clustered"]) || cursor.sees(&["stored", "by"]) || cursor.sees(&["skewed"]) {
            return Err(QueryError::unsupported(format!("{} in CREATE TABLE", clause(cursor))));
        } else {
            return Ok(table);
        }
    }
}

/// Columns of their own, as Hive has them, or expressions over the table's, as Iceberg has them.
fn partitioned_by(cursor: &mut Cursor<'_>, table: &mut CreateTable) -> Result<(), QueryError> {
    let after_name = cursor.tokens.list.get(cursor.at + 2).map(|token| &token.token);
    if !matches!(after_name, Some(Token::Comma | Token::RParen | Token::LParen)) {
        table.partition_keys = cursor.list(column)?;
        return Ok(());
    }
    table.partition_by = cursor.list(|cursor| {
        let name = cursor.word()?;
        if !cursor.take_symbol(&Token::LParen) {
            return Ok(name);
        }
        let mut arguments = vec![cursor.argument()?];
        while cursor.take_symbol(&Token::Comma) {
            arguments.push(cursor.argument()?);
        }
        cursor.symbol(&Token::RParen)?;
        Ok(format!("{name}({})", arguments.join(", ")))
    })?;
    Ok(())
}

fn clause(cursor: &Cursor<'_>) -> String {
    cursor.tokens.skip(cursor.at).first_words(2)
}

fn column(cursor: &mut Cursor<'_>) -> Result<ColumnDefinition, QueryError> {
    let name = cursor.word()?;
    let at = cursor.position();
    let type_ = cursor.type_text()?;
    if let Err(error) = lake::types::parse(&type_) {
        return Err(QueryError::syntax(at, format!("{error}")));
    }
    let comment = if cursor.take(&["comment"]) { Some(cursor.string()?) } else { None };
    Ok(ColumnDefinition { name, type_, comment })
}

fn row_format(cursor: &mut Cursor<'_>, table: &mut CreateTable) -> Result<(), QueryError> {
    if cursor.take(&["serde"]) {
        table.serde = Some(cursor.string()?);
        return Ok(());
    }
    cursor.expect(&["delimited"])?;
    table.serde = Some(lake::format::LAZY_SIMPLE_SERDE.to_owned());
    loop {
        let property = if cursor.take(&["fields", "terminated", "by"]) {
            "field.delim"
        } else if cursor.take(&["escaped", "by"]) {
            "escape.delim"
        } else if cursor.take(&["collection", "items", "terminated", "by"]) {
            "collection.delim"
        } else if cursor.take(&["map", "keys", "terminated", "by"]) {
            "mapkey.delim"
        } else if cursor.take(&["lines", "terminated", "by"]) {
            "line.delim"
        } else if cursor.take(&["null", "defined", "as"]) {
            "serialization.null.format"
        } else {
            return Ok(());
        };
        let value = cursor.string()?;
        if property == "field.delim" {
            table.serde_properties.push(("serialization.format".to_owned(), value.clone()));
        }
        table.serde_properties.push((property.to_owned(), value));
    }
}

fn drop_object(cursor: &mut Cursor<'_>) -> Result<Statement, QueryError> {
    if cursor.take(&["database"]) || cursor.take(&["schema"]) {
        let if_exists = cursor.take(&["if", "exists"]);
        let name = cursor.word()?;
        let cascade = cursor.take(&["cascade"]);
        if !cascade {
            cursor.take(&["restrict"]);
        }
        return Ok(Statement::DropDatabase { name, if_exists, cascade });
    }
    if cursor.take(&["view"]) {
        let if_exists = cursor.take(&["if", "exists"]);
        return Ok(Statement::DropView { name: cursor.object()?, if_exists });
    }
    if cursor.take(&["table"]) {
        let if_exists = cursor.take(&["if", "exists"]);
        let name = cursor.object()?;
        cursor.take(&["purge"]);
        return Ok(Statement::DropTable { name, if_exists });
    }
    Err(cursor.expected("'TABLE', 'VIEW', 'DATABASE', 'SCHEMA'"))
}

fn alter(cursor: &mut Cursor<'_>) -> Result<Statement, QueryError> {
    cursor.expect(&["table"])?;
    let name = cursor.object()?;
    let action = alter_action(cursor)?;
    Ok(Statement::AlterTable { name, action })
}

fn alter_action(cursor: &mut Cursor<'_>) -> Result<AlterTable, QueryError> {
    if cursor.take(&["add", "columns"]) {
        return Ok(AlterTable::AddColumns(cursor.list(column)?));
    }
    if cursor.take(&["replace", "columns"]) {
        return Ok(AlterTable::ReplaceColumns(cursor.list(column)?));
    }
    if cursor.take(&["add"]) {
        let if_not_exists = cursor.take(&["if", "not", "exists"]);
        let mut partitions = Vec::new();
        while cursor.take(&["partition"]) {
            let spec = spec(cursor)?;
            let location = if cursor.take(&["location"]) { Some(cursor.string()?) } else { None };
            partitions.push((spec, location));
        }
        if partitions.is_empty() {
            return Err(cursor.expected("'PARTITION', 'COLUMNS'"));
        }
        return Ok(AlterTable::AddPartitions { if_not_exists, partitions });
    }
    if cursor.take(&["drop", "column"]) {
        return Ok(AlterTable::DropColumn(cursor.word()?));
    }
    if cursor.take(&["change"]) {
        return change_column(cursor);
    }
    if cursor.take(&["drop"]) {
        let if_exists = cursor.take(&["if", "exists"]);
        let mut partitions = Vec::new();
        loop {
            cursor.expect(&["partition"])?;
            partitions.push(spec(cursor)?);
            if !cursor.take_symbol(&Token::Comma) {
                return Ok(AlterTable::DropPartitions { if_exists, partitions });
            }
        }
    }
    let partition = if cursor.take(&["partition"]) { Some(spec(cursor)?) } else { None };
    if cursor.take(&["set", "location"]) {
        return Ok(AlterTable::SetLocation { partition, location: cursor.string()? });
    }
    if let Some(from) = partition {
        cursor.expect(&["rename", "to", "partition"])?;
        return Ok(AlterTable::RenamePartition { from, to: spec(cursor)? });
    }
    if cursor.take(&["set", "tblproperties"]) {
        return Ok(AlterTable::SetProperties(cursor.properties()?));
    }
    if cursor.take(&["unset", "tblproperties"]) {
        cursor.take(&["if", "exists"]);
        return Ok(AlterTable::UnsetProperties(cursor.list(Cursor::string)?));
    }
    if cursor.sees(&["rename"]) {
        return Err(QueryError::unsupported(format!("ALTER TABLE … {}", clause(cursor))));
    }
    Err(cursor.expected("'ADD', 'CHANGE', 'DROP', 'PARTITION', 'RENAME', 'REPLACE', 'SET', 'UNSET'"))
}

fn change_column(cursor: &mut Cursor<'_>) -> Result<AlterTable, QueryError> {
    cursor.take(&["column"]);
    let name = cursor.word()?;
    let to = column(cursor)?;
    let place = if cursor.take(&["first"]) {
        Some(Place::First)
    } else if cursor.take(&["after"]) {
        Some(Place::After(cursor.word()?))
    } else {
        None
    };
    Ok(AlterTable::ChangeColumn { name, to, place })
}

fn spec(cursor: &mut Cursor<'_>) -> Result<PartitionSpec, QueryError> {
    cursor.list(|cursor| {
        let key = cursor.word()?;
        cursor.symbol(&Token::Eq)?;
        Ok((key, cursor.literal()?))
    })
}

fn show(cursor: &mut Cursor<'_>) -> Result<Statement, QueryError> {
    if cursor.take(&["databases"]) || cursor.take(&["schemas"]) {
        cursor.take(&["like"]);
        let pattern = if cursor.is_done() { None } else { Some(cursor.string()?) };
        return Ok(Statement::ShowDatabases { pattern });
    }
    if cursor.take(&["tables"]) {
        let (database, pattern) = inside(cursor)?;
        return Ok(Statement::ShowTables { database, pattern });
    }
    if cursor.take(&["views"]) {
        let (database, pattern) = inside(cursor)?;
        return Ok(Statement::ShowViews { database, pattern });
    }
    if cursor.take(&["partitions"]) {
        return Ok(Statement::ShowPartitions { name: cursor.object()? });
    }
    if cursor.take(&["columns"]) {
        if !cursor.take(&["in"]) {
            cursor.expect(&["from"])?;
        }
        let mut name = cursor.object()?;
        if cursor.take(&["in"]) || cursor.take(&["from"]) {
            name.database = Some(cursor.word()?);
        }
        return Ok(Statement::ShowColumns { name });
    }
    if cursor.take(&["tblproperties"]) {
        let name = cursor.object()?;
        let key = if cursor.is_done() {
            None
        } else {
            cursor.symbol(&Token::LParen)?;
            let key = cursor.string()?;
            cursor.symbol(&Token::RParen)?;
            Some(key)
        };
        return Ok(Statement::ShowProperties { name, key });
    }
    if cursor.take(&["create", "table"]) {
        return Ok(Statement::ShowCreateTable { name: cursor.object()? });
    }
    if cursor.take(&["create", "view"]) {
        return Ok(Statement::ShowCreateView { name: cursor.object()? });
    }
    Err(cursor.expected(
        "'COLUMNS', 'CREATE', 'DATABASES', 'PARTITIONS', 'SCHEMAS', 'TABLES', 'TBLPROPERTIES', 'VIEWS'",
    ))
}

fn inside(cursor: &mut Cursor<'_>) -> Result<(Option<String>, Option<String>), QueryError> {
    let database = if cursor.take(&["in"]) || cursor.take(&["from"]) { Some(cursor.word()?) } else { None };
    cursor.take(&["like"]);
    let pattern = if cursor.is_done() { None } else { Some(cursor.string()?) };
    Ok((database, pattern))
}

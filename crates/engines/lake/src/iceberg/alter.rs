//! Changes of a table's columns that somebody asks for.
//!
//! A column keeps its id through renames and promotions, so that files written before are read as what they
//! were; a new column never gets the id of one that is gone, so that it has none of its values.

use std::sync::Arc;

use ::iceberg::spec::{
    ListType, MapType, NestedField, NestedFieldRef, PrimitiveType, Schema, StructType, TableMetadata, Type,
};

use super::schema::{from_columns, hive_type};
use super::{IcebergError, evolve};
use crate::model::Column;

/// One change, made after those before it.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnChange {
    /// An optional column at the end.
    Add(Column),
    Drop(String),
    /// Another name, a wider type, another comment, another place. Without a comment it keeps its own.
    Change {
        name: String,
        to: Column,
        place: Option<Place>,
    },
}

/// Where a column stands among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    First,
    After(String),
}

/// The table's schema after these changes. Names are matched without regard to case.
///
/// # Errors
/// A column that is not there or is there already; a type that values of the old one cannot be read as; a column
/// to be dropped that rows are partitioned, sorted or identified by.
pub fn altered(metadata: &TableMetadata, changes: &[ColumnChange]) -> Result<Schema, IcebergError> {
    let schema = metadata.current_schema();
    let mut columns = Columns {
        metadata,
        fields: schema.as_struct().fields().to_vec(),
        last_id: metadata.last_column_id(),
    };
    for change in changes {
        match change {
            ColumnChange::Add(column) => columns.add(column)?,
            ColumnChange::Drop(name) => columns.remove(name)?,
            ColumnChange::Change { name, to, place } => columns.change(name, to, place.as_ref())?,
        }
    }
    let identified = schema.identifier_field_ids();
    Ok(Schema::builder().with_fields(columns.fields).with_identifier_field_ids(identified).build()?)
}

struct Columns<'a> {
    metadata: &'a TableMetadata,
    fields: Vec<NestedFieldRef>,
    /// The highest id ever given.
    last_id: i32,
}

impl Columns<'_> {
    fn place(&self, name: &str) -> Result<usize, IcebergError> {
        let found = self.fields.iter().position(|field| field.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| IcebergError::NoSuchColumn(name.to_owned()))
    }

    fn check_new(&self, name: &str) -> Result<(), IcebergError> {
        match self.place(name) {
            Ok(_) => Err(invalid(format!("column {name} is in the table already"))),
            Err(_) => Ok(()),
        }
    }

    fn add(&mut self, column: &Column) -> Result<(), IcebergError> {
        self.check_new(&column.name)?;
        if self.fields.len() >= evolve::COLUMNS_MAX {
            return Err(IcebergError::TooMany { limit: evolve::COLUMNS_MAX, what: "columns" });
        }
        let field = read(column)?;
        let id = self.next_id();
        let type_ = self.numbered(&field.field_type);
        let new = NestedField::optional(id, field.name.clone(), type_);
        self.fields.push(Arc::new(match &field.doc {
            Some(doc) => new.with_doc(doc.clone()),
            None => new,
        }));
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), IcebergError> {
        let at = self.place(name)?;
        let is_used = |id: i32| {
            let path = self.metadata.current_schema().name_by_field_id(id).unwrap_or_default();
            path.split('.').next() == Some(&self.fields[at].name)
        };
        // Files of an older spec are found by its columns too.
        let partitions = self.metadata.partition_specs_iter().flat_map(|spec| spec.fields());
        let sorts = &self.metadata.default_sort_order().fields;
        let identifiers = self.metadata.current_schema().identifier_field_ids();
        let mut used = partitions.map(|field| (field.source_id, "partitioned"));
        let mut sorted = sorts.iter().map(|field| (field.source_id, "sorted"));
        let mut identified = identifiers.map(|id| (id, "identified"));
        let found = used.find(|(id, _)| is_used(*id));
        let found = found.or_else(|| sorted.find(|(id, _)| is_used(*id)));
        if let Some((_, how)) = found.or_else(|| identified.find(|(id, _)| is_used(*id))) {
            return Err(invalid(format!("column {name} cannot be dropped: rows are {how} by it")));
        }
        if self.fields.len() == 1 {
            return Err(invalid(format!("column {name} cannot be dropped: it is the only one")));
        }
        self.fields.remove(at);
        Ok(())
    }

    fn change(&mut self, name: &str, to: &Column, place: Option<&Place>) -> Result<(), IcebergError> {
        let at = self.place(name)?;
        if !to.name.eq_ignore_ascii_case(name) {
            self.check_new(&to.name)?;
        }
        let wanted = read(to)?;
        let mut field = self.fields.remove(at).as_ref().clone();
        field.field_type = Box::new(promoted(name, &field.field_type, &wanted.field_type)?);
        field.name.clone_from(&wanted.name);
        if wanted.doc.is_some() {
            field.doc.clone_from(&wanted.doc);
        }
        let at = match place {
            None => at,
            Some(Place::First) => 0,
            Some(Place::After(other)) => self.place(other)? + 1,
        };
        self.fields.insert(at, Arc::new(field));
        Ok(())
    }

    fn next_id(&mut self) -> i32 {
        self.last_id += 1;
        self.last_id
    }

    /// The type with ids that no field ever had.
    fn numbered(&mut self, type_: &Type) -> Type {
        match type_ {
            Type::Primitive(_) => type_.clone(),
            Type::Struct(fields) => {
                let ids: Vec<i32> = fields.fields().iter().map(|_| self.next_id()).collect();
                let fields = fields.fields().iter().zip(ids).map(|(field, id)| self.field(field, id));
                Type::Struct(StructType::new(fields.collect()))
            }
            Type::List(list) => {
                let id = self.next_id();
                Type::List(ListType { element_field: self.field(&list.element_field, id) })
            }
            Type::Map(map) => {
                let (key, value) = (self.next_id(), self.next_id());
                Type::Map(MapType {
                    key_field: self.field(&map.key_field, key),
                    value_field: self.field(&map.value_field, value),
                })
            }
        }
    }

    fn field(&mut self, field: &NestedField, id: i32) -> NestedFieldRef {
        let mut field = field.clone();
        field.id = id;
        field.field_type = Box::new(self.numbered(&field.field_type));
        Arc::new(field)
    }
}

fn read(column: &Column) -> Result<NestedFieldRef, IcebergError> {
    let schema = from_columns(std::slice::from_ref(column))?;
    Ok(Arc::clone(&schema.as_struct().fields()[0]))
}

/// The type that takes the values of `from` and is what `to` says.
fn promoted(name: &str, from: &Type, to: &Type) -> Result<Type, IcebergError> {
    // By what the catalog calls them: those that Hive has no name for stay what they are.
    if hive_type(from) == hive_type(to) {
        return Ok(from.clone());
    }
    let wider = match (from.as_primitive_type(), to.as_primitive_type()) {
        (Some(PrimitiveType::Int), Some(PrimitiveType::Long))
        | (Some(PrimitiveType::Float), Some(PrimitiveType::Double)) => true,
        (
            Some(PrimitiveType::Decimal { precision, scale }),
            Some(PrimitiveType::Decimal { precision: more, scale: same }),
        ) => more > precision && same == scale,
        _ => false,
    };
    if wider {
        return Ok(to.clone());
    }
    Err(invalid(format!(
        "column {name} cannot become {} from {}: int becomes bigint, float becomes double, and a decimal gets more digits before its point",
        hive_type(to),
        hive_type(from)
    )))
}

fn invalid(reason: String) -> IcebergError {
    IcebergError::Invalid(reason)
}

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, MapArray, NullBufferBuilder, StructArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields as ArrowFields};

use super::column::{Column, Refusal, column, push, type_name};
use super::cursor::{Cursor, Token};
use super::fault::Fault;
use super::fields::Fields;
use super::{JsonError, Rules};

/// Maps with more entries find a repeated key by hash.
const LINEAR_SEARCH_MAX: usize = 16;

pub(super) struct StructColumn {
    arrow: ArrowFields,
    fields: Fields,
    nulls: NullBufferBuilder,
}

impl StructColumn {
    pub(super) fn new(arrow: ArrowFields, rules: &Arc<Rules>) -> Result<StructColumn, JsonError> {
        let fields = Fields::new(&arrow, rules)?;
        Ok(StructColumn { arrow, fields, nulls: NullBufferBuilder::new(0) })
    }
}

impl Column for StructColumn {
    fn len(&self) -> usize {
        self.nulls.len()
    }

    fn push(&mut self, token: Token<'_>, cursor: &mut Cursor<'_>) -> Result<(), Refusal> {
        let Token::Object = token else { return Err(Refusal::Mismatch) };
        self.fields.read(cursor, self.nulls.len())?;
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.fields.push_null();
        self.nulls.append_null();
    }

    fn truncate(&mut self, len: usize) {
        self.fields.truncate(len);
        self.nulls.truncate(len);
    }

    fn finish(&mut self) -> ArrayRef {
        let columns = self.fields.finish();
        Arc::new(StructArray::new(self.arrow.clone(), columns, self.nulls.finish()))
    }
}

pub(super) struct List {
    element: FieldRef,
    type_: String,
    lone_value: bool,
    offsets: Vec<i32>,
    values: Box<dyn Column>,
    nulls: NullBufferBuilder,
}

impl List {
    pub(super) fn new(element: FieldRef, rules: &Arc<Rules>) -> Result<List, JsonError> {
        Ok(List {
            type_: type_name(&element),
            lone_value: rules.lone_value_as_array,
            offsets: vec![0],
            values: column(&element, rules)?,
            nulls: NullBufferBuilder::new(0),
            element,
        })
    }
}

impl Column for List {
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    fn push(&mut self, token: Token<'_>, cursor: &mut Cursor<'_>) -> Result<(), Refusal> {
        match token {
            Token::Array => {
                let mut first = true;
                while cursor.element(first)? {
                    first = false;
                    push(self.values.as_mut(), &self.type_, cursor)?;
                }
            }
            token if self.lone_value => {
                self.values.push(token, cursor).map_err(|_| Refusal::Mismatch)?;
            }
            _ => return Err(Refusal::Mismatch),
        }
        self.offsets.push(offset(self.values.as_ref()));
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.offsets.push(offset(self.values.as_ref()));
        self.nulls.append_null();
    }

    fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        self.values.truncate(last(&self.offsets));
        self.nulls.truncate(len);
    }

    fn finish(&mut self) -> ArrayRef {
        let offsets = take_offsets(&mut self.offsets);
        let nulls = self.nulls.finish();
        Arc::new(ListArray::new(Arc::clone(&self.element), offsets, self.values.finish(), nulls))
    }
}

pub(super) struct MapColumn {
    entries: FieldRef,
    fields: ArrowFields,
    key_type: String,
    value_type: String,
    offsets: Vec<i32>,
    keys: Box<dyn Column>,
    values: Box<dyn Column>,
    nulls: NullBufferBuilder,
}

impl MapColumn {
    pub(super) fn new(name: &str, entries: FieldRef, rules: &Arc<Rules>) -> Result<MapColumn, JsonError> {
        let DataType::Struct(fields) = entries.data_type().clone() else {
            return Err(JsonError::Type { column: name.to_owned(), type_: entries.data_type().to_string() });
        };
        let [key, value] = fields.as_ref() else {
            return Err(JsonError::Type { column: name.to_owned(), type_: entries.data_type().to_string() });
        };
        Ok(MapColumn {
            key_type: type_name(key),
            value_type: type_name(value),
            offsets: vec![0],
            keys: column(key, rules)?,
            values: column(value, rules)?,
            nulls: NullBufferBuilder::new(0),
            fields,
            entries,
        })
    }
}

impl Column for MapColumn {
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    fn push(&mut self, token: Token<'_>, cursor: &mut Cursor<'_>) -> Result<(), Refusal> {
        let Token::Object = token else { return Err(Refusal::Mismatch) };
        let mut seen = SeenKeys::default();
        let mut first = true;
        while let Some(key) = cursor.key(first)? {
            first = false;
            if !seen.is_new(key.plain()?) {
                return Err(Fault::new(key.at, "the key is there twice").within(key.raw).into());
            }
            self.keys.push(Token::Text(key), cursor).map_err(|_| {
                Fault::new(key.at, format!("a key of type {} was expected, found {}", self.key_type, key.raw))
            })?;
            push(self.values.as_mut(), &self.value_type, cursor).map_err(|fault| fault.within(key.raw))?;
        }
        self.offsets.push(offset(self.values.as_ref()));
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.offsets.push(offset(self.values.as_ref()));
        self.nulls.append_null();
    }

    fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        self.keys.truncate(last(&self.offsets));
        self.values.truncate(last(&self.offsets));
        self.nulls.truncate(len);
    }

    fn finish(&mut self) -> ArrayRef {
        let offsets = take_offsets(&mut self.offsets);
        let columns = vec![self.keys.finish(), self.values.finish()];
        let entries = StructArray::new(self.fields.clone(), columns, None);
        Arc::new(MapArray::new(Arc::clone(&self.entries), offsets, entries, self.nulls.finish(), false))
    }
}

/// The keys of one map so far.
#[derive(Default)]
struct SeenKeys<'a> {
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> SeenKeys<'a> {
    fn is_new(&mut self, key: Cow<'a, str>) -> bool {
        if self.many.is_empty() {
            if self.few.contains(&key) {
                return false;
            }
            if self.few.len() < LINEAR_SEARCH_MAX {
                self.few.push(key);
                return true;
            }
            self.many.extend(self.few.drain(..));
        }
        self.many.insert(key)
    }
}

fn offset(values: &dyn Column) -> i32 {
    i32::try_from(values.len()).expect("a batch is at most BATCH_BYTES_MAX and each value takes a byte")
}

fn last(offsets: &[i32]) -> usize {
    offsets.last().map_or(0, |end| usize::try_from(*end).expect("offsets are not negative"))
}

fn take_offsets(offsets: &mut Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(offsets, vec![0])))
}

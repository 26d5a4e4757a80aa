use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, MapArray, NullBufferBuilder, StructArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields as ArrowFields};

use super::column::{Column, Refusal, column, push, type_name};
use super::cursor::{Cursor, Fault, Text, Token};
use super::{JsonError, Rules};

/// How many keys of an object are expected in the order of the object before.
const EXPECTED_KEYS_MAX: usize = 256;
/// How many spellings of keys are remembered; beyond it each is folded anew.
const SPELLINGS_MAX: usize = 4_096;
/// Longer keys are not remembered.
const SPELLING_BYTES_MAX: usize = 256;
/// Maps with more entries find a repeated key by hash.
const LINEAR_SEARCH_MAX: usize = 16;

/// The columns of an object's fields: a whole row, or a struct within one.
pub(super) struct Fields {
    columns: Vec<FieldColumn>,
    keys: Keys,
}

struct FieldColumn {
    name: String,
    type_: String,
    values: Box<dyn Column>,
}

impl Fields {
    pub(super) fn new(fields: &ArrowFields, rules: &Arc<Rules>) -> Result<Fields, JsonError> {
        let columns = fields
            .iter()
            .map(|field| {
                let values = column(field, rules)?;
                Ok(FieldColumn { name: field.name().clone(), type_: type_name(field), values })
            })
            .collect::<Result<_, JsonError>>()?;
        Ok(Fields { columns, keys: Keys::new(fields, rules) })
    }

    /// Reads an opened object as the row after `rows` others.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>, rows: usize) -> Result<(), Box<Fault>> {
        let mut place = 0;
        while let Some(key) = cursor.key(place == 0)? {
            match self.keys.find(place, key)? {
                Some(index) => {
                    let field = &mut self.columns[index];
                    if field.values.len() > rows {
                        return Err(Fault::new(key.at, "the key is there twice").within(&field.name));
                    }
                    push(field.values.as_mut(), &field.type_, cursor)
                        .map_err(|fault| fault.within(&field.name))?;
                }
                None => {
                    let token = cursor.token()?;
                    cursor.skip(token)?;
                }
            }
            place += 1;
        }
        for field in &mut self.columns {
            if field.values.len() == rows {
                field.values.push_null();
            }
        }
        Ok(())
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        self.columns.iter_mut().for_each(|field| field.values.truncate(rows));
    }

    pub(super) fn finish(&mut self) -> Vec<ArrayRef> {
        self.columns.iter_mut().map(|field| field.values.finish()).collect()
    }
}

/// From a key as it is spelt to its column. Objects of a stream mostly repeat their keys in one
/// order, so the key that stood at the same place before is tried first.
struct Keys {
    rules: Arc<Rules>,
    /// Folded key → column.
    columns: HashMap<String, usize>,
    /// Key as spelt → column, for every spelling seen.
    spellings: HashMap<Box<str>, Option<usize>>,
    expected: Vec<(Box<str>, Option<usize>)>,
}

impl Keys {
    fn new(fields: &ArrowFields, rules: &Arc<Rules>) -> Keys {
        let mut keys = Keys {
            rules: Arc::clone(rules),
            columns: HashMap::new(),
            spellings: HashMap::new(),
            expected: Vec::new(),
        };
        for (index, field) in fields.iter().enumerate() {
            let folded = field.name().to_lowercase();
            let key = match rules.keys.get(&folded) {
                Some(key) => keys.fold(key),
                // Columns are lower case, as the catalog's readers take them.
                None => folded,
            };
            keys.columns.entry(key).or_insert(index);
        }
        keys
    }

    fn fold(&self, key: &str) -> String {
        let key = if self.rules.case_insensitive { key.to_lowercase() } else { key.to_owned() };
        if self.rules.dots_to_underscores { key.replace('.', "_") } else { key }
    }

    fn find(&mut self, place: usize, key: Text<'_>) -> Result<Option<usize>, Box<Fault>> {
        if !key.escaped {
            if let Some((expected, column)) = self.expected.get(place)
                && **expected == *key.raw
            {
                return Ok(*column);
            }
            if let Some(&column) = self.spellings.get(key.raw) {
                self.expect(place, key.raw, column);
                return Ok(column);
            }
        }
        let plain = key.plain()?;
        let column = self.columns.get(&self.fold(&plain)).copied();
        if !key.escaped && key.raw.len() <= SPELLING_BYTES_MAX && self.spellings.len() < SPELLINGS_MAX {
            self.spellings.insert(key.raw.into(), column);
            self.expect(place, key.raw, column);
        }
        Ok(column)
    }

    fn expect(&mut self, place: usize, key: &str, column: Option<usize>) {
        let expected = (key.into(), column);
        if place < self.expected.len() {
            self.expected[place] = expected;
        } else if place == self.expected.len() && place < EXPECTED_KEYS_MAX {
            self.expected.push(expected);
        }
    }
}

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
        self.fields.columns.iter_mut().for_each(|field| field.values.push_null());
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

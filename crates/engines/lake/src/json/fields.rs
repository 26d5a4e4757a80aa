use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::Fields as ArrowFields;

use super::column::{Column, column, push, type_name};
use super::cursor::Cursor;
use super::fault::Fault;
use super::text::Text;
use super::{JsonError, Rules};

/// How many keys of an object are expected in the order of the object before.
const EXPECTED_KEYS_MAX: usize = 256;
/// How many spellings of keys are remembered; beyond it each is folded anew.
const SPELLINGS_MAX: usize = 4_096;
/// Longer keys are not remembered.
const SPELLING_BYTES_MAX: usize = 256;

/// The columns of an object's fields: a whole row, or a struct within one.
pub(super) struct Fields {
    columns: Vec<FieldColumn>,
    keys: Keys,
    /// A key that no column asks for was read.
    unknown_keys: bool,
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
        Ok(Fields { columns, keys: Keys::new(fields, rules), unknown_keys: false })
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
                    self.unknown_keys = true;
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

    pub(super) fn unknown_keys(&self) -> bool {
        self.unknown_keys
    }

    pub(super) fn push_null(&mut self) {
        self.columns.iter_mut().for_each(|field| field.values.push_null());
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

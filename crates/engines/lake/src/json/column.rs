use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, BooleanBufferBuilder, NullBufferBuilder,
    PrimitiveArray, StringArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType,
};

use super::cursor::{Cursor, Token};
use super::fault::Fault;
use super::nested::{List, MapColumn, StructColumn};
use super::{JsonError, Rules, scalar};
use crate::types::{self, HIVE_TYPE, HiveType};

/// Why a column did not take a value.
pub(super) enum Refusal {
    /// The value is not of the column's type; [`push`] gives it its words.
    Mismatch,
    Fault(Box<Fault>),
}

impl From<Box<Fault>> for Refusal {
    fn from(fault: Box<Fault>) -> Refusal {
        Refusal::Fault(fault)
    }
}

/// The values of one column of a batch in the making.
///
/// A failed [`Column::push`] may leave the column longer than it was, nested ones too: the caller
/// cuts it back with [`Column::truncate`] before anything else.
pub(super) trait Column {
    fn len(&self) -> usize;
    /// Appends the value that `token` starts; never called with `Token::Null`.
    fn push(&mut self, token: Token<'_>, cursor: &mut Cursor<'_>) -> Result<(), Refusal>;
    fn push_null(&mut self);
    fn truncate(&mut self, len: usize);
    fn finish(&mut self) -> ArrayRef;
}

/// Appends the next value of `cursor`, null or not. `expected` names the column's type for reasons.
pub(super) fn push(
    column: &mut dyn Column,
    expected: &str,
    cursor: &mut Cursor<'_>,
) -> Result<(), Box<Fault>> {
    let start = cursor.position();
    let token = cursor.token()?;
    if let Token::Null = token {
        column.push_null();
        return Ok(());
    }
    column.push(token, cursor).map_err(|refusal| match refusal {
        Refusal::Fault(fault) => fault,
        Refusal::Mismatch => {
            let found = cursor.shown(start, token);
            Fault::new(start, format!("a value of type {expected} was expected, found {found}"))
        }
    })
}

/// The column for a field of a schema.
pub(super) fn column(field: &Field, rules: &Arc<Rules>) -> Result<Box<dyn Column>, JsonError> {
    Ok(match field.data_type() {
        DataType::Boolean => Box::new(Booleans::default()),
        DataType::Int8 => Numbers::<Int8Type>::boxed(DataType::Int8, scalar::integer),
        DataType::Int16 => Numbers::<Int16Type>::boxed(DataType::Int16, scalar::integer),
        DataType::Int32 => Numbers::<Int32Type>::boxed(DataType::Int32, scalar::integer),
        DataType::Int64 => Numbers::<Int64Type>::boxed(DataType::Int64, scalar::integer),
        DataType::Float32 => Numbers::<Float32Type>::boxed(DataType::Float32, scalar::float32),
        DataType::Float64 => Numbers::<Float64Type>::boxed(DataType::Float64, scalar::float64),
        DataType::Date32 => Numbers::<Date32Type>::boxed(DataType::Date32, scalar::date),
        DataType::Decimal128(precision, scale) => {
            let (precision, scale) = (*precision, *scale);
            let read = move |token: Token<'_>| scalar::decimal(token, precision, scale);
            Numbers::<Decimal128Type>::boxed(field.data_type().clone(), read)
        }
        // A zone changes nothing: what is read is UTC, with or without saying so.
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let rules = Arc::clone(rules);
            let read = move |token: Token<'_>| scalar::timestamp(token, &rules.timestamps);
            Numbers::<TimestampMicrosecondType>::boxed(field.data_type().clone(), read)
        }
        DataType::Utf8 => Box::new(Bytes::new(Text::Utf8, length_max(field))),
        DataType::Binary => Box::new(Bytes::new(Text::Binary, None)),
        DataType::List(element) => Box::new(List::new(Arc::clone(element), rules)?),
        DataType::Map(entries, _) => Box::new(MapColumn::new(field.name(), Arc::clone(entries), rules)?),
        DataType::Struct(fields) => Box::new(StructColumn::new(fields.clone(), rules)?),
        other => {
            return Err(JsonError::Type { column: field.name().clone(), type_: other.to_string() });
        }
    })
}

/// How the column's type is called in reasons.
pub(super) fn type_name(field: &Field) -> String {
    match field.metadata().get(HIVE_TYPE) {
        Some(name) => name.clone(),
        None => types::from_arrow(field.data_type())
            .map_or_else(|_| field.data_type().to_string(), |type_| type_.to_string()),
    }
}

fn length_max(field: &Field) -> Option<usize> {
    match types::parse(field.metadata().get(HIVE_TYPE)?) {
        Ok(HiveType::Varchar(length) | HiveType::Char(length)) => usize::try_from(length).ok(),
        _ => None,
    }
}

/// Everything of fixed width.
struct Numbers<T: ArrowPrimitiveType> {
    type_: DataType,
    values: Vec<T::Native>,
    nulls: NullBufferBuilder,
    read: ReadFn<T>,
}

type ReadFn<T> = Box<dyn Fn(Token<'_>) -> Option<<T as ArrowPrimitiveType>::Native>>;

impl<T: ArrowPrimitiveType> Numbers<T> {
    fn boxed(type_: DataType, read: impl Fn(Token<'_>) -> Option<T::Native> + 'static) -> Box<dyn Column> {
        let nulls = NullBufferBuilder::new(0);
        Box::new(Numbers::<T> { type_, values: Vec::new(), nulls, read: Box::new(read) })
    }
}

impl<T: ArrowPrimitiveType> Column for Numbers<T> {
    fn len(&self) -> usize {
        self.values.len()
    }

    fn push(&mut self, token: Token<'_>, _: &mut Cursor<'_>) -> Result<(), Refusal> {
        let value = (self.read)(token).ok_or(Refusal::Mismatch)?;
        self.values.push(value);
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.values.push(T::Native::default());
        self.nulls.append_null();
    }

    fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        self.nulls.truncate(len);
    }

    fn finish(&mut self) -> ArrayRef {
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        let array = PrimitiveArray::<T>::new(values, self.nulls.finish());
        Arc::new(array.with_data_type(self.type_.clone()))
    }
}

struct Booleans {
    values: BooleanBufferBuilder,
    nulls: NullBufferBuilder,
}

impl Default for Booleans {
    fn default() -> Booleans {
        Booleans { values: BooleanBufferBuilder::new(0), nulls: NullBufferBuilder::new(0) }
    }
}

impl Column for Booleans {
    fn len(&self) -> usize {
        self.values.len()
    }

    fn push(&mut self, token: Token<'_>, _: &mut Cursor<'_>) -> Result<(), Refusal> {
        self.values.append(scalar::boolean(token).ok_or(Refusal::Mismatch)?);
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.values.append(false);
        self.nulls.append_null();
    }

    fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        self.nulls.truncate(len);
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(BooleanArray::new(self.values.finish(), self.nulls.finish()))
    }
}

#[derive(Clone, Copy)]
enum Text {
    Utf8,
    Binary,
}

/// Strings and binaries.
struct Bytes {
    kind: Text,
    chars_max: Option<usize>,
    /// One more than there are values, from 0.
    offsets: Vec<i32>,
    bytes: Vec<u8>,
    nulls: NullBufferBuilder,
}

impl Bytes {
    fn new(kind: Text, chars_max: Option<usize>) -> Bytes {
        let nulls = NullBufferBuilder::new(0);
        Bytes { kind, chars_max, offsets: vec![0], bytes: Vec::new(), nulls }
    }

    fn end(&mut self) {
        // A column holds no more bytes than its records, which are limited.
        self.offsets.push(i32::try_from(self.bytes.len()).expect("a batch is at most BATCH_BYTES_MAX"));
    }
}

impl Column for Bytes {
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    fn push(&mut self, token: Token<'_>, cursor: &mut Cursor<'_>) -> Result<(), Refusal> {
        let start = self.bytes.len();
        match (token, self.kind) {
            (Token::Text(text), _) => text.append_to(&mut self.bytes)?,
            (_, Text::Binary) => return Err(Refusal::Mismatch),
            (Token::Number(text), _) => self.bytes.extend_from_slice(text.as_bytes()),
            (Token::Bool(value), _) => {
                let text: &[u8] = if value { b"true" } else { b"false" };
                self.bytes.extend_from_slice(text);
            }
            (Token::Object | Token::Array, _) => {
                let opening = cursor.here() - 1;
                cursor.skip(token)?;
                self.bytes.extend_from_slice(cursor.since(opening).as_bytes());
            }
            (Token::Null, _) => return Err(Refusal::Mismatch),
        }
        if let Some(max) = self.chars_max {
            // A character starts at every byte that continues none.
            let chars = self.bytes[start..].iter().filter(|byte| (**byte & 0xC0) != 0x80).count();
            if chars > max {
                return Err(Refusal::Mismatch);
            }
        }
        self.end();
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.end();
        self.nulls.append_null();
    }

    fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        let bytes = self.offsets.last().copied().unwrap_or(0);
        self.bytes.truncate(usize::try_from(bytes).expect("offsets are not negative"));
        self.nulls.truncate(len);
    }

    fn finish(&mut self) -> ArrayRef {
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let bytes = std::mem::take(&mut self.bytes).into();
        let nulls = self.nulls.finish();
        match self.kind {
            Text::Utf8 => Arc::new(StringArray::new(offsets, bytes, nulls)),
            Text::Binary => Arc::new(BinaryArray::new(offsets, bytes, nulls)),
        }
    }
}

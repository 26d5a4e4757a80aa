//! Arrays to the streams of a column and of those below it.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType,
};

use super::OrcError;
use super::proto::{Message, put_varint};
use super::runs::{BitRuns, ByteRuns, IntegerRuns};
use crate::types::HIVE_TYPE;

const DIRECT: u64 = 0;
const DIRECT_V2: u64 = 2;

/// 2015-01-01 in seconds since 1970: what timestamps count from.
const EPOCH_SECONDS: i64 = 1_420_070_400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Present = 0,
    Data = 1,
    Length = 2,
    Secondary = 5,
}

/// A column of a stripe.
pub(super) struct Encoded {
    pub(super) encoding: u64,
    pub(super) streams: Vec<(Stream, Vec<u8>)>,
}

/// One column in the making, with those below it.
pub(super) struct Column {
    type_: Message,
    present: BitRuns,
    has_null: bool,
    values: Values,
    children: Vec<Column>,
}

enum Values {
    Boolean(BitRuns),
    Byte(ByteRuns),
    Integer(IntegerRuns),
    /// Floating-point numbers as they are.
    Plain(Vec<u8>),
    Text {
        bytes: Vec<u8>,
        lengths: IntegerRuns,
    },
    Timestamp {
        seconds: IntegerRuns,
        nanos: IntegerRuns,
    },
    Decimal {
        digits: Vec<u8>,
        scales: IntegerRuns,
    },
    /// Lists and maps.
    Lengths(IntegerRuns),
    Struct,
}

impl Column {
    /// `name` is for the error.
    pub(super) fn new(name: &str, type_: &DataType) -> Result<Column, OrcError> {
        Column::of(name, type_, None)
    }

    fn field(field: &Field) -> Result<Column, OrcError> {
        Column::of(field.name(), field.data_type(), field.metadata().get(HIVE_TYPE).map(String::as_str))
    }

    fn of(name: &str, type_: &DataType, hive: Option<&str>) -> Result<Column, OrcError> {
        let integers = || Values::Integer(IntegerRuns::default());
        let text = || Values::Text { bytes: Vec::new(), lengths: IntegerRuns::default() };
        let (kind, values, children) = match type_ {
            DataType::Boolean => (0, Values::Boolean(BitRuns::default()), Vec::new()),
            DataType::Int8 => (1, Values::Byte(ByteRuns::default()), Vec::new()),
            DataType::Int16 => (2, integers(), Vec::new()),
            DataType::Int32 => (3, integers(), Vec::new()),
            DataType::Int64 => (4, integers(), Vec::new()),
            DataType::Float32 => (5, Values::Plain(Vec::new()), Vec::new()),
            DataType::Float64 => (6, Values::Plain(Vec::new()), Vec::new()),
            DataType::Utf8 => (text_kind(hive), text(), Vec::new()),
            DataType::Binary => (8, text(), Vec::new()),
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                let (seconds, nanos) = (IntegerRuns::default(), IntegerRuns::default());
                (9, Values::Timestamp { seconds, nanos }, Vec::new())
            }
            DataType::List(element) => {
                (10, Values::Lengths(IntegerRuns::default()), vec![Column::field(element)?])
            }
            DataType::Map(entries, _) => {
                let DataType::Struct(fields) = entries.data_type() else {
                    return Err(unsupported(name, type_));
                };
                let children = fields.iter().map(|field| Column::field(field)).collect::<Result<_, _>>()?;
                (11, Values::Lengths(IntegerRuns::default()), children)
            }
            DataType::Struct(fields) => {
                let children = fields.iter().map(|field| Column::field(field)).collect::<Result<_, _>>()?;
                (12, Values::Struct, children)
            }
            DataType::Decimal128(..) => {
                let (digits, scales) = (Vec::new(), IntegerRuns::default());
                (14, Values::Decimal { digits, scales }, Vec::new())
            }
            DataType::Date32 => (15, integers(), Vec::new()),
            _ => return Err(unsupported(name, type_)),
        };
        let type_ = describe(kind, type_, hive);
        Ok(Column { type_, present: BitRuns::default(), has_null: false, values, children })
    }

    pub(super) fn append(&mut self, array: &dyn Array) {
        let rows = array.len();
        let valid = |row: &usize| array.is_valid(*row);
        for row in 0..rows {
            let valid = valid(&row);
            self.has_null |= !valid;
            self.present.push(valid);
        }
        let present = (0..rows).filter(valid);
        match &mut self.values {
            Values::Boolean(bits) => {
                let array = array.as_boolean();
                present.for_each(|row| bits.push(array.value(row)));
            }
            Values::Byte(bytes) => {
                let array = array.as_primitive::<Int8Type>();
                present.for_each(|row| bytes.push(array.value(row).cast_unsigned()));
            }
            Values::Integer(integers) => {
                let value = integer_of(array);
                present.for_each(|row| integers.push_signed(value(row)));
            }
            Values::Plain(bytes) => append_plain(array, present, bytes),
            Values::Text { bytes, lengths } => present.for_each(|row| {
                let value = match array.data_type() {
                    DataType::Binary => array.as_binary::<i32>().value(row),
                    _ => array.as_string::<i32>().value(row).as_bytes(),
                };
                bytes.extend_from_slice(value);
                lengths.push(value.len() as u64);
            }),
            Values::Timestamp { seconds, nanos } => {
                let array = array.as_primitive::<TimestampMicrosecondType>();
                present.for_each(|row| append_timestamp(array.value(row), seconds, nanos));
            }
            Values::Decimal { digits, scales } => {
                let array = array.as_primitive::<Decimal128Type>();
                let scale = i64::from(array.scale());
                present.for_each(|row| {
                    let value = array.value(row);
                    put_varint(digits, (value << 1 ^ value >> 127).cast_unsigned());
                    scales.push_signed(scale);
                });
            }
            Values::Lengths(lengths) => {
                append_lists(array, present.collect(), lengths, &mut self.children);
            }
            Values::Struct => append_struct(array, &mut self.children),
        }
    }

    /// About how many bytes it has.
    pub(super) fn memory(&self) -> usize {
        let own = match &self.values {
            Values::Boolean(bits) => bits.memory(),
            Values::Byte(bytes) => bytes.memory(),
            Values::Integer(integers) | Values::Lengths(integers) => integers.memory(),
            Values::Plain(bytes) => bytes.len(),
            Values::Text { bytes, lengths } => bytes.len() + lengths.memory(),
            Values::Timestamp { seconds, nanos } => seconds.memory() + nanos.memory(),
            Values::Decimal { digits, scales } => digits.len() + scales.memory(),
            Values::Struct => 0,
        };
        own + self.present.memory() + self.children.iter().map(Column::memory).sum::<usize>()
    }

    /// The columns of a stripe in the order of the types, and a fresh start.
    pub(super) fn finish(&mut self, out: &mut Vec<Encoded>) {
        let mut streams = Vec::new();
        let present = self.present.finish();
        if std::mem::take(&mut self.has_null) {
            streams.push((Stream::Present, present));
        }
        let encoding = match &mut self.values {
            Values::Boolean(bits) => {
                streams.push((Stream::Data, bits.finish()));
                DIRECT
            }
            Values::Byte(bytes) => {
                streams.push((Stream::Data, bytes.finish()));
                DIRECT
            }
            Values::Integer(integers) => {
                streams.push((Stream::Data, integers.finish()));
                DIRECT_V2
            }
            Values::Plain(bytes) => {
                streams.push((Stream::Data, std::mem::take(bytes)));
                DIRECT
            }
            Values::Text { bytes, lengths } => {
                streams.push((Stream::Data, std::mem::take(bytes)));
                streams.push((Stream::Length, lengths.finish()));
                DIRECT_V2
            }
            Values::Timestamp { seconds, nanos } => {
                streams.push((Stream::Data, seconds.finish()));
                streams.push((Stream::Secondary, nanos.finish()));
                DIRECT_V2
            }
            Values::Decimal { digits, scales } => {
                streams.push((Stream::Data, std::mem::take(digits)));
                streams.push((Stream::Secondary, scales.finish()));
                DIRECT_V2
            }
            Values::Lengths(lengths) => {
                streams.push((Stream::Length, lengths.finish()));
                DIRECT_V2
            }
            Values::Struct => DIRECT,
        };
        out.push(Encoded { encoding, streams });
        self.children.iter_mut().for_each(|child| child.finish(out));
    }

    /// Of this column and those below it, depth first: their places are their numbers.
    pub(super) fn types(&self, out: &mut Vec<Message>) {
        let place = out.len();
        out.push(Message::default());
        let mut below = Vec::with_capacity(self.children.len());
        for child in &self.children {
            below.push(out.len() as u64);
            child.types(out);
        }
        let mut type_ = self.type_.clone();
        if !below.is_empty() {
            type_ = type_.packed(2, &below);
        }
        out[place] = type_;
    }
}

fn unsupported(name: &str, type_: &DataType) -> OrcError {
    OrcError::Type { column: name.to_owned(), type_: type_.clone() }
}

fn text_kind(hive: Option<&str>) -> u64 {
    match hive {
        Some(type_) if type_.starts_with("varchar") => 16,
        Some(type_) if type_.starts_with("char") => 17,
        _ => 7,
    }
}

/// All of a type but the numbers of the columns below it.
fn describe(kind: u64, type_: &DataType, hive: Option<&str>) -> Message {
    let message = Message::default().number(1, kind);
    match type_ {
        DataType::Struct(fields) => {
            fields.iter().fold(message, |message, field| message.bytes(3, field.name().as_bytes()))
        }
        DataType::Decimal128(precision, scale) => {
            let scale = u64::try_from(*scale).expect("a table's decimals have no negative scale");
            message.number(5, u64::from(*precision)).number(6, scale)
        }
        _ => {
            let length = hive.and_then(|type_| type_.split(['(', ')']).nth(1)?.parse().ok());
            length.map_or(message.clone(), |length| message.number(4, length))
        }
    }
}

fn integer_of(array: &dyn Array) -> Box<dyn Fn(usize) -> i64 + '_> {
    match array.data_type() {
        DataType::Int16 => {
            let array = array.as_primitive::<Int16Type>();
            Box::new(|row| i64::from(array.value(row)))
        }
        DataType::Int32 => {
            let array = array.as_primitive::<Int32Type>();
            Box::new(|row| i64::from(array.value(row)))
        }
        DataType::Date32 => {
            let array = array.as_primitive::<Date32Type>();
            Box::new(|row| i64::from(array.value(row)))
        }
        _ => {
            let array = array.as_primitive::<Int64Type>();
            Box::new(|row| array.value(row))
        }
    }
}

fn append_plain(array: &dyn Array, present: impl Iterator<Item = usize>, out: &mut Vec<u8>) {
    if *array.data_type() == DataType::Float32 {
        let array = array.as_primitive::<Float32Type>();
        present.for_each(|row| out.extend_from_slice(&array.value(row).to_le_bytes()));
    } else {
        let array = array.as_primitive::<Float64Type>();
        present.for_each(|row| out.extend_from_slice(&array.value(row).to_le_bytes()));
    }
}

fn append_timestamp(micros: i64, seconds: &mut IntegerRuns, nanos: &mut IntegerRuns) {
    let fraction = micros.rem_euclid(1_000_000) * 1_000;
    let mut whole = micros.div_euclid(1_000_000);
    // Readers take a second off again where it is negative and the fraction is a millisecond or more.
    if whole < 0 && fraction > 999_999 {
        whole += 1;
    }
    seconds.push_signed(whole - EPOCH_SECONDS);
    nanos.push(shortened(fraction.cast_unsigned()));
}

/// Without its zeros at the end, if there are two or more; their number less one is in the lowest three bits.
fn shortened(mut nanos: u64) -> u64 {
    if nanos == 0 || !nanos.is_multiple_of(100) {
        return nanos << 3;
    }
    nanos /= 100;
    let mut zeros = 1;
    while nanos.is_multiple_of(10) && zeros < 7 {
        nanos /= 10;
        zeros += 1;
    }
    nanos << 3 | zeros
}

fn append_lists(array: &dyn Array, present: Vec<usize>, lengths: &mut IntegerRuns, children: &mut [Column]) {
    let (offsets, below): (&[i32], Vec<&dyn Array>) = if let Some(lists) = array.as_list_opt::<i32>() {
        (lists.value_offsets(), vec![lists.values().as_ref()])
    } else {
        let maps = array.as_map();
        (maps.value_offsets(), vec![maps.keys().as_ref(), maps.values().as_ref()])
    };
    for row in present {
        let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
        lengths.push((to - from) as u64);
        for (child, values) in children.iter_mut().zip(&below) {
            child.append(values.slice(from, to - from).as_ref());
        }
    }
}

fn append_struct(array: &dyn Array, children: &mut [Column]) {
    let array = array.as_struct();
    if array.null_count() == 0 {
        children.iter_mut().zip(array.columns()).for_each(|(child, values)| child.append(values.as_ref()));
        return;
    }
    // Below a null there is nothing.
    for row in (0..array.len()).filter(|row| array.is_valid(*row)) {
        children.iter_mut().zip(array.columns()).for_each(|(child, values)| {
            child.append(values.slice(row, 1).as_ref());
        });
    }
}

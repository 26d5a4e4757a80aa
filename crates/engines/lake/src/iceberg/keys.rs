//! Rows' keys as 128-bit hashes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};

use super::IcebergError;

/// A key, as good as unique: of a billion keys two are the same with a chance of 10⁻²¹. It is keyed with a
/// secret of the process, so that nobody can choose keys that meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyHash {
    first: u64,
    second: u64,
}

impl Hash for KeyHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.first);
    }
}

/// Something for each key. Keys are hashes already and are not hashed again.
pub(super) type KeyMap<V> = HashMap<KeyHash, V, BuildHasherDefault<Hashed>>;

#[derive(Debug, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, _: &[u8]) {
        unreachable!("a key is hashed as one number");
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The secret of one process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Secret([u64; 4]);

impl Secret {
    pub(super) fn new(rt: &rt::Rt) -> Secret {
        Secret(std::array::from_fn(|_| rt.random_u64()))
    }

    #[expect(deprecated, reason = "SipHash 2-4 with a key of ours; what replaces it has no key")]
    fn hash(self, bytes: &[u8]) -> KeyHash {
        let Secret([a, b, c, d]) = self;
        let half = |one, two| {
            let mut hasher = std::hash::SipHasher::new_with_keys(one, two);
            hasher.write(bytes);
            hasher.finish()
        };
        KeyHash { first: half(a, b), second: half(c, d) }
    }
}

/// The keys of some rows, in the rows' order. `columns` are the places of the key's columns. Promoted types
/// keep their keys: `int` and `long`, `float` and `double`.
pub(super) fn hashes(
    rows: &RecordBatch,
    columns: &[usize],
    secret: Secret,
) -> Result<Vec<KeyHash>, IcebergError> {
    let columns: Vec<&ArrayRef> = columns.iter().map(|&at| rows.column(at)).collect();
    if let Some(column) = columns.iter().find(|column| !is_key_type(column.data_type())) {
        return Err(IcebergError::Invalid(format!("a key cannot have the type {}", column.data_type())));
    }
    let mut bytes = Vec::with_capacity(64);
    let mut hashes = Vec::with_capacity(rows.num_rows());
    for row in 0..rows.num_rows() {
        bytes.clear();
        for column in &columns {
            append(&mut bytes, column, row);
        }
        hashes.push(secret.hash(&bytes));
    }
    Ok(hashes)
}

fn is_key_type(type_: &DataType) -> bool {
    matches!(
        type_,
        DataType::Boolean
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Date32
            | DataType::Timestamp(TimeUnit::Microsecond, _)
            | DataType::Decimal128(..)
            | DataType::Utf8
            | DataType::Binary
            | DataType::FixedSizeBinary(_)
    )
}

/// Each value with its length, so that no two keys have the same bytes.
fn append(bytes: &mut Vec<u8>, column: &ArrayRef, row: usize) {
    const NULL: u8 = 0;
    const FIXED: u8 = 1;
    const SIZED: u8 = 2;
    if column.is_null(row) {
        bytes.push(NULL);
        return;
    }
    let mut fixed = |value: &[u8]| {
        bytes.push(FIXED);
        bytes.extend_from_slice(value);
    };
    match column.data_type() {
        DataType::Boolean => fixed(&[u8::from(column.as_boolean().value(row))]),
        DataType::Int32 => fixed(&i64::from(column.as_primitive::<Int32Type>().value(row)).to_le_bytes()),
        DataType::Int64 => fixed(&column.as_primitive::<Int64Type>().value(row).to_le_bytes()),
        DataType::Float32 => fixed(&f64::from(column.as_primitive::<Float32Type>().value(row)).to_le_bytes()),
        DataType::Float64 => fixed(&column.as_primitive::<Float64Type>().value(row).to_le_bytes()),
        DataType::Date32 => fixed(&column.as_primitive::<Date32Type>().value(row).to_le_bytes()),
        DataType::Timestamp(..) => {
            fixed(&column.as_primitive::<TimestampMicrosecondType>().value(row).to_le_bytes());
        }
        DataType::Decimal128(..) => fixed(&column.as_primitive::<Decimal128Type>().value(row).to_le_bytes()),
        DataType::Utf8 => sized(bytes, SIZED, column.as_string::<i32>().value(row).as_bytes()),
        DataType::Binary => sized(bytes, SIZED, column.as_binary::<i32>().value(row)),
        DataType::FixedSizeBinary(_) => sized(bytes, SIZED, column.as_fixed_size_binary().value(row)),
        other => unreachable!("{other} was refused as a key"),
    }
}

fn sized(bytes: &mut Vec<u8>, tag: u8, value: &[u8]) {
    bytes.push(tag);
    bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
    bytes.extend_from_slice(value);
}

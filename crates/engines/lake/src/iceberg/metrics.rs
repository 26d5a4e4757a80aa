//! What a manifest says of a data file, from the file's own footer.

use std::collections::HashMap;

use ::iceberg::spec::{DataFileBuilder, Datum, PrimitiveType, Schema, Type};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;

/// Bounds of texts and bytes are cut to this many characters or bytes, as iceberg's default
/// `truncate(16)` has it.
const BOUND_LENGTH: usize = 16;

/// Columns that get bounds and counts, by their order in the file: iceberg's default for wide tables.
const COLUMNS_MAX: usize = 100;

/// Sizes, counts and bounds of one column over all row groups.
#[derive(Default)]
struct ColumnMetrics {
    size: u64,
    values: u64,
    /// `None` once a row group did not say.
    nulls: Option<u64>,
    lower: Bound,
    upper: Bound,
}

#[derive(Default)]
enum Bound {
    /// No row group had a value yet.
    #[default]
    Empty,
    Known(Datum),
    /// A row group has values and says nothing about them.
    Unknown,
}

/// Fills in everything the footer knows. Fields are found by their ids.
pub(super) fn describe(file: &mut DataFileBuilder, footer: &ParquetMetaData, schema: &Schema) {
    let mut columns: HashMap<i32, ColumnMetrics> = HashMap::new();
    let mut offsets = Vec::new();
    for group in footer.row_groups() {
        offsets.extend(group.columns().first().and_then(|column| i64::try_from(column.byte_range().0).ok()));
        for chunk in group.columns().iter().take(COLUMNS_MAX) {
            let descriptor = chunk.column_descr();
            let info = descriptor.self_type().get_basic_info();
            if !info.has_id() {
                continue;
            }
            let column = columns
                .entry(info.id())
                .or_insert_with(|| ColumnMetrics { nulls: Some(0), ..ColumnMetrics::default() });
            let values = u64::try_from(chunk.num_values()).unwrap_or(0);
            column.size += u64::try_from(chunk.compressed_size()).unwrap_or(0);
            column.values += values;
            // Within lists and maps a null may be the lack of a list, which iceberg does not count.
            let flat = descriptor.max_rep_level() == 0;
            column.add(values, chunk.statistics().filter(|_| flat), primitive(schema, info.id()));
        }
    }
    finish(file, columns);
    offsets.sort_unstable();
    file.split_offsets(Some(offsets));
    file.record_count(u64::try_from(footer.file_metadata().num_rows()).unwrap_or(0));
}

fn primitive(schema: &Schema, id: i32) -> Option<&PrimitiveType> {
    match schema.field_by_id(id)?.field_type.as_ref() {
        Type::Primitive(primitive) => Some(primitive),
        _ => None,
    }
}

fn finish(file: &mut DataFileBuilder, columns: HashMap<i32, ColumnMetrics>) {
    let mut sizes = HashMap::new();
    let mut values = HashMap::new();
    let mut nulls = HashMap::new();
    let mut lower = HashMap::new();
    let mut upper = HashMap::new();
    for (id, column) in columns {
        sizes.insert(id, column.size);
        values.insert(id, column.values);
        if let Some(count) = column.nulls {
            nulls.insert(id, count);
        }
        if let (Bound::Known(low), Bound::Known(high)) = (column.lower, column.upper) {
            lower.extend(cut_lower(low).map(|low| (id, low)));
            upper.extend(cut_upper(high).map(|high| (id, high)));
        }
    }
    file.column_sizes(sizes).value_counts(values).null_value_counts(nulls);
    file.lower_bounds(lower).upper_bounds(upper);
}

impl ColumnMetrics {
    fn add(&mut self, values: u64, statistics: Option<&Statistics>, type_: Option<&PrimitiveType>) {
        let nulls = statistics.and_then(Statistics::null_count_opt);
        self.nulls = self.nulls.zip(nulls).map(|(sum, more)| sum + more);
        if nulls == Some(values) {
            return;
        }
        let bounds = statistics.zip(type_).and_then(|(statistics, type_)| bounds(statistics, type_));
        let (low, high) = bounds.unzip();
        self.lower.extend(low, |new, old| new < old);
        self.upper.extend(high, |new, old| new > old);
    }
}

impl Bound {
    fn extend(&mut self, more: Option<Datum>, beyond: impl Fn(&Datum, &Datum) -> bool) {
        let old = std::mem::replace(self, Bound::Unknown);
        *self = match (old, more) {
            (Bound::Empty, Some(new)) => Bound::Known(new),
            (Bound::Known(old), Some(new)) => Bound::Known(if beyond(&new, &old) { new } else { old }),
            (Bound::Unknown, _) | (_, None) => Bound::Unknown,
        };
    }
}

fn bounds(statistics: &Statistics, type_: &PrimitiveType) -> Option<(Datum, Datum)> {
    match (statistics, type_) {
        (Statistics::Boolean(s), PrimitiveType::Boolean) => {
            Some((Datum::bool(*s.min_opt()?), Datum::bool(*s.max_opt()?)))
        }
        (Statistics::Int32(s), PrimitiveType::Int) => {
            Some((Datum::int(*s.min_opt()?), Datum::int(*s.max_opt()?)))
        }
        (Statistics::Int32(s), PrimitiveType::Date) => {
            Some((Datum::date(*s.min_opt()?), Datum::date(*s.max_opt()?)))
        }
        (Statistics::Int64(s), _) => {
            let of = |value: i64| match type_ {
                PrimitiveType::Long => Some(Datum::long(value)),
                PrimitiveType::Timestamp => Some(Datum::timestamp_micros(value)),
                PrimitiveType::Timestamptz => Some(Datum::timestamptz_micros(value)),
                PrimitiveType::Time => Datum::time_micros(value).ok(),
                PrimitiveType::Decimal { .. } => {
                    Datum::try_from_bytes(&value.to_be_bytes(), type_.clone()).ok()
                }
                _ => None,
            };
            Some((of(*s.min_opt()?)?, of(*s.max_opt()?)?))
        }
        (Statistics::Int32(s), PrimitiveType::Decimal { .. }) => {
            let of = |value: i32| Datum::try_from_bytes(&value.to_be_bytes(), type_.clone()).ok();
            Some((of(*s.min_opt()?)?, of(*s.max_opt()?)?))
        }
        (Statistics::FixedLenByteArray(_), PrimitiveType::Decimal { .. }) => {
            let of = |bytes: &[u8]| Datum::try_from_bytes(bytes, type_.clone()).ok();
            Some((of(statistics.min_bytes_opt()?)?, of(statistics.max_bytes_opt()?)?))
        }
        (Statistics::Float(s), PrimitiveType::Float) => {
            Some((Datum::float(*s.min_opt()?), Datum::float(*s.max_opt()?)))
        }
        (Statistics::Double(s), PrimitiveType::Double) => {
            Some((Datum::double(*s.min_opt()?), Datum::double(*s.max_opt()?)))
        }
        (Statistics::ByteArray(_), PrimitiveType::String | PrimitiveType::Binary) => {
            let of = |bytes: &[u8]| Datum::try_from_bytes(bytes, type_.clone()).ok();
            Some((of(statistics.min_bytes_opt()?)?, of(statistics.max_bytes_opt()?)?))
        }
        _ => None,
    }
}

fn cut_lower(bound: Datum) -> Option<Datum> {
    match bound.data_type() {
        PrimitiveType::String => {
            let text = text_of(&bound)?;
            Some(Datum::string(text.chars().take(BOUND_LENGTH).collect::<String>()))
        }
        PrimitiveType::Binary => {
            let bytes = bound.to_bytes().ok()?;
            Some(Datum::binary(bytes.iter().copied().take(BOUND_LENGTH)))
        }
        _ => Some(bound),
    }
}

/// Cut and then raised by one, so that it is still above. `None` when nothing that short is above.
fn cut_upper(bound: Datum) -> Option<Datum> {
    match bound.data_type() {
        PrimitiveType::String => {
            let text = text_of(&bound)?;
            if text.chars().count() <= BOUND_LENGTH {
                return Some(bound);
            }
            let mut chars: Vec<char> = text.chars().take(BOUND_LENGTH).collect();
            while let Some(last) = chars.pop() {
                let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
                if let Some(next) = next {
                    chars.push(next);
                    return Some(Datum::string(chars.into_iter().collect::<String>()));
                }
            }
            None
        }
        PrimitiveType::Binary => {
            let bytes = bound.to_bytes().ok()?;
            if bytes.len() <= BOUND_LENGTH {
                return Some(bound);
            }
            let mut bytes = bytes[..BOUND_LENGTH].to_vec();
            while let Some(last) = bytes.pop() {
                if let Some(next) = last.checked_add(1) {
                    bytes.push(next);
                    return Some(Datum::binary(bytes));
                }
            }
            None
        }
        _ => Some(bound),
    }
}

fn text_of(bound: &Datum) -> Option<String> {
    String::from_utf8(bound.to_bytes().ok()?.into_vec()).ok()
}

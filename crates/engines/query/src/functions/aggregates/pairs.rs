//! Aggregates into maps.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};

use crate::error::mismatch;
use crate::types::{self, canonical, display};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PairKind {
    /// The first value of each key.
    Map,
    /// All values of each key.
    Multimap,
    /// How often each key came.
    Histogram,
}

/// Aggregates into maps.
#[derive(Debug)]
pub(super) struct Pairs {
    name: &'static str,
    kind: PairKind,
    signature: Signature,
}

equal_by_name!(Pairs);

impl Pairs {
    pub(super) fn new(name: &'static str, kind: PairKind) -> Pairs {
        Pairs { name, kind, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn value_type(&self, given: &[DataType]) -> DataType {
        match self.kind {
            PairKind::Histogram => DataType::Int64,
            _ => given.get(1).map_or(DataType::Null, canonical),
        }
    }
}

impl AggregateUDFImpl for Pairs {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(given.iter().map(canonical).collect())
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        let wanted = if self.kind == PairKind::Histogram { 1 } else { 2 };
        if given.len() != wanted {
            let given: Vec<_> = given.iter().map(display).collect();
            return Err(mismatch(format!(
                "Unexpected parameters ({}) for function {}",
                given.join(", "),
                self.name
            )));
        }
        let value = self.value_type(given);
        let value = if self.kind == PairKind::Multimap { types::list(value) } else { value };
        Ok(types::map(canonical(&given[0]), value))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let given: Vec<DataType> = args.expr_fields.iter().map(|field| field.data_type().clone()).collect();
        Ok(Box::new(PairState {
            kind: self.kind,
            key_type: canonical(&given[0]),
            value_type: self.value_type(&given),
            returns: args.return_field.data_type().clone(),
            keys: Vec::new(),
            values: Vec::new(),
            places: HashMap::new(),
            bytes: 0,
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let given: Vec<DataType> = args.input_fields.iter().map(|field| field.data_type().clone()).collect();
        Ok(vec![
            Arc::new(Field::new(format!("{}[keys]", args.name), types::list(canonical(&given[0])), true)),
            Arc::new(Field::new(
                format!("{}[values]", args.name),
                types::list(self.value_type(&given)),
                true,
            )),
        ])
    }
}

#[derive(Debug)]
struct PairState {
    kind: PairKind,
    key_type: DataType,
    value_type: DataType,
    returns: DataType,
    keys: Vec<ScalarValue>,
    /// One value per key, but for multimaps, which have them all.
    values: Vec<Vec<ScalarValue>>,
    places: HashMap<ScalarValue, usize>,
    bytes: usize,
}

impl PairState {
    fn add(&mut self, key: ScalarValue, value: ScalarValue) {
        match self.places.get(&key) {
            Some(place) => match self.kind {
                PairKind::Map => {}
                PairKind::Multimap => {
                    self.bytes += value.size();
                    self.values[*place].push(value);
                }
                PairKind::Histogram => {
                    if let (ScalarValue::Int64(Some(known)), ScalarValue::Int64(Some(more))) =
                        (&mut self.values[*place][0], value)
                    {
                        *known += more;
                    }
                }
            },
            None => {
                self.bytes += 2 * key.size() + value.size();
                self.places.insert(key.clone(), self.keys.len());
                self.keys.push(key);
                self.values.push(vec![value]);
            }
        }
    }

    fn column(values: Vec<ScalarValue>, data_type: &DataType) -> Result<ArrayRef> {
        if values.is_empty() {
            return Ok(arrow::array::new_empty_array(data_type));
        }
        ScalarValue::iter_to_array(values)
    }
}

impl Accumulator for PairState {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for row in 0..values[0].len() {
            if values[0].is_null(row) {
                continue;
            }
            let key = ScalarValue::try_from_array(&values[0], row)?;
            let value = match self.kind {
                PairKind::Histogram => ScalarValue::Int64(Some(1)),
                _ => ScalarValue::try_from_array(&values[1], row)?,
            };
            self.add(key, value);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.keys.is_empty() {
            return ScalarValue::try_from(&self.returns);
        }
        let keys = PairState::column(self.keys.clone(), &self.key_type)?;
        let values = match self.kind {
            PairKind::Multimap => {
                let lengths: Vec<usize> = self.values.iter().map(Vec::len).collect();
                let inner = PairState::column(self.values.concat(), &self.value_type)?;
                let element = Arc::new(Field::new_list_field(self.value_type.clone(), true));
                let offsets = arrow::buffer::OffsetBuffer::from_lengths(lengths);
                Arc::new(arrow::array::ListArray::try_new(element, offsets, inner, None)?) as ArrayRef
            }
            _ => PairState::column(self.values.concat(), &self.value_type)?,
        };
        let map =
            crate::functions::maps::map_array(&self.returns, &keys, &values, vec![keys.len()], vec![true])?;
        ScalarValue::try_from_array(&map, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bytes
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let pairs = self.keys.iter().zip(&self.values);
        let (keys, values): (Vec<_>, Vec<_>) =
            pairs.flat_map(|(key, values)| values.iter().map(|value| (key.clone(), value.clone()))).unzip();
        Ok(vec![
            ScalarValue::List(ScalarValue::new_list_nullable(&keys, &self.key_type)),
            ScalarValue::List(ScalarValue::new_list_nullable(&values, &self.value_type)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (keys, values) = (states[0].as_list::<i32>(), states[1].as_list::<i32>());
        for row in 0..keys.len() {
            if keys.is_null(row) {
                continue;
            }
            let (keys, values) = (keys.value(row), values.value(row));
            for index in 0..keys.len() {
                self.add(
                    ScalarValue::try_from_array(&keys, index)?,
                    ScalarValue::try_from_array(&values, index)?,
                );
            }
        }
        Ok(())
    }
}

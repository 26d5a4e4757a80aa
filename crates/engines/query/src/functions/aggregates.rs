//! Aggregates that DataFusion lacks or answers differently.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility,
};

use super::arithmetic::divided_half_up;
use crate::error::{ErrorKind, fail, mismatch};
use crate::types::{self, canonical, display};

pub(super) fn all(theirs: &HashMap<String, Arc<AggregateUDF>>) -> Vec<AggregateUDF> {
    let mut all = vec![
        AggregateUDF::from(Pairs::new("map_agg", PairKind::Map)),
        AggregateUDF::from(Pairs::new("multimap_agg", PairKind::Multimap)),
        AggregateUDF::from(Pairs::new("histogram", PairKind::Histogram)),
        AggregateUDF::from(Moments::new("skewness")),
        AggregateUDF::from(Moments::new("kurtosis")),
    ];
    if let Some(inner) = theirs.get("approx_percentile_cont") {
        all.push(AggregateUDF::from(Percentile { inner: Arc::clone(inner) }));
    }
    if let Some(inner) = theirs.get("avg") {
        all.push(AggregateUDF::from(Average { inner: Arc::clone(inner) }));
    }
    all
}

macro_rules! equal_by_name {
    ($type:ty) => {
        impl PartialEq for $type {
            fn eq(&self, other: &$type) -> bool {
                self.name() == other.name()
            }
        }
        impl Eq for $type {}
        impl Hash for $type {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.name().hash(state);
            }
        }
    };
}

/// `avg`, of which decimals keep their type.
#[derive(Debug)]
struct Average {
    inner: Arc<AggregateUDF>,
}

equal_by_name!(Average);

fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(_, _))
}

impl AggregateUDFImpl for Average {
    fn name(&self) -> &str {
        "avg"
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(given)
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        if is_decimal(&given[0]) { Ok(given[0].clone()) } else { self.inner.return_type(given) }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if !is_decimal(args.return_field.data_type()) {
            return self.inner.accumulator(args);
        }
        if args.is_distinct {
            return Err(fail(
                ErrorKind::NotSupported,
                "avg(DISTINCT) of decimals is not supported by Mulgil yet",
            ));
        }
        Ok(Box::new(DecimalAverage { returns: args.return_field.data_type().clone(), sum: 0, count: 0 }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        match args.return_field.data_type() {
            DataType::Decimal128(_, scale) => Ok(vec![
                Arc::new(Field::new(format!("{}[sum]", args.name), DataType::Decimal128(38, *scale), true)),
                Arc::new(Field::new(format!("{}[count]", args.name), DataType::Int64, true)),
            ]),
            _ => self.inner.state_fields(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !is_decimal(args.return_field.data_type()) && self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        self.inner.create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if is_decimal(args.return_field.data_type()) {
            self.accumulator(args)
        } else {
            self.inner.create_sliding_accumulator(args)
        }
    }
}

#[derive(Debug)]
struct DecimalAverage {
    returns: DataType,
    sum: i128,
    count: i64,
}

impl DecimalAverage {
    fn scale(&self) -> i8 {
        match self.returns {
            DataType::Decimal128(_, scale) => scale,
            _ => 0,
        }
    }

    fn add(&mut self, column: &ArrayRef, sign: i128) -> Result<()> {
        let values = column.as_primitive::<Decimal128Type>();
        for value in values.iter().flatten() {
            self.sum = self
                .sum
                .checked_add(sign * value)
                .ok_or_else(|| fail(ErrorKind::OutOfRange, "Decimal overflow"))?;
        }
        Ok(())
    }
}

impl Accumulator for DecimalAverage {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.count += (values[0].len() - values[0].null_count()) as i64;
        self.add(&values[0], 1)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.count -= (values[0].len() - values[0].null_count()) as i64;
        self.add(&values[0], -1)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let average = (self.count != 0).then(|| divided_half_up(self.sum, i128::from(self.count)));
        let DataType::Decimal128(precision, scale) = self.returns else {
            return Err(mismatch("not a decimal"));
        };
        Ok(ScalarValue::Decimal128(average, precision, scale))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![
            ScalarValue::Decimal128(Some(self.sum), 38, self.scale()),
            ScalarValue::Int64(Some(self.count)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.add(&states[0], 1)?;
        self.count += states[1].as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        Ok(())
    }
}

/// `approx_percentile`, which answers in its argument's type: DataFusion's t-digest over doubles, and a
/// cast.
#[derive(Debug)]
struct Percentile {
    inner: Arc<AggregateUDF>,
}

equal_by_name!(Percentile);

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &str {
        "$percentile"
    }

    fn signature(&self) -> &Signature {
        static SIGNATURE: std::sync::LazyLock<Signature> =
            std::sync::LazyLock::new(|| Signature::user_defined(Volatility::Immutable));
        &SIGNATURE
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(given.to_vec())
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        match canonical(&given[0]) {
            DataType::Decimal128(_, _) => Ok(DataType::Float64),
            numeric if numeric.is_numeric() => Ok(numeric),
            other => Err(mismatch(format!(
                "Unexpected parameters ({}) for function approx_percentile",
                display(&other)
            ))),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let returns = args.return_field.data_type().clone();
        let doubles: Vec<FieldRef> = args
            .expr_fields
            .iter()
            .map(|field| Arc::new(field.as_ref().clone().with_data_type(DataType::Float64)))
            .collect();
        let inner = self.inner.accumulator(AccumulatorArgs {
            return_field: Arc::new(Field::new("", DataType::Float64, true)),
            expr_fields: &doubles,
            ..args
        })?;
        Ok(Box::new(Casting { inner, returns }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let doubles: Vec<FieldRef> = args
            .input_fields
            .iter()
            .map(|field| Arc::new(field.as_ref().clone().with_data_type(DataType::Float64)))
            .collect();
        self.inner.state_fields(StateFieldsArgs {
            input_fields: &doubles,
            return_field: Arc::new(Field::new("", DataType::Float64, true)),
            ..args
        })
    }
}

#[derive(Debug)]
struct Casting {
    inner: Box<dyn Accumulator>,
    returns: DataType,
}

impl Accumulator for Casting {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let doubles = values.iter().map(|column| Ok(arrow::compute::cast(column, &DataType::Float64)?));
        self.inner.update_batch(&doubles.collect::<Result<Vec<_>>>()?)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        match (self.inner.evaluate()?, &self.returns) {
            (ScalarValue::Float64(Some(value)), returns) if returns.is_integer() => {
                ScalarValue::Float64(Some(value.round())).cast_to(returns)
            }
            (value, returns) => value.cast_to(returns),
        }
    }

    fn size(&self) -> usize {
        self.inner.size() + size_of_val(&self.returns)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }
}

/// `skewness` and `kurtosis`, from central moments.
#[derive(Debug)]
struct Moments {
    name: &'static str,
    signature: Signature,
}

equal_by_name!(Moments);

impl Moments {
    fn new(name: &'static str) -> Moments {
        Moments { name, signature: Signature::uniform(1, vec![DataType::Float64], Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Moments {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(MomentState { kurtosis: self.name == "kurtosis", ..MomentState::default() }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let fields = ["count", "mean", "m2", "m3", "m4"];
        Ok(fields
            .iter()
            .map(|field| {
                Arc::new(Field::new(format!("{}[{field}]", args.name), DataType::Float64, true)) as FieldRef
            })
            .collect())
    }
}

#[derive(Debug, Default)]
struct MomentState {
    kurtosis: bool,
    n: f64,
    mean: f64,
    m2: f64,
    m3: f64,
    m4: f64,
}

impl MomentState {
    /// Pébay's pairwise combination of central moments.
    fn merge(&mut self, n: f64, mean: f64, m2: f64, m3: f64, m4: f64) {
        if n == 0.0 {
            return;
        }
        let (na, nb) = (self.n, n);
        let total = na + nb;
        let delta = mean - self.mean;
        let d = delta / total;
        self.m4 += m4
            + delta * d * d * d * na * nb * (na * na - na * nb + nb * nb)
            + 6.0 * d * d * (na * na * m2 + nb * nb * self.m2)
            + 4.0 * d * (na * m3 - nb * self.m3);
        self.m3 += m3 + delta * d * d * na * nb * (na - nb) + 3.0 * d * (na * m2 - nb * self.m2);
        self.m2 += m2 + delta * d * na * nb;
        self.mean += d * nb;
        self.n = total;
    }
}

impl Accumulator for MomentState {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values[0].as_primitive::<Float64Type>().iter().flatten() {
            self.merge(1.0, value, 0.0, 0.0, 0.0);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let n = self.n;
        let value = if self.kurtosis {
            (n >= 4.0).then(|| {
                let variance = self.m2 / (n - 1.0);
                let first =
                    n * (n + 1.0) / ((n - 1.0) * (n - 2.0) * (n - 3.0)) * self.m4 / (variance * variance);
                first - 3.0 * (n - 1.0) * (n - 1.0) / ((n - 2.0) * (n - 3.0))
            })
        } else {
            (n >= 3.0).then(|| n.sqrt() * self.m3 / self.m2.powf(1.5))
        };
        Ok(ScalarValue::Float64(value))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok([self.n, self.mean, self.m2, self.m3, self.m4].map(|v| ScalarValue::Float64(Some(v))).to_vec())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let columns: Vec<_> = states.iter().map(|state| state.as_primitive::<Float64Type>()).collect();
        for row in 0..columns[0].len() {
            let at = |index: usize| columns[index].value(row);
            self.merge(at(0), at(1), at(2), at(3), at(4));
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PairKind {
    /// The first value of each key.
    Map,
    /// All values of each key.
    Multimap,
    /// How often each key came.
    Histogram,
}

/// Aggregates into maps.
#[derive(Debug)]
struct Pairs {
    name: &'static str,
    kind: PairKind,
    signature: Signature,
}

equal_by_name!(Pairs);

impl Pairs {
    fn new(name: &'static str, kind: PairKind) -> Pairs {
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
        let map = super::maps::map_array(&self.returns, &keys, &values, vec![keys.len()], vec![true])?;
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

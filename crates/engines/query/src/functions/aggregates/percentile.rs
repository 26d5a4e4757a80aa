//! Percentiles.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use crate::error::mismatch;
use crate::types::{canonical, display};

/// `approx_percentile`, which answers in its argument's type: DataFusion's t-digest over doubles, and a
/// cast.
#[derive(Debug)]
pub(super) struct Percentile {
    pub(super) inner: Arc<AggregateUDF>,
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

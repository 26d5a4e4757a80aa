//! Means.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature};

use crate::error::{ErrorKind, fail, mismatch};
use crate::functions::arithmetic::divided_half_up;

/// `avg`, of which decimals keep their type.
#[derive(Debug)]
pub(super) struct Average {
    pub(super) inner: Arc<AggregateUDF>,
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

//! Higher moments.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};

/// `skewness` and `kurtosis`, from central moments.
#[derive(Debug)]
pub(super) struct Moments {
    name: &'static str,
    signature: Signature,
}

equal_by_name!(Moments);

impl Moments {
    pub(super) fn new(name: &'static str) -> Moments {
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

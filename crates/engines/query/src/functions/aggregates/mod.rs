//! Aggregates that DataFusion lacks or answers differently.

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

mod average;
mod moments;
mod pairs;
mod percentile;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

use average::Average;
use moments::Moments;
use pairs::{PairKind, Pairs};
use percentile::Percentile;

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

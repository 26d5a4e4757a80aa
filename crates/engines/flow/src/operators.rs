//! The steps of a delivery's records, ready to run.

mod decompress;
mod extract;
mod log_messages;
pub(crate) mod query;
mod split;
mod transform;

use std::sync::Arc;

use bytes::Bytes;

use crate::functions::Functions;
use crate::operator::Operator;
use crate::plan::Plan;
use crate::prefix::KeySource;
use crate::records::{Change, Count, Errors, Records, Refusal, Work};
use crate::tables::ROUTE_KEYS;
use crate::{Encode, FlowError, Split};

pub(crate) use transform::TransformStep;

/// A step that needs nothing but the records.
pub(crate) enum InlineStep {
    Decompress,
    LogMessages,
    Split(Split),
    Extract(extract::ExtractStep),
}

pub(crate) enum Step {
    /// Consecutive ones, on one thread.
    Inline(Vec<InlineStep>),
    Transform(TransformStep),
}

/// The keys that a step finds for each record.
pub(crate) struct Wanted {
    pub(crate) names: Vec<String>,
    /// A key that is not there is empty; else its record is refused.
    pub(crate) optional: bool,
}

impl Wanted {
    fn all(names: Vec<String>) -> Wanted {
        Wanted { names, optional: false }
    }

    fn optional(names: &[&str]) -> Wanted {
        Wanted { names: names.iter().map(|name| (*name).to_owned()).collect(), optional: true }
    }
}

/// The steps of a plan.
pub(crate) fn steps(plan: &Plan, functions: &Arc<dyn Functions>) -> Result<Vec<Step>, FlowError> {
    let routed = matches!(&plan.spec.encode, Encode::Iceberg(encode) if encode.routed);
    let wanted = |source| match &plan.partitioned {
        _ if routed => Wanted::optional(&ROUTE_KEYS),
        Some(key) => Wanted::all(key.keys(source)),
        None => Wanted::all(Vec::new()),
    };
    let mut steps = vec![Step::Inline(Vec::new())];
    for operator in &plan.spec.operators {
        let inline = match operator {
            Operator::Decompress => InlineStep::Decompress,
            Operator::LogMessages => InlineStep::LogMessages,
            Operator::Split(split) => InlineStep::Split(split.clone()),
            Operator::Extract(extract) => {
                let wanted = wanted(KeySource::Query);
                InlineStep::Extract(extract::ExtractStep::new(&extract.query, wanted, plan.planned)?)
            }
            Operator::Transform(transform) => {
                let functions = functions.clone();
                let step = TransformStep::new(transform.clone(), functions, wanted(KeySource::Function));
                steps.push(Step::Transform(step));
                steps.push(Step::Inline(Vec::new()));
                continue;
            }
        };
        if let Some(Step::Inline(steps)) = steps.last_mut() {
            steps.push(inline);
        }
    }
    Ok(steps)
}

impl InlineStep {
    pub(crate) fn run(&self, work: &mut Work, errors: &Errors) {
        match self {
            InlineStep::Decompress => expand(work, errors, |data, out| {
                out.push(decompress::gunzip(data)?);
                Ok(())
            }),
            InlineStep::LogMessages => expand(work, errors, log_messages::messages),
            InlineStep::Split(Split::Json) => expand(work, errors, split::json),
            InlineStep::Split(Split::Delimited(delimiter)) => expand(work, errors, |data, out| {
                split::delimited(data, delimiter, out);
                Ok(())
            }),
            InlineStep::Extract(extract) => extract.run(work, errors),
        }
    }
}

/// Replaces every record by those that `step` makes of it. One of which nothing is made is dropped.
fn expand(work: &mut Work, errors: &Errors, step: impl Fn(&Bytes, &mut Vec<Bytes>) -> Result<(), Refusal>) {
    let before = std::mem::take(&mut work.records);
    let mut after = Records::with_capacity(before.len());
    let mut made = Vec::new();
    for (data, origin, keys) in before.into_each() {
        made.clear();
        match step(&data, &mut made) {
            Err(refusal) => work.reject(errors, &refusal, &data, origin),
            Ok(()) if made.is_empty() => work.tally.dropped.add(Count::one(&data)),
            Ok(()) => {
                work.tally.made.add(Change::between(Count::one(&data), Count::of(&made)));
                made.drain(..).for_each(|data| after.push(data, origin, keys.clone()));
            }
        }
    }
    work.records = after;
}

#[cfg(test)]
mod tests;

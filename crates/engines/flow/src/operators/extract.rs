//! Partition keys by a query.

use jaq_json::Val;
use rt::Timestamp;

use super::Wanted;
use super::query::Query;
use crate::FlowError;
use crate::records::{Errors, Keys, Records, Refusal, Work};
use crate::reject::Cause;

/// What records without a value for a key are refused with.
pub(crate) const EMPTY_KEY: &str = "partitionKeys values must not be null or empty";

pub(crate) struct ExtractStep {
    query: Query,
    /// When the batch was planned.
    now: Timestamp,
    /// In the order of [`Keys::query`].
    wanted: Wanted,
}

impl ExtractStep {
    pub(crate) fn new(query: &str, wanted: Wanted, now: Timestamp) -> Result<ExtractStep, FlowError> {
        let query = Query::compile(query).map_err(crate::SpecError::Query)?;
        Ok(ExtractStep { query, now, wanted })
    }

    pub(crate) fn run(&self, work: &mut Work, errors: &Errors) {
        let before = std::mem::take(&mut work.records);
        let mut after = Records::with_capacity(before.len());
        for (data, origin, keys) in before.into_each() {
            match self.keys(&data) {
                Ok(query) => {
                    let keys = (!self.wanted.names.is_empty() || keys.is_some())
                        .then(|| Keys { query, ..keys.unwrap_or_default() });
                    after.push(data, origin, keys);
                }
                Err(reason) => {
                    work.reject(errors, &Refusal::new(Cause::PartitionKeys, reason), &data, origin);
                }
            }
        }
        work.records = after;
    }

    fn keys(&self, record: &[u8]) -> Result<Vec<String>, String> {
        let Val::Obj(found) = self.query.first(record, self.now)? else {
            return Err("the query's output is no object".to_owned());
        };
        if !self.wanted.optional && found.values().any(is_empty) {
            return Err(EMPTY_KEY.to_owned());
        }
        let value = |name: &String| {
            let key = Val::utf8_str(name.clone());
            match found.get(&key).filter(|value| !is_empty(value)) {
                Some(value) => Ok(text(value)),
                None if self.wanted.optional => Ok(String::new()),
                None => Err(EMPTY_KEY.to_owned()),
            }
        };
        self.wanted.names.iter().map(value).collect()
    }
}

fn is_empty(value: &Val) -> bool {
    match value {
        Val::Null => true,
        Val::TStr(text) => text.is_empty(),
        _ => false,
    }
}

fn text(value: &Val) -> String {
    match value {
        Val::TStr(text) => String::from_utf8_lossy(text).into_owned(),
        other => other.to_string(),
    }
}

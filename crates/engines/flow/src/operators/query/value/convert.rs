//! Values of plain ones and of several, their order, and their text.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use jaq_json::Val;

use super::super::budget::{Exceeded, charge, exceed, step};
use super::{NODE_WEIGHT, Value, WEIGHT_MAX};

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Value {
        let (mut weight, mut depth) = (NODE_WEIGHT, 0);
        let items = items.into_iter().map(|item| {
            step();
            weight += item.weight;
            if weight > WEIGHT_MAX {
                exceed(Exceeded::Size);
            }
            depth = depth.max(item.depth);
            item.val
        });
        let val = items.collect();
        Value::made(val, weight, depth + 1)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value { val: Val::from(value), weight: NODE_WEIGHT, depth: 0 }
    }
}

impl From<isize> for Value {
    fn from(value: isize) -> Value {
        Value { val: Val::from(value), weight: NODE_WEIGHT, depth: 0 }
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Value {
        Value { val: Val::from(value), weight: NODE_WEIGHT, depth: 0 }
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value { val: Val::from(value), weight: NODE_WEIGHT, depth: 0 }
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::of(Val::from(value))
    }
}

impl From<Range<Option<Value>>> for Value {
    fn from(range: Range<Option<Value>>) -> Value {
        Value::of(Val::from(range.start.map(Value::into_val)..range.end.map(Value::into_val)))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        charge(self.weight.min(other.weight));
        self.val == other.val
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        charge(self.weight.min(other.weight));
        self.val.cmp(&other.val)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.val.fmt(f)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.val.fmt(f)
    }
}

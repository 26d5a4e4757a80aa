//! Values of a program that know how much they hold.
//!
//! A program makes large values of small ones in few steps: it doubles, repeats, nests. So every value it makes is
//! weighed, and one that is too heavy or too deep is where the program ends.

mod arithmetic;
mod convert;

use std::cell::RefCell;
use std::ops::Range;

use jaq_core::box_iter::BoxIter;
use jaq_core::path::Opt;
use jaq_core::{Error, Exn, ValR, ValT, ValX};
use jaq_json::{Num, Val};

use super::budget::{Exceeded, charge, exceed, step};

/// What one value may hold, about in bytes as it lies in memory.
const WEIGHT_MAX: u64 = 16 << 20;

/// How deep values may nest; a record nests 128 deep at most.
const DEPTH_MAX: u32 = 512;

/// The digits of a number, in bytes: beyond, arithmetic takes its time.
const NUMBER_BYTES_MAX: u64 = 1 << 10;

/// Beside what it holds.
const NODE_WEIGHT: u64 = 16;

#[derive(Clone)]
pub(crate) struct Value {
    val: Val,
    /// Of all it holds, as often as it holds it.
    weight: u64,
    depth: u32,
}

impl Value {
    /// What it may hold is looked at node by node.
    pub(super) fn of(val: Val) -> Value {
        let (weight, depth) = measured(&val);
        Value::made(val, weight, depth)
    }

    fn made(val: Val, weight: u64, depth: u32) -> Value {
        if weight > WEIGHT_MAX || (matches!(val, Val::Num(_)) && weight > NUMBER_BYTES_MAX) {
            exceed(Exceeded::Size);
        }
        if depth > DEPTH_MAX {
            exceed(Exceeded::Depth);
        }
        charge(weight);
        Value { val, weight, depth }
    }

    pub(crate) fn into_val(self) -> Val {
        self.val
    }

    pub(super) fn val(&self) -> &Val {
        &self.val
    }

    /// The weight of both.
    fn with(&self, other: &Value) -> u64 {
        self.weight + other.weight
    }

    /// The outcome of an operation on both.
    fn combined(self, other: Value, weight: u64, run: fn(Val, Val) -> ValR<Val>) -> ValR<Value> {
        let depth = self.depth.max(other.depth);
        // Before it is made, so that it is not made at all.
        drop(Value::made(Val::Null, weight, depth));
        match run(self.val, other.val) {
            Ok(val @ Val::Num(_)) => Ok(Value::of(val)),
            Ok(val) => Ok(Value { val, weight, depth }),
            Err(error) => Err(told(error)),
        }
    }
}

fn measured(val: &Val) -> (u64, u32) {
    match val {
        Val::Null | Val::Bool(_) => (NODE_WEIGHT, 0),
        Val::Num(Num::BigInt(number)) => (NODE_WEIGHT + number.bits() / 8, 0),
        Val::Num(_) => (NODE_WEIGHT, 0),
        Val::BStr(bytes) | Val::TStr(bytes) => (NODE_WEIGHT + bytes.len() as u64, 0),
        Val::Arr(items) => together(items.iter().map(measured)),
        Val::Obj(members) => together(members.iter().flat_map(|(key, value)| [key, value]).map(measured)),
    }
}

fn together(parts: impl Iterator<Item = (u64, u32)>) -> (u64, u32) {
    parts.fold((NODE_WEIGHT, 1), |(weight, depth), (more, below)| {
        (weight.saturating_add(more), depth.max(below.saturating_add(1)))
    })
}

fn told(error: Error<Val>) -> Error<Value> {
    Error::new(Value::of(error.into_val()))
}

fn wrapped(outcome: ValR<Val>) -> ValR<Value> {
    outcome.map(Value::of).map_err(told)
}

/// An update by `f`, whose exceptions pass the library's own by the side.
fn updated<'a, I: Iterator<Item = ValX<'a, Value>>>(
    f: impl Fn(Value) -> I,
    run: impl FnOnce(&dyn Fn(Val) -> Vec<ValX<'a, Val>>) -> ValX<'a, Val>,
) -> ValX<'a, Value> {
    let thrown: RefCell<Option<Exn<'a, Value>>> = RefCell::default();
    let each = |val: Val| {
        let mut outputs = Vec::new();
        for output in f(Value::of(val)) {
            step();
            match output {
                Ok(value) => outputs.push(Ok(value.val)),
                Err(exception) => {
                    thrown.replace(Some(exception));
                    outputs.push(Err(Exn::from(Error::new(Val::Null))));
                    break;
                }
            }
        }
        outputs
    };
    let outcome = run(&each);
    match (thrown.into_inner(), outcome) {
        (Some(exception), _) => Err(exception),
        (None, Ok(val)) => Ok(Value::of(val)),
        (None, Err(exception)) => Err(match exception.get_err() {
            Ok(error) => Exn::from(told(error)),
            Err(_) => Exn::from(Error::new(Value::of(Val::Null))),
        }),
    }
}

impl ValT for Value {
    fn from_num(text: &str) -> ValR<Value> {
        wrapped(Val::from_num(text))
    }

    fn from_map<I: IntoIterator<Item = (Value, Value)>>(pairs: I) -> ValR<Value> {
        let (mut weight, mut depth) = (NODE_WEIGHT, 0);
        let pairs = pairs.into_iter().map(|(key, value)| {
            weight += key.weight + value.weight;
            depth = depth.max(key.depth).max(value.depth);
            (key.val, value.val)
        });
        let val = Val::from_map(pairs).map_err(told)?;
        Ok(Value::made(val, weight, depth + 1))
    }

    fn key_values(self) -> BoxIter<'static, ValR<(Value, Value), Value>> {
        let pairs = self.val.key_values();
        Box::new(pairs.map(|pair| {
            step();
            pair.map(|(key, value)| (Value::of(key), Value::of(value))).map_err(told)
        }))
    }

    fn values(self) -> Box<dyn Iterator<Item = ValR<Value>>> {
        Box::new(self.val.values().map(|value| {
            step();
            wrapped(value)
        }))
    }

    fn index(self, index: &Value) -> ValR<Value> {
        wrapped(self.val.index(&index.val))
    }

    fn range(self, range: Range<Option<&Value>>) -> ValR<Value> {
        wrapped(self.val.range(range.start.map(Value::val)..range.end.map(Value::val)))
    }

    fn map_values<'a, I: Iterator<Item = ValX<'a, Value>>>(
        self,
        opt: Opt,
        f: impl Fn(Value) -> I,
    ) -> ValX<'a, Value> {
        updated(f, |each| self.val.map_values(opt, |val| each(val).into_iter()))
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a, Value>>>(
        self,
        index: &Value,
        opt: Opt,
        f: impl Fn(Value) -> I,
    ) -> ValX<'a, Value> {
        updated(f, |each| self.val.map_index(&index.val, opt, |val| each(val).into_iter()))
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a, Value>>>(
        self,
        range: Range<Option<&Value>>,
        opt: Opt,
        f: impl Fn(Value) -> I,
    ) -> ValX<'a, Value> {
        let range = range.start.map(Value::val)..range.end.map(Value::val);
        updated(f, |each| self.val.map_range(range, opt, |val| each(val).into_iter()))
    }

    fn as_bool(&self) -> bool {
        self.val.as_bool()
    }

    fn into_string(self) -> Value {
        charge(self.weight);
        Value::of(self.val.into_string())
    }
}

impl jaq_std::ValT for Value {
    fn into_seq<S: FromIterator<Value>>(self) -> Result<S, Value> {
        let Value { val, weight, depth } = self;
        match val.into_seq::<Vec<Val>>() {
            Ok(items) => Ok(items.into_iter().map(Value::of).collect()),
            Err(val) => Err(Value { val, weight, depth }),
        }
    }

    fn is_int(&self) -> bool {
        self.val.is_int()
    }

    fn as_isize(&self) -> Option<isize> {
        self.val.as_isize()
    }

    fn as_f64(&self) -> Option<f64> {
        self.val.as_f64()
    }

    fn is_utf8_str(&self) -> bool {
        self.val.is_utf8_str()
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        self.val.as_bytes()
    }

    fn as_sub_str(&self, sub: &[u8]) -> Value {
        Value::of(self.val.as_sub_str(sub))
    }

    fn from_utf8_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Value {
        Value::of(Val::from_utf8_bytes(bytes))
    }
}

//! Operations on two values: what comes out is weighed before it is made.

use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

use jaq_core::ValR;
use jaq_json::Val;

use super::{NODE_WEIGHT, Value, wrapped};

impl Add for Value {
    type Output = ValR<Value>;

    fn add(self, other: Value) -> ValR<Value> {
        let weight = self.with(&other);
        self.combined(other, weight, Val::add)
    }
}

impl Sub for Value {
    type Output = ValR<Value>;

    fn sub(self, other: Value) -> ValR<Value> {
        let weight = self.with(&other);
        self.combined(other, weight, Val::sub)
    }
}

impl Mul for Value {
    type Output = ValR<Value>;

    /// A text can be multiplied by a number.
    fn mul(self, other: Value) -> ValR<Value> {
        let times = |text: &Val, number: &Val| match (text, jaq_std::ValT::as_f64(number)) {
            (Val::BStr(_) | Val::TStr(_), Some(times)) if times > 1.0 => times,
            _ => 1.0,
        };
        let times = times(&self.val, &other.val).max(times(&other.val, &self.val));
        // As a float it saturates.
        let weight = (self.with(&other) as f64 * times) as u64;
        self.combined(other, weight, Val::mul)
    }
}

impl Div for Value {
    type Output = ValR<Value>;

    /// A text is divided into as many pieces as it has characters at most.
    fn div(self, other: Value) -> ValR<Value> {
        let pieces = if matches!(self.val, Val::TStr(_) | Val::BStr(_)) { NODE_WEIGHT + 1 } else { 1 };
        let weight = self.with(&other) * pieces;
        let depth = self.depth.max(1);
        let (text, by) = (Value { depth, ..self }, other);
        text.combined(by, weight, Val::div)
    }
}

impl Rem for Value {
    type Output = ValR<Value>;

    fn rem(self, other: Value) -> ValR<Value> {
        let weight = self.with(&other);
        self.combined(other, weight, Val::rem)
    }
}

impl Neg for Value {
    type Output = ValR<Value>;

    fn neg(self) -> ValR<Value> {
        wrapped(-self.val)
    }
}

//! Records through a function; the contract is that of [`Functions`](crate::Functions).

mod contract;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use rt::Rt;

use self::contract::Verdict;
use super::Wanted;
use super::extract::EMPTY_KEY;
use crate::Transform;
use crate::functions::{Functions, PAYLOAD_BYTES_MAX};
use crate::records::{Change, Count, Errors, Keys, Records, Refusal, Work};
use crate::reject::Cause;

/// Requests of one chunk that are under way at the same time.
const CALLS_AT_ONCE: usize = 4;

/// Room for everything of a record but its data, in bytes of a request.
const RECORD_ENVELOPE_BYTES: usize = 512;

/// The pause after the first failed attempt; doubled after each further one up to the second.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

pub(crate) struct TransformStep {
    spec: Transform,
    functions: Arc<dyn Functions>,
    /// In the order of [`Keys::function`].
    wanted: Wanted,
}

impl TransformStep {
    pub(crate) fn new(spec: Transform, functions: Arc<dyn Functions>, wanted: Wanted) -> TransformStep {
        TransformStep { spec, functions, wanted }
    }

    pub(crate) async fn run(&self, rt: &Rt, work: &mut Work, errors: &Errors) {
        let before = std::mem::take(&mut work.records);
        let requests = self.requests(&before.data);
        let mut calls = Vec::with_capacity(requests.len());
        for range in requests {
            calls.push(self.call(rt, &before, range));
        }
        let answers: Vec<_> = futures::stream::iter(calls).buffered(CALLS_AT_ONCE).collect().await;
        let mut verdicts = answers.into_iter().flatten();
        let mut after = Records::with_capacity(before.len());
        for (data, origin, keys) in before.into_each() {
            let verdict = verdicts.next().expect("a request has a verdict for each of its records");
            match verdict.and_then(|verdict| self.admit(verdict)) {
                Ok(None) => work.tally.dropped.add(Count::one(&data)),
                Ok(Some((made, function))) => {
                    work.tally.made.add(Change::between(Count::one(&data), Count::one(&made)));
                    let keys = (!self.wanted.names.is_empty() || keys.is_some())
                        .then(|| Keys { function, ..keys.unwrap_or_default() });
                    after.push(made, origin, keys);
                }
                Err(refusal) => work.reject(errors, &refusal, &data, origin),
            }
        }
        work.records = after;
    }

    /// The record that goes on and its keys, if any does.
    fn admit(&self, verdict: Verdict) -> Result<Option<(Bytes, Vec<String>)>, Refusal> {
        let Verdict::Ok { data, keys } = verdict else { return Ok(None) };
        let value = |name: &String| {
            let value = keys.get(name).filter(|value| !value.is_empty()).cloned();
            let value = value.or_else(|| self.wanted.optional.then(String::new));
            value.ok_or_else(|| Refusal::new(Cause::PartitionKeys, EMPTY_KEY))
        };
        let keys = self.wanted.names.iter().map(value).collect::<Result<_, _>>()?;
        Ok(Some((data, keys)))
    }

    /// Which records go together.
    fn requests(&self, data: &[Bytes]) -> Vec<Range<usize>> {
        let mut requests = Vec::new();
        let (mut from, mut bytes, mut payload) = (0, 0, RECORD_ENVELOPE_BYTES);
        for (index, record) in data.iter().enumerate() {
            let encoded = encoded_bytes(record);
            let full = bytes + record.len() as u64 > self.spec.request_bytes
                || payload + encoded > PAYLOAD_BYTES_MAX;
            if index > from && full {
                requests.push(from..index);
                (from, bytes, payload) = (index, 0, RECORD_ENVELOPE_BYTES);
            }
            bytes += record.len() as u64;
            payload += encoded;
        }
        if from < data.len() {
            requests.push(from..data.len());
        }
        requests
    }

    /// One verdict for each record of the range.
    async fn call(&self, rt: &Rt, records: &Records, range: Range<usize>) -> Vec<Result<Verdict, Refusal>> {
        let count = range.len();
        let payload = contract::request(&self.spec, &rt.uuid(), records, range.clone());
        if payload.len() > PAYLOAD_BYTES_MAX {
            let reason = format!("the request of {} bytes is larger than {PAYLOAD_BYTES_MAX}", payload.len());
            return vec![Err(Refusal::new(Cause::FunctionFailed, reason)); count];
        }
        let payload = Bytes::from(payload);
        let mut pause = PAUSE_FIRST;
        let mut attempts = 1;
        loop {
            match self.attempt(rt, payload.clone()).await {
                Ok(answer) => return contract::verdicts(&answer, records, range, attempts),
                Err(reason) if attempts > self.spec.retries => {
                    return vec![
                        Err(Refusal { cause: Cause::FunctionFailed, reason, attempts, code: None });
                        count
                    ];
                }
                Err(_) => {
                    rt.sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                    attempts += 1;
                }
            }
        }
    }

    async fn attempt(&self, rt: &Rt, payload: Bytes) -> Result<Bytes, String> {
        let answer = self.functions.invoke(self.spec.function.clone(), payload);
        match rt.timeout(self.spec.timeout, answer).await {
            None => Err(format!("the function did not answer within {:?}", self.spec.timeout)),
            Some(Err(failure)) => Err(failure.to_string()),
            Some(Ok(answer)) if answer.len() > PAYLOAD_BYTES_MAX => {
                Err(format!("the answer of {} bytes is larger than {PAYLOAD_BYTES_MAX}", answer.len()))
            }
            Some(Ok(answer)) => Ok(answer),
        }
    }
}

/// In a request.
fn encoded_bytes(record: &Bytes) -> usize {
    record.len().div_ceil(3) * 4 + RECORD_ENVELOPE_BYTES
}

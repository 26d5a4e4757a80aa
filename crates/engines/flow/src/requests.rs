//! The requests of a batch to a place outside.
//!
//! Which records a request has, its id and its time follow from the plan and the source, so that a redone batch makes
//! the same requests. While the process lives, those that were settled are not sent again.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use md5::{Digest, Md5};
use parking_lot::Mutex;
use rt::Timestamp;

use crate::failpoints::at;
use crate::outlet::{Answer, Request, RequestEncode, Trouble};
use crate::parts::Parts;
use crate::plan::Plan;
use crate::reader::Origin;
use crate::records::Refusal;
use crate::{Encode, FlowError};

/// What a request spends beside each record's base64.
const RECORD_OVERHEAD: u64 = 12;

/// How far the batch in work came, in this process.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Of which plan: its random part.
    plan: String,
    /// By number of the request.
    settled: BTreeMap<u32, Option<Refusal>>,
    /// Of the request after these.
    attempts: u32,
    failed: Option<Timestamp>,
}

/// Records that were not taken and never will be.
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) members: Vec<(Bytes, Origin)>,
}

/// Collects records into requests and delivers these one after the other.
pub(crate) struct Requests<'a> {
    parts: &'a Parts,
    plan: Arc<Plan>,
    encode: RequestEncode,
    progress: Arc<Mutex<Progress>>,
    /// Of the request that is being collected.
    members: Vec<(Bytes, Origin)>,
    bytes: u64,
    number: u32,
}

impl<'a> Requests<'a> {
    /// `None` if the plan makes objects. `now` is how the spec encodes by now: where requests go to, and for how
    /// long they are tried, may be changed while one is not taken.
    pub(crate) fn new(
        parts: &'a Parts,
        plan: &Arc<Plan>,
        progress: &Arc<Mutex<Progress>>,
        now: &Encode,
    ) -> Option<Requests<'a>> {
        let Encode::Requests(encode) = &plan.spec.encode else { return None };
        let mut encode = encode.as_ref().clone();
        if let Encode::Requests(now) = now
            && now.failure == encode.failure
        {
            encode.target.clone_from(&now.target);
            encode.retry = now.retry;
        }
        progress.lock().begin(&plan.data_key);
        Some(Requests {
            parts,
            plan: plan.clone(),
            encode,
            progress: progress.clone(),
            members: Vec::new(),
            bytes: 0,
            number: 0,
        })
    }

    /// Takes records and delivers the requests they fill.
    pub(crate) async fn push(&mut self, records: Vec<(Bytes, Origin)>) -> Result<Vec<Refused>, FlowError> {
        let mut refused = Vec::new();
        for (data, origin) in records {
            let delimiter = self.encode.delimiter.as_ref().map_or(0, String::len);
            let bytes = ((data.len() + delimiter) as u64).div_ceil(3) * 4 + RECORD_OVERHEAD;
            if !self.members.is_empty() && self.bytes + bytes > self.encode.request_bytes {
                refused.extend(self.deliver().await?);
            }
            self.bytes += bytes;
            self.members.push((data, origin));
        }
        Ok(refused)
    }

    /// Delivers what is left.
    pub(crate) async fn finish(&mut self) -> Result<Vec<Refused>, FlowError> {
        if self.members.is_empty() { Ok(Vec::new()) } else { self.deliver().await.map(Vec::from_iter) }
    }

    async fn deliver(&mut self) -> Result<Option<Refused>, FlowError> {
        let members = std::mem::take(&mut self.members);
        let number = self.number;
        (self.bytes, self.number) = (0, number + 1);
        let known = self.progress.lock().settled.get(&number).cloned();
        let settled = match known {
            Some(settled) => settled,
            None => self.send(number, &members).await?,
        };
        Ok(settled.map(|refusal| Refused { refusal, members }))
    }

    /// Sends once. `None`: it was taken.
    async fn send(&self, number: u32, members: &[(Bytes, Origin)]) -> Result<Option<Refusal>, FlowError> {
        let Requests { parts, plan, encode, progress, .. } = self;
        let request = Request {
            id: request_id(&plan.data_key, number),
            time: plan.planned,
            records: members.iter().map(|(data, _)| self.delimited(data)).collect(),
        };
        let answer = parts.outlet().deliver(encode.target.clone(), request).await;
        let settled = match answer {
            Answer::Accepted => {
                parts.pass(at::AFTER_REQUEST).await?;
                None
            }
            Answer::Refused(trouble) => Some(self.refusal(trouble, progress.lock().attempts + 1)),
            Answer::TryAgain(trouble) => {
                let now = parts.rt.now();
                let (attempts, since) = progress.lock().failed(now);
                if now.saturating_since(since) < encode.retry {
                    let Trouble { code, reason } = trouble;
                    return Err(FlowError::NotTaken { code, reason });
                }
                Some(self.refusal(trouble, attempts))
            }
        };
        progress.lock().settle(number, settled.clone());
        Ok(settled)
    }

    fn refusal(&self, trouble: Trouble, attempts: u32) -> Refusal {
        let Trouble { code, reason } = trouble;
        Refusal { cause: self.encode.failure, reason, attempts, code: Some(code) }
    }

    fn delimited(&self, data: &Bytes) -> Bytes {
        match &self.encode.delimiter {
            None => data.clone(),
            Some(delimiter) => [data, delimiter.as_bytes()].concat().into(),
        }
    }
}

impl Progress {
    /// What is known of another plan is forgotten.
    fn begin(&mut self, plan: &str) {
        if self.plan != plan {
            *self = Progress { plan: plan.to_owned(), ..Progress::default() };
        }
    }

    fn settle(&mut self, number: u32, settled: Option<Refusal>) {
        self.settled.insert(number, settled);
        (self.attempts, self.failed) = (0, None);
    }

    /// How often the request that is being tried has failed, and when it first did.
    fn failed(&mut self, now: Timestamp) -> (u32, Timestamp) {
        self.attempts += 1;
        (self.attempts, *self.failed.get_or_insert(now))
    }
}

/// A UUID that follows from what makes the plan unique.
fn request_id(plan: &str, number: u32) -> String {
    let mut digest = Md5::new();
    digest.update(plan.as_bytes());
    digest.update(number.to_be_bytes());
    let mut bytes: [u8; 16] = digest.finalize().into();
    // Version 8, "custom", of the variant of RFC 9562.
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_that_follows_from_plan_and_number() {
        let id = request_id("events-1-2024", 0);
        assert_eq!(id, request_id("events-1-2024", 0));
        assert_ne!(id, request_id("events-1-2024", 1));
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(id.split('-').nth(2).is_some_and(|part| part.starts_with('8')));
    }
}

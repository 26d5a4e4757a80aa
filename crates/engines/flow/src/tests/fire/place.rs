//! A place outside, which outlives processes too: it takes requests, loses answers, is busy, refuses some.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::Value;

use super::chance::Chance;
use crate::{Answer, Outlet, Request, Trouble};

pub(super) struct Place {
    state: Mutex<State>,
}

struct State {
    chance: Chance,
    /// How often in 1000 requests it is busy, and how often it took one and nobody learns of it.
    busy: u64,
    loses: u64,
    is_down: bool,
    /// What it took, by the request's id: a request that comes again is the same.
    taken: BTreeMap<String, Vec<Bytes>>,
}

impl Place {
    pub(super) fn new(seed: u64) -> Place {
        let state = State {
            chance: Chance::new(seed ^ 0x70_6c61_6365),
            busy: 0,
            loses: 0,
            is_down: false,
            taken: BTreeMap::new(),
        };
        Place { state: Mutex::new(state) }
    }

    pub(super) fn become_(&self, busy: u64, loses: u64) {
        let mut state = self.state.lock();
        (state.busy, state.loses) = (busy, loses);
    }

    pub(super) fn bring_down(&self, down: bool) {
        self.state.lock().is_down = down;
    }

    pub(super) fn records(&self) -> Vec<Bytes> {
        self.state.lock().taken.values().flatten().cloned().collect()
    }
}

/// Requests with such a record are never taken.
fn is_refused(request: &Request) -> bool {
    request.records.iter().any(|record| record.starts_with(b"bad"))
}

impl Outlet for Place {
    fn deliver(&self, _target: Value, request: Request) -> BoxFuture<'_, Answer> {
        let mut state = self.state.lock();
        let later = || Answer::TryAgain(Trouble::new("Place.Busy", "the place is busy"));
        let (busy, loses) = (state.busy, state.loses);
        let answer = if state.is_down || state.chance.is(busy) {
            later()
        } else if is_refused(&request) {
            Answer::Refused(Trouble::new("Place.Bad", "a record is bad"))
        } else {
            let records = request.records.clone();
            let before = state.taken.insert(request.id.clone(), request.records);
            assert!(before.is_none_or(|before| before == records), "request {} is another now", request.id);
            if state.chance.is(loses) { later() } else { Answer::Accepted }
        };
        std::future::ready(answer).boxed()
    }
}

//! What befalls the stores of one process: errors before and after the effect, slow answers, its death.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use meta::faults::Faults;
use parking_lot::Mutex;
use rt::Rt;

use super::chance::Chance;

/// How often in 1000 operations something goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Climate {
    /// The operation fails and nothing happened.
    pub(super) fails: u64,
    /// It happened and its answer is lost.
    pub(super) loses: u64,
    pub(super) slow: u64,
}

/// The one operation, counted from the process's first, at which something certain happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strike {
    pub(super) operation: u64,
    pub(super) kind: StrikeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StrikeKind {
    Fail,
    Lose,
    /// The process dies before the operation, or after it.
    DieBefore,
    DieAfter,
}

#[derive(Clone)]
pub(super) struct Weather {
    rt: Rt,
    state: Arc<Mutex<State>>,
}

struct State {
    chance: Chance,
    climate: Climate,
    strike: Option<Strike>,
    /// Operations that begin with this are down.
    down: Option<&'static str>,
    operations: u64,
    dead: bool,
    /// A digest of everything that happened.
    trace: u64,
}

enum Act {
    Nothing,
    Fail,
    Wait(Duration),
    Die,
}

impl Weather {
    pub(super) fn new(rt: Rt, seed: u64, climate: Climate, strike: Option<Strike>) -> Weather {
        let state = State {
            chance: Chance::new(seed),
            climate,
            strike,
            down: None,
            operations: 0,
            dead: false,
            trace: 0,
        };
        Weather { rt, state: Arc::new(Mutex::new(state)) }
    }

    /// From now on.
    pub(super) fn become_(&self, climate: Climate) {
        self.state.lock().climate = climate;
    }

    /// What was to strike and has not struck yet does not.
    pub(super) fn spare(&self) {
        self.state.lock().strike = None;
    }

    /// All operations that begin with `what` fail until it is `None`.
    pub(super) fn bring_down(&self, what: Option<&'static str>) {
        self.state.lock().down = what;
    }

    pub(super) fn is_dead(&self) -> bool {
        self.state.lock().dead
    }

    /// Nothing that the process still does has any effect.
    pub(super) fn kill(&self) {
        self.state.lock().dead = true;
    }

    pub(super) fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    pub(super) fn trace(&self) -> u64 {
        self.state.lock().trace
    }

    async fn act(&self, act: Act) -> io::Result<()> {
        match act {
            Act::Nothing => Ok(()),
            Act::Fail => Err(io::Error::other("injected")),
            Act::Wait(time) => {
                self.rt.sleep(time).await;
                Ok(())
            }
            Act::Die => std::future::pending().await,
        }
    }
}

impl State {
    fn before(&mut self, operation: &'static str) -> Act {
        if self.dead {
            return Act::Die;
        }
        self.operations += 1;
        self.note(operation);
        if self.down.is_some_and(|down| operation.starts_with(down)) {
            return Act::Fail;
        }
        match self.struck() {
            Some(StrikeKind::Fail) => return Act::Fail,
            Some(StrikeKind::DieBefore) => {
                self.dead = true;
                return Act::Die;
            }
            _ => {}
        }
        if self.chance.is(self.climate.fails) {
            Act::Fail
        } else if self.chance.is(self.climate.slow) {
            Act::Wait(Duration::from_millis(self.chance.between(1, 3_000)))
        } else {
            Act::Nothing
        }
    }

    fn after(&mut self) -> Act {
        if self.dead {
            return Act::Die;
        }
        match self.struck() {
            Some(StrikeKind::Lose) => return Act::Fail,
            Some(StrikeKind::DieAfter) => {
                self.dead = true;
                return Act::Die;
            }
            _ => {}
        }
        if self.chance.is(self.climate.loses) { Act::Fail } else { Act::Nothing }
    }

    fn struck(&self) -> Option<StrikeKind> {
        self.strike.filter(|strike| strike.operation == self.operations).map(|strike| strike.kind)
    }

    fn note(&mut self, operation: &str) {
        for byte in operation.bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Faults for Weather {
    fn before(&self, operation: &'static str) -> BoxFuture<'_, io::Result<()>> {
        let act = self.state.lock().before(operation);
        self.act(act).boxed()
    }

    fn after(&self, _operation: &'static str) -> BoxFuture<'_, io::Result<()>> {
        let act = self.state.lock().after();
        self.act(act).boxed()
    }
}

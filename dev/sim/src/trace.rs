use std::fmt::{self, Write};
use std::sync::Arc;

use parking_lot::Mutex;

/// What happened, in order. Always as a hash, which two runs of one seed must share; as text when asked for.
#[derive(Clone)]
pub struct Trace {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    lines: Option<Vec<String>>,
    hash: Hash,
    events: u64,
}

impl Trace {
    pub fn new(keeps_text: bool) -> Trace {
        let inner = Inner { lines: keeps_text.then(Vec::new), hash: Hash(0xcbf2_9ce4_8422_2325), events: 0 };
        Trace { inner: Arc::new(Mutex::new(inner)) }
    }

    pub fn note(&self, event: fmt::Arguments<'_>) {
        let mut inner = self.inner.lock();
        inner.events += 1;
        let number = inner.events;
        inner.hash.write_fmt(event).expect("a hash takes all text");
        if let Some(lines) = &mut inner.lines {
            lines.push(format!("{number:6} {event}"));
        }
    }

    pub fn hash(&self) -> u64 {
        self.inner.lock().hash.0
    }

    pub fn events(&self) -> u64 {
        self.inner.lock().events
    }

    pub fn lines(&self) -> Vec<String> {
        self.inner.lock().lines.clone().unwrap_or_default()
    }
}

/// FNV-1a.
struct Hash(u64);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

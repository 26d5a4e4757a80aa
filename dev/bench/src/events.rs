//! Made-up click events of a given size: reproducible, and as hard to compress as real ones.

use bytes::Bytes;

/// A small, fast generator (splitmix64): the same events in every run.
pub struct Source {
    state: u64,
}

impl Source {
    pub fn new(seed: u64) -> Source {
        Source { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One JSON object of exactly `size` bytes (at least 250) with the columns of [`COLUMNS`].
    pub fn event(&mut self, size: usize) -> Bytes {
        const PAGES: [&str; 8] = ["/", "/cart", "/search", "/item", "/login", "/help", "/about", "/checkout"];
        let (a, b, c) = (self.next(), self.next(), self.next());
        let mut text = format!(
            r#"{{"id":{},"user":"u{:06}","session":"{b:016x}{c:016x}","page":"{}","ms":{},"price":{}.{:02},"ok":{},"at":"2024-05-{:02} {:02}:{:02}:{:02}","agent":""#,
            a >> 20,
            a % 100_000,
            PAGES[(b % 8) as usize],
            b % 5_000,
            c % 1_000,
            c % 100,
            c.is_multiple_of(2),
            1 + a % 28,
            b % 24,
            c % 60,
            a % 60,
        );
        while text.len() + 2 < size {
            let missing = size - 2 - text.len();
            let word = format!("{:016x}", self.next());
            text.push_str(&word[..missing.min(16)]);
        }
        text.push_str("\"}");
        Bytes::from(text)
    }
}

/// Name and Hive type of each field of an event.
pub const COLUMNS: [(&str, &str); 9] = [
    ("id", "bigint"),
    ("user", "string"),
    ("session", "string"),
    ("page", "string"),
    ("ms", "int"),
    ("price", "double"),
    ("ok", "boolean"),
    ("at", "timestamp"),
    ("agent", "string"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_json_of_the_size_asked_for() {
        let mut source = Source::new(1);
        for _ in 0..1000 {
            let event = source.event(500);
            assert_eq!(event.len(), 500);
            let value: serde_json::Value = serde_json::from_slice(&event).unwrap();
            assert_eq!(value.as_object().unwrap().len(), COLUMNS.len());
        }
    }
}

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub(crate) enum Random {
    System,
    Seeded(Box<Mutex<StdRng>>),
}

impl Random {
    pub(crate) fn seeded(seed: u64) -> Random {
        Random::Seeded(Box::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the machine's randomness is drawn")]
    pub(crate) fn fill(&self, bytes: &mut [u8]) {
        match self {
            // A ChaCha generator seeded by the operating system: fit for keys, without a system call each.
            Random::System => rand::rng().fill_bytes(bytes),
            Random::Seeded(generator) => generator.lock().fill_bytes(bytes),
        }
    }
}

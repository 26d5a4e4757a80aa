//! Run-length codecs: bytes, bits, and integers of version 2.

/// Bytes: runs of equal ones and stretches of others.
#[derive(Debug, Default)]
pub(super) struct ByteRuns {
    out: Vec<u8>,
    pending: Vec<u8>,
}

const BYTE_RUN_MIN: usize = 3;
const BYTE_RUN_MAX: usize = 130;
const BYTE_LITERALS_MAX: usize = 128;

impl ByteRuns {
    pub(super) fn push(&mut self, byte: u8) {
        self.pending.push(byte);
        if self.pending.len() >= 4 * BYTE_RUN_MAX {
            self.flush();
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.out.len() + self.pending.len()
    }

    pub(super) fn finish(&mut self) -> Vec<u8> {
        self.flush();
        std::mem::take(&mut self.out)
    }

    fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let mut literals = 0;
        let mut at = 0;
        while at < pending.len() {
            let equal =
                pending[at..].iter().take(BYTE_RUN_MAX).take_while(|byte| **byte == pending[at]).count();
            if equal < BYTE_RUN_MIN {
                at += equal;
                continue;
            }
            self.literals(&pending[literals..at]);
            self.out.push((equal - BYTE_RUN_MIN) as u8);
            self.out.push(pending[at]);
            at += equal;
            literals = at;
        }
        self.literals(&pending[literals..]);
    }

    fn literals(&mut self, bytes: &[u8]) {
        for stretch in bytes.chunks(BYTE_LITERALS_MAX) {
            // Minus the count, in two's complement.
            self.out.push((256 - stretch.len()) as u8);
            self.out.extend_from_slice(stretch);
        }
    }
}

/// Bits in bytes, the highest first.
#[derive(Debug, Default)]
pub(super) struct BitRuns {
    bytes: ByteRuns,
    current: u8,
    filled: u8,
}

impl BitRuns {
    pub(super) fn push(&mut self, bit: bool) {
        self.current = self.current << 1 | u8::from(bit);
        self.filled += 1;
        if self.filled == 8 {
            self.bytes.push(self.current);
            (self.current, self.filled) = (0, 0);
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.bytes.memory()
    }

    pub(super) fn finish(&mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.bytes.push(self.current << (8 - self.filled));
            (self.current, self.filled) = (0, 0);
        }
        self.bytes.finish()
    }
}

/// Integers: short repetitions, and stretches of one width.
#[derive(Debug, Default)]
pub(super) struct IntegerRuns {
    out: Vec<u8>,
    pending: Vec<u64>,
}

const STRETCH_MAX: usize = 512;
const REPEAT_MIN: usize = 3;
const REPEAT_MAX: usize = 10;

/// The widths above 24 bits that have a code.
const WIDE: [u32; 8] = [26, 28, 30, 32, 40, 48, 56, 64];

impl IntegerRuns {
    pub(super) fn push_signed(&mut self, value: i64) {
        // Small negative numbers become small ones.
        self.push((value << 1 ^ value >> 63).cast_unsigned());
    }

    pub(super) fn push(&mut self, value: u64) {
        self.pending.push(value);
        if self.pending.len() >= STRETCH_MAX {
            self.flush();
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.out.len() + self.pending.len() * 8
    }

    pub(super) fn finish(&mut self) -> Vec<u8> {
        self.flush();
        std::mem::take(&mut self.out)
    }

    fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let mut from = 0;
        let mut at = 0;
        while at < pending.len() {
            let equal =
                pending[at..].iter().take(REPEAT_MAX).take_while(|value| **value == pending[at]).count();
            if equal >= REPEAT_MIN {
                self.direct(&pending[from..at]);
                self.repeat(pending[at], equal);
                from = at + equal;
            }
            at += equal;
        }
        self.direct(&pending[from..]);
    }

    fn repeat(&mut self, value: u64, count: usize) {
        let bytes = (8 - value.leading_zeros() as usize / 8).max(1);
        self.out.push(((bytes - 1) << 3 | (count - REPEAT_MIN)) as u8);
        self.out.extend_from_slice(&value.to_be_bytes()[8 - bytes..]);
    }

    fn direct(&mut self, values: &[u64]) {
        let Some(largest) = values.iter().max() else { return };
        let bits = (64 - largest.leading_zeros()).max(1);
        let (width, code) = if bits <= 24 {
            (bits, bits - 1)
        } else {
            let place = WIDE.iter().position(|width| *width >= bits).expect("64 bits hold every number");
            (WIDE[place], 24 + place as u32)
        };
        let length = values.len() - 1;
        self.out.push((0b0100_0000 | code << 1) as u8 | (length >> 8) as u8);
        self.out.push((length & 0xff) as u8);
        let (mut buffer, mut filled) = (0_u128, 0);
        for value in values {
            buffer = buffer << width | u128::from(*value);
            filled += width;
            while filled >= 8 {
                filled -= 8;
                self.out.push((buffer >> filled) as u8);
            }
            buffer &= (1 << filled) - 1;
        }
        if filled > 0 {
            self.out.push((buffer << (8 - filled)) as u8);
        }
    }
}

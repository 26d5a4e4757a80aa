//! Appends items, each in its shortest form.

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

pub fn unsigned(out: &mut Vec<u8>, number: u64) {
    head(out, UNSIGNED, number);
}

pub fn integer(out: &mut Vec<u8>, number: i64) {
    match u64::try_from(number) {
        Ok(number) => head(out, UNSIGNED, number),
        Err(_) => head(out, NEGATIVE, !number as u64),
    }
}

pub fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    head(out, BYTES, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub fn text(out: &mut Vec<u8>, text: &str) {
    head(out, TEXT, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Text whose bytes are known to be ASCII: numbers that were written digit by digit.
pub fn ascii(out: &mut Vec<u8>, text: &[u8]) {
    debug_assert!(text.is_ascii());
    head(out, TEXT, text.len() as u64);
    out.extend_from_slice(text);
}

/// That many items follow.
pub fn array(out: &mut Vec<u8>, length: usize) {
    head(out, ARRAY, length as u64);
}

/// That many pairs follow, keys first.
pub fn map(out: &mut Vec<u8>, length: usize) {
    head(out, MAP, length as u64);
}

/// Items follow until [`end`].
pub fn open_array(out: &mut Vec<u8>) {
    out.push(ARRAY << 5 | 31);
}

/// Pairs follow until [`end`].
pub fn open_map(out: &mut Vec<u8>) {
    out.push(MAP << 5 | 31);
}

pub fn end(out: &mut Vec<u8>) {
    out.push(0xff);
}

/// Says something of the item that follows.
pub fn tag(out: &mut Vec<u8>, tag: u64) {
    head(out, TAG, tag);
}

pub fn boolean(out: &mut Vec<u8>, value: bool) {
    out.push(0xf4 | u8::from(value));
}

pub fn null(out: &mut Vec<u8>) {
    out.push(0xf6);
}

pub fn single(out: &mut Vec<u8>, number: f32) {
    out.push(0xfa);
    out.extend_from_slice(&number.to_be_bytes());
}

pub fn double(out: &mut Vec<u8>, number: f64) {
    out.push(0xfb);
    out.extend_from_slice(&number.to_be_bytes());
}

fn head(out: &mut Vec<u8>, major: u8, number: u64) {
    let major = major << 5;
    match number {
        0..=23 => out.push(major | number as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, number as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(number as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(number as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

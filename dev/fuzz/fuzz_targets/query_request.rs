#![no_main]

use aws::Format;
use fuzz::sts::SERVICE;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some((codec, body)) = fuzz::request(&SERVICE, Format::Query, input) {
        fuzz::read(codec, body);
    }
});

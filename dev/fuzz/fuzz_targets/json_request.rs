#![no_main]

use aws::Format;
use fuzz::kinesis::SERVICE;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some((codec, body)) = fuzz::request(&SERVICE, Format::Json, input) {
        fuzz::read(codec, body);
        let _ = codec.decode::<fuzz::kinesis::PutRecordsInput>(body);
    }
});

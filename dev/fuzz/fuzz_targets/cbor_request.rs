#![no_main]

use aws::Format;
use fuzz::kinesis::SERVICE;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for format in [Format::Cbor, Format::RpcCbor] {
        if let Some((codec, body)) = fuzz::request(&SERVICE, format, input) {
            fuzz::read(codec, body);
            let _ = codec.decode::<fuzz::kinesis::PutRecordsInput>(body);
        }
    }
});

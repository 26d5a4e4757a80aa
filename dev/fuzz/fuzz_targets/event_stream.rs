#![no_main]

use aws::event_stream::{decode, encode};
use bytes::BytesMut;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut received = BytesMut::from(input);
    while let Ok(Some(message)) = decode(&mut received) {
        again(&message);
    }
    // Checksums stand in the way of a fuzzer; with right ones it gets to the headers.
    if let Some((first, rest)) = input.split_first() {
        let (headers, payload) = rest.split_at(usize::from(*first).min(rest.len()));
        let mut received = BytesMut::from(&framed(headers, payload)[..]);
        if let Ok(Some(message)) = decode(&mut received) {
            assert_eq!(message.payload, payload);
            again(&message);
        }
    }
});

/// What was received can be sent and is received alike.
fn again(message: &aws::event_stream::Message) {
    let headers: Vec<_> =
        message.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let sent = encode(&headers, |out| {
        out.extend_from_slice(&message.payload);
        Ok(())
    });
    let received = decode(&mut BytesMut::from(&sent.expect("it was within bounds")[..]));
    assert_eq!(received.expect("it is a frame").as_ref(), Some(message));
}

fn framed(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = |bytes: usize| (bytes as u32).to_be_bytes();
    let mut frame = [length(16 + headers.len() + payload.len()), length(headers.len())].concat();
    frame.extend_from_slice(&crc(&frame).to_be_bytes());
    frame.extend_from_slice(headers);
    frame.extend_from_slice(payload);
    let sum = crc(&frame);
    frame.extend_from_slice(&sum.to_be_bytes());
    frame
}

/// CRC-32 bit by bit: independent of the one that is tested.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

use std::collections::VecDeque;
use std::io::Write;

use futures::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use proptest::prelude::*;

use super::*;
use crate::sigv4::hash_hex;

fn in_frames(frames: Vec<Vec<u8>>) -> impl HttpBody<Data = Bytes, Error = BoxError> {
    StreamBody::new(stream::iter(frames.into_iter().map(|frame| Ok(Frame::data(Bytes::from(frame))))))
}

#[tokio::test]
async fn a_body_larger_than_the_limit_is_refused_announced_or_not() {
    let announced = receive(Full::new(Bytes::from_static(b"12345")), 4, false).await;
    assert_eq!(announced.err().map(|error| error.status()), Some(413));
    let streamed = receive(in_frames(vec![vec![1; 3], vec![2; 2]]), 4, false).await;
    assert_eq!(streamed.err().map(|error| error.status()), Some(413));
    assert!(receive(in_frames(vec![vec![1; 2], vec![2; 2]]), 4, false).await.is_ok());
}

#[tokio::test]
async fn a_body_announced_too_large_is_read_to_its_end_unless_it_is_absurd() {
    for (length, read) in [(5, true), (16, true), (17, false)] {
        let frames: VecDeque<_> = vec![Bytes::from(vec![0; length])].into();
        let mut body = Announced { frames, length };
        let error = receive(&mut body, 4, true).await.err().unwrap();
        assert_eq!(error.status(), 413);
        assert_eq!(body.frames.is_empty(), read, "{length} bytes");
    }
}

struct Announced {
    frames: VecDeque<Bytes>,
    length: usize,
}

impl HttpBody for Announced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(self.frames.pop_front().map(|frame| Ok(Frame::data(frame))))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.length as u64)
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_the_senders_fault() {
    let frames: Vec<Result<Frame<Bytes>, BoxError>> =
        vec![Ok(Frame::data(Bytes::from_static(b"ab"))), Err("gone".into())];
    let error = receive(StreamBody::new(stream::iter(frames)), 10, true).await.err().unwrap();
    assert_eq!(error.status(), 400);
}

#[test]
fn a_packed_body_is_unpacked_up_to_the_limit() {
    let pack = |bytes: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    };
    assert_eq!(gunzip(&pack(b"{\"a\":1}"), 100).unwrap(), "{\"a\":1}");
    let bomb = pack(&vec![0; 1 << 20]);
    assert!(bomb.len() < 2_000);
    assert_eq!(gunzip(&bomb, 1 << 16).unwrap_err().status(), 413);
    assert_eq!(gunzip(b"not gzip", 100).unwrap_err().code(), "SerializationException");
}

proptest! {
    #[test]
    fn frames_of_any_size_are_one_body_and_its_hash(frames in proptest::collection::vec(any::<Vec<u8>>(), 0..8)) {
        let whole = frames.concat();
        let received = futures::executor::block_on(receive(in_frames(frames), whole.len(), true)).unwrap();
        prop_assert_eq!(&received.bytes[..], &whole[..]);
        prop_assert_eq!(received.hash, hash_hex(&whole));
    }
}

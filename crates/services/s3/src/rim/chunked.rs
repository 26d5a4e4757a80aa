//! The `aws-chunked` encoding, read without regard to signatures.
//!
//! A chunk is its size in hexadecimal, perhaps `;chunk-signature=…`, a line end, the bytes, a line end. A
//! chunk of no bytes is followed by trailing headers and an empty line.

use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::StreamBody;
use hyper::body::Frame;
use s3s::{Body, StdError};

use crate::upload_body::Trailers;

/// The longest line: a size and a signature, or a trailing header.
const LINE_BYTES_MAX: usize = 4096;
const TRAILERS_MAX: usize = 16;

pub(crate) fn decode(body: Body, trailers: Trailers) -> Body {
    let decoder = Decoder { body, buffer: BytesMut::new(), state: State::Head, trailers };
    let frames = chunks(decoder).map(|chunk| chunk.map(Frame::data));
    Body::http_body_unsync(StreamBody::new(frames))
}

#[derive(Debug, thiserror::Error)]
enum ChunkError {
    #[error("FormatError: {0}")]
    Format(&'static str),
    #[error("Incomplete: the body ends before its last chunk")]
    Incomplete,
    #[error(transparent)]
    Body(#[from] StdError),
}

struct Decoder {
    body: Body,
    buffer: BytesMut,
    state: State,
    trailers: Trailers,
}

enum State {
    Head,
    Data(usize),
    End,
}

fn chunks(decoder: Decoder) -> impl Stream<Item = Result<Bytes, ChunkError>> + Send {
    stream::try_unfold(decoder, |mut decoder| async move {
        let piece = decoder.next().await?;
        Ok(piece.map(|piece| (piece, decoder)))
    })
}

impl Decoder {
    /// The next bytes of the payload.
    async fn next(&mut self) -> Result<Option<Bytes>, ChunkError> {
        loop {
            match self.state {
                State::Head => {
                    let line = self.line().await?;
                    let size = line[..].split(|byte| *byte == b';').next().unwrap_or_default();
                    let size = std::str::from_utf8(size)
                        .ok()
                        .and_then(|size| usize::from_str_radix(size.trim(), 16).ok())
                        .ok_or(ChunkError::Format("a chunk has no size"))?;
                    if size == 0 {
                        self.read_trailers().await?;
                        self.state = State::End;
                    } else {
                        self.state = State::Data(size);
                    }
                }
                State::Data(0) => {
                    if !self.line().await?.is_empty() {
                        return Err(ChunkError::Format("a chunk is longer than its size"));
                    }
                    self.state = State::Head;
                }
                State::Data(left) => {
                    if self.buffer.is_empty() && !self.fill().await? {
                        return Err(ChunkError::Incomplete);
                    }
                    let piece = self.buffer.split_to(left.min(self.buffer.len())).freeze();
                    self.state = State::Data(left - piece.len());
                    return Ok(Some(piece));
                }
                State::End => return Ok(None),
            }
        }
    }

    async fn read_trailers(&mut self) -> Result<(), ChunkError> {
        let mut headers = HeaderMap::new();
        loop {
            // The last line end may be left out.
            let line = match self.line().await {
                Err(ChunkError::Incomplete) if self.buffer.is_empty() => break,
                line => line?,
            };
            if line.is_empty() {
                break;
            }
            if headers.len() >= TRAILERS_MAX {
                return Err(ChunkError::Format("too many trailing headers"));
            }
            let colon = line.iter().position(|byte| *byte == b':');
            let (name, value) =
                line.split_at_checked(colon.unwrap_or(0)).ok_or(ChunkError::Format("a trailing header"))?;
            let name = HeaderName::from_bytes(name.trim_ascii());
            let value = HeaderValue::from_bytes(value.get(1..).unwrap_or_default().trim_ascii());
            match (name, value) {
                (Ok(name), Ok(value)) => headers.insert(name, value),
                _ => return Err(ChunkError::Format("a trailing header is malformed")),
            };
        }
        *self.trailers.0.lock() = Some(headers);
        Ok(())
    }

    /// The next line, without its end.
    async fn line(&mut self) -> Result<BytesMut, ChunkError> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.buffer.split_to(end);
                self.buffer.advance(2);
                return Ok(line);
            }
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(ChunkError::Format("a line is too long"));
            }
            if !self.fill().await? {
                return Err(ChunkError::Incomplete);
            }
        }
    }

    /// Whether there was more.
    async fn fill(&mut self) -> Result<bool, ChunkError> {
        match self.body.next().await {
            Some(bytes) => {
                self.buffer.extend_from_slice(&bytes?);
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

//! The body of an answer that is an event stream.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use hyper::body::{Body, Frame};
use rt::Rt;
use tracing::Span;

use super::answer::panicked;
use crate::error::{ApiError, Fault};
use crate::event_stream::Events;

/// Frames as the connection takes them. Whoever drops it, because the client went away, drops the handler's
/// stream with it; a stop of the server ends it between two events.
pub(super) struct EventBody {
    /// `None` once it has ended.
    events: Option<Events>,
    /// Before the first event.
    initial: Option<Bytes>,
    stopped: BoxFuture<'static, ()>,
    span: Span,
    sent: u64,
}

impl EventBody {
    pub fn new(events: Events, rt: &Rt, span: Span) -> Result<EventBody, ApiError> {
        let stop = rt.stop();
        let initial = Some(events.initial_response()?);
        let stopped = async move { stop.requested().await }.boxed();
        Ok(EventBody { events: Some(events), initial, stopped, span, sent: 0 })
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(initial) = self.initial.take() {
            return Poll::Ready(Some(initial));
        }
        let Some(events) = &mut self.events else { return Poll::Ready(None) };
        let next = if self.stopped.poll_unpin(context).is_ready() {
            None
        } else {
            let next = catch_unwind(AssertUnwindSafe(|| events.frames.poll_next_unpin(context)));
            ready!(next.unwrap_or_else(|panic| Poll::Ready(Some(Err(panicked(&*panic))))))
        };
        let frame = match next {
            Some(Ok(frame)) => {
                self.sent += 1;
                return Poll::Ready(Some(frame));
            }
            Some(Err(error)) => {
                log_failure(&error);
                // A failure that cannot be told still ends the stream.
                events.failure(&error).ok()
            }
            None => None,
        };
        self.events = None;
        Poll::Ready(frame)
    }
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let span = self.span.clone();
        let _entered = span.enter();
        self.poll_next(context).map(|frame| frame.map(|frame| Ok(Frame::data(frame))))
    }
}

impl Drop for EventBody {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let ended = self.events.is_none();
        tracing::debug!(target: "aws::access", events = self.sent, ended, "stream over");
    }
}

fn log_failure(error: &ApiError) {
    let code = error.code();
    match error.fault() {
        Fault::Receiver => {
            let cause = std::error::Error::source(error).map(tracing::field::display);
            tracing::error!(code, cause, "stream failed: {}", error.message());
        }
        Fault::Sender => tracing::debug!(code, "stream refused: {}", error.message()),
    }
}

//! What an endpoint answers: by what the attempt meets, and when.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::{Method, Request, Response, StatusCode};

use super::world::World;
use crate::massive::ledger::Fate;
use crate::massive::schedule::Fault;
use crate::massive::wire::{self, BODY_BYTES, BODY_BYTES_MAX, REQUEST_ID};

/// How long a slow error takes.
const SLOW_ERROR: Duration = Duration::from_secs(1);
/// How long an endpoint that hangs keeps a connection: longer than anybody waits.
const HANG: Duration = Duration::from_secs(30);
/// When an answer that breaks off begins.
const RESET_AFTER: Duration = Duration::from_millis(100);

/// The body of an answer, which may break off.
#[derive(Debug)]
pub struct Answer {
    bytes: Option<Bytes>,
    breaks: bool,
}

impl Answer {
    fn whole(bytes: Bytes) -> Self {
        Self { bytes: Some(bytes), breaks: false }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        if let Some(bytes) = this.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let broken = std::mem::take(&mut this.breaks).then(|| Err(io::Error::from(io::ErrorKind::ConnectionReset)));
        Poll::Ready(broken)
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && !self.breaks
    }

    fn size_hint(&self) -> SizeHint {
        // Half of a body is announced as a whole one.
        let bytes = if self.breaks { BODY_BYTES } else { self.bytes.as_ref().map_or(0, Bytes::len) };
        SizeHint::with_exact(bytes as u64)
    }
}

/// Answers a request, or breaks its connection with an error.
pub async fn answer(world: Arc<World>, endpoint: usize, request: Request<Incoming>) -> io::Result<Response<Answer>> {
    let number = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()?.parse().ok());
    let Some(number) = number else { return Ok(error(StatusCode::BAD_REQUEST)) };
    let mut meeting = world.meet(endpoint, number, request.method() == Method::POST);
    // Errors here are a sender that has gone: the answer will not be read.
    let _ = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await;
    let response = match meeting.fault {
        None | Some(Fault::WrongBody) => {
            let Some(_slot) = world.take_slot(endpoint) else {
                meeting.line.end(Fate::Full);
                return Ok(error(StatusCode::SERVICE_UNAVAILABLE));
            };
            tokio::time::sleep(meeting.latency).await;
            Ok(Response::new(Answer::whole(wire::body(number, meeting.fault.is_none()))))
        }
        Some(Fault::FastError) => Ok(error(StatusCode::INTERNAL_SERVER_ERROR)),
        Some(Fault::SlowError) => {
            tokio::time::sleep(SLOW_ERROR).await;
            Ok(error(StatusCode::INTERNAL_SERVER_ERROR))
        }
        Some(Fault::Hang) => {
            tokio::time::sleep(HANG).await;
            Err(io::ErrorKind::TimedOut.into())
        }
        Some(Fault::Reset) => {
            tokio::time::sleep(RESET_AFTER).await;
            Ok(Response::new(Answer { bytes: Some(wire::body(number, true).slice(..BODY_BYTES / 2)), breaks: true }))
        }
        Some(Fault::Refuse) => Err(io::ErrorKind::ConnectionRefused.into()),
    };
    meeting.line.end(if meeting.fault.is_none() { Fate::Good } else { Fate::Failed });
    response
}

fn error(status: StatusCode) -> Response<Answer> {
    let mut response = Response::new(Answer::whole(Bytes::from_static(b"no")));
    *response.status_mut() = status;
    response
}

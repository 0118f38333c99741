//! What kind of call a request is: the layers ask it once for each request, and hand on what a policy makes of it.

use crate::Call;

/// Tells what kind of call a request is. A closure `Fn(&Request) -> Call` does; so does one [`Call`] for every request, and a pair
/// of closures `(Fn(&Request) -> Call, Fn(&mut Request, &Call))`, of which the second writes into the request what is left of
/// the call. Only with a pair do the layers within, and whoever the request is sent to, know of a deadline set further out.
pub trait CallOf<Request>: Send + Sync + 'static {
    /// The call that this request is.
    fn call_of(&self, request: &Request) -> Call;

    /// Has the request say that it is this call: as before, with less time or already counted.
    fn carry(&self, _request: &mut Request, _call: &Call) {}
}

impl<Request> CallOf<Request> for Call {
    fn call_of(&self, _request: &Request) -> Call {
        *self
    }
}

impl<Request, Read> CallOf<Request> for Read
where
    Read: Fn(&Request) -> Call + Send + Sync + 'static,
{
    fn call_of(&self, request: &Request) -> Call {
        self(request)
    }
}

impl<Request, Read, Write> CallOf<Request> for (Read, Write)
where
    Read: Fn(&Request) -> Call + Send + Sync + 'static,
    Write: Fn(&mut Request, &Call) + Send + Sync + 'static,
{
    fn call_of(&self, request: &Request) -> Call {
        self.0(request)
    }

    fn carry(&self, request: &mut Request, call: &Call) {
        self.1(request, call);
    }
}

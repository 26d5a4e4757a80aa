//! Concise Binary Object Representation (RFC 8949), as much of it as AWS's protocols use.
//!
//! [`Reader`] is a cursor over a body that lends strings from it, so that a hot decoder copies nothing; it
//! believes no length before the bytes are there and allocates only to join strings that came in pieces.
//! [`write`](mod@write) appends items, and [`to_writer`] does so for whatever serde can serialise: blobs as
//! byte strings, timestamps with tag 1 in the unit that the protocol has ([`Epoch`]).
//!
//! What the members mean is not known here; see `codec/cbor.rs` for that.

mod read;
mod serialize;
pub mod write;

pub use read::{CborError, Head, Length, Reader};
pub use serialize::{Epoch, to_writer};

pub(crate) use serialize::TIMESTAMP;

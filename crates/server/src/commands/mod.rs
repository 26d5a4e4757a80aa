//! The commands that talk to a running server, over HTTP as any client would.

pub mod env;
pub mod sql;
pub mod status;

mod remote;

pub use remote::Remote;

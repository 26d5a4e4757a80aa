//! The commands that talk to a running server, over HTTP as any client would, and the one that reads files.

pub mod env;
pub mod firehose;
pub mod inspect;
pub mod sql;
pub mod status;

mod remote;

pub use remote::Remote;

//! Everything behind the binary `mulgil`, as a library so that it can be tested.
//!
//! [`config`] merges flags, environment and file; [`data_dir`] guards what is on disk; `wire` composes the
//! engines and services, one short function each; [`run`] listens and shuts down. The commands that talk to a
//! running server do so over HTTP like any client.
//!
//! It never contains behaviour of a service: a rule about streams or tables belongs to its room.

pub mod cli;
pub mod commands;
pub mod config;
pub mod data_dir;
pub mod demo;
pub mod descriptors;
mod internal;
mod logging;
mod measure;
pub mod memory;
pub mod run;
mod tls;
mod wire;

//! The service over real, signed requests, on real stores in a temporary folder.

mod creating;
mod describing;
mod putting;
mod updating;
mod world;

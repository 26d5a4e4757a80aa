//! The service over real, signed requests, on real stores in a temporary folder.

mod creating;
mod describing;
mod measuring;
mod outside;
mod processing;
mod putting;
mod replaying;
mod schemas;
mod store;
mod tables;
mod updating;
mod world;

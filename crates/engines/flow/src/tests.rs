//! Deliveries end to end, on real stores in a temporary folder.

mod crashes;
mod delivering;
mod fire;
mod live_tables;
mod model;
mod operators;
mod outside;
mod partitions;
mod rig;
mod tables;
mod transforming;
mod trouble;

//! Deliveries end to end, on real stores in a temporary folder.

mod crashes;
mod delivering;
mod operators;
mod partitions;
mod rig;
mod trouble;

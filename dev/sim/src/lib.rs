//! The log on a simulated machine: the code that ships, on a disk, a clock and a schedule that follow from a
//! seed.
//!
//! Concepts
//! - A *run* is one seed: it draws a [`Plan`] (sizes, clients, kinds of faults) and lives it. The same seed
//!   makes the same run, event by event, which its trace shows.
//! - The *machine* holds files as a program sees them and as they would be without power. A crash ends the
//!   process at any disk operation; one that takes the power keeps of what was not synced all, nothing, a
//!   beginning or some sectors in any order, torn, with what lay there before between them. Operations fail,
//!   writes are short, the disk is full or slow, syncs fail and leave the file in doubt, bits rot.
//! - *Clients* append, read, follow the tail, look for times, trim, change retention, delete topics. Others
//!   have a turn in the middle of any disk operation, so that a reader sees what a writer has half done.
//! - The *model* of each partition says what must hold; see `model.rs`.
//!
//! What it cannot show: that the operating system keeps the promises of its calls (`Directory` of the log is
//! not run here), and anything about threads: there is one.
//!
//! Whether the checker sees anything is shown by disks that lie ([`Lie`]), in the tests. With the log broken
//! on purpose instead, these were caught: a group that is not synced before it is acknowledged (seed 0), what
//! recovery read not being written again before it is served (seed 20), a file that is written on after its
//! write failed (seed 1640), a directory that is not synced after a segment was made (seed 2), a salt that is
//! forgotten with a damaged header (seed 724), a page that goes past its tail (seed 19), offsets of damaged batches
//! that are given again (seed 413), an empty segment that recovery keeps (seed 4), cuts that it does not apply (seed
//! 158), and a closed partition whose end the files tell (seed 149). A seed in eight each has a *storm*, in which
//! these happen: much rot, or reshards in haste while writes fail.
//!
//! Start reading at [`run`].

mod clients;
mod content;
mod disk;
mod machine;
mod model;
mod plan;
mod random;
mod record;
mod run;
mod schedule;
mod topics;
mod trace;
mod world;

pub use machine::{Faults, Lie};
pub use plan::Plan;
pub use random::Random;
pub use run::{Options, Report, run, run_plan};

#[cfg(test)]
mod tests;

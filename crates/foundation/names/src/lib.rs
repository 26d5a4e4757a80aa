//! Names that every room shares: accounts, regions, scopes and ARNs, valid by construction.
//!
//! A value of these types has passed its constructor, also when it was read by serde, so nothing else
//! checks it again. They are cheap to clone. They never look anything up.

mod arn;
mod scope;

pub use arn::Arn;
pub use scope::{AccountId, Region, Scope};

/// Why a text is not the name it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("account id {0:?} is not twelve digits")]
    Account(String),
    #[error("region {0:?} is not lower-case letters, digits and hyphens")]
    Region(String),
    #[error("{0:?} is not arn:partition:service:region:account:resource")]
    Arn(String),
}

#[cfg(test)]
mod tests;

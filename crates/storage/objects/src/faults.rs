//! What can befall objects beside their index, for tests of those who use them; see [`meta::faults`].

use std::sync::Arc;

use meta::faults::Faults;

use crate::Objects;

/// Every operation that can be befallen, beside those of the index.
pub mod at {
    /// Bytes are handed to the disk.
    pub const OBJECTS_WRITE: &str = "objects-write";
    /// They are made durable.
    pub const OBJECTS_STAGE: &str = "objects-stage";
    pub const OBJECTS_READ: &str = "objects-read";
}

impl Objects {
    /// The same objects, whose reads and writes `faults` may befall, those of the index included.
    #[must_use]
    pub fn with_faults(&self, faults: Arc<dyn Faults>) -> Objects {
        let meta = self.meta.with_faults(faults.clone());
        Objects { files: self.files.clone(), meta, rt: self.rt.clone(), faults: Some(faults) }
    }

    pub(crate) async fn before(&self, operation: &'static str) -> std::io::Result<()> {
        match &self.faults {
            Some(faults) => faults.before(operation).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn after(&self, operation: &'static str) -> std::io::Result<()> {
        match &self.faults {
            Some(faults) => faults.after(operation).await,
            None => Ok(()),
        }
    }
}

//! Gives back the space of files to which nothing refers: what a crash left between a file and its
//! commit, or between a commit and the removal of what it replaced.

use std::io;
use std::path::PathBuf;

use crate::files::FileId;
use crate::{ObjectError, Objects, keys};

/// Files asked about at once.
const ASK_MAX: usize = 512;

impl Objects {
    pub(crate) fn start_sweep(&self) {
        let objects = self.clone();
        let task = self.rt.spawn("objects sweep", async move {
            match objects.sweep().await {
                Ok(0) => {}
                Ok(files) => tracing::info!(files, "files without an object were removed"),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the sweep of objects stopped");
                }
            }
        });
        drop(task);
    }

    /// Removes the files to which nothing refers and returns how many there were. Runs at every start;
    /// may run at any time.
    pub async fn sweep(&self) -> Result<usize, ObjectError> {
        let files = self.files.clone();
        let (folders, trash) = self
            .rt
            .blocking("objects sweep", move || Ok::<_, io::Error>((files.folders()?, files.trash()?)))
            .await?;
        for old in trash {
            self.rt.blocking("objects sweep", move || remove_trash(&old)).await?;
        }
        self.discard_all().await?;
        let mut removed = 0;
        for folder in folders {
            if self.rt.stop().is_requested() {
                break;
            }
            removed += self.sweep_folder(folder).await?;
        }
        Ok(removed)
    }

    async fn sweep_folder(&self, folder: PathBuf) -> Result<usize, ObjectError> {
        let files = self.files.clone();
        // The order matters: a file is listed, then found not staged, then not referred to. Whoever stages
        // it keeps it staged until the reference is durable.
        let listed = match self.rt.blocking("objects sweep", move || files.list(&folder)).await {
            // A reset took the folder away.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            listed => listed?,
        };
        let mut removed = 0;
        let loose: Vec<FileId> = self.files.loose(listed);
        for asked in loose.chunks(ASK_MAX) {
            let keys: Vec<_> = asked.iter().map(keys::file).collect();
            let found = self.meta.get_many(&keys).await?;
            let orphans: Vec<FileId> = asked
                .iter()
                .zip(found)
                .filter(|(_, found)| found.is_none())
                .map(|(id, _)| id.clone())
                .collect();
            removed += orphans.len();
            let files = self.files.clone();
            self.rt.blocking("objects sweep", move || orphans.iter().for_each(|id| files.unlink(id))).await;
        }
        Ok(removed)
    }
}

fn remove_trash(path: &PathBuf) -> io::Result<()> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

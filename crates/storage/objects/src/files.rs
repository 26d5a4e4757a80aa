//! The disk: files that are written once, read while somebody reads them, and then removed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rt::Rt;
use serde::{Deserialize, Serialize};

use crate::OpenError;

const OBJECTS: &str = "objects";
const TRASH: &str = "trash-";
const ID_BYTES: usize = 16;

/// The name of a file: 32 hexadecimal digits, never used twice. The first two are its folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct FileId(String);

impl FileId {
    pub(crate) fn new(rt: &Rt) -> FileId {
        FileId(rt.random_hex(ID_BYTES))
    }

    pub(crate) fn parse(name: &str) -> Option<FileId> {
        let valid = name.len() == 2 * ID_BYTES && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        valid.then(|| FileId(name.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

pub(crate) struct Files {
    dir: PathBuf,
    pub(crate) rt: Rt,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// Written or being written, and not yet known to be referred to: a sweep leaves them alone.
    staged: HashSet<FileId>,
    /// Of these, the ones whose commit ended without an answer.
    doubtful: BTreeSet<FileId>,
    bodies: HashMap<FileId, Body>,
}

/// A body that is being read or removed.
#[derive(Default)]
struct Body {
    readers: usize,
    /// To be removed when the last reader is done.
    doomed: Option<Vec<FileId>>,
}

impl Files {
    pub(crate) fn open(dir: &Path, rt: Rt) -> Result<Files, OpenError> {
        let files = Files { dir: dir.to_owned(), rt, table: Mutex::default() };
        fs::create_dir_all(files.objects())
            .and_then(|()| sync_folder(dir))
            // A folder that exists may still refuse files.
            .and_then(|()| {
                let probe = dir.join(format!("{TRASH}{}", files.rt.random_hex(ID_BYTES)));
                File::create(&probe)?;
                fs::remove_file(&probe)
            })
            .map_err(|source| failed(dir, source))?;
        Ok(files)
    }

    /// Everything is gone for readers at once; the sweep gives the space back.
    pub(crate) fn reset(&self) -> io::Result<()> {
        let trash = self.dir.join(format!("{TRASH}{}", self.rt.random_hex(ID_BYTES)));
        fs::rename(self.objects(), trash)?;
        fs::create_dir_all(self.objects())?;
        sync_folder(&self.dir)
    }

    /// A new file under a new name, staged until the guard is kept.
    pub(crate) fn create(self: &Arc<Self>) -> io::Result<(File, StagedFile)> {
        let staged = self.stage();
        let path = self.path(&staged.id);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let file = match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create_folder(&staged.id)?;
                options.open(&path)?
            }
            opened => opened?,
        };
        Ok((file, staged))
    }

    /// The same bytes under a new name, without copying them.
    pub(crate) fn link(self: &Arc<Self>, from: &FileId) -> io::Result<StagedFile> {
        let staged = self.stage();
        let (from, to) = (self.path(from), self.path(&staged.id));
        match fs::hard_link(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create_folder(&staged.id)?;
                fs::hard_link(&from, &to)?;
            }
            linked => linked?,
        }
        self.sync_name(&staged.id)?;
        Ok(staged)
    }

    /// After this the file is found under its name also after a crash.
    pub(crate) fn sync_name(&self, id: &FileId) -> io::Result<()> {
        sync_folder(&self.folder(id))
    }

    pub(crate) fn open_file(&self, id: &FileId) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Keeps the files of a body from being removed. `None` if they already are.
    pub(crate) fn lease(self: &Arc<Self>, body: &FileId) -> Option<Lease> {
        let mut table = self.table.lock();
        let entry = table.bodies.entry(body.clone()).or_default();
        if entry.doomed.is_some() {
            return None;
        }
        entry.readers += 1;
        Some(Lease { files: self.clone(), body: body.clone() })
    }

    /// Removes the files of a body to which nothing refers any more, now or after the last reader.
    pub(crate) fn remove(&self, body: &FileId, files: Vec<FileId>) {
        {
            let mut table = self.table.lock();
            let entry = table.bodies.entry(body.clone()).or_default();
            entry.doomed = Some(files.clone());
            if entry.readers > 0 {
                return;
            }
        }
        self.unlink_all(&files);
        self.table.lock().bodies.remove(body);
    }

    /// Of these, the ones that are neither staged nor waiting for their last reader.
    pub(crate) fn loose(&self, mut ids: Vec<FileId>) -> Vec<FileId> {
        let table = self.table.lock();
        let waiting: HashSet<&FileId> =
            table.bodies.values().filter_map(|body| body.doomed.as_ref()).flatten().collect();
        ids.retain(|id| !table.staged.contains(id) && !waiting.contains(id));
        ids
    }

    /// Staged files whose commit ended without an answer.
    pub(crate) fn doubtful(&self) -> Vec<FileId> {
        self.table.lock().doubtful.iter().cloned().collect()
    }

    pub(crate) fn doubtful_count(&self) -> usize {
        self.table.lock().doubtful.len()
    }

    /// It is known by now whether something refers to them; what nothing refers to may be removed.
    pub(crate) fn decided(&self, ids: &[FileId]) {
        let mut table = self.table.lock();
        for id in ids {
            table.doubtful.remove(id);
            table.staged.remove(id);
        }
    }

    /// The folders that hold files, and what past resets left.
    pub(crate) fn folders(&self) -> io::Result<Vec<PathBuf>> {
        entries(&self.objects())
    }

    pub(crate) fn trash(&self) -> io::Result<Vec<PathBuf>> {
        let is_trash = |path: &PathBuf| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(TRASH))
        };
        Ok(entries(&self.dir)?.into_iter().filter(is_trash).collect())
    }

    /// The files in one folder.
    pub(crate) fn list(&self, folder: &Path) -> io::Result<Vec<FileId>> {
        let id = |path: PathBuf| FileId::parse(path.file_name()?.to_str()?);
        Ok(entries(folder)?.into_iter().filter_map(id).collect())
    }

    pub(crate) fn unlink(&self, id: &FileId) {
        if let Err(error) = fs::remove_file(self.path(id))
            && error.kind() != io::ErrorKind::NotFound
        {
            // The next sweep tries again.
            tracing::warn!(
                file = id.as_str(),
                error = &error as &dyn std::error::Error,
                "a file of an object could not be removed"
            );
        }
    }

    fn unlink_all(&self, ids: &[FileId]) {
        ids.iter().for_each(|id| self.unlink(id));
    }

    fn stage(self: &Arc<Self>) -> StagedFile {
        let id = FileId::new(&self.rt);
        self.table.lock().staged.insert(id.clone());
        StagedFile { files: self.clone(), id, fate: Fate::Unlink }
    }

    fn create_folder(&self, id: &FileId) -> io::Result<()> {
        match fs::create_dir(self.folder(id)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        sync_folder(&self.objects())
    }

    fn objects(&self) -> PathBuf {
        self.dir.join(OBJECTS)
    }

    fn folder(&self, id: &FileId) -> PathBuf {
        self.objects().join(&id.0[..2])
    }

    fn path(&self, id: &FileId) -> PathBuf {
        self.folder(id).join(&id.0)
    }
}

/// A file that is removed again unless something durable came to refer to it.
pub(crate) struct StagedFile {
    files: Arc<Files>,
    pub(crate) id: FileId,
    fate: Fate,
}

/// What becomes of a staged file when it is dropped.
enum Fate {
    Unlink,
    /// Nobody knows whether something refers to it.
    Doubt,
    Keep,
}

impl StagedFile {
    /// Something durable refers to it.
    pub(crate) fn keep(mut self) {
        self.fate = Fate::Keep;
        self.files.table.lock().staged.remove(&self.id);
    }

    /// A commit that refers to it is on its way: until its end is known the file stays, whatever happens to
    /// whoever waits for it. A later commit knows, or the sweep of the next start.
    pub(crate) fn hold(&mut self) {
        self.fate = Fate::Doubt;
    }

    /// The commit did not happen.
    pub(crate) fn release(&mut self) {
        self.fate = Fate::Unlink;
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        match self.fate {
            Fate::Keep => {}
            Fate::Unlink => {
                self.files.unlink(&self.id);
                self.files.table.lock().staged.remove(&self.id);
            }
            Fate::Doubt => {
                self.files.table.lock().doubtful.insert(self.id.clone());
            }
        }
    }
}

/// Somebody reads a body.
pub(crate) struct Lease {
    pub(crate) files: Arc<Files>,
    pub(crate) body: FileId,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let doomed = {
            let mut table = self.files.table.lock();
            let entry = table.bodies.get_mut(&self.body).expect("a leased body is in the table");
            entry.readers -= 1;
            if entry.readers > 0 {
                return;
            }
            match entry.doomed.clone() {
                Some(doomed) => doomed,
                None => {
                    table.bodies.remove(&self.body);
                    return;
                }
            }
        };
        self.files.unlink_all(&doomed);
        self.files.table.lock().bodies.remove(&self.body);
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn failed(path: &Path, source: io::Error) -> OpenError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::Full { path },
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => OpenError::ReadOnly { path },
        _ => OpenError::Io { path, source },
    }
}

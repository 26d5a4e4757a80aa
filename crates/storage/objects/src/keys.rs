//! The keys this crate owns in `meta`, all below `global / objects`.

use meta::Key;

use crate::files::FileId;

const OWNER: &str = "objects";

/// `bucket / name` → `BucketRecord`
pub(crate) fn bucket(name: &str) -> Key {
    buckets().with(name)
}

pub(crate) fn buckets() -> Key {
    Key::global(OWNER).with("bucket")
}

/// `object / bucket / key` → `ObjectRecord`
pub(crate) fn object(bucket: &str, key: impl AsRef<[u8]>) -> Key {
    objects(bucket).with(key)
}

pub(crate) fn objects(bucket: &str) -> Key {
    Key::global(OWNER).with("object").with(bucket)
}

/// `upload / bucket / key / upload id` → `UploadRecord`
pub(crate) fn upload(bucket: &str, key: &str, id: &str) -> Key {
    uploads(bucket).with(key).with(id)
}

pub(crate) fn uploads(bucket: &str) -> Key {
    Key::global(OWNER).with("upload").with(bucket)
}

/// `part / upload id / number` → `PartRecord`
pub(crate) fn part(upload: &str, number: u32) -> Key {
    parts(upload).with_u64(number.into())
}

pub(crate) fn parts(upload: &str) -> Key {
    Key::global(OWNER).with("part").with(upload)
}

/// `discard / upload id` → nothing: the upload is over, and the parts it still has are to be removed
pub(crate) fn discard(upload: &str) -> Key {
    discards().with(upload)
}

pub(crate) fn discards() -> Key {
    Key::global(OWNER).with("discard")
}

/// `extents / body id` → the files of an object that has more than one, in order
pub(crate) fn extents(body: &FileId) -> Key {
    Key::global(OWNER).with("extents").with(body.as_str())
}

/// `file / file id` → nothing: says that some record refers to the file, so that a sweep can tell without
/// reading all records
pub(crate) fn file(id: &FileId) -> Key {
    Key::global(OWNER).with("file").with(id.as_str())
}

/// `fence` → nothing: written to learn that every commit before it has ended
pub(crate) fn fence() -> Key {
    Key::global(OWNER).with("fence")
}

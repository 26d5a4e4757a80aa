use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use rt::{Rt, Task};

use crate::files::{FileId, Lease};
use crate::record::{Extent, ObjectRecord, read};
use crate::{ByteRange, ObjectError, ObjectInfo, Objects, keys};

/// Bytes of one piece of a body. A body holds at most one piece given out and one read ahead.
const PIECE_BYTES: u64 = 512 << 10;
/// How often the index is read again because the version it named was removed meanwhile.
const ATTEMPTS_MAX: usize = 64;

impl Objects {
    pub async fn head(&self, bucket: &str, key: &str) -> Result<ObjectInfo, ObjectError> {
        Ok(self.record(bucket, key).await?.into_info(bucket, key))
    }

    /// The object and its bytes, or those of `range`. A range without a byte in it is
    /// [`InvalidRange`](ObjectError::InvalidRange).
    pub async fn get(
        &self,
        bucket: &str,
        key: &str,
        range: Option<ByteRange>,
    ) -> Result<(ObjectInfo, ObjectBody), ObjectError> {
        self.open_body(bucket, key, |record, _| within(record.size, range)).await
    }

    /// The bytes of one part of an object that was uploaded in parts; of another object, part 1 is the
    /// whole. The range says where the part lies.
    pub async fn get_part(
        &self,
        bucket: &str,
        key: &str,
        number: u32,
    ) -> Result<(ObjectInfo, ObjectBody), ObjectError> {
        self.open_body(bucket, key, |record, extents| {
            let before = usize::try_from(number).unwrap_or(usize::MAX).checked_sub(1);
            let part = before.filter(|before| *before < extents.len().max(1));
            let Some(before) = part else { return Err(ObjectError::InvalidPart { number }) };
            let start = extents[..before].iter().map(|extent| extent.size).sum::<u64>();
            let size = extents.get(before).map_or(record.size, |extent| extent.size);
            Ok(start..start + size)
        })
        .await
    }

    /// The bytes of the object, or those of `range`, at once.
    pub async fn get_bytes(
        &self,
        bucket: &str,
        key: &str,
        range: Option<ByteRange>,
    ) -> Result<Bytes, ObjectError> {
        let (_, body) = self.get(bucket, key, range).await?;
        Ok(body.bytes().await?)
    }

    pub(crate) async fn record(&self, bucket: &str, key: &str) -> Result<ObjectRecord, ObjectError> {
        match read(&self.meta, &keys::object(bucket, key)).await? {
            Some(stored) => Ok(stored.value),
            None => {
                self.require_bucket(bucket).await?;
                Err(ObjectError::NoSuchKey { bucket: bucket.to_owned(), key: key.to_owned() })
            }
        }
    }

    async fn open_body(
        &self,
        bucket: &str,
        key: &str,
        range: impl Fn(&ObjectRecord, &[Extent]) -> Result<Range<u64>, ObjectError>,
    ) -> Result<(ObjectInfo, ObjectBody), ObjectError> {
        #[cfg(feature = "faults")]
        self.before(crate::faults::at::OBJECTS_READ).await?;
        let mut seen: Option<FileId> = None;
        for _ in 0..ATTEMPTS_MAX {
            let record = self.record(bucket, key).await?;
            if seen.as_ref() == Some(&record.body.id) {
                return Err(ObjectError::Damaged { bucket: bucket.to_owned(), key: key.to_owned() });
            }
            let Some(lease) = self.files.lease(&record.body.id) else { continue };
            let extents = record.extents(&self.meta).await?;
            let range = range(&record, &extents)?;
            let pieces = pieces(&extents, &range);
            let first = match pieces.front() {
                None => None,
                Some(piece) => match open(&self.rt, &lease, piece).await {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        // Either it was removed since the index was read, or the file is truly missing.
                        seen = Some(record.body.id);
                        continue;
                    }
                    opened => Some(opened?),
                },
            };
            if record.size > 0 && extents.is_empty() {
                continue;
            }
            let body = ObjectBody::new(self.rt.clone(), lease, range, pieces, first);
            return Ok((record.into_info(bucket, key), body));
        }
        Err(ObjectError::Contended { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

fn within(size: u64, range: Option<ByteRange>) -> Result<Range<u64>, ObjectError> {
    match range {
        None => Ok(0..size),
        Some(range) => range.within(size).ok_or(ObjectError::InvalidRange { size }),
    }
}

/// A stretch of one file.
struct Piece {
    file: FileId,
    offset: u64,
    left: u64,
}

fn pieces(extents: &[Extent], range: &Range<u64>) -> VecDeque<Piece> {
    let mut start = 0;
    let mut pieces = VecDeque::new();
    for extent in extents {
        let (from, to) = (range.start.max(start), range.end.min(start + extent.size));
        if from < to {
            pieces.push_back(Piece { file: extent.file.clone(), offset: from - start, left: to - from });
        }
        start += extent.size;
    }
    pieces
}

async fn open(rt: &Rt, lease: &Lease, piece: &Piece) -> io::Result<File> {
    let (files, id, offset) = (lease.files.clone(), piece.file.clone(), piece.offset);
    rt.blocking("objects read", move || {
        let mut file = files.open_file(&id)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(file)
    })
    .await
}

/// Bytes read ahead, and the file if more of it follows.
type Ahead = (Bytes, Option<File>);

/// The bytes of an object as a stream of pieces. It reads one piece ahead, and sees the version it was
/// opened on to the end.
pub struct ObjectBody {
    rt: Rt,
    lease: Arc<Lease>,
    range: Range<u64>,
    pieces: VecDeque<Piece>,
    /// The file of the first piece, standing where that piece begins.
    file: Option<File>,
    ahead: Option<Task<io::Result<Ahead>>>,
}

impl ObjectBody {
    fn new(
        rt: Rt,
        lease: Lease,
        range: Range<u64>,
        pieces: VecDeque<Piece>,
        file: Option<File>,
    ) -> ObjectBody {
        ObjectBody { rt, lease: lease.into(), range, pieces, file, ahead: None }
    }

    /// Which of the object's bytes these are.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    pub(crate) fn id(&self) -> &FileId {
        &self.lease.body
    }

    pub(crate) fn lease(&self) -> Arc<Lease> {
        self.lease.clone()
    }

    /// How many bytes come in all.
    pub fn size(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// All bytes at once. A body of one piece is not copied.
    pub async fn bytes(mut self) -> io::Result<Bytes> {
        if self.ahead.is_none() && self.pieces.len() <= 1 {
            let Some(piece) = self.pieces.pop_front() else { return Ok(Bytes::new()) };
            let (lease, file) = (self.lease.clone(), self.file.take());
            let read = move || read_piece(&lease, &piece, file, piece.left).map(|(bytes, _)| bytes);
            return self.rt.blocking("objects read", read).await;
        }
        let mut all = BytesMut::with_capacity(usize::try_from(self.size()).unwrap_or(0));
        while let Some(bytes) = self.next().await {
            all.extend_from_slice(&bytes?);
        }
        Ok(all.freeze())
    }

    fn read_ahead(&mut self) {
        if self.ahead.is_some() {
            return;
        }
        let Some(piece) = self.pieces.front_mut() else { return };
        let count = piece.left.min(PIECE_BYTES);
        let now = Piece { file: piece.file.clone(), offset: piece.offset, left: count };
        piece.offset += count;
        piece.left -= count;
        let last = piece.left == 0;
        if last {
            self.pieces.pop_front();
        }
        let (rt, lease, file) = (self.rt.clone(), self.lease.clone(), self.file.take());
        self.ahead = Some(self.rt.spawn("objects read", async move {
            rt.blocking("objects read", move || {
                let (bytes, file) = read_piece(&lease, &now, file, count)?;
                Ok((bytes, (!last).then_some(file)))
            })
            .await
        }));
    }
}

fn read_piece(lease: &Lease, piece: &Piece, file: Option<File>, count: u64) -> io::Result<(Bytes, File)> {
    let mut file = match file {
        Some(file) => file,
        None => {
            let mut file = lease.files.open_file(&piece.file)?;
            file.seek(SeekFrom::Start(piece.offset))?;
            file
        }
    };
    let mut bytes = Vec::with_capacity(usize::try_from(count).map_err(io::Error::other)?);
    let read = (&mut file).take(count).read_to_end(&mut bytes)?;
    if read as u64 != count {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file of an object is too short"));
    }
    Ok((bytes.into(), file))
}

impl Stream for ObjectBody {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.read_ahead();
        let Some(ahead) = self.ahead.as_mut() else { return Poll::Ready(None) };
        let done = ready!(Pin::new(ahead).poll(context));
        self.ahead = None;
        Poll::Ready(Some(match done {
            Ok(Ok((bytes, file))) => {
                self.file = file;
                self.read_ahead();
                Ok(bytes)
            }
            Ok(Err(error)) => {
                self.pieces.clear();
                Err(error)
            }
            Err(error) => {
                self.pieces.clear();
                Err(io::Error::other(error))
            }
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, None)
    }
}

use std::ops::Bound;

use meta::{Entry, Key, Segment};

use crate::record::ObjectRecord;
use crate::{ObjectError, ObjectInfo, Objects, keys};

/// Entries read at once: many where every key is an answer, few where most of them may be skipped.
const SCAN_MAX: usize = 1000;
const SCAN_GROUPED_MAX: usize = 64;

/// Which objects of a bucket to list.
#[derive(Clone, Debug, Default)]
pub struct ListRequest {
    /// Only keys that begin so.
    pub prefix: String,
    /// Keys that have it behind the prefix are listed once, by what they have up to its end.
    pub delimiter: Option<String>,
    /// Only keys after this one. If it is what several keys were listed by, only those after all of them.
    pub start_after: Option<String>,
    /// The most objects and prefixes together.
    pub limit: usize,
}

/// One page, each list in the order of the keys' bytes.
#[derive(Clone, Debug, Default)]
pub struct ListPage {
    pub objects: Vec<ObjectInfo>,
    /// What keys with the delimiter were listed by.
    pub prefixes: Vec<String>,
    /// If there is more: the `start_after` of the next page.
    pub next: Option<String>,
}

impl Objects {
    pub async fn list(&self, bucket: &str, request: &ListRequest) -> Result<ListPage, ObjectError> {
        self.require_bucket(bucket).await?;
        let mut walk = Walk::new(keys::objects(bucket), &request.prefix, request.delimiter.as_deref());
        if let Some(after) = &request.start_after {
            walk.skip_to(after);
        }
        let mut page = ListPage::default();
        let mut last = None;
        while let Some(step) = walk.next(self).await? {
            if page.objects.len() + page.prefixes.len() >= request.limit {
                page.next = last.filter(|_| request.limit > 0);
                break;
            }
            match step {
                Step::Key { key, entry } => {
                    let record: ObjectRecord = entry.json()?;
                    page.objects.push(record.into_info(bucket, &key));
                    last = Some(key);
                }
                Step::Group(prefix) => {
                    page.prefixes.push(prefix.clone());
                    last = Some(prefix);
                }
            }
        }
        Ok(page)
    }
}

/// Goes through the keys below `root` that begin with a prefix; those that share a group are stepped over
/// by seeking behind the group, not by reading them.
pub(crate) struct Walk<'a> {
    root: Key,
    depth: usize,
    prefix: &'a str,
    delimiter: Option<&'a str>,
    from: Bound<Key>,
    to: Bound<Key>,
    page: std::vec::IntoIter<Entry>,
    exhausted: bool,
    /// The group whose keys are stepped over.
    group: Option<String>,
}

pub(crate) enum Step {
    Key { key: String, entry: Entry },
    Group(String),
}

impl<'a> Walk<'a> {
    pub(crate) fn new(root: Key, prefix: &'a str, delimiter: Option<&'a str>) -> Walk<'a> {
        let from = Bound::Included(root.clone().with(prefix));
        let to = match successor(prefix) {
            Some(after) => Bound::Excluded(root.clone().with(after)),
            // Below the root there is only text, and numbers sort after text.
            None => Bound::Excluded(root.clone().with_u64(0)),
        };
        let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty());
        Walk {
            depth: root.depth(),
            root,
            prefix,
            delimiter,
            from,
            to,
            page: Vec::new().into_iter(),
            exhausted: false,
            group: None,
        }
    }

    /// Begins after this key, or after all keys of this group.
    pub(crate) fn skip_to(&mut self, after: &str) {
        if after < self.prefix {
            return;
        }
        match self.group_of(after) {
            Some(group) if group == after => self.skip_group(&group),
            _ => self.from = Bound::Excluded(self.root.clone().with(after)),
        }
    }

    pub(crate) async fn next(&mut self, objects: &Objects) -> Result<Option<Step>, ObjectError> {
        loop {
            while let Some(entry) = self.page.next() {
                self.from = Bound::Excluded(entry.key.clone());
                let key = self.text_of(&entry.key)?;
                if self.group.as_ref().is_some_and(|group| key.starts_with(group)) {
                    continue;
                }
                return Ok(Some(match self.group_of(&key) {
                    Some(group) => {
                        self.group = Some(group.clone());
                        Step::Group(group)
                    }
                    None => Step::Key { key, entry },
                }));
            }
            if self.exhausted {
                return Ok(None);
            }
            if let Some(group) = self.group.take() {
                self.skip_group(&group);
            }
            let limit = if self.delimiter.is_some() { SCAN_GROUPED_MAX } else { SCAN_MAX };
            let page = objects.meta.scan_range(self.from.clone(), self.to.clone(), limit).await?;
            self.exhausted = page.len() < limit;
            self.page = page.into_iter();
        }
    }

    /// Begins after everything that lies at or below this key.
    pub(crate) fn skip_below(&mut self, key: &Key) {
        // What lies below is text, and numbers sort after text.
        self.from = Bound::Included(key.clone().with_u64(0));
    }

    /// Begins after this entry.
    pub(crate) fn skip_entry(&mut self, key: Key) {
        self.from = Bound::Excluded(key);
    }

    fn skip_group(&mut self, group: &str) {
        let behind = successor(group).expect("a group is not empty");
        self.from = Bound::Included(self.root.clone().with(behind));
    }

    /// The text of the segment right below the root.
    fn text_of(&self, key: &Key) -> Result<String, ObjectError> {
        let text = match key.segment(self.depth) {
            Some(Segment::Text(text)) => String::from_utf8(text).ok(),
            _ => None,
        };
        text.ok_or_else(|| ObjectError::Invalid { reason: format!("{key} is no key of an object") })
    }

    pub(crate) fn group_of(&self, key: &str) -> Option<String> {
        let rest = key.strip_prefix(self.prefix)?;
        let delimiter = self.delimiter?;
        let end = self.prefix.len() + rest.find(delimiter)? + delimiter.len();
        Some(key[..end].to_owned())
    }
}

/// The least bytes that are greater than everything that begins with `prefix`. A text's last byte is
/// never 0xFF, so it can grow. `None` for the empty prefix, which everything begins with.
fn successor(prefix: &str) -> Option<Vec<u8>> {
    let mut bytes = prefix.as_bytes().to_vec();
    *bytes.last_mut()? += 1;
    Some(bytes)
}

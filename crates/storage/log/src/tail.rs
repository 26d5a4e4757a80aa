use tokio::sync::watch;

use crate::Offset;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    pub(crate) offset: Offset,
    /// The topic is gone; nothing follows.
    pub(crate) deleted: bool,
    /// The partition takes no more records; nothing follows.
    pub(crate) closed: bool,
}

/// Tells when a partition has grown, without polling. Cheap to hold in great numbers.
#[derive(Clone, Debug)]
pub struct TailWatch {
    receiver: watch::Receiver<Tail>,
}

impl TailWatch {
    pub(crate) fn new(receiver: watch::Receiver<Tail>) -> TailWatch {
        TailWatch { receiver }
    }

    /// The next offset to be assigned; all before it can be read.
    pub fn current(&self) -> Offset {
        self.receiver.borrow().offset
    }

    /// Resolves with the tail once there is a record at `offset` or after it. If the topic is deleted, it
    /// resolves at once with the last tail, which may not lie past `offset`; the next read says why.
    pub async fn past(&mut self, offset: Offset) -> Offset {
        // An error means that the log is gone, and with it whoever could append.
        let _closed = self.receiver.wait_for(|tail| tail.deleted || tail.offset > offset).await.is_err();
        self.current()
    }

    /// The same, and resolves also if the partition is closed: then nothing will follow the last tail.
    pub async fn past_or_closed(&mut self, offset: Offset) -> Offset {
        let over = |tail: &Tail| tail.deleted || tail.closed || tail.offset > offset;
        let _closed = self.receiver.wait_for(over).await.is_err();
        self.current()
    }
}

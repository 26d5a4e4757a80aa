//! The topics of a run with the models of their partitions.

use log::{Change, Offset, Topic, TopicId};
use names::{AccountId, Region, Scope};
use rt::Timestamp;

use crate::model::{Begun, Model, Violation};
use crate::plan::Plan;

pub struct Topics {
    all: Vec<TopicModel>,
    data_max: u64,
    next_tag: u32,
    /// The greatest time there was.
    latest: i64,
}

pub struct TopicModel {
    pub id: TopicId,
    pub count: u32,
    /// Counts the topics of this name. What is under way for an earlier one is not looked at.
    pub incarnation: u32,
    /// Milliseconds; several while a change is under way or was interrupted.
    retention: Vec<i64>,
    /// Counts changes of retention.
    changes: u64,
    /// Records older than this may be gone.
    pub expired: i64,
    pub partitions: Vec<Model>,
}

/// Which partition an operation is about, and what was true when it began.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    pub topic: usize,
    pub incarnation: u32,
    pub partition: u32,
    pub begun: Begun,
    changes: u64,
    set_back: u64,
}

impl Topics {
    pub fn new(plan: &Plan, start: Timestamp) -> Topics {
        let mut topics =
            Topics { all: Vec::new(), data_max: plan.data_max, next_tag: 1, latest: start.as_millis() };
        for (place, count) in plan.topics.iter().enumerate() {
            let account = AccountId::new("000000000000").expect("an account");
            let scope = Scope::new(account, Region::new("us-east-1").expect("a region"));
            let id = TopicId::new(scope, "stream", format!("topic-{place}"));
            topics.all.push(TopicModel {
                id,
                count: *count,
                incarnation: 0,
                retention: vec![plan.retention.as_millis() as i64],
                changes: 0,
                expired: i64::MIN,
                partitions: Vec::new(),
            });
            topics.begin_anew(place, plan.retention.as_millis() as i64);
        }
        topics
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn topic(&mut self, place: usize) -> &mut TopicModel {
        &mut self.all[place]
    }

    pub fn latest(&self) -> i64 {
        self.latest
    }

    /// The topic was deleted: the next one of its name starts empty.
    pub fn begin_anew(&mut self, place: usize, retention: i64) {
        let topic = &mut self.all[place];
        topic.incarnation += 1;
        topic.retention = vec![retention];
        topic.changes += 1;
        topic.expired = i64::MIN;
        let first = self.next_tag;
        self.next_tag += topic.count;
        topic.partitions = (first..self.next_tag).map(|tag| Model::new(tag, self.data_max)).collect();
    }

    /// The clock shows `now`.
    pub fn observe(&mut self, now: Timestamp) {
        self.latest = self.latest.max(now.as_millis());
        for topic in &mut self.all {
            let shortest = topic.retention.iter().copied().min().unwrap_or_default();
            topic.expired = topic.expired.max(now.as_millis() - shortest);
        }
    }

    pub fn begin(&self, topic: usize, partition: u32, now: Timestamp, set_back: u64) -> Ticket {
        let model = &self.all[topic];
        let longest = model.retention.iter().copied().max().unwrap_or_default();
        Ticket {
            topic,
            incarnation: model.incarnation,
            partition,
            begun: Begun {
                // A topic made anew has fewer.
                floor: model.partitions.get(partition as usize).map_or(0, Model::floor),
                expired_before: Some(now.as_millis() - longest),
            },
            changes: model.changes,
            set_back,
        }
    }

    /// Checks with the partition's model, if it is still the same topic.
    pub fn end(
        &mut self,
        ticket: Ticket,
        set_back: u64,
        check: impl FnOnce(&mut Model, Begun, i64) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        let model = &mut self.all[ticket.topic];
        if model.incarnation != ticket.incarnation {
            return Ok(());
        }
        let mut begun = ticket.begun;
        if model.changes != ticket.changes || set_back != ticket.set_back {
            begun.expired_before = None;
        }
        let place = format!("{} {}", model.id.name, ticket.partition);
        let Some(partition) = model.partitions.get_mut(ticket.partition as usize) else { return Ok(()) };
        check(partition, begun, model.expired).map_err(|violation| format!("{place}: {violation}"))
    }

    /// The tails that were shown up to now.
    pub fn floors(&self, topic: usize) -> Vec<Offset> {
        self.all[topic].partitions.iter().map(Model::floor).collect()
    }

    pub fn described(&mut self, topic: usize, described: &Topic, floors: &[Offset]) -> Result<(), Violation> {
        self.all[topic].described(described, floors, &mut self.next_tag, self.data_max)
    }

    pub fn is_current(&self, topic: usize, incarnation: u32) -> bool {
        self.all[topic].incarnation == incarnation
    }
}

impl TopicModel {
    /// How many partitions there are or were.
    pub fn width(&self) -> u64 {
        self.partitions.len() as u64
    }

    /// A change is begun that closes partitions, unless the topic is another by now.
    pub fn begin_close(&mut self, change: Change, incarnation: u32) {
        let parents = match change {
            Change::Split { partition, .. } => vec![partition],
            Change::Merge { left, right } => vec![left, right],
        };
        for parent in parents.into_iter().filter(|_| self.incarnation == incarnation) {
            if let Some(model) = self.partitions.get_mut(parent as usize) {
                model.begin_close();
            }
        }
    }

    pub fn begin_retention(&mut self, to: i64) {
        self.retention.push(to);
        self.changes += 1;
    }

    pub fn end_retention(&mut self, to: i64) {
        self.retention = vec![to];
        self.changes += 1;
    }

    /// What the log says of the topic. Children of closed partitions are new; closed ones may be forgotten.
    /// `floors` are from before it was asked.
    fn described(
        &mut self,
        topic: &Topic,
        floors: &[Offset],
        next_tag: &mut u32,
        data_max: u64,
    ) -> Result<(), Violation> {
        for partition in &topic.partitions {
            let place = partition.index as usize;
            while self.partitions.len() <= place {
                self.partitions.push(Model::new(*next_tag, data_max));
                *next_tag += 1;
            }
            let model = &mut self.partitions[place];
            let floor = floors.get(place).copied().unwrap_or_default();
            if partition.tail < floor {
                return Err(regressed(partition.tail, floor));
            }
            if let Some(at) = partition.closed_at {
                model.close(at)?;
            }
        }
        let is_known =
            |index: usize| topic.partitions.iter().any(|partition| partition.index as usize == index);
        let mut all = self.partitions.iter().enumerate();
        let gone = all.find(|(index, model)| !model.may_be_closed() && !is_known(*index));
        gone.map_or(Ok(()), |(index, _)| Err(format!("{} has no partition {index}", self.id.name)))
    }
}

fn regressed(tail: Offset, floor: Offset) -> Violation {
    format!("the tail is {tail}, {floor} was shown before")
}

//! Those who use the log.

use std::future::Future;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use log::{Appended, Batch, Change, Log, LogError, Offset, Position, ReadLimit};
use meta::Txn;
use rt::Rt;

use crate::schedule::Kind;
use crate::topics::Ticket;
use crate::world::World;

/// A client's view of its process.
#[derive(Clone)]
struct Client {
    world: Rc<World>,
    log: Log,
    rt: Rt,
}

/// Starts all clients of a process that was just opened.
pub fn start(world: &Rc<World>, log: &Log, rt: &Rt) {
    let client = || Client { world: world.clone(), log: log.clone(), rt: rt.clone() };
    for _ in 0..world.plan.appenders {
        world.tasks.spawn(Kind::Client, client().append_for_ever());
    }
    for _ in 0..world.plan.readers {
        world.tasks.spawn(Kind::Client, client().read_for_ever());
    }
    world.tasks.spawn(Kind::Keeper, client().keep_for_ever());
}

/// Creates the topics that are not there.
pub async fn create_topics(world: &World, log: &Log) -> Result<(), LogError> {
    let count = world.topics.borrow().len();
    for place in 0..count {
        let (id, partitions) = {
            let mut topics = world.topics.borrow_mut();
            let topic = topics.topic(place);
            (topic.id.clone(), topic.count)
        };
        match log.create_topic(&id, partitions, world.plan.retention).await {
            Ok(_) | Err(LogError::TopicExists(_)) => {}
            Err(error) => return Err(error),
        }
        learn_partitions(world, log, place).await?;
    }
    Ok(())
}

/// A reshard may have been committed whose caller was not told.
async fn learn_partitions(world: &World, log: &Log, topic: usize) -> Result<(), LogError> {
    let floors = world.topics.borrow().floors(topic);
    let id = world.topics.borrow_mut().topic(topic).id.clone();
    let described = log.topic(&id).await?;
    let result = world.topics.borrow_mut().described(topic, &described, &floors);
    world.check(result);
    Ok(())
}

impl Client {
    async fn append_for_ever(self) {
        loop {
            self.pause(20).await;
            let topic = self.world.below(self.world.topics.borrow().len() as u64) as usize;
            let give_up = self.world.chance(self.world.plan.cancels);
            self.append(topic, give_up).await;
        }
    }

    async fn append(&self, topic: usize, give_up: bool) {
        let batches = 1 + self.world.below(3);
        let sent: Vec<_> = (0..batches).map(|_| self.send(topic)).collect();
        let id = self.world.topics.borrow_mut().topic(topic).id.clone();
        let tickets: Vec<_> = sent.iter().map(|(ticket, batch, _)| (*ticket, *batch)).collect();
        let new = sent.into_iter().map(|(_, _, batch)| batch).collect();
        let append = self.log.append(&id, new);
        let answer = if give_up {
            let patience = Duration::from_micros(self.world.below(20_000));
            self.rt.timeout(patience, append).await
        } else {
            Some(append.await)
        };
        self.conclude(&tickets, answer);
    }

    fn send(&self, topic: usize) -> (Ticket, u32, Batch) {
        let count = self.world.below(self.world.plan.records_max + 1) as u32;
        let mut topics = self.world.topics.borrow_mut();
        let partition = self.world.below(topics.topic(topic).width()) as u32;
        let ticket = topics.begin(topic, partition, self.world.now(), self.world.set_back.get());
        let (batch, records) = topics.topic(topic).partitions[partition as usize].send(count);
        self.world.trace.note(format_args!("append {topic}/{partition} batch {batch}: {count} records"));
        (ticket, batch, Batch { partition, records })
    }

    fn conclude(&self, tickets: &[(Ticket, u32)], answer: Option<Result<Vec<Appended>, LogError>>) {
        let world = &self.world;
        let outcome = match &answer {
            None => "given up".to_owned(),
            Some(Ok(_)) => "acknowledged".to_owned(),
            Some(Err(error)) => error.to_string(),
        };
        for (place, (ticket, batch)) in tickets.iter().enumerate() {
            world
                .trace
                .note(format_args!("append {}/{} batch {batch}: {outcome}", ticket.topic, ticket.partition));
            let mut topics = world.topics.borrow_mut();
            let latest = topics.latest();
            let result = topics.end(*ticket, world.set_back.get(), |model, _, _| match &answer {
                Some(Ok(appended)) => model.acknowledge(*batch, &appended[place], latest),
                Some(Err(error)) if promises_nothing_written(error) => model.refuse(*batch),
                _ => Ok(()),
            });
            drop(topics);
            world.check(result);
        }
    }

    async fn read_for_ever(self) {
        loop {
            let (topic, partition) = self.any_partition();
            let floor = self.world.topics.borrow_mut().topic(topic).partitions[partition as usize].floor();
            let from = if self.world.chance(500) { self.world.below(floor + 2) } else { 0 };
            self.follow(topic, partition, from).await;
            if self.world.chance(300) {
                self.locate().await;
            }
        }
    }

    /// Reads on from `from` for some pages, waiting at the tail.
    async fn follow(&self, topic: usize, partition: u32, mut from: Offset) {
        for _ in 0..1 + self.world.below(10) {
            let limit = ReadLimit {
                records: 1 + self.world.below(20) as usize,
                bytes: self.world.below(4000) as usize,
            };
            let Some(next) = read(&self.world, &self.log, topic, partition, from, limit).await else {
                return;
            };
            if next == from {
                self.wait_for(topic, partition, from).await;
            } else {
                self.pause(2).await;
            }
            from = next;
        }
    }

    async fn wait_for(&self, topic: usize, partition: u32, offset: Offset) {
        let patience = Duration::from_micros(self.world.below(50_000));
        let id = self.world.topics.borrow_mut().topic(topic).id.clone();
        let Ok(mut watch) = self.log.tail(&id, partition).await else { return self.pause(10).await };
        self.rt.timeout(patience, watch.past(offset)).await;
    }

    async fn locate(&self) {
        let world = &self.world;
        let (topic, partition) = self.any_partition();
        let ticket = world.topics.borrow().begin(topic, partition, world.now(), world.set_back.get());
        let at = world.now().minus(Duration::from_millis(world.below(5000)));
        let id = world.topics.borrow_mut().topic(topic).id.clone();
        match self.log.locate(&id, partition, Position::At(at)).await {
            Ok(found) => {
                world.trace.note(format_args!("locate {topic}/{partition} {at}: {found}"));
                let result =
                    world.topics.borrow_mut().end(ticket, world.set_back.get(), |model, _, expired| {
                        model.located(at.as_millis(), found, expired, world.rot.get())
                    });
                world.check(result);
            }
            Err(error) => explain(world, ticket, &error),
        }
    }

    async fn keep_for_ever(self) {
        loop {
            let longest = if self.world.plan.haste { 5_000 } else { 200_000 };
            let pause = Duration::from_micros(self.world.below(longest));
            self.rt.sleep(pause).await;
            let topic = self.world.below(self.world.topics.borrow().len() as u64) as usize;
            if self.world.plan.haste && self.world.chance(700) {
                self.reshard(topic).await;
                continue;
            }
            match self.world.below(10) {
                0..5 => self.retain().await,
                5 => self.trim().await,
                6 => self.set_retention(topic).await,
                7 if self.world.chance(self.world.plan.deletions) => self.replace_topic(topic).await,
                8 if self.world.plan.reshards => self.reshard(topic).await,
                _ => self.describe(topic).await,
            }
        }
    }

    async fn retain(&self) {
        let result = self.log.retain().await;
        self.world.trace.note(format_args!("retention: {:?}", result.ok()));
    }

    async fn trim(&self) {
        let (topic, partition) = self.any_partition();
        let (id, before) = {
            let mut topics = self.world.topics.borrow_mut();
            let topic = topics.topic(topic);
            let floor = topic.partitions[partition as usize].floor();
            let before = self.world.below(floor + 1);
            topic.partitions[partition as usize].trim(before);
            (topic.id.clone(), before)
        };
        self.world.trace.note(format_args!("trim {topic}/{partition} before {before}"));
        // It only fails for a topic that is gone.
        let _gone = self.log.trim(&id, partition, before).await;
    }

    async fn set_retention(&self, topic: usize) {
        let world = &self.world;
        let to = Duration::from_millis(1 + world.below(world.plan.retention.as_millis() as u64));
        let (id, incarnation) = {
            let mut topics = world.topics.borrow_mut();
            topics.topic(topic).begin_retention(to.as_millis() as i64);
            topics.observe(world.now());
            (topics.topic(topic).id.clone(), topics.topic(topic).incarnation)
        };
        world.trace.note(format_args!("retention of {topic}: {to:?}"));
        let is_set = self.log.set_retention(&id, to).await.is_ok();
        let mut topics = world.topics.borrow_mut();
        if is_set && topics.is_current(topic, incarnation) {
            topics.topic(topic).end_retention(to.as_millis() as i64);
        }
    }

    async fn replace_topic(&self, topic: usize) {
        let world = &self.world;
        let (id, count) = {
            let mut topics = world.topics.borrow_mut();
            (topics.topic(topic).id.clone(), topics.topic(topic).count)
        };
        if self.log.delete_topic(&id).await.is_err() {
            return;
        }
        world.trace.note(format_args!("topic {topic} is deleted and made anew"));
        world.topics.borrow_mut().begin_anew(topic, world.plan.retention.as_millis() as i64);
        let created = self.log.create_topic(&id, count, world.plan.retention).await;
        world.check(created.map(drop).map_err(|error| format!("a topic cannot be created: {error}")));
    }

    async fn describe(&self, topic: usize) {
        let world = &self.world;
        let (id, incarnation) = {
            let mut topics = world.topics.borrow_mut();
            (topics.topic(topic).id.clone(), topics.topic(topic).incarnation)
        };
        let floors = world.topics.borrow().floors(topic);
        let described = self.log.topic(&id).await;
        let mut topics = world.topics.borrow_mut();
        if let Ok(described) = described
            && topics.is_current(topic, incarnation)
        {
            let result = topics.described(topic, &described, &floors);
            drop(topics);
            world.check(result);
        }
    }

    /// Splits a partition, or merges it with its neighbour.
    async fn reshard(&self, topic: usize) {
        let world = &self.world;
        let (id, incarnation) = {
            let mut topics = world.topics.borrow_mut();
            (topics.topic(topic).id.clone(), topics.topic(topic).incarnation)
        };
        let Ok(now) = self.log.topic(&id).await else { return };
        let mut open: Vec<_> =
            now.partitions.iter().filter(|partition| partition.closed_at.is_none()).collect();
        open.sort_unstable_by_key(|partition| partition.range.start);
        let place = world.below(open.len() as u64) as usize;
        let Some(one) = open.get(place) else { return };
        let change = match open.get(place + 1) {
            Some(next) if open.len() > 2 => Change::Merge { left: one.index, right: next.index },
            _ => Change::Split { partition: one.index, at: one.range.start / 2 + one.range.end / 2 + 1 },
        };
        world.trace.note(format_args!("reshard {topic}: {change:?}"));
        let floors = world.topics.borrow().floors(topic);
        world.topics.borrow_mut().topic(topic).begin_close(change, incarnation);
        let answer = self.log.reshard(&id, &now.incarnation, vec![change], Txn::new()).await;
        world.trace.note(format_args!("reshard {topic}: {:?}", answer.is_ok()));
        let mut topics = world.topics.borrow_mut();
        if let Ok(described) = answer
            && topics.is_current(topic, incarnation)
        {
            let result = topics.described(topic, &described, &floors);
            drop(topics);
            world.check(result);
        }
    }

    fn any_partition(&self) -> (usize, u32) {
        let mut topics = self.world.topics.borrow_mut();
        let topic = self.world.below(topics.len() as u64) as usize;
        (topic, self.world.below(topics.topic(topic).width()) as u32)
    }

    /// Up to some milliseconds, or only until others had a turn.
    async fn pause(&self, millis: u64) {
        if self.world.chance(500) {
            self.rt.sleep(Duration::from_micros(self.world.below(millis * 1000))).await;
        } else {
            give_way().await;
        }
    }
}

/// Reads one page and checks it; where to read on, or None if that failed.
pub async fn read(
    world: &World,
    log: &Log,
    topic: usize,
    partition: u32,
    from: Offset,
    limit: ReadLimit,
) -> Option<Offset> {
    let ticket = world.topics.borrow().begin(topic, partition, world.now(), world.set_back.get());
    let id = world.topics.borrow_mut().topic(topic).id.clone();
    match log.read(&id, partition, from, limit).await {
        Ok(page) => {
            world.trace.note(format_args!(
                "read {topic}/{partition} from {from}: {} records, next {}, oldest {}, tail {}",
                page.records.len(),
                page.next,
                page.oldest,
                page.tail
            ));
            let mut topics = world.topics.borrow_mut();
            let result = topics.end(ticket, world.set_back.get(), |model, begun, expired| {
                model.page(begun, from, &page, expired, world.rot.get())
            });
            drop(topics);
            world.check(result);
            Some(page.next)
        }
        Err(error) => {
            explain(world, ticket, &error);
            None
        }
    }
}

/// A read may only fail if the disk did, or its topic was replaced.
fn explain(world: &World, ticket: Ticket, error: &LogError) {
    let (topic, partition) = (ticket.topic, ticket.partition);
    world.trace.note(format_args!("read {topic}/{partition}: {error}"));
    let faults = &world.plan.faults;
    let expected = match error {
        LogError::NoSuchTopic(_) => world.plan.deletions > 0,
        // One that was closed longer ago than records are kept.
        LogError::NoSuchPartition { .. } => world.plan.reshards,
        LogError::Io(_) => !world.calm.get() && faults.reads + faults.names > 0,
        _ => false,
    };
    let is_current = world.topics.borrow().is_current(topic, ticket.incarnation);
    if !expected && is_current {
        world.check(Err(format!("a read of {topic}/{partition} failed: {error:?}")));
    }
}

fn promises_nothing_written(error: &LogError) -> bool {
    matches!(
        error,
        LogError::Overloaded
            | LogError::RecordTooLarge { .. }
            | LogError::NoSuchTopic(_)
            | LogError::NoSuchPartition { .. }
            | LogError::PartitionClosed { .. }
            | LogError::Sealed
    )
}

fn give_way() -> impl Future<Output = ()> {
    let mut given = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Appends to and reads every partition of a machine that works: nothing may fail any more.
pub async fn use_everything(world: &World, log: &Log) {
    let count = world.topics.borrow().len();
    for topic in 0..count {
        if let Err(error) = learn_partitions(world, log, topic).await {
            world.check(Err(format!("a topic is not described: {error:?}")));
        }
        let partitions = world.topics.borrow_mut().topic(topic).width() as u32;
        for partition in 0..partitions {
            append_one(world, log, topic, partition).await;
            read_all(world, log, topic, partition).await;
        }
    }
}

/// Everything that is kept, from the oldest on.
pub async fn read_everything(world: &World, log: &Log) {
    let count = world.topics.borrow().len();
    for topic in 0..count {
        let partitions = world.topics.borrow_mut().topic(topic).width() as u32;
        for partition in 0..partitions {
            read_all(world, log, topic, partition).await;
        }
    }
}

async fn append_one(world: &World, log: &Log, topic: usize, partition: u32) {
    let (ticket, id, batch, records) = {
        let mut topics = world.topics.borrow_mut();
        let ticket = topics.begin(topic, partition, world.now(), world.set_back.get());
        let (batch, records) = topics.topic(topic).partitions[partition as usize].send(1);
        (ticket, topics.topic(topic).id.clone(), batch, records)
    };
    let answer = log.append(&id, vec![Batch { partition, records }]).await;
    world.trace.note(format_args!("last append {topic}/{partition}: {}", answer.is_ok()));
    let mut topics = world.topics.borrow_mut();
    let latest = topics.latest();
    let result = topics.end(ticket, world.set_back.get(), |model, _, _| match &answer {
        Ok(appended) => model.acknowledge(batch, &appended[0], latest),
        Err(LogError::PartitionClosed { .. } | LogError::NoSuchPartition { .. }) if model.may_be_closed() => {
            model.refuse(batch)
        }
        Err(error) => Err(format!("the disk works again, but an append fails: {error:?}")),
    });
    drop(topics);
    world.check(result);
}

async fn read_all(world: &World, log: &Log, topic: usize, partition: u32) {
    let mut from = 0;
    while world.goes_on() {
        let limit = ReadLimit { records: 50, bytes: 5000 };
        match read(world, log, topic, partition, from, limit).await {
            Some(next) if next > from => from = next,
            _ => return,
        }
    }
}

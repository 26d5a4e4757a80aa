use std::pin::Pin;

use aws::Context;
use futures::{FutureExt, Stream, StreamExt};

use super::*;
use crate::subscription::ShardEvent;

type Events = Pin<Box<dyn Stream<Item = Result<ShardEvent, ApiError>> + Send>>;

impl World {
    async fn consumer(&self, name: &str) -> String {
        let input = json!({"StreamARN": format!("{ARN}s"), "ConsumerName": name});
        text(&self.ok("RegisterStreamConsumer", input).await["Consumer"]["ConsumerARN"])
    }

    async fn subscribe(&self, consumer: &str, shard: u32, position: Value) -> Result<Events, ApiError> {
        let account = AccountId::new("123456789012").unwrap();
        let context = Context {
            scope: Scope::new(account.clone(), Region::new("us-east-1").unwrap()),
            principal: Principal::root(account, "AKIDEXAMPLE"),
            request_id: "1".to_owned(),
            service: "kinesis",
            operation: "SubscribeToShard",
            now: self.clock.now(),
        };
        let input = json!({"ConsumerARN": consumer, "ShardId": crate::shard::id(shard), "StartingPosition": position});
        let input = serde_json::from_value(input).unwrap();
        let events = crate::ops::subscribe_to_shard::handle(context, self.kinesis.clone(), input).await?;
        Ok(Box::pin(events))
    }

    /// A world with a stream of one shard and a consumer.
    async fn subscribed(limits: Throughput) -> (World, String) {
        let world = World::limited(LogSettings::default(), limits).await;
        world.create("s", 1).await;
        let consumer = world.consumer("app").await;
        (world, consumer)
    }
}

async fn next(events: &mut Events) -> ShardEvent {
    events.next().await.expect("an event").expect("no error")
}

fn data(event: &ShardEvent) -> Vec<String> {
    let text =
        |record: &crate::model::Record| String::from_utf8(record.data.clone().into_bytes().to_vec()).unwrap();
    event.records.shapes().iter().map(text).collect()
}

fn latest() -> Value {
    json!({"Type": "LATEST"})
}

#[tokio::test]
async fn records_come_as_they_are_put() {
    let (world, consumer) = World::subscribed(Throughput::Machine).await;
    world.put("s", "k", "before").await;
    let mut events = world.subscribe(&consumer, 0, latest()).await.unwrap();
    let first = next(&mut events).await;
    assert_eq!((data(&first).len(), first.millis_behind_latest), (0, 0), "it says at once where it is");
    assert!(events.next().now_or_never().is_none());
    let (waiting, (_, number)) = tokio::join!(next(&mut events), world.put("s", "k", "one"));
    assert_eq!(
        (data(&waiting), waiting.continuation_sequence_number),
        (vec!["one".to_owned()], Some(number))
    );
    assert_eq!(waiting.records.shapes()[0].partition_key.as_deref(), Some("k"));
}

#[tokio::test]
async fn a_subscription_begins_at_any_position() {
    let (world, consumer) = World::subscribed(Throughput::Machine).await;
    let (_, one) = world.put("s", "k", "1").await;
    world.clock.advance(Duration::from_secs(10));
    let (_, two) = world.put("s", "k", "2").await;
    let at = (START.as_millis() / 1000) as f64 + 5.0;
    let positions = [
        (json!({"Type": "TRIM_HORIZON"}), vec!["1", "2"]),
        (json!({"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": two}), vec!["2"]),
        (json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": one}), vec!["2"]),
        (json!({"Type": "AT_TIMESTAMP", "Timestamp": at}), vec!["2"]),
        (latest(), vec![]),
    ];
    for (position, expected) in positions {
        let mut events = world.subscribe(&consumer, 0, position.clone()).await.unwrap();
        assert_eq!(data(&next(&mut events).await), expected, "{position}");
        world.clock.advance(Duration::from_secs(5));
    }
    let wrong = world.subscribe(&consumer, 0, json!({"Type": "AT_SEQUENCE_NUMBER"})).await.err().unwrap();
    assert_eq!(wrong.code(), "InvalidArgumentException");
}

#[tokio::test]
async fn a_consumer_goes_on_where_it_was() {
    let (world, consumer) = World::subscribed(Throughput::Machine).await;
    for number in 0..5 {
        world.put("s", "k", &number.to_string()).await;
    }
    let mut events = world.subscribe(&consumer, 0, json!({"Type": "TRIM_HORIZON"})).await.unwrap();
    let first = next(&mut events).await;
    assert_eq!(data(&first).len(), 5);
    world.clock.advance(Duration::from_secs(5));
    let idle = next(&mut events).await;
    assert_eq!(idle.continuation_sequence_number, first.continuation_sequence_number);
    drop(events);
    world.put("s", "k", "5").await;
    let after = json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": idle.continuation_sequence_number});
    let mut events = world.subscribe(&consumer, 0, after).await.unwrap();
    assert_eq!(data(&next(&mut events).await), ["5"]);

    world.clock.advance(Duration::from_secs(5));
    let mut empty = world.subscribe(&consumer, 0, latest()).await.unwrap();
    let number = next(&mut empty).await.continuation_sequence_number;
    world.put("s", "k", "6").await;
    world.clock.advance(Duration::from_secs(5));
    let after = json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number});
    let mut events = world.subscribe(&consumer, 0, after).await.unwrap();
    assert_eq!(data(&next(&mut events).await), ["6"], "also from an event without records");
}

#[tokio::test]
async fn it_ends_after_five_minutes_and_says_until_then_that_it_lives() {
    let (world, consumer) = World::subscribed(Throughput::Machine).await;
    let mut events = world.subscribe(&consumer, 0, latest()).await.unwrap();
    let mut beats = 0;
    while let Some(event) = {
        let waiting = events.next();
        tokio::pin!(waiting);
        loop {
            match waiting.as_mut().now_or_never() {
                Some(event) => break event,
                None => world.clock.advance(Duration::from_secs(1)),
            }
        }
    } {
        assert!(event.unwrap().records.shapes().is_empty());
        beats += 1;
    }
    assert_eq!(beats, 60);
    assert_eq!(world.clock.now(), START.plus(Duration::from_secs(300)));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn at_the_end_of_a_closed_shard_are_its_children() {
    let (world, consumer) = World::subscribed(Throughput::Machine).await;
    world.put("s", "k", "last").await;
    let mut events = world.subscribe(&consumer, 0, json!({"Type": "TRIM_HORIZON"})).await.unwrap();
    assert_eq!(data(&next(&mut events).await), ["last"]);
    let split = json!({"StreamName": "s", "ShardToSplit": SHARD_0, "NewStartingHashKey": "1000"});
    let (end, _) = tokio::join!(next(&mut events), world.ok("SplitShard", split));
    assert_eq!((end.continuation_sequence_number, end.records.shapes().len()), (None, 0));
    let children = end.child_shards.unwrap();
    let ids: Vec<_> = children.iter().map(|child| child.shard_id.as_str()).collect();
    assert_eq!(ids, ["shardId-000000000001", "shardId-000000000002"]);
    assert_eq!(children[0].parent_shards, [SHARD_0]);
    assert!(events.next().await.is_none());
    world.clock.advance(Duration::from_secs(5));
    let mut again = world.subscribe(&consumer, 0, latest()).await.unwrap();
    assert!(next(&mut again).await.child_shards.is_some());
}

#[tokio::test]
async fn a_second_subscription_waits_five_seconds_and_then_takes_over() {
    let (world, consumer) = World::subscribed(Throughput::Machine).await;
    let mut first = world.subscribe(&consumer, 0, latest()).await.unwrap();
    next(&mut first).await;
    world.clock.advance(Duration::from_millis(4999));
    let refused = world.subscribe(&consumer, 0, latest()).await.err().unwrap();
    assert_eq!(refused.code(), "ResourceInUseException");
    assert!(
        refused
            .message()
            .starts_with("Another active subscription exists for this consumer: 123456789012:s:app"),
        "{refused}"
    );
    let other = world.consumer("other").await;
    assert!(world.subscribe(&other, 0, latest()).await.is_ok(), "each consumer has its own");
    world.clock.advance(Duration::from_millis(1));
    let mut second = world.subscribe(&consumer, 0, latest()).await.unwrap();
    let taken = loop {
        match first.next().await.expect("an end with a reason") {
            Ok(event) => assert!(event.records.shapes().is_empty()),
            Err(error) => break error,
        }
    };
    assert_eq!(taken.code(), "ResourceInUseException");
    assert!(first.next().await.is_none());
    next(&mut second).await;
    let (event, _) = tokio::join!(next(&mut second), world.put("s", "k", "x"));
    assert_eq!(data(&event), ["x"]);
}

#[tokio::test]
async fn what_disappears_ends_the_stream_with_its_reason() {
    let (world, consumer) = World::subscribed(Throughput::Machine).await;
    let mut events = world.subscribe(&consumer, 0, latest()).await.unwrap();
    next(&mut events).await;
    let (end, _) =
        tokio::join!(events.next(), world.ok("DeregisterStreamConsumer", json!({"ConsumerARN": consumer})));
    assert_eq!(end.unwrap().unwrap_err().code(), "ResourceNotFoundException");
    let gone = world.subscribe(&consumer, 0, latest()).await.err().unwrap();
    assert_eq!(gone.code(), "ResourceNotFoundException");

    let other = world.consumer("other").await;
    let mut events = world.subscribe(&other, 0, latest()).await.unwrap();
    next(&mut events).await;
    let delete = json!({"StreamName": "s", "EnforceConsumerDeletion": true});
    let (end, _) = tokio::join!(events.next(), world.ok("DeleteStream", delete));
    assert_eq!(end.unwrap().unwrap_err().code(), "ResourceNotFoundException");
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn with_the_limits_of_aws_a_subscription_gets_two_mebibytes_a_second() {
    let (world, consumer) = World::subscribed(Throughput::Aws).await;
    for _ in 0..4 {
        world.put("s", "k", &"x".repeat((1 << 20) - 1)).await;
        world.clock.advance(Duration::from_secs(1));
    }
    let mut events = world.subscribe(&consumer, 0, json!({"Type": "TRIM_HORIZON"})).await.unwrap();
    assert_eq!(
        next(&mut events).await.records.shapes().len() + next(&mut events).await.records.shapes().len(),
        2
    );
    let waiting = events.next();
    tokio::pin!(waiting);
    assert!(waiting.as_mut().now_or_never().is_none());
    world.clock.advance(Duration::from_millis(500));
    assert_eq!(waiting.await.unwrap().unwrap().records.shapes().len(), 1);
    for _ in 0..6 {
        let busy = world.subscribe(&consumer, 0, latest()).await.err().unwrap();
        if busy.code() == "LimitExceededException" {
            return;
        }
        assert_eq!(busy.code(), "ResourceInUseException");
    }
    panic!("five calls a second are the limit");
}

#[tokio::test]
async fn a_large_backlog_comes_in_bounded_events() {
    let (world, consumer) = World::subscribed(Throughput::Machine).await;
    for _ in 0..8 {
        world.put("s", "k", &"x".repeat(400 << 10)).await;
    }
    world.clock.advance(Duration::from_secs(2));
    let mut events = world.subscribe(&consumer, 0, json!({"Type": "TRIM_HORIZON"})).await.unwrap();
    let sizes: Vec<(usize, i64)> = {
        let mut sizes = Vec::new();
        while sizes.iter().map(|(count, _)| count).sum::<usize>() < 8 {
            let event = next(&mut events).await;
            sizes.push((event.records.shapes().len(), event.millis_behind_latest));
        }
        sizes
    };
    assert_eq!(sizes, [(2, 2000), (2, 2000), (2, 2000), (2, 0)]);
}

#[tokio::test]
async fn over_http_it_is_an_event_stream_with_modelled_errors() {
    use aws::client::{Client, Credentials, Target};
    let (world, consumer) = World::subscribed(Throughput::Machine).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    world.rt.spawn("listener", aws::serve(listener, world.router.clone(), world.rt.stop()));
    let key = Credentials::new("AKIDEXAMPLE", "secret");
    let client = Client::with_rt(&endpoint, key, "us-east-1", world.rt.clone());
    let input =
        json!({"ConsumerARN": consumer, "ShardId": SHARD_0, "StartingPosition": {"Type": "TRIM_HORIZON"}});
    let (_, number) = world.put("s", "k", "data").await;
    let mut events = client.subscribe(Target::KINESIS, "SubscribeToShard", &input).await.unwrap();
    let initial = events.next().await.unwrap().unwrap();
    assert_eq!(initial.header(":event-type"), Some("initial-response"));
    let event = events.next().await.unwrap().unwrap();
    assert_eq!(event.header(":event-type"), Some("SubscribeToShardEvent"));
    let event: Value = serde_json::from_slice(&event.payload).unwrap();
    assert_eq!(
        (from_base64(&event["Records"][0]["Data"]), &event["ContinuationSequenceNumber"]),
        ("data".to_owned(), &json!(number))
    );
    assert_eq!((&event["MillisBehindLatest"], event.get("ChildShards")), (&json!(0), None));
    let refused = client.subscribe(Target::KINESIS, "SubscribeToShard", &input).await.err().unwrap();
    assert_eq!((refused.code.as_str(), refused.status), ("ResourceInUseException", 400));
    world.ok("DeregisterStreamConsumer", json!({"ConsumerARN": consumer})).await;
    let end = events.next().await.unwrap_err();
    assert_eq!(end.code, "ResourceNotFoundException");
    assert!(events.next().await.unwrap().is_none());
}

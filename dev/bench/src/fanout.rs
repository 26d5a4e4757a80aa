//! `SubscribeToShard`: eight consumers of everything, and how long a record takes from its put to a reader.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use aws::client::{Client, EventReceiver, Target};
use rt::Rt;
use serde_json::json;
use testkit::{Options, Server};

use crate::ingest::{self, RECORD_BYTES, SHARDS};
use crate::report::{Report, mb_per_second, millis, quantile};
use crate::stream;

const CONSUMERS: u32 = 8;
const WRITERS: usize = 8;
const PROBES: u32 = 500;
/// Between two probes; no divisor of the time between two polls, so that they fall anywhere between them.
const PROBE_EVERY: Duration = Duration::from_millis(23);
/// What AWS's own libraries do.
const POLL_EVERY: Duration = Duration::from_millis(200);
const PROBE_ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/probe";
/// The other load while probes travel: batches of 250 kB.
const BESIDE_PER_SECOND: u32 = 400;
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn run(bin: &Path, scratch: &Path, seconds: u64) -> Result<()> {
    let server = Server::start(Options::new(bin).scratch(scratch)).await?;
    let client = server.client();
    stream::create(&client, stream::NAME, SHARDS).await?;
    let bodies = Arc::new(ingest::bodies(&client)?);
    let (bytes, _, _) = ingest::load(&client, &bodies, WRITERS, Duration::from_secs(seconds)).await?;

    let report = Report::new("SubscribeToShard, 500-byte records, 8 shards", &["what", "MB/s in all"]);
    for consumers in [1, CONSUMERS] {
        let rate = drain(&client, consumers, bytes / RECORD_BYTES as u64).await?;
        report.row(&[format!("{consumers} consumers, a subscription for each shard"), format!("{rate:.0}")]);
    }
    report.note("Everything that is in the stream to every consumer; events are JSON with base64.");

    stream::create(&client, "probe", 1).await?;
    let report = Report::new(
        "From the put of a record to a reader",
        &["what", "p50", "p99", "p50 beside 100 MB/s of other puts", "p99"],
    );
    for (name, reader) in
        [("SubscribeToShard", Reader::Subscriber), ("GetRecords every 200 ms", Reader::Poller)]
    {
        let mut idle = propagation(&client, reader).await?;
        let load = {
            let (client, bodies) = (client.clone(), bodies.clone());
            Rt::system().spawn("beside", async move {
                stream::paced(&client, &bodies, BESIDE_PER_SECOND, PROBE_EVERY * PROBES).await
            })
        };
        let mut busy = propagation(&client, reader).await?;
        load.await??;
        report.row(&[
            name.into(),
            millis(quantile(&mut idle, 0.5)),
            millis(quantile(&mut idle, 0.99)),
            millis(quantile(&mut busy, 0.5)),
            millis(quantile(&mut busy, 0.99)),
        ]);
    }
    report.note("From before the request of the put is made until its record is in the reader's hands.");
    server.stop().await
}

/// The rate at which `consumers` together get everything.
async fn drain(client: &Client, consumers: u32, records: u64) -> Result<f64> {
    let rt = Rt::system();
    let mut arns = Vec::new();
    for n in 0..consumers {
        arns.push(stream::register(client, stream::ARN, &format!("drain-{consumers}-{n}")).await?);
    }
    let start = rt.instant();
    let mut tasks = Vec::new();
    for arn in &arns {
        for shard in 0..SHARDS {
            let (client, arn) = (client.clone(), arn.clone());
            tasks.push(rt.spawn("consumer", async move {
                let mut events = subscribe(&client, &arn, shard, "TRIM_HORIZON").await?;
                drain_one(&mut events).await
            }));
        }
    }
    let mut got = 0;
    for task in tasks {
        got += task.await??;
    }
    let took = rt.instant().duration_since(start);
    ensure!(got >= records * u64::from(consumers), "{got} of {records} records for {consumers} consumers");
    Ok(mb_per_second(got * RECORD_BYTES as u64, took))
}

async fn subscribe(client: &Client, consumer: &str, shard: u32, from: &str) -> Result<EventReceiver> {
    let request = json!({
        "ConsumerARN": consumer,
        "ShardId": stream::shard_id(shard),
        "StartingPosition": {"Type": from},
    });
    Ok(client.subscribe(Target::KINESIS, "SubscribeToShard", &request).await?)
}

/// Records until the reader has caught up.
async fn drain_one(events: &mut EventReceiver) -> Result<u64> {
    let mut records = 0;
    while let Some(event) = events.next().await? {
        records += stream::count_records(&event.payload);
        if event.payload.ends_with(b"\"MillisBehindLatest\":0}") {
            break;
        }
    }
    Ok(records)
}

#[derive(Clone, Copy)]
enum Reader {
    Subscriber,
    Poller,
}

/// How old probes are when they arrive.
async fn propagation(client: &Client, reader: Reader) -> Result<Vec<Duration>> {
    let rt = Rt::system();
    let origin = rt.instant();
    let reading = {
        let client = client.clone();
        match reader {
            Reader::Subscriber => {
                let name = format!("probe-{}", rt.now().as_millis());
                let arn = stream::register(&client, PROBE_ARN, &name).await?;
                let events = subscribe(&client, &arn, 0, "LATEST").await?;
                rt.spawn("subscriber", in_time(pushed(events, origin)))
            }
            Reader::Poller => {
                let iterator = stream::iterator(&client, "probe", 0, "LATEST").await?;
                rt.spawn("poller", in_time(polled(client, iterator, origin)))
            }
        }
    };
    for n in 0..PROBES {
        let due = origin + PROBE_EVERY * n;
        rt.sleep(due.saturating_duration_since(rt.instant())).await;
        let data = stream::probe(origin, rt.instant());
        let put = json!({"StreamName": "probe", "PartitionKey": "k", "Data": data});
        client.call(Target::KINESIS, "PutRecord", &put).await?;
    }
    reading.await?
}

async fn in_time(reading: impl Future<Output = Result<Vec<Duration>>>) -> Result<Vec<Duration>> {
    match Rt::system().timeout(PATIENCE, reading).await {
        Some(ages) => ages,
        None => anyhow::bail!("not every probe arrived"),
    }
}

async fn pushed(mut events: EventReceiver, origin: Instant) -> Result<Vec<Duration>> {
    let mut ages = Vec::new();
    while ages.len() < PROBES as usize {
        let Some(event) = events.next().await? else { break };
        if event.header(":event-type") == Some("SubscribeToShardEvent") {
            ages.extend(stream::ages(&event.payload, origin, Rt::system().instant())?);
        }
    }
    Ok(ages)
}

async fn polled(client: Client, mut iterator: String, origin: Instant) -> Result<Vec<Duration>> {
    let rt = Rt::system();
    let mut ages = Vec::new();
    for n in 1.. {
        let page = stream::get_records(&client, &iterator).await?;
        ages.extend(stream::ages(&page.body, origin, rt.instant())?);
        iterator = page.next;
        if ages.len() >= PROBES as usize {
            break;
        }
        rt.sleep((origin + POLL_EVERY * n).saturating_duration_since(rt.instant())).await;
    }
    Ok(ages)
}

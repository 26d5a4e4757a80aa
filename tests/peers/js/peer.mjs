// The conversation of ../README.md with the AWS SDK for JavaScript.

import {
  CreateStreamCommand, DeleteStreamCommand, DeregisterStreamConsumerCommand, DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand, GetRecordsCommand, GetShardIteratorCommand, KinesisClient, ListShardsCommand,
  ListStreamConsumersCommand, MergeShardsCommand, PutRecordCommand, PutRecordsCommand,
  RegisterStreamConsumerCommand, SplitShardCommand, SubscribeToShardCommand, UpdateShardCountCommand,
} from "@aws-sdk/client-kinesis";

const POLL_MS = 20;
const POLLS_MAX = 1500;
const READS_MAX = 500;
const MIDDLE = (1n << 127n).toString();

const kinesis = new KinesisClient({ maxAttempts: 1 });
const call = (Command, input) => kinesis.send(new Command(input));
const text = (bytes) => Buffer.from(bytes).toString("utf8");
const pause = () => new Promise((resolve) => setTimeout(resolve, POLL_MS));

async function until(what, condition) {
  for (let poll = 0; poll < POLLS_MAX; poll++) {
    const value = await condition();
    if (value) return value;
    await pause();
  }
  throw new Error(`gave up waiting until ${what}`);
}

async function active(StreamName) {
  return until(`${StreamName} is active`, async () => {
    const { StreamDescriptionSummary: summary } = await call(DescribeStreamSummaryCommand, { StreamName });
    return summary.StreamStatus === "ACTIVE" && summary;
  });
}

async function errorName(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    return error.name;
  }
}

async function put(StreamName, from, count, keys) {
  const Records = Array.from({ length: count }, (_, n) => ({
    PartitionKey: `key-${(from + n) % keys}`, Data: Buffer.from(`record-${from + n}`),
  }));
  return (await call(PutRecordsCommand, { StreamName, Records })).FailedRecordCount;
}

/** Reads a shard from its oldest record until it ends or nothing is left to read. */
async function read(StreamName, ShardId) {
  const records = [];
  let { ShardIterator } = await call(GetShardIteratorCommand, {
    StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON",
  });
  for (let reads = 0; reads < READS_MAX; reads++) {
    const answer = await call(GetRecordsCommand, { ShardIterator });
    records.push(...answer.Records);
    ShardIterator = answer.NextShardIterator;
    if (!ShardIterator) return { records, children: answer.ChildShards ?? [], ended: true };
    if (answer.Records.length === 0 && answer.MillisBehindLatest === 0) break;
  }
  return { records, children: [], ended: false };
}

async function putGet(StreamName) {
  await call(CreateStreamCommand, { StreamName, ShardCount: 2 });
  await active(StreamName);
  const binary = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  await call(PutRecordCommand, { StreamName, PartitionKey: "binary", Data: binary });
  const failed = await put(StreamName, 0, 100, 7);
  const { Shards } = await call(ListShardsCommand, { StreamName });
  const records = [];
  for (const shard of Shards) records.push(...(await read(StreamName, shard.ShardId)).records);
  const first = records.find((record) => record.PartitionKey === "binary");
  const age = Date.now() - first.ApproximateArrivalTimestamp.getTime();
  return {
    shards: Shards.map((shard) => shard.ShardId),
    failed,
    binary: Buffer.from(first.Data).toString("hex"),
    records: records.filter((record) => record !== first).map((record) => [record.PartitionKey, text(record.Data)]),
    recent: Math.abs(age) < 86_400_000,
    missingStream: await errorName(
      call(PutRecordCommand, { StreamName: "no-such-stream", PartitionKey: "k", Data: binary })),
    badIterator: await errorName(call(GetRecordsCommand, { ShardIterator: "no-such-iterator" })),
  };
}

async function subscribe(StreamName) {
  await call(CreateStreamCommand, { StreamName, ShardCount: 1 });
  const { StreamARN } = await active(StreamName);
  await put(StreamName, 0, 20, 5);
  const { Consumer } = await call(RegisterStreamConsumerCommand, { StreamARN, ConsumerName: "peer" });
  const { ConsumerARN } = Consumer;
  const status = await until("the consumer is active", async () => {
    const { ConsumerDescription } = await call(DescribeStreamConsumerCommand, { ConsumerARN });
    return ConsumerDescription.ConsumerStatus === "ACTIVE" && "ACTIVE";
  });
  const { Shards: [{ ShardId }] } = await call(ListShardsCommand, { StreamName });
  const { EventStream } = await call(SubscribeToShardCommand, {
    ConsumerARN, ShardId, StartingPosition: { Type: "TRIM_HORIZON" },
  });
  const texts = [];
  let [continues, behind, more] = [true, null, false];
  for await (const { SubscribeToShardEvent: event } of EventStream) {
    texts.push(...event.Records.map((record) => text(record.Data)));
    continues &&= Boolean(event.ContinuationSequenceNumber);
    behind = event.MillisBehindLatest;
    if (texts.length >= 20 && !more) {
      more = true;
      await put(StreamName, 20, 20, 5);
    }
    if (texts.length >= 40) break;
  }
  await call(DeregisterStreamConsumerCommand, { ConsumerARN });
  const consumers = await until("the consumer is gone", async () => {
    const { Consumers } = await call(ListStreamConsumersCommand, { StreamARN });
    return Consumers.length === 0 && [];
  });
  return { status, texts, continues, behind, consumers };
}

async function shards(StreamName) {
  return (await call(ListShardsCommand, { StreamName })).Shards;
}

const isOpen = (shard) => !shard.SequenceNumberRange.EndingSequenceNumber;

async function walk(StreamName, family) {
  const parents = new Map(family.map((s) => [s.ShardId, [s.ParentShardId, s.AdjacentParentShardId].filter(Boolean)]));
  const [queue, done, records, ended] = [[family[0].ShardId], new Set(), [], []];
  while (queue.length > 0) {
    const id = queue.shift();
    const seen = await read(StreamName, id);
    done.add(id);
    records.push(...seen.records);
    if (seen.ended) ended.push(id);
    for (const { ShardId: child } of seen.children) {
      const ready = parents.get(child).every((parent) => done.has(parent));
      if (ready && !queue.includes(child)) queue.push(child);
    }
  }
  return { records: records.map((record) => [record.PartitionKey, text(record.Data)]), ended };
}

async function reshard(StreamName) {
  await call(CreateStreamCommand, { StreamName, ShardCount: 1 });
  await active(StreamName);
  await put(StreamName, 0, 20, 5);
  const [{ ShardId }] = await shards(StreamName);
  await call(SplitShardCommand, { StreamName, ShardToSplit: ShardId, NewStartingHashKey: MIDDLE });
  await active(StreamName);
  await put(StreamName, 20, 20, 5);
  const [left, right] = (await shards(StreamName)).filter(isOpen);
  await call(MergeShardsCommand, { StreamName, ShardToMerge: left.ShardId, AdjacentShardToMerge: right.ShardId });
  await active(StreamName);
  await put(StreamName, 40, 20, 5);
  await call(UpdateShardCountCommand, { StreamName, TargetShardCount: 2, ScalingType: "UNIFORM_SCALING" });
  await active(StreamName);
  await put(StreamName, 60, 20, 5);
  const family = await shards(StreamName);
  return {
    ...(await walk(StreamName, family)),
    lineage: family.map((s) => [s.ShardId, s.ParentShardId ?? null, s.AdjacentParentShardId ?? null]),
    open: family.filter(isOpen).map((s) => s.ShardId),
  };
}

const STEPS = { "put-get": putGet, subscribe, reshard };
const [stem, ...steps] = process.argv.slice(2);
for (const step of steps) {
  const StreamName = `${stem}-${step}`;
  console.log(JSON.stringify({ step, ...(await STEPS[step](StreamName)) }));
  await call(DeleteStreamCommand, { StreamName, EnforceConsumerDeletion: true });
}
kinesis.destroy();

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ChildShard;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ScalingType;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StreamDescriptionSummary;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/** The conversation of ../README.md with the AWS SDK for Java, which speaks CBOR. */
public final class Peer {
    private static final Duration POLL = Duration.ofMillis(20);
    private static final int POLLS_MAX = 1500;
    private static final int READS_MAX = 500;
    private static final String MIDDLE = "170141183460469231731687303715884105728";

    private final KinesisAsyncClient kinesis;

    private Peer(KinesisAsyncClient kinesis) {
        this.kinesis = kinesis;
    }

    public static void main(String[] arguments) throws Exception {
        var http = NettyNioAsyncHttpClient.builder();
        try (var kinesis = KinesisAsyncClient.builder()
                .endpointOverride(URI.create(System.getenv("AWS_ENDPOINT_URL")))
                .httpClientBuilder(http)
                .overrideConfiguration(c -> c.retryStrategy(r -> r.maxAttempts(1)))
                .build()) {
            var peer = new Peer(kinesis);
            for (var step : List.of(arguments).subList(1, arguments.length)) {
                var stream = arguments[0] + "-" + step;
                var seen = switch (step) {
                    case "put-get" -> peer.putGet(stream);
                    case "subscribe" -> peer.subscribe(stream);
                    case "reshard" -> peer.reshard(stream);
                    default -> throw new IllegalArgumentException("there is no step " + step);
                };
                seen.put("step", step);
                System.out.println(Json.of(seen));
                kinesis.deleteStream(r -> r.streamName(stream).enforceConsumerDeletion(true)).join();
            }
        }
    }

    private static void until(String what, BooleanSupplier condition) throws InterruptedException {
        for (int poll = 0; poll < POLLS_MAX; poll++) {
            if (condition.getAsBoolean()) {
                return;
            }
            Thread.sleep(POLL.toMillis());
        }
        throw new IllegalStateException("gave up waiting until " + what);
    }

    private static String errorName(CompletableFuture<?> call) {
        try {
            call.join();
            return null;
        } catch (CompletionException failed) {
            return failed.getCause() instanceof AwsServiceException named
                    ? named.awsErrorDetails().errorCode()
                    : failed.getCause().toString();
        }
    }

    private String create(String stream, int shards) throws InterruptedException {
        kinesis.createStream(r -> r.streamName(stream).shardCount(shards)).join();
        return active(stream);
    }

    /** Waits until the stream is active; its ARN. */
    private String active(String stream) throws InterruptedException {
        until(stream + " is active", () -> summary(stream).streamStatus() == StreamStatus.ACTIVE);
        return summary(stream).streamARN();
    }

    private StreamDescriptionSummary summary(String stream) {
        return kinesis.describeStreamSummary(r -> r.streamName(stream)).join().streamDescriptionSummary();
    }

    private int put(String stream, int from, int count, int keys) {
        var records = IntStream.range(from, from + count)
                .mapToObj(n -> PutRecordsRequestEntry.builder()
                        .partitionKey("key-" + n % keys)
                        .data(SdkBytes.fromUtf8String("record-" + n))
                        .build())
                .toList();
        return kinesis.putRecords(r -> r.streamName(stream).records(records)).join().failedRecordCount();
    }

    private List<Shard> shards(String stream) {
        return kinesis.listShards(r -> r.streamName(stream)).join().shards();
    }

    private record Seen(List<Record> records, List<ChildShard> children, boolean ended) {}

    /** Reads a shard from its oldest record until it ends or nothing is left to read. */
    private Seen read(String stream, String shard) {
        var records = new ArrayList<Record>();
        var start = kinesis.getShardIterator(
                r -> r.streamName(stream).shardId(shard).shardIteratorType(ShardIteratorType.TRIM_HORIZON));
        var iterator = start.join().shardIterator();
        for (int reads = 0; reads < READS_MAX; reads++) {
            var from = iterator;
            GetRecordsResponse seen = kinesis.getRecords(r -> r.shardIterator(from)).join();
            records.addAll(seen.records());
            iterator = seen.nextShardIterator();
            if (iterator == null) {
                return new Seen(records, seen.childShards(), true);
            }
            if (seen.records().isEmpty() && seen.millisBehindLatest() == 0) {
                break;
            }
        }
        return new Seen(records, List.of(), false);
    }

    private static List<List<String>> pairs(List<Record> records) {
        return records.stream().map(r -> List.of(r.partitionKey(), text(r))).toList();
    }

    private static String text(Record record) {
        return record.data().asString(StandardCharsets.UTF_8);
    }

    private Map<String, Object> putGet(String stream) throws InterruptedException {
        create(stream, 2);
        var bytes = new byte[256];
        IntStream.range(0, bytes.length).forEach(n -> bytes[n] = (byte) n);
        var binary = SdkBytes.fromByteArray(bytes);
        kinesis.putRecord(r -> r.streamName(stream).partitionKey("binary").data(binary)).join();
        int failed = put(stream, 0, 100, 7);
        var shards = shards(stream);
        var records = new ArrayList<Record>();
        shards.forEach(shard -> records.addAll(read(stream, shard.shardId()).records()));
        var first = records.stream().filter(r -> r.partitionKey().equals("binary")).findFirst().orElseThrow();
        records.remove(first);
        var age = Duration.between(first.approximateArrivalTimestamp(), Instant.now()).abs();
        var seen = new LinkedHashMap<String, Object>();
        seen.put("shards", shards.stream().map(Shard::shardId).toList());
        seen.put("failed", failed);
        seen.put("binary", HexFormat.of().formatHex(first.data().asByteArray()));
        seen.put("records", pairs(records));
        seen.put("recent", age.compareTo(Duration.ofDays(1)) < 0);
        seen.put("missingStream", errorName(
                kinesis.putRecord(r -> r.streamName("no-such-stream").partitionKey("k").data(binary))));
        seen.put("badIterator", errorName(kinesis.getRecords(r -> r.shardIterator("no-such-iterator"))));
        return seen;
    }

    private Map<String, Object> subscribe(String stream) throws Exception {
        var arn = create(stream, 1);
        put(stream, 0, 20, 5);
        var registered = kinesis.registerStreamConsumer(r -> r.streamARN(arn).consumerName("peer")).join();
        var consumer = registered.consumer().consumerARN();
        until("the consumer is active", () -> consumerStatus(consumer) == ConsumerStatus.ACTIVE);
        var status = consumerStatus(consumer);
        var shard = shards(stream).get(0).shardId();
        var pushed = new Pushed(() -> put(stream, 20, 20, 5));
        var handler = SubscribeToShardResponseHandler.builder()
                .onError(pushed.finished::completeExceptionally)
                .onEventStream(events -> events.filter(SubscribeToShardEvent.class).subscribe(pushed::take))
                .build();
        var subscription = kinesis.subscribeToShard(
                r -> r.consumerARN(consumer)
                        .shardId(shard)
                        .startingPosition(s -> s.type(ShardIteratorType.TRIM_HORIZON)),
                handler);
        pushed.finished.get(30, java.util.concurrent.TimeUnit.SECONDS);
        subscription.cancel(true);
        kinesis.deregisterStreamConsumer(r -> r.consumerARN(consumer)).join();
        until("the consumer is gone", () -> consumers(arn).isEmpty());
        var seen = new LinkedHashMap<String, Object>();
        seen.put("status", status.toString());
        seen.put("texts", pushed.texts);
        seen.put("continues", pushed.continues);
        seen.put("behind", pushed.behind);
        seen.put("consumers", consumers(arn));
        return seen;
    }

    private ConsumerStatus consumerStatus(String consumer) {
        var seen = kinesis.describeStreamConsumer(r -> r.consumerARN(consumer)).join();
        return seen.consumerDescription().consumerStatus();
    }

    private List<String> consumers(String arn) {
        var seen = kinesis.listStreamConsumers(r -> r.streamARN(arn)).join();
        return seen.consumers().stream().map(consumer -> consumer.consumerName()).toList();
    }

    /** What a subscription pushed; asks for more once, and finishes with all of it. */
    private static final class Pushed {
        final CompletableFuture<Void> finished = new CompletableFuture<>();
        final List<String> texts = new ArrayList<>();
        private final AtomicBoolean asked = new AtomicBoolean();
        private final Runnable more;
        boolean continues = true;
        long behind = -1;

        Pushed(Runnable more) {
            this.more = more;
        }

        void take(SubscribeToShardEvent event) {
            event.records().forEach(record -> texts.add(text(record)));
            continues &= event.continuationSequenceNumber() != null && !event.continuationSequenceNumber().isEmpty();
            behind = event.millisBehindLatest();
            if (texts.size() >= 20 && asked.compareAndSet(false, true)) {
                CompletableFuture.runAsync(more);
            }
            if (texts.size() >= 40) {
                finished.complete(null);
            }
        }
    }

    private static boolean isOpen(Shard shard) {
        return shard.sequenceNumberRange().endingSequenceNumber() == null;
    }

    private static List<String> parents(Shard shard) {
        return Stream.of(shard.parentShardId(), shard.adjacentParentShardId()).filter(Objects::nonNull).toList();
    }

    private Map<String, Object> reshard(String stream) throws InterruptedException {
        create(stream, 1);
        put(stream, 0, 20, 5);
        var root = shards(stream).get(0).shardId();
        kinesis.splitShard(r -> r.streamName(stream).shardToSplit(root).newStartingHashKey(MIDDLE)).join();
        active(stream);
        put(stream, 20, 20, 5);
        var open = shards(stream).stream().filter(Peer::isOpen).map(Shard::shardId).toList();
        kinesis.mergeShards(
                r -> r.streamName(stream).shardToMerge(open.get(0)).adjacentShardToMerge(open.get(1))).join();
        active(stream);
        put(stream, 40, 20, 5);
        kinesis.updateShardCount(
                r -> r.streamName(stream).targetShardCount(2).scalingType(ScalingType.UNIFORM_SCALING)).join();
        active(stream);
        put(stream, 60, 20, 5);
        var family = shards(stream);
        var seen = walk(stream, family);
        seen.put("lineage", family.stream().map(Peer::lineage).toList());
        seen.put("open", family.stream().filter(Peer::isOpen).map(Shard::shardId).toList());
        return seen;
    }

    private static List<String> lineage(Shard shard) {
        var row = new ArrayList<String>();
        row.add(shard.shardId());
        row.add(shard.parentShardId());
        row.add(shard.adjacentParentShardId());
        return row;
    }

    private Map<String, Object> walk(String stream, List<Shard> family) {
        var parents = new HashMap<String, List<String>>();
        family.forEach(shard -> parents.put(shard.shardId(), parents(shard)));
        var queue = new ArrayDeque<>(List.of(family.get(0).shardId()));
        Set<String> done = new HashSet<>();
        var records = new ArrayList<Record>();
        var ended = new ArrayList<String>();
        while (!queue.isEmpty()) {
            var shard = queue.remove();
            var seen = read(stream, shard);
            done.add(shard);
            records.addAll(seen.records());
            if (seen.ended()) {
                ended.add(shard);
            }
            for (var child : seen.children()) {
                if (done.containsAll(parents.get(child.shardId())) && !queue.contains(child.shardId())) {
                    queue.add(child.shardId());
                }
            }
        }
        var answer = new LinkedHashMap<String, Object>();
        answer.put("records", pairs(records));
        answer.put("ended", ended);
        return answer;
    }
}

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/** {@code Deaggregate STREAM}: reads every shard once and takes its records apart as the Client Library does. */
public final class Deaggregate {
    private static final int READS_MAX = 500;

    private Deaggregate() {}

    public static void main(String[] arguments) {
        var stream = arguments[0];
        try (var kinesis = KinesisAsyncClient.builder()
                .endpointOverride(URI.create(System.getenv("AWS_ENDPOINT_URL"))).build()) {
            var raw = new ArrayList<KinesisClientRecord>();
            for (var shard : kinesis.listShards(r -> r.streamName(stream)).join().shards()) {
                raw.addAll(read(kinesis, stream, shard.shardId()));
            }
            var records = new AggregatorUtil().deaggregate(raw);
            var seen = new LinkedHashMap<String, Object>();
            seen.put("raw", raw.size());
            seen.put("records", records.stream().map(Deaggregate::pair).toList());
            System.out.println(Json.of(seen));
        }
    }

    private static List<String> pair(KinesisClientRecord record) {
        return List.of(record.partitionKey(), StandardCharsets.UTF_8.decode(record.data().duplicate()).toString());
    }

    private static List<KinesisClientRecord> read(KinesisAsyncClient kinesis, String stream, String shard) {
        var records = new ArrayList<KinesisClientRecord>();
        var start = kinesis.getShardIterator(
                r -> r.streamName(stream).shardId(shard).shardIteratorType(ShardIteratorType.TRIM_HORIZON));
        var iterator = start.join().shardIterator();
        for (int reads = 0; reads < READS_MAX && iterator != null; reads++) {
            var from = iterator;
            var seen = kinesis.getRecords(r -> r.shardIterator(from)).join();
            seen.records().forEach(record -> records.add(KinesisClientRecord.fromRecord(record)));
            iterator = seen.nextShardIterator();
            if (seen.records().isEmpty() && seen.millisBehindLatest() == 0) {
                break;
            }
        }
        return records;
    }
}

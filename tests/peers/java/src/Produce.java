import com.google.common.util.concurrent.ListenableFuture;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * The Kinesis Producer Library: {@code Produce STREAM COUNT} puts JSON records {@code {"id":N,"name":"record-N"}}
 * under {@code key-(N mod 7)}, aggregated, over TLS, and prints what was acknowledged.
 */
public final class Produce {
    private static final long SECONDS_MAX = 60;

    private Produce() {}

    public static void main(String[] arguments) throws Exception {
        var endpoint = URI.create(System.getenv("AWS_ENDPOINT_URL"));
        var configuration = new KinesisProducerConfiguration()
                .setRegion(System.getenv("AWS_REGION"))
                .setKinesisEndpoint(endpoint.getHost())
                .setKinesisPort(endpoint.getPort())
                .setCloudwatchEndpoint(endpoint.getHost())
                .setCloudwatchPort(endpoint.getPort())
                .setStsEndpoint(endpoint.getHost())
                .setStsPort(endpoint.getPort())
                .setVerifyCertificate(false)
                .setAggregationEnabled(true)
                .setRecordMaxBufferedTime(200)
                .setMetricsLevel("summary")
                .setMetricsUploadDelay(1000);
        var producer = new KinesisProducer(configuration);
        var waiting = new ArrayList<ListenableFuture<UserRecordResult>>();
        waiting.add(put(producer, arguments[0], 0));
        // Records are aggregated from when the daemon knows the shards, which it asks for with the first one.
        waiting.get(0).get(SECONDS_MAX, TimeUnit.SECONDS);
        for (int n = 1; n < Integer.parseInt(arguments[1]); n++) {
            waiting.add(put(producer, arguments[0], n));
        }
        var shards = new TreeSet<String>();
        var sequences = new TreeSet<String>();
        int acknowledged = 0;
        for (var result : waiting) {
            var outcome = result.get(SECONDS_MAX, TimeUnit.SECONDS);
            acknowledged += outcome.isSuccessful() ? 1 : 0;
            shards.add(outcome.getShardId());
            sequences.add(outcome.getSequenceNumber());
        }
        // Metrics go to CloudWatch before the process ends.
        Thread.sleep(2000);
        producer.flushSync();
        producer.destroy();
        var seen = new LinkedHashMap<String, Object>();
        seen.put("acknowledged", acknowledged);
        seen.put("shards", shards);
        seen.put("sequences", sequences.size());
        System.out.println(Json.of(seen));
        System.exit(0);
    }

    private static ListenableFuture<UserRecordResult> put(KinesisProducer producer, String stream, int n) {
        var text = "{\"id\":" + n + ",\"name\":\"record-" + n + "\"}\n";
        return producer.addUserRecord(stream, "key-" + n % 7, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    }
}

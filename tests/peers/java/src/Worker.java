import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * One worker of the Kinesis Client Library: {@code Worker NAME STREAM APPLICATION…}, an application whose name ends
 * in {@code -polling} polls, one that ends in {@code -fanout} subscribes.
 *
 * <p>Prints a line of JSON for everything that happens, before it is checkpointed, and stops when its input ends.
 */
public final class Worker {
    private static final long INTERVAL_MS = 1000;
    private static final long STOP_SECONDS_MAX = 60;

    private Worker() {}

    public static void main(String[] arguments) throws Exception {
        var schedulers = new ArrayList<Scheduler>();
        for (int n = 2; n < arguments.length; n++) {
            var scheduler = scheduler(arguments[0], arguments[1], arguments[n]);
            schedulers.add(scheduler);
            var thread = new Thread(scheduler, arguments[n]);
            thread.setDaemon(true);
            thread.start();
        }
        while (System.in.read() >= 0) {
            // Whoever started this worker holds its input open.
        }
        var stopping = schedulers.stream().map(Scheduler::startGracefulShutdown).toList();
        for (var stopped : stopping) {
            stopped.get(STOP_SECONDS_MAX, TimeUnit.SECONDS);
        }
        System.exit(0);
    }

    private static Scheduler scheduler(String worker, String stream, String application) {
        var endpoint = URI.create(System.getenv("AWS_ENDPOINT_URL"));
        var kinesis = KinesisClientUtil.createKinesisAsyncClient(
                KinesisAsyncClient.builder().endpointOverride(endpoint));
        var leases = DynamoDbAsyncClient.builder()
                .endpointOverride(URI.create(System.getenv("DYNAMODB_ENDPOINT_URL"))).build();
        var metrics = CloudWatchAsyncClient.builder().endpointOverride(endpoint).build();
        var start = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
        var configs = new ConfigsBuilder(new SingleStreamTracker(stream, start), application, kinesis, leases, metrics,
                worker, () -> new Printer(application, worker));
        // As shipped a lost worker and a new shard are noticed after minutes.
        var management = configs.leaseManagementConfig()
                .failoverTimeMillis(2 * INTERVAL_MS)
                .shardSyncIntervalMillis(INTERVAL_MS)
                .leasesRecoveryAuditorExecutionFrequencyMillis(INTERVAL_MS)
                .leasesRecoveryAuditorInconsistencyConfidenceThreshold(1);
        management.workerUtilizationAwareAssignmentConfig()
                .workerMetricsReporterFreqInMillis(INTERVAL_MS)
                .inMemoryWorkerMetricsCaptureFrequencyMillis(INTERVAL_MS)
                .varianceBalancingFrequency(1);
        var coordinator = configs.coordinatorConfig()
                .parentShardPollIntervalMillis(INTERVAL_MS)
                .shardConsumerDispatchPollIntervalMillis(100)
                .schedulerInitializationBackoffTimeMillis(INTERVAL_MS);
        var reported = configs.metricsConfig().metricsFactory(new NullMetricsFactory());
        var retrieval = configs.retrievalConfig().retrievalSpecificConfig(
                retrieval(stream, application, kinesis));
        return new Scheduler(configs.checkpointConfig(), coordinator, management, configs.lifecycleConfig(), reported,
                configs.processorConfig(), retrieval);
    }

    private static RetrievalSpecificConfig retrieval(String stream, String application, KinesisAsyncClient kinesis) {
        if (application.endsWith("-fanout")) {
            return new FanOutConfig(kinesis).streamName(stream).applicationName(application);
        }
        return new PollingConfig(stream, kinesis).idleTimeBetweenReadsInMillis(INTERVAL_MS / 5);
    }

    /** Reports, then checkpoints, every batch. */
    private record Printer(String application, String worker, String[] shard) implements ShardRecordProcessor {
        Printer(String application, String worker) {
            this(application, worker, new String[1]);
        }

        @Override
        public void initialize(InitializationInput input) {
            shard[0] = input.shardId();
            var from = input.extendedSequenceNumber();
            print("starts", Map.of("sequence", from.sequenceNumber(), "sub", from.subSequenceNumber()));
        }

        @Override
        public void processRecords(ProcessRecordsInput input) {
            for (var record : input.records()) {
                print("record", Map.of(
                        "sequence", record.sequenceNumber(),
                        "sub", record.subSequenceNumber(),
                        "key", record.partitionKey(),
                        "text", StandardCharsets.UTF_8.decode(record.data().duplicate()).toString()));
            }
            if (!input.records().isEmpty()) {
                var last = input.records().get(input.records().size() - 1);
                checkpoint(input.checkpointer(), "checkpointed", last.sequenceNumber());
            }
        }

        @Override
        public void leaseLost(LeaseLostInput input) {
            print("lost", Map.of());
        }

        @Override
        public void shardEnded(ShardEndedInput input) {
            checkpoint(input.checkpointer(), "ended", "SHARD_END");
        }

        @Override
        public void shutdownRequested(ShutdownRequestedInput input) {
            print("stops", Map.of());
        }

        private void checkpoint(RecordProcessorCheckpointer checkpointer, String event, String sequence) {
            try {
                checkpointer.checkpoint();
                print(event, Map.of("sequence", sequence));
            } catch (Exception refused) {
                // The lease is another worker's by now, which reads on from the checkpoint before.
                print("refused", Map.of("sequence", sequence, "why", refused.toString()));
            }
        }

        private void print(String event, Map<String, Object> more) {
            var line = new LinkedHashMap<String, Object>();
            // One clock for all processes of the machine.
            line.put("at", System.nanoTime());
            line.put("event", event);
            line.put("application", application);
            line.put("worker", worker);
            line.put("shard", shard[0]);
            line.putAll(more);
            var bytes = (Json.of(line) + "\n").getBytes(StandardCharsets.UTF_8);
            // One write for each line, so that a killed worker leaves whole ones.
            System.out.write(bytes, 0, bytes.length);
            System.out.flush();
        }
    }
}

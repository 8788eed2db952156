import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.module.afterburner.AfterburnerModule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/** As Kafka Streams does it: BOOTSTRAP GROUP INPUT PROCESSED AGGREGATIONS FOLDER GUARANTEE COMMIT_MS. */
public final class Logins {
    /** A login; with the time of its processing it is the processed record. */
    public static final class Login {
        public String user_id, app_version, device_type, ip, locale, device_id, timestamp;
        public long processed_timestamp;

        Login processed() {
            processed_timestamp = System.currentTimeMillis();
            return this;
        }
    }

    /** How many logins a user has had. */
    public record Count(String user_id, long login_count) {}

    private static final JsonMapper JSON = JsonMapper.builder()
            .addModule(new AfterburnerModule())
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    private static Topology topology(String input, String processed, String aggregations) {
        var builder = new StreamsBuilder();
        var keys = Serdes.String();
        KStream<String, Login> logins = builder.stream(input, Consumed.with(keys, json(Login.class)));
        logins.mapValues(Login::processed).to(processed, Produced.with(keys, json(Login.class)));
        // By the key, which is the user's id: by the field, every login would go through one more topic.
        logins.groupByKey(Grouped.with(keys, json(Login.class)))
                // In memory, which costs less than RocksDB; its changelog is a topic all the same.
                .count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts")).withKeySerde(keys))
                .toStream()
                .mapValues(Count::new)
                .to(aggregations, Produced.with(keys, json(Count.class)));
        return builder.build();
    }

    private static Properties properties(
            String bootstrap, String group, String folder, String guarantee, String commit) {
        var set = new Properties();
        set.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        set.put(StreamsConfig.APPLICATION_ID_CONFIG, group);
        set.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        set.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
        set.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, commit);
        set.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Runtime.getRuntime().availableProcessors());
        // Room for every user's count between two commits: only the last of each is written then.
        set.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256 << 20);
        // Large fetches, polls and batches: few requests.
        set.put("consumer.isolation.level", "read_committed");
        set.put("consumer.max.partition.fetch.bytes", 4 << 20);
        set.put("consumer.max.poll.records", 10_000);
        set.put("producer.batch.size", 512 << 10);
        set.put("producer.buffer.memory", 128 << 20);
        set.put("producer.compression.type", "lz4");
        return set;
    }

    private static <T> Serde<T> json(Class<T> type) {
        ObjectWriter writer = JSON.writerFor(type);
        ObjectReader reader = JSON.readerFor(type);
        return Serdes.serdeFrom((topic, value) -> written(writer, value), (topic, bytes) -> read(reader, bytes));
    }

    private static byte[] written(ObjectWriter writer, Object value) {
        try {
            return writer.writeValueAsBytes(value);
        } catch (IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }

    private static <T> T read(ObjectReader reader, byte[] bytes) {
        try {
            return reader.readValue(bytes);
        } catch (IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }

    public static void main(String[] given) {
        var topology = topology(given[2], given[3], given[4]);
        var streams = new KafkaStreams(topology, properties(given[0], given[1], given[5], given[6], given[7]));
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }
}

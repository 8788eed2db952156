import java.util.Map;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** As Flink SQL does it, with a cluster of its own: BOOTSTRAP GROUP INPUT PROCESSED AGGREGATIONS FOLDER GUARANTEE. */
public final class Logins {
    private static final String LOGIN = """
            user_id STRING, app_version STRING, device_type STRING, ip STRING, locale STRING, device_id STRING,
            `timestamp` STRING""";

    private static final String TAKEN = """
            CREATE TABLE taken (%s) WITH (
              'connector' = 'kafka', 'topic' = '%s', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset',
              'properties.bootstrap.servers' = '%s', 'properties.group.id' = '%s',
              'properties.isolation.level' = 'read_committed',
              'properties.max.partition.fetch.bytes' = '4194304', 'properties.max.poll.records' = '10000')""";

    private static final String PROCESSED = """
            CREATE TABLE processed (%s, processed_timestamp BIGINT) WITH (
              'connector' = 'kafka', 'topic' = '%s',
              'key.format' = 'raw', 'key.fields' = 'user_id', 'value.format' = 'json', %s)""";

    private static final String AGGREGATIONS = """
            CREATE TABLE aggregations (user_id STRING, login_count BIGINT, PRIMARY KEY (user_id) NOT ENFORCED) WITH (
              'connector' = 'upsert-kafka', 'topic' = '%s', 'key.format' = 'raw', 'value.format' = 'json', %s)""";

    private static final String WRITING = """
              'properties.bootstrap.servers' = '%s', 'sink.delivery-guarantee' = '%s',
              'sink.transactional-id-prefix' = '%s', 'properties.transaction.timeout.ms' = '600000',
              'properties.compression.type' = 'lz4', 'properties.linger.ms' = '100',
              'properties.batch.size' = '524288', 'properties.buffer.memory' = '134217728'""";

    private static Configuration configuration(String folder) {
        return Configuration.fromMap(Map.ofEntries(
                Map.entry("execution.target", "local"),
                Map.entry("parallelism.default", String.valueOf(Runtime.getRuntime().availableProcessors())),
                Map.entry("execution.checkpointing.interval", "1 s"),
                Map.entry("execution.checkpointing.storage", "filesystem"),
                Map.entry("execution.checkpointing.dir", "file://" + folder),
                Map.entry("state.backend.type", "hashmap"), // in memory: the cheapest
                Map.entry("pipeline.object-reuse", "true"),
                // Counts pile up for as long as a checkpoint makes them wait anyway, before and after the shuffle.
                Map.entry("table.exec.mini-batch.enabled", "true"),
                Map.entry("table.exec.mini-batch.allow-latency", "1 s"),
                Map.entry("table.exec.mini-batch.size", "100000"),
                Map.entry("restart-strategy.type", "none"))); // what fails must be seen
    }

    public static void main(String[] given) {
        String bootstrap = given[0], group = given[1], guarantee = given[6];
        var settings = EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(configuration(given[5]));
        var tables = TableEnvironment.create(settings.build());
        tables.executeSql(TAKEN.formatted(LOGIN, given[2], bootstrap, group));
        tables.executeSql(PROCESSED.formatted(LOGIN, given[3], WRITING.formatted(bootstrap, guarantee, group + "-p")));
        tables.executeSql(AGGREGATIONS.formatted(given[4], WRITING.formatted(bootstrap, guarantee, group + "-a")));
        var both = tables.createStatementSet(); // one job: the input is read and decoded once
        both.addInsertSql("INSERT INTO processed SELECT *, 1000 * UNIX_TIMESTAMP() FROM taken");
        both.addInsertSql("INSERT INTO aggregations SELECT user_id, COUNT(*) FROM taken GROUP BY user_id");
        both.execute();
    }
}

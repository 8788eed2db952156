-- Written by `python -m deploy.flink sql`; do not edit.

SET 'pipeline.name' = 'data-processor';
SET 'execution.checkpointing.interval' = '1 s';
SET 'execution.checkpointing.mode' = 'EXACTLY_ONCE';
SET 'pipeline.object-reuse' = 'true';
SET 'table.exec.mini-batch.enabled' = 'true';
SET 'table.exec.mini-batch.allow-latency' = '1 s';
SET 'table.exec.mini-batch.size' = '100000';

CREATE TEMPORARY FUNCTION judge AS 'dataprocessor.Judge' LANGUAGE JAVA;

CREATE TEMPORARY TABLE user_login (
  `key` BYTES, `value` BYTES, `headers` MAP<STRING, BYTES> METADATA,
  `topic` STRING METADATA VIRTUAL, `partition` INT METADATA VIRTUAL, `offset` BIGINT METADATA VIRTUAL,
  `timestamp` TIMESTAMP_LTZ(3) METADATA VIRTUAL
) WITH (
  'connector' = 'kafka',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'scan.startup.mode' = 'earliest-offset',
  'topic' = 'user-login',
  'properties.group.id' = 'data-processor-flink',
  'properties.isolation.level' = 'read_committed',
  'properties.max.partition.fetch.bytes' = '1114124',
  'key.format' = 'raw', 'key.fields' = 'key', 'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY'
);

CREATE TEMPORARY TABLE processed_logins (
  `key` BYTES, `value` BYTES, `headers` MAP<STRING, BYTES> METADATA
) WITH (
  'connector' = 'kafka',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'topic' = 'processed-logins',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'data-processor-flink-processed-logins',
  'properties.transaction.timeout.ms' = '900000',
  'properties.compression.type' = 'lz4',
  'properties.linger.ms' = '20',
  'properties.max.request.size' = '1114124',
  'key.format' = 'raw', 'key.fields' = 'key', 'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY'
);

CREATE TEMPORARY TABLE dead_letters (
  `key` BYTES, `value` BYTES, `headers` MAP<STRING, BYTES> METADATA
) WITH (
  'connector' = 'kafka',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'topic' = 'user-login-dead-letters',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'data-processor-flink-user-login-dead-letters',
  'properties.transaction.timeout.ms' = '900000',
  'properties.compression.type' = 'lz4',
  'properties.linger.ms' = '20',
  'properties.max.request.size' = '1114124',
  'key.format' = 'raw', 'key.fields' = 'key', 'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY'
);

CREATE TEMPORARY TABLE user_aggregations (
  `user_id` STRING, `login_count` BIGINT, PRIMARY KEY (user_id) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'topic' = 'user-aggregations',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'data-processor-flink-user-aggregations',
  'properties.transaction.timeout.ms' = '900000',
  'properties.compression.type' = 'lz4',
  'properties.linger.ms' = '20',
  'properties.max.request.size' = '1114124',
  'key.format' = 'raw', 'value.format' = 'json'
);

CREATE TEMPORARY VIEW judged AS
  SELECT j.* FROM user_login AS r, LATERAL TABLE(
    judge(r.`key`, r.`value`, r.`headers`, r.`topic`, r.`partition`, r.`offset`, r.`timestamp`, TRUE, 1114124)) AS
    j(user_id, `key`, `value`, `headers`, reason);

EXECUTE STATEMENT SET BEGIN
  INSERT INTO processed_logins SELECT `key`, `value`, `headers` FROM judged WHERE reason IS NULL;
  INSERT INTO dead_letters SELECT `key`, `value`, `headers` FROM judged WHERE reason IS NOT NULL;
  INSERT INTO user_aggregations SELECT user_id, COUNT(*) FROM judged WHERE reason IS NULL GROUP BY user_id;
END;

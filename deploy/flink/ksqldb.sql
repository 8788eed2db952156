-- Written by `python -m deploy.flink ksqldb`; do not edit. Not run: no ksqlDB was at hand.
-- It has neither the pool's rules nor its dead letters: README.md says what differs.
SET 'processing.guarantee' = 'exactly_once_v2';
SET 'auto.offset.reset' = 'earliest';
CREATE STREAM user_login (
  user_id STRING,
  `app_version` STRING,
  `device_type` STRING,
  `ip` STRING,
  `locale` STRING,
  `device_id` STRING,
  `timestamp` STRING)
  WITH (KAFKA_TOPIC = 'user-login', VALUE_FORMAT = 'JSON');
CREATE STREAM processed_logins
  WITH (KAFKA_TOPIC = 'processed-logins', VALUE_FORMAT = 'JSON', PARTITIONS = 4) AS
  SELECT user_id, `app_version`, `device_type`, `ip`, `locale`, `device_id`, CAST(`timestamp` AS BIGINT) AS `timestamp`,
    UNIX_TIMESTAMP() AS `processed_timestamp` FROM user_login;
CREATE TABLE user_aggregations
  WITH (KAFKA_TOPIC = 'user-aggregations', VALUE_FORMAT = 'JSON') AS
  SELECT user_id, COUNT(*) AS `login_count` FROM user_login GROUP BY user_id;

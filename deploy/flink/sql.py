"""The Flink job as SQL, from the pool's own settings and message types; `python -m deploy.flink sql` prints it."""

from collections.abc import Mapping
from typing import Literal, get_type_hints

import msgspec

from deploy.flink import kafka
from processor.errors import Refused
from processor.logins.records import Aggregation
from processor.logins.schema import ProcessedLogin, SentLogin
from processor.settings import Settings

Begin = Literal["earliest", "held"] | Mapping[int, int]
"""Where logins are read from when no savepoint says it; held: not at all yet, so that counts can be read first."""

COUNTED = "counted_before"
"""The table of the counts that another pool has published; its part of the job ends when they are read."""

_RECORD = "`key` BYTES, `value` BYTES, `headers` MAP<STRING, BYTES> METADATA"
_RAW = "'key.format' = 'raw', 'key.fields' = 'key', 'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY'"
_TYPES = {str: "STRING", int: "BIGINT"}


class Job(msgspec.Struct, frozen=True):
    """One form of the job; another `counted` is another job, to which no savepoint of the first fits."""

    settings: Settings
    begin: Begin = "earliest"
    counted: Mapping[int, int] | None = (
        None  # ends of user-aggregations, up to which it is read as the counts' beginning
    )

    def text(self) -> str:
        """All statements; each ends with a semicolon at the end of a line."""
        _require(self.settings)
        topics = self.settings.topics
        tables = [self._logins(), _sink(self.settings, "processed_logins", topics.processed)]
        tables += [_sink(self.settings, "dead_letters", topics.dead_letters), self._aggregations()]
        if self.counted is not None:
            tables.append(self._counted(self.counted))
        dropping = [] if self.counted is None else ["SET 'table.exec.sink.not-null-enforcer' = 'DROP';"]
        parts = [_HEAD, *_options(), *dropping, _FUNCTION, *tables, self._judged(), self._work()]
        return "\n".join(parts)

    def _logins(self) -> str:
        topic = self.settings.topics.input
        begin = {"scan.startup.mode": "earliest-offset"} | {"topic": topic}
        if self.begin == "held":
            begin = {"scan.startup.mode": "earliest-offset", "topic-pattern": f"{topic}-held-no-such-topic"}
        elif self.begin != "earliest":
            begin = {"scan.startup.mode": "specific-offsets", "topic": topic}
            begin["scan.startup.specific-offsets"] = _offsets(self.begin)
        options = begin | {
            "properties.group.id": f"{self.settings.group}-flink",
            "properties.isolation.level": "read_committed",
            "properties.max.partition.fetch.bytes": str(self.settings.output_max_bytes),
        }
        columns = f"""{_RECORD},
  `topic` STRING METADATA VIRTUAL, `partition` INT METADATA VIRTUAL, `offset` BIGINT METADATA VIRTUAL,
  `timestamp` TIMESTAMP_LTZ(3) METADATA VIRTUAL"""
        return _table("user_login", columns, "kafka", self.settings, options, _RAW)

    def _aggregations(self) -> str:
        options = _exactly_once(self.settings, self.settings.topics.aggregations)
        formats = "'key.format' = 'raw', 'value.format' = 'json'"
        counts = columns(Aggregation) + ("" if self.counted is None else " NOT NULL")
        counts += ", PRIMARY KEY (user_id) NOT ENFORCED"
        return _table("user_aggregations", counts, "upsert-kafka", self.settings, options, formats)

    def _counted(self, ends: Mapping[int, int]) -> str:
        options = {
            "topic": self.settings.topics.aggregations,
            "scan.startup.mode": "earliest-offset",
            "scan.bounded.mode": "specific-offsets",
            "scan.bounded.specific-offsets": _offsets(ends),
            "properties.isolation.level": "read_committed",
        }
        return _table(COUNTED, "`key` BYTES, `value` BYTES", "kafka", self.settings, options, _RAW)

    def _judged(self) -> str:
        keep = str(self.settings.worker.unknown_fields == "keep").upper()
        limit = self.settings.output_max_bytes
        return f"""CREATE TEMPORARY VIEW judged AS
  SELECT j.* FROM user_login AS r, LATERAL TABLE(
    judge(r.`key`, r.`value`, r.`headers`, r.`topic`, r.`partition`, r.`offset`, r.`timestamp`, {keep}, {limit})) AS
    j(user_id, `key`, `value`, `headers`, reason);
"""  # noqa: S608 (made of settings and literals)

    def _work(self) -> str:
        counts = "SELECT user_id, COUNT(*) FROM judged WHERE reason IS NULL GROUP BY user_id"
        if self.counted is not None:
            # A user without a login of this job's own has no count here, and the sink drops what has none: a reader has
            # that user's count already. (With HAVING each new count would be a tombstone and a record.) The latest
            # record of a user is the count that holds, a tombstone none; LAST_VALUE takes no notice of a NULL.
            counts = f"""SELECT user_id,
    CASE WHEN COUNT(login) > 0 THEN COALESCE(LAST_VALUE(counted), 0) + COUNT(login) END FROM (
      SELECT user_id, 1 AS login, CAST(NULL AS BIGINT) AS counted FROM judged WHERE reason IS NULL
      UNION ALL SELECT DECODE(`key`, 'UTF-8'), CAST(NULL AS INT),
        COALESCE(CAST(JSON_VALUE(DECODE(`value`, 'UTF-8'), '$.login_count') AS BIGINT), 0) FROM {COUNTED}
    ) GROUP BY user_id"""  # noqa: S608
        return f"""EXECUTE STATEMENT SET BEGIN
  INSERT INTO processed_logins SELECT `key`, `value`, `headers` FROM judged WHERE reason IS NULL;
  INSERT INTO dead_letters SELECT `key`, `value`, `headers` FROM judged WHERE reason IS NOT NULL;
  INSERT INTO user_aggregations {counts};
END;
"""  # noqa: S608


_HEAD = "-- Written by `python -m deploy.flink sql`; do not edit.\n"
_FUNCTION = "\nCREATE TEMPORARY FUNCTION judge AS 'dataprocessor.Judge' LANGUAGE JAVA;\n"


def _options() -> list[str]:
    options = {
        "pipeline.name": "data-processor",
        "execution.checkpointing.interval": "1 s",
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "pipeline.object-reuse": "true",
        "table.exec.mini-batch.enabled": "true",
        "table.exec.mini-batch.allow-latency": "1 s",
        "table.exec.mini-batch.size": "100000",
    }
    return [f"SET '{key}' = '{value}';" for key, value in options.items()]


def _sink(settings: Settings, name: str, topic: str) -> str:
    return _table(name, _RECORD, "kafka", settings, _exactly_once(settings, topic), _RAW)


def _exactly_once(settings: Settings, topic: str) -> dict[str, str]:
    return {
        "topic": topic,
        "sink.delivery-guarantee": "exactly-once",
        "sink.transactional-id-prefix": f"{settings.group}-flink-{topic}",
        "properties.transaction.timeout.ms": "900000",
        "properties.compression.type": "lz4",
        "properties.linger.ms": "20",
        "properties.max.request.size": str(settings.output_max_bytes),
    }


def _table(
    name: str, columns: str, connector: str, settings: Settings, options: Mapping[str, str], formats: str
) -> str:
    reached = {f"properties.{key}": value for key, value in kafka.properties(settings.kafka.client).items()}
    all_options = {"connector": connector, **reached, **options}
    written = ",\n".join(f"  '{key}' = '{_quoted(value)}'" for key, value in all_options.items())
    return f"CREATE TEMPORARY TABLE {name} (\n  {columns}\n) WITH (\n{written},\n  {formats}\n);\n"


def columns(message: type[msgspec.Struct]) -> str:
    """A message's fields as columns, in their order."""
    hints = get_type_hints(message)
    return ", ".join(f"`{name}` {_column(hints[name])}" for name in message.__struct_fields__)


def _column(hint: object) -> str:
    """The SQL type that holds all that a field may be: where it may be text, it is text."""
    possible = {hint, *getattr(hint, "__args__", ())}
    return _TYPES[str if str in possible else int]


def ksqldb(settings: Settings) -> str:
    """Write the equivalent for ksqlDB, as far as it has one: what does not decode goes to its log."""
    topics = settings.topics
    sent = columns(SentLogin).replace(", ", ",\n  ").replace("`user_id`", "user_id")
    names = ", ".join(f"`{name}`" for name in ProcessedLogin.__struct_fields__[1:-2])
    return f"""-- Written by `python -m deploy.flink ksqldb`; do not edit. Not run: no ksqlDB was at hand.
-- It has neither the pool's rules nor its dead letters: README.md says what differs.
SET 'processing.guarantee' = 'exactly_once_v2';
SET 'auto.offset.reset' = 'earliest';
CREATE STREAM user_login (
  {sent})
  WITH (KAFKA_TOPIC = '{topics.input}', VALUE_FORMAT = 'JSON');
CREATE STREAM processed_logins
  WITH (KAFKA_TOPIC = '{topics.processed}', VALUE_FORMAT = 'JSON', PARTITIONS = {topics.partitions}) AS
  SELECT user_id, {names}, CAST(`timestamp` AS BIGINT) AS `timestamp`,
    UNIX_TIMESTAMP() AS `processed_timestamp` FROM user_login;
CREATE TABLE user_aggregations
  WITH (KAFKA_TOPIC = '{topics.aggregations}', VALUE_FORMAT = 'JSON') AS
  SELECT user_id, COUNT(*) AS `login_count` FROM user_login GROUP BY user_id;
"""  # noqa: S608


def _offsets(ends: Mapping[int, int]) -> str:
    return ";".join(f"partition:{partition},offset:{offset}" for partition, offset in sorted(ends.items()))


def _quoted(value: str) -> str:
    return value.replace("'", "''")


def _require(settings: Settings) -> None:
    if settings.privacy.ip != "keep":
        raise Refused(
            f"privacy.ip = {settings.privacy.ip!r}: the Flink job keeps addresses as they come; it has no other way"
        )

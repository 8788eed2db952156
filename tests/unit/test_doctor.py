"""What the doctor says of what it sees: each thing that may be wrong, and what to do first."""

import struct
from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from processor.counts.checkup import RedisSeen
from processor.doctor import on_kafka, on_machine, on_redis, on_supervisor
from processor.doctor.finding import Finding, Level, next_step
from processor.doctor.machine import Disk, MachineSeen, SecretFile
from processor.kafka.checkup import BrokerSeen, KafkaSeen, TopicSeen
from processor.kafka.features import Features, parsed
from processor.kafka.topics import Drift
from processor.settings import KafkaSettings, Settings, TopicSettings
from processor.supervision.supervisor import Process, State

SETTINGS = Settings(host="vm-1", topics=TopicSettings(replication_factor=3))
KAFKA_4_1 = Features({"metadata.version": 27}, {"metadata.version": 27, "transaction.version": 2})
ALL = frozenset({"READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"})
TOPICS = ("user-login", "processed-logins", "user-aggregations", "user-login-dead-letters")


def broker(number: int, rack: str | None = None, features: Features | str = KAFKA_4_1) -> BrokerSeen:
    return BrokerSeen(number, f"kafka-{number}:9092", f"zone-{number}" if rack is None else rack, features)


def process(name: str, state: State = "RUNNING") -> Process:
    return Process(name, name.partition("-")[0], state, pid=7, started=1, stopped=0, now=9)


KAFKA = KafkaSeen(
    brokers=[broker(1), broker(2), broker(3)],
    topics=[TopicSeen(name, operations=ALL) for name in TOPICS],
    drifts=[],
    closed=[],
    groups={"data-processor": ALL, "data-processor-aggregations": ALL},
    namesakes=[],
)
REDIS = RedisSeen(
    where="redis-1:6379/0",
    version="7.0.15",
    role="master",
    policy="noeviction",
    most_bytes=1_000_000_000,
    used_bytes=1_000_000,
    machine_bytes=4_000_000_000,
    evicted=0,
    append_only=True,
    failing=[],
    clients=10,
    most_clients=10_000,
    clock_ahead=0.001,
    clock_within=0.001,
    refused=[],
)
MACHINE = MachineSeen("vm-1", Disk("run", True, 10**11, 10**12, 10**6), 20_000, [SecretFile("kafka-password", 0o640)])


def not_well(findings: Iterable[Finding]) -> list[tuple[str, Level]]:
    found = list(findings)
    assert all(finding.advice for finding in found if finding.level in {Level.WRONG, Level.WARNING})
    return [(finding.what, finding.level) for finding in found if finding.level is not Level.OK]


def on(seen: KafkaSeen, settings: Settings = SETTINGS) -> list[tuple[str, Level]]:
    return not_well(on_kafka.findings(settings, seen))


def test_nothing_is_said_against_what_is_well() -> None:
    processes = [process("worker-00"), process("flusher")]

    assert on(KAFKA) == []
    assert not_well(on_redis.findings(REDIS, "logins")) == []
    assert not_well(on_machine.findings(MACHINE)) == []
    assert not_well(on_supervisor.findings(processes)) == []


def test_a_broker_that_gives_an_address_which_does_not_lead_to_it_is_named() -> None:
    ((what, level),) = on(replace(KAFKA, brokers=[broker(1), broker(2, features="timed out"), broker(3)]))

    assert (what, level) == ("broker 2 at kafka-2:9092 does not answer from here: timed out", Level.WRONG)


def test_a_cluster_older_than_4_or_not_yet_upgraded_is_told_apart() -> None:
    old = replace(KAFKA, brokers=[broker(1), broker(2, features=Features({"metadata.version": 21}, {})), broker(3)])
    half = Features({"metadata.version": 27}, {"metadata.version": 25})
    behind = replace(KAFKA, brokers=[broker(1, features=half), broker(2, features=half), broker(3, features=half)])

    assert on(old) == [("broker 2 is older than Kafka 4.0", Level.WRONG)]
    ((what, level),) = on(behind)
    assert what.startswith("all brokers are Kafka 4.1 or later, but the cluster still works as before")
    assert level is Level.WARNING


@pytest.mark.parametrize(
    ("racks", "what", "level"),
    [
        (("", "", ""), "no broker has a rack", Level.WARNING),
        (("a", "", ""), "broker 2-3 has no rack", Level.WRONG),
        (("a", "a", "a"), "all brokers are in rack a", Level.WARNING),
        (("a",), "one broker has the only copy", Level.WARNING),
    ],
)
def test_racks_that_do_not_protect_are_named(racks: tuple[str, ...], what: str, level: Level) -> None:
    seen = replace(KAFKA, brokers=[broker(number, rack) for number, rack in enumerate(racks, 1)])

    ((said, how),) = on(seen)

    assert said.startswith(what)
    assert how is level


def test_a_vm_whose_rack_has_no_broker_is_told_which_there_are() -> None:
    def placed(rack: str) -> Settings:
        return replace(SETTINGS, kafka=replace(SETTINGS.kafka, client={**SETTINGS.kafka.client, "client.rack": rack}))

    assert on(KAFKA, placed("zone-2")) == []
    assert on(KAFKA, placed("zone-x")) == [
        ("no broker is in this VM's rack, zone-x: it reads from leaders, wherever they are", Level.WARNING)
    ]


def test_topics_are_judged_by_what_they_cost() -> None:
    ill = TopicSeen("user-login", leaderless=[3], lacking=[3], operations=ALL)
    slow = TopicSeen("processed-logins", lacking=[0, 1], operations=ALL)
    missing = Drift("user-aggregations", "does not exist; `data-processor topics create` makes it")
    drifting = Drift("user-login", "has 4 partitions, the settings say 8: add partitions, or lower the setting")

    found = on(replace(KAFKA, topics=[ill, slow], drifts=[missing, drifting]))

    assert found == [
        ("user-aggregations does not exist", Level.WRONG),
        ("user-login has 4 partitions, the settings say 8", Level.WARNING),
        ("user-login: partition 3 has no leader", Level.WRONG),
        ("processed-logins: partition 0-1 has copies that are not in sync", Level.WARNING),
    ]


def test_rights_that_are_missing_are_named_with_what_grants_them() -> None:
    read_only = [TopicSeen(name, operations=frozenset({"READ", "DESCRIBE"})) for name in TOPICS[:2]]

    found = list(on_kafka.findings(SETTINGS, replace(KAFKA, topics=read_only, groups={"data-processor": frozenset()})))

    wrong = [(finding.what, finding.advice) for finding in found if finding.level is Level.WRONG]
    assert wrong == [
        (
            "topic processed-logins: no right to WRITE",
            "`kafka-acls.sh --add --allow-principal User:… --operation WRITE --topic processed-logins`",
        ),
        (
            "group data-processor: no right to READ",
            "`kafka-acls.sh --add --allow-principal User:… --operation READ --group data-processor`",
        ),
    ]


def test_a_role_that_lacks_rights_gets_them_by_the_command_that_gives_each_role_its_own() -> None:
    operator = replace(SETTINGS, kafka=KafkaSettings(client={"sasl.username": "operator"}))
    seen = [TopicSeen("user-login", operations=frozenset({"DESCRIBE", "READ", "WRITE", "DESCRIBE_CONFIGS"}))]

    found = list(on_kafka.findings(operator, replace(KAFKA, topics=seen, groups={})))

    ((what, advice),) = [(finding.what, finding.advice) for finding in found if finding.level is Level.WRONG]
    assert what == "topic user-login: no right to CREATE"
    assert advice.startswith("`data-processor acls apply`")


def test_topics_whose_properties_may_not_be_read_are_unknown() -> None:
    ((what, level),) = on(replace(KAFKA, closed=["user-login"]))

    assert what.startswith("user-login can't be compared")
    assert level is Level.UNKNOWN


def test_rights_that_no_broker_tells_are_unknown_and_not_wrong() -> None:
    ((what, level),) = on(replace(KAFKA, groups={"data-processor": None}))

    assert "group data-processor" in what
    assert level is Level.UNKNOWN


def test_another_pool_of_this_name_is_named() -> None:
    ((what, level),) = on(replace(KAFKA, namesakes=["vm-1-worker-00@aa at 10.0.0.9"]))

    assert what == "vm-1 is taken by another pool's worker (vm-1-worker-00@aa at 10.0.0.9)"
    assert level is Level.WRONG


def test_one_copy_where_there_could_be_three_is_a_warning() -> None:
    ((what, level),) = on(KAFKA, replace(SETTINGS, topics=TopicSettings()))

    assert what == "topics.replication_factor is 1, with 3 brokers"
    assert level is Level.WARNING


@pytest.mark.parametrize(
    ("changed", "what", "level"),
    [
        ({"version": "5.0.14"}, "redis-1:6379/0 is Redis 5.0.14", Level.WRONG),
        ({"version": "6.2.7"}, "redis-1:6379/0 is Redis 6.2.7: the pool is tested with 7", Level.WARNING),
        ({"role": "slave"}, "redis-1:6379/0 is a slave", Level.WRONG),
        ({"policy": "allkeys-lru"}, "maxmemory-policy is allkeys-lru", Level.WRONG),
        ({"policy": "allkeys-lru", "most_bytes": 0}, "maxmemory-policy is allkeys-lru", Level.WARNING),
        ({"evicted": 3}, "it has thrown 3 keys away", Level.WRONG),
        ({"used_bytes": 900_000_000}, "900,000,000 of 1,000,000,000 bytes", Level.WARNING),
        ({"used_bytes": 3_900_000_000, "most_bytes": 0}, "3,900,000,000 of 4,000,000,000 bytes", Level.WARNING),
        ({"append_only": False}, "appendonly is off", Level.WARNING),
        ({"failing": ["aof_last_write_status"]}, "its last write to disk failed (aof_last_write_status)", Level.WRONG),
        ({"refused": ["client setname", "hset"]}, "this user may not client setname, hset", Level.WRONG),
        ({"refused": None, "version": "6.2.7"}, "redis-1:6379/0 is Redis 6.2.7", Level.WARNING),
        ({"clients": 9_900}, "9,900 of at most 10,000 connections", Level.WARNING),
        ({"clock_ahead": 2.5}, "this machine's clock is 2.500 s ahead of that of Redis", Level.WARNING),
        ({"clock_ahead": -2.5}, "this machine's clock is 2.500 s behind that of Redis", Level.WARNING),
    ],
)
def test_a_redis_that_would_lose_counts_or_refuse_them_is_named(
    changed: dict[str, object], what: str, level: Level
) -> None:
    (said, how), *_ = not_well(on_redis.findings(replace(REDIS, **changed), "logins"))

    assert said.startswith(what)
    assert how is level


def test_a_slow_answer_makes_no_clock_wrong() -> None:
    assert not_well(on_redis.findings(replace(REDIS, clock_ahead=2.5, clock_within=2.0), "logins")) == []


def test_missing_rights_on_redis_come_as_the_command_that_grants_them() -> None:
    found = on_redis.findings(replace(REDIS, refused=["client setname", "hset"]), "logins")

    (advice,) = [finding.advice for finding in found if finding.level is Level.WRONG]

    assert advice == "`ACL SETUSER … ~{logins:*}:* ~{logins}:* +client|setname +hset`"


@pytest.mark.parametrize(
    ("changed", "what", "level"),
    [
        ({"host": "localhost"}, "host is localhost", Level.WARNING),
        ({"disk": Disk("run", False, 10**11, 10**12, 10**6)}, "run can't be written", Level.WRONG),
        ({"disk": Disk("run", True, 10**8, 10**12, 10**6)}, "run: 0.1 of 1,000.0 GB are free", Level.WRONG),
        ({"disk": Disk("run", True, 10**11, 10**12, 10)}, "run: room for 10 more files only", Level.WRONG),
        ({"open_files": 1024}, "at most 1,024 open files", Level.WRONG),
        ({"secrets": [SecretFile("password", 0o644)]}, "password has the mode 0644", Level.WARNING),
    ],
)
def test_a_machine_that_lacks_something_is_named(changed: dict[str, object], what: str, level: Level) -> None:
    ((said, how),) = not_well(on_machine.findings(replace(MACHINE, **changed)))

    assert said.startswith(what)
    assert how is level


def test_a_file_system_without_a_limit_of_files_is_fine() -> None:
    assert not_well(on_machine.findings(replace(MACHINE, disk=Disk("run", True, 10**11, 10**12, None)))) == []


@pytest.mark.parametrize("state", ["STOPPED", "BACKOFF", "EXITED", "FATAL", "UNKNOWN"])
def test_a_process_that_does_not_run_is_named_with_what_to_do(state: State) -> None:
    found = on_supervisor.findings([process("flusher", state), process("worker-00")])

    assert not_well(found) == [(f"flusher is {state}", Level.WRONG)]


def test_workers_at_rest_beside_others_may_be_the_scalers_but_not_all_of_them() -> None:
    working, resting = process("worker-00"), process("worker-01", "STOPPED")

    assert not_well(on_supervisor.findings([working, resting])) == []
    assert not_well(on_supervisor.findings([resting])) == [("worker-01 is STOPPED", Level.WRONG)]


def test_a_supervisor_that_does_not_answer_or_has_no_workers_is_named() -> None:
    assert not_well(on_supervisor.findings("it does not answer")) == [("it does not answer", Level.WRONG)]
    assert not_well(on_supervisor.findings([])) == [("it has no worker", Level.WARNING)]


@pytest.mark.parametrize(
    ("state", "taken", "level"),
    [("RUNNING", True, Level.OK), ("RUNNING", False, Level.WARNING), ("STOPPED", True, Level.WRONG)],
)
def test_the_exporters_port_must_be_the_exporters(state: State, taken: bool, level: Level) -> None:
    assert on_supervisor.exporter([process("exporter", state)], 9404, taken=taken).level is level
    assert on_supervisor.exporter("no answer", 9404, taken=False).level is Level.OK


def test_the_next_step_is_the_first_thing_that_is_wrong_and_only_then_a_warning() -> None:
    fine, warned = Finding("a", Level.OK, "fine"), Finding("b", Level.WARNING, "so so", "mind it")
    wrong, worse = Finding("c", Level.WRONG, "broken", "mend it"), Finding("d", Level.WRONG, "because of c", "wait")

    assert next_step([fine, warned, wrong, worse]) == "mend it"
    assert next_step([fine, warned]) == "mind it"
    assert next_step([fine]) == ""


def answer(error: int = 0) -> bytes:
    """As a broker writes version 3: one request's versions, one supported and one finalized feature."""
    supported = bytes([2, 17]) + b"metadata.version" + struct.pack(">hh", 7, 27) + b"\0"
    finalized = bytes([2, 17]) + b"metadata.version" + struct.pack(">hh", 25, 25) + b"\0"
    tags = [(0, supported), (1, struct.pack(">q", 9)), (2, finalized)]
    written = b"".join(bytes([tag, len(field)]) + field for tag, field in tags)
    return struct.pack(">ih", 0, error) + bytes([2]) + struct.pack(">hhh", 18, 0, 4) + b"\0" * 5 + b"\3" + written


def test_a_brokers_features_are_read_from_its_answer() -> None:
    assert parsed(answer()) == Features({"metadata.version": 27}, {"metadata.version": 25})


@pytest.mark.parametrize("wrong", [answer(error=35), answer()[:20], b"", b"\xff" * 40])
def test_an_answer_that_is_none_is_an_error_and_no_crash(wrong: bytes) -> None:
    with pytest.raises(OSError, match="ApiVersions"):
        parsed(wrong)

"""The audit of outputs: every planted corruption is found and named, and nothing else ever is."""

import random
from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.audit.findings import Difference, Findings, Verdict
from processor.audit.fingerprints import expected, fingerprint, unstamped
from processor.audit.murmur2 import partition_of
from processor.audit.outputs import Ahead, Outputs
from processor.audit.shelf import Recent
from processor.audit.unmatched import judge
from processor.logins.batch import Batch, Part
from processor.logins.decode import Decoder
from processor.logins.judge import Judge
from tests.twins.record import MemoryRecord

patient = settings(deadline=None)  # a busy machine takes its time

PARTITIONS = 3
NOW = 1_700_000_000_000

Log = list[list[MemoryRecord]]  # by partition


def record(partition: int, offset: int, user: int, detail: int) -> MemoryRecord:
    login = b'{"user_id":"user-%d","device_id":"%d","timestamp":1,"more":{"processed_timestamp":3}}' % (user, detail)
    headers = [("trace", b"%d" % detail), ("empty", None)] if detail % 5 == 0 else None
    return MemoryRecord((partition, offset), b"key-%d" % user if user % 2 else None, login, headers)


def judged(records: Sequence[MemoryRecord], now: int) -> Batch:
    part = Part(records[0].partition(), records, records[-1].offset() + 1)
    return Judge(Decoder("keep"), 1_000_000, lambda: now).judge(part)


def processed(inputs: Log, *, by_key: bool = False) -> Log:
    """What the workers would write, one input partition after the other, with gaps where markers lie."""
    outputs: Log = [[] for _ in range(PARTITIONS)]
    for records in inputs:
        batch = judged(records, NOW) if records else None
        for at, key, value, headers in columns(batch):
            partition = partition_of(key, PARTITIONS) if by_key else at
            offset = 2 * len(outputs[partition])
            outputs[partition].append(MemoryRecord((partition, offset), key, value, headers))
    return outputs


def columns(batch: Batch | None) -> list[tuple[int, bytes, bytes, list[tuple[str, bytes | None]] | None]]:
    if batch is None:
        return []
    headers = batch.headers or [None] * len(batch.values)
    rows = zip(batch.keys, batch.values, headers, strict=True)
    return [(batch.part.partition, key or b"", value, held) for key, value, held in rows if value is not None]


def numbered(outputs: Log) -> Log:
    """The same records at the offsets that their order gives them."""
    return [
        [MemoryRecord((p, 2 * n), r.given_key, r.given_value, r.given_headers) for n, r in enumerate(records)]
        for p, records in enumerate(outputs)
    ]


def compare(
    inputs: Log,
    outputs: Log,
    seed: int = 0,
    due: Sequence[int] | None = None,
    *,
    same: bool = True,
    ahead: Sequence[Ahead] = (),
    begin_known: bool = True,
) -> tuple[Findings, Outputs]:
    """Feed both sides in some interleaving, and judge; `due` are the committed offsets, or all of the input."""
    findings, chance = Findings(), random.Random(seed)
    ends = {p: (due[p] if due else (records[-1].offset() + 1 if records else 0)) for p, records in enumerate(inputs)}
    matching = Outputs(ends, findings, same_partitions=same, ahead=ahead)
    waiting = [list(records) for records in (*inputs, *outputs)]
    while any(waiting):
        at = chance.choice([n for n, records in enumerate(waiting) if records])
        some = waiting[at][: chance.randint(1, 7)]
        waiting[at] = waiting[at][len(some) :]
        if at < len(inputs):
            matching.expect(at, expected(judged(some, 0)))
        else:
            for one in some:
                matching.find(fingerprint(one.key(), unstamped(one.value()), one.headers()), one)
    judge(matching, findings, PARTITIONS, begin_known=begin_known)
    return findings, matching


@st.composite
def logs(draw: st.DrawFn, least: int = 0, details: int = 6) -> Log:
    """Logins of few users, many of them equal to the byte, at offsets with gaps."""
    inputs: Log = []
    for partition in range(PARTITIONS):
        logins = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, details)), min_size=least, max_size=12))
        offset, records = draw(st.integers(0, 3)), []
        for user, detail in logins:
            records.append(record(partition, offset, user, detail))
            offset += draw(st.integers(1, 3))
        inputs.append(records)
    return inputs


def distinct(inputs: Log) -> Log:
    """The same log with a detail that no two logins share."""
    details = iter(range(10_000))
    return [[record(r.partition(), r.offset(), r.offset() % 4, next(details)) for r in records] for records in inputs]


SEEDS = st.integers(0, 1_000)


@patient
@given(logs(), SEEDS)
def test_right_outputs_are_clean_in_whatever_order_the_topics_are_read(inputs: Log, seed: int) -> None:
    findings, matching = compare(inputs, processed(inputs), seed, begin_known=False)
    assert findings.verdict is Verdict.CLEAN
    assert matching.matched == sum(map(len, inputs))


@patient
@given(logs(), SEEDS)
def test_outputs_of_topics_with_different_partition_counts_are_compared_as_a_multiset(inputs: Log, seed: int) -> None:
    findings, _ = compare(inputs, processed(inputs, by_key=True), seed, same=False)
    assert findings.verdict is Verdict.CLEAN


@patient
@given(logs(), SEEDS, st.data())
def test_outputs_beyond_the_committed_offset_are_right_if_they_continue_the_input(
    inputs: Log, seed: int, data: st.DataObject
) -> None:
    done = [data.draw(st.integers(0, len(records))) for records in inputs]
    extra = [data.draw(st.integers(n, len(records))) for n, records in zip(done, inputs, strict=True)]
    due = [records[n - 1].offset() + 1 if n else 0 for n, records in zip(done, inputs, strict=True)]
    written = [records[:n] for n, records in zip(extra, processed(inputs), strict=True)]
    findings, matching = compare(inputs, written, seed, due)
    assert findings.verdict is Verdict.CLEAN
    assert Counter(one.lane for one in matching.ahead) == Counter(
        {p: e - d for p, (e, d) in enumerate(zip(extra, done, strict=True)) if e > d}
    )


@patient
@given(logs(), SEEDS, st.data())
def test_an_audit_goes_on_where_the_last_one_ended_whatever_it_had_read_ahead(
    inputs: Log, seed: int, data: st.DataObject
) -> None:
    done = [data.draw(st.integers(0, len(records))) for records in inputs]
    extra = [data.draw(st.integers(n, len(records))) for n, records in zip(done, inputs, strict=True)]
    due = [records[n - 1].offset() + 1 if n else 0 for n, records in zip(done, inputs, strict=True)]
    outputs = processed(inputs)
    _, first = compare(inputs, [records[:n] for n, records in zip(extra, outputs, strict=True)], seed, due)

    rest = [[r for r in records if r.offset() >= d] for d, records in zip(due, inputs, strict=True)]
    later = [records[n:] for n, records in zip(extra, outputs, strict=True)]
    findings, _ = compare(rest, later, seed, ahead=first.ahead)
    assert findings.verdict is Verdict.CLEAN


def only(findings: Findings) -> Difference:
    (difference,) = findings.shown
    assert findings.verdict is Verdict.DIFFERENT
    return difference


def pick(data: st.DataObject, outputs: Log, beyond: int = 0) -> tuple[int, int]:
    partition = data.draw(st.integers(0, PARTITIONS - 1))
    return partition, data.draw(st.integers(0, len(outputs[partition]) - 1 - beyond))


@patient
@given(logs(least=2), SEEDS, st.data())
def test_a_lost_output_is_named_by_the_place_of_its_login(inputs: Log, seed: int, data: st.DataObject) -> None:
    inputs = distinct(inputs)
    outputs = processed(inputs)
    partition, at = pick(data, outputs)
    del outputs[partition][at]
    found = only(compare(inputs, outputs, seed)[0])
    login = inputs[partition][at]
    assert (found.kind, found.partition, found.offset) == ("output-lost", partition, login.offset())
    assert found.user == f"user-{login.offset() % 4}"


@patient
@given(logs(least=2), SEEDS, st.data())
def test_a_repeated_output_is_named_by_its_own_place(inputs: Log, seed: int, data: st.DataObject) -> None:
    inputs = distinct(inputs)
    outputs = processed(inputs)
    partition, at = pick(data, outputs)
    outputs[partition].append(outputs[partition][at])
    outputs = numbered(outputs)
    found = only(compare(inputs, outputs, seed)[0])
    assert (found.kind, found.partition) == ("output-repeated", partition)
    assert found.offset == outputs[partition][-1].offset()


def test_a_repeated_output_is_known_as_such_however_many_follow() -> None:
    (inputs,) = distinct([[record(0, n, n, n) for n in range(50)]])
    outputs = processed([inputs, [], []])[0]
    findings = Findings()
    matching = Outputs({0: 50}, findings, same_partitions=True)
    matching.expect(0, expected(judged(inputs, 0)))
    matching.lanes[0].recent = Recent(2)
    again = MemoryRecord((0, 200), *row(outputs[0]))
    for one in (outputs[0], again, *outputs[1:]):
        matching.find(fingerprint(one.key(), unstamped(one.value()), one.headers()), one)
    judge(matching, findings, PARTITIONS, begin_known=True)
    assert {"output-repeated"} == {one.kind for one in findings.shown if one.offset == 200}


@patient
@given(logs(least=2), SEEDS, st.data())
def test_two_outputs_in_the_wrong_order_are_named(inputs: Log, seed: int, data: st.DataObject) -> None:
    inputs = distinct(inputs)
    outputs = processed(inputs)
    partition, at = pick(data, outputs, beyond=1)
    lane = outputs[partition]
    lane[at], lane[at + 1] = lane[at + 1], lane[at]
    found = only(compare(inputs, numbered(outputs), seed)[0])
    assert (found.kind, found.partition) == ("output-out-of-order", partition)
    assert found.offset in {2 * at, 2 * at + 2}


@patient
@given(logs(least=2), SEEDS, st.data(), st.sampled_from(["field", "key", "headers", "bytes"]))
def test_an_altered_output_is_named(inputs: Log, seed: int, data: st.DataObject, what: str) -> None:
    inputs = distinct(inputs)
    outputs = processed(inputs)
    partition, at = pick(data, outputs)
    was = outputs[partition][at]
    key, value, headers = was.given_key or b"", was.given_value or b"", was.given_headers
    altered = {
        "field": (key, value.replace(b'"timestamp":1000', b'"timestamp":1001'), headers),
        "key": (key + b"x", value, headers),
        "headers": (key, value, [*(headers or []), ("x", b"")]),
        "bytes": (key, value.replace(b'"more":{', b'"more": {'), headers),
    }[what]
    outputs[partition][at] = MemoryRecord(was.at, *altered)
    found = only(compare(inputs, outputs, seed)[0])
    assert (found.kind, found.partition, found.offset) == ("output-altered", partition, was.offset())
    assert found.user == f"user-{inputs[partition][at].offset() % 4}"


@patient
@given(logs(least=2), SEEDS, st.data())
def test_an_output_of_no_login_is_named(inputs: Log, seed: int, data: st.DataObject) -> None:
    outputs = processed(inputs)
    partition, _ = pick(data, outputs)
    foreign = MemoryRecord((partition, 2 * len(outputs[partition])), b"k", b'{"user_id":"nobody"}')
    outputs[partition].append(foreign)
    found = only(compare(inputs, outputs, seed)[0])
    assert (found.kind, found.partition, found.offset, found.user) == (
        "output-extra",
        partition,
        foreign.offset(),
        "nobody",
    )


@patient
@given(logs(least=2), SEEDS, st.data())
def test_a_single_corruption_of_a_multiset_is_found(inputs: Log, seed: int, data: st.DataObject) -> None:
    inputs = distinct(inputs)
    outputs = processed(inputs, by_key=True)
    partition = data.draw(st.sampled_from([p for p, records in enumerate(outputs) if records]))
    at = data.draw(st.integers(0, len(outputs[partition]) - 1))
    kind = data.draw(st.sampled_from(["output-lost", "output-repeated"]))
    if kind == "output-lost":
        del outputs[partition][at]
    else:
        outputs[partition].append(outputs[partition][at])
    assert only(compare(inputs, numbered(outputs), seed, same=False)[0]).kind == kind


def test_an_output_in_a_partition_where_its_key_has_no_business_is_named() -> None:
    inputs = distinct([[record(0, n, 0, 0) for n in range(4)], [], []])
    outputs = processed(inputs)
    key = outputs[0][2].given_key or b""
    other = next(p for p in (1, 2) if all(partition_of(key, n) != p for n in range(p + 1, PARTITIONS + 1)))
    moved = outputs[0].pop(2)
    outputs[other].append(MemoryRecord((other, 0), moved.given_key, moved.given_value, moved.given_headers))
    found = only(compare(inputs, outputs)[0])
    assert (found.kind, found.partition, found.offset) == ("output-misplaced", other, 0)


@patient
@given(logs(), SEEDS)
def test_outputs_written_while_partition_counts_differed_are_noted_and_no_difference(inputs: Log, seed: int) -> None:
    inputs = distinct(inputs)
    elsewhere = sum(
        partition_of(key, PARTITIONS) != p
        for p, records in enumerate(inputs)
        for _, key, _, _ in (columns(judged(records, 0)) if records else [])
    )
    findings, _ = compare(inputs, processed(inputs, by_key=True), seed)
    assert findings.verdict is Verdict.CLEAN
    assert bool(findings.notes) == bool(elsewhere)


def test_outputs_from_before_a_reset_that_nobody_remembers_make_the_audit_doubtful_not_different() -> None:
    inputs = distinct([[record(p, n, n, n) for n in range(5)] for p in range(PARTITIONS)])
    older = MemoryRecord((1, 0), b"k", b'{"user_id":"u"}')
    outputs = processed(inputs)
    outputs[1] = [older, *(MemoryRecord((1, r.offset() + 2), *row(r)) for r in outputs[1])]
    findings, _ = compare(inputs, outputs, begin_known=False)
    assert findings.verdict is Verdict.UNKNOWN
    assert "partition 1 offset 0" in findings.reasons[0]

    known, _ = compare(inputs, outputs, begin_known=True)
    assert only(known).kind == "output-extra"


def row(one: MemoryRecord) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]] | None]:
    return one.given_key, one.given_value, one.given_headers


def test_the_time_of_processing_is_the_only_thing_that_may_differ() -> None:
    value = b'{"user_id":",\\"processed_timestamp\\":1","timestamp":5,"processed_timestamp":1700000000000,"x":1}'
    assert unstamped(value) == value.replace(b"1700000000000", b"0")
    assert unstamped(b'{"user_id":"u"}') == b'{"user_id":"u"}'
    assert unstamped(b'{"a":"b","processed_timestamp":"soon"}') == b'{"a":"b","processed_timestamp":"soon"}'
    assert unstamped(None) is None


@patient
@given(
    st.lists(st.tuples(st.none() | st.binary(max_size=3), st.none() | st.binary(max_size=3)), min_size=2, max_size=2)
)
def test_records_share_a_fingerprint_only_if_they_are_equal(pair: list[tuple[bytes | None, bytes | None]]) -> None:
    one, other = pair
    assert (fingerprint(*one, None) == fingerprint(*other, None)) == (one == other)
    assert fingerprint(*one, [("a", None)]) != fingerprint(*other, [("a", b"")])


def test_partitions_are_those_that_java_clients_choose() -> None:
    # From Apache Kafka's UtilsTest: murmur2 as a signed number of 32 bits.
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"": 275646681}
    for key, hashed in known.items():
        assert partition_of(key, 1_000_000) == (hashed & 0x7FFFFFFF) % 1_000_000

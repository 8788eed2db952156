"""The oracle: recomputes from the input log what there must be, and compares it with all that there is, to the record.

It knows nothing of what was done to the pool, and shares no code with it. See "What must hold" in README.md.
"""

import time
from array import array
from zlib import crc32

from tests.chaos import positions
from tests.chaos.evidence import Evidence
from tests.chaos.live import Live
from tests.chaos.outputs import UNKNOWN, Aggregations, Letters, Processed, Sequences, compare
from tests.chaos.reader import Reader
from tests.chaos.subject import Subject
from tests.chaos.truth import Truth
from tests.chaos.verdict import Verdict

OPEN_SECONDS = 120.0  # at most: a vanished worker's transaction is aborted after 10 s and a cleanup's turn
LOOK_SECONDS = 0.25


def settled(subject: Subject, seconds: float = 300.0) -> list[str]:
    """Wait until everything is committed, counted and published; what is missing when the time is over, else nothing.

    Nobody may feed meanwhile.
    """
    evidence, deadline = Live(subject), time.monotonic() + seconds
    while (missing := positions.missing(evidence)) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return missing


def judge(subject: Subject, reader: Reader | None = None, seconds: float = 300.0, *, grown: bool = False) -> Verdict:
    """Wait so long until all is at rest, and compare everything; `grown`: partitions were added, so places may differ.

    What does not come to rest is found as positions that are behind. Raises TimeoutError when Kafka or Redis does not
    answer for five minutes.
    """
    settled(subject, seconds)
    began, evidence = time.monotonic(), Live(subject)
    while positions.hidden(evidence) and time.monotonic() < began + OPEN_SECONDS:
        time.sleep(LOOK_SECONDS)
    if reader is not None:
        reader.finish(evidence.stable("processed"))
    verdict = weigh(evidence, reader.sequences if reader else None, grown=grown)
    verdict.totals["seconds"] = round(time.monotonic() - began, 1)
    return verdict


def weigh(evidence: Evidence, during: Sequences | None = None, *, grown: bool = False) -> Verdict:
    """Compare everything there is now; `during` is what a reader of processed-logins saw while it came to be."""
    verdict = Verdict()
    positions.compare(evidence, verdict)
    truth = _truth(evidence, verdict)
    processed = _processed(evidence, truth, verdict, grown=grown)
    if during is not None:
        compare_readings(during, processed.sequences, verdict)
    letters = _letters(evidence, truth, verdict)
    _counts(evidence, truth, verdict)
    _aggregations(evidence, truth, verdict)
    verdict.totals = {
        "logins": truth.logins,
        "malformed": len(truth.letters),
        "users": len(truth.users),
        "processed records": sum(map(len, processed.sequences.values())),
        "dead letters": letters.found,
    }
    return verdict


def compare_readings(during: Sequences, after: Sequences, verdict: Verdict) -> None:
    """Name each partition of which a reader during the faults saw something else, or in another order, than after."""
    for partition in sorted(during.keys() | after.keys()):
        seen, there = during.get(partition, array("I")), after.get(partition, array("I"))
        if seen != there:
            pairs = enumerate(zip(seen, there, strict=False))
            at = next((i for i, (a, b) in pairs if a != b), min(len(seen), len(there)))
            said = f"partition {partition}: {len(seen)} records during, {len(there)} after; from record {at} on "
            verdict.add("reader-differs", said + f"{_names(seen[at : at + 3])} against {_names(there[at : at + 3])}")


def _names(sequence: "array[int]") -> list[str]:
    return ["?" if n == UNKNOWN else f"d-{n}" for n in sequence]


def _truth(evidence: Evidence, verdict: Verdict) -> Truth:
    truth = Truth(verdict)
    for record in evidence.records("input"):
        truth.take(record, evidence.input_name)
    return truth


def _processed(evidence: Evidence, truth: Truth, verdict: Verdict, *, grown: bool) -> Processed:
    same = not grown and len(evidence.bounds("input")) == len(evidence.bounds("processed"))
    processed = Processed(truth, verdict, same_partition=same)
    for record in evidence.records("processed"):
        processed.take(record)
    processed.finish()
    return processed


def _letters(evidence: Evidence, truth: Truth, verdict: Verdict) -> Letters:
    letters = Letters(truth, verdict)
    for record in evidence.records("dead_letters"):
        letters.take(record)
    letters.finish()
    return letters


def _counts(evidence: Evidence, truth: Truth, verdict: Verdict) -> None:
    everyone: dict[str, int] = {}
    for shard, users in enumerate(evidence.counts()):
        for user, count in users.items():
            if crc32(user.encode()) % evidence.shards != shard:
                verdict.add("wrong-shard", f"{user} is counted in shard {shard}")
            everyone[user] = everyone.get(user, 0) + count
    compare(everyone, truth, verdict, "wrong-count")


def _aggregations(evidence: Evidence, truth: Truth, verdict: Verdict) -> None:
    aggregations = Aggregations(truth, verdict)
    for record in evidence.records("aggregations"):
        aggregations.take(record)
    aggregations.finish()

"""How far everything is: committed offsets, cursors and checkpoints, held against the ends of the input."""

from tests.chaos.evidence import OUTPUTS, Evidence, Offsets, Topic
from tests.chaos.verdict import Verdict


def missing(evidence: Evidence) -> list[str]:
    """Say what has not reached the end of the input yet; nothing when the pool is at rest."""
    wanted = {p: end for p, (_, end) in evidence.bounds("input").items() if end}
    found = [("committed offset", evidence.committed())]
    found += [(f"cursor of shard {shard}", each) for shard, each in enumerate(evidence.cursors())]
    found += [(f"checkpoint of shard {shard}", each) for shard, each in enumerate(evidence.checkpoints())]
    return [
        f"{what}, partition {p}: {offsets.get(p, 'none')} of {end}"
        for what, offsets in found
        for p, end in wanted.items()
        if offsets.get(p) != end
    ]


def hidden(evidence: Evidence) -> list[tuple[Topic, int, int, int]]:
    """Where a transaction is open: topic, partition, last stable offset and end."""
    written = {topic: evidence.bounds(topic) for topic in OUTPUTS}  # first: what is written after it is not hidden
    return [
        (topic, partition, stable, end)
        for topic in OUTPUTS
        for partition, stable in evidence.stable(topic).items()
        if stable < (end := written[topic].get(partition, (0, 0))[1])
    ]


def compare(evidence: Evidence, verdict: Verdict) -> None:
    """Name every position that is not where it must be at rest, and every transaction that is open."""
    for topic, partition, stable, end in hidden(evidence):
        verdict.add("open-transaction", f"{topic} partition {partition}: stable up to {stable}, written up to {end}")
    written: Offsets = {}
    for partition, (low, end) in evidence.bounds("input").items():
        written[partition] = end
        if low:
            verdict.add("unjudgeable", f"input partition {partition} begins at {low}: what lay before is gone")
    committed = evidence.committed()
    _held_against("the committed offset", "committed", committed, written, verdict)
    for shard, (counted, published) in enumerate(zip(evidence.cursors(), evidence.checkpoints(), strict=True)):
        _held_against(f"the cursor of shard {shard}", "cursor", counted, committed, verdict)
        _held_against(f"the checkpoint of shard {shard}", "checkpoint", published, counted, verdict)


def _held_against(what: str, name: str, found: Offsets, limit: Offsets, verdict: Verdict) -> None:
    for p in sorted(found.keys() | limit.keys()):
        at, end = found.get(p, 0), limit.get(p, 0)
        if at != end:
            kind = f"{name}-ahead" if at > end else f"{name}-behind"
            verdict.add(kind, f"{what} of partition {p} stands at {at}, not {end}")

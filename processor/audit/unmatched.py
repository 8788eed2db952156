"""What is left when all that fits was matched: each login without output and output without login gets its name."""

from collections import defaultdict, deque
from collections.abc import Iterable

from processor.audit.findings import Difference, Findings
from processor.audit.murmur2 import partition_of
from processor.audit.outputs import Expected, Found, Outputs

_Lost = dict[Expected, bytes]
_Extra = dict[Found, bytes]


def judge(outputs: Outputs, findings: Findings, partitions: int, *, begin_known: bool) -> None:
    """Name everything that is left over; `partitions` is how many processed-logins has.

    Unless it is known from where on outputs belong to this group, those before the first one that was matched may be
    from before a reset that nobody remembers: they make the audit doubtful, not the outputs.
    """
    lost = {name: {login: fp for fp, login in outputs.overdue(lane)} for name, lane in outputs.lanes.items()}
    extra = {name: {output: fp for fp, output in lane.early} for name, lane in outputs.lanes.items()}
    if outputs.same_partitions:
        _pair_misplaced(lost, extra, findings, partitions)
    for name, lane in outputs.lanes.items():
        _pair_altered(lost[name], extra[name], findings)
        for login in lost[name]:
            said = "has no output"
            findings.add(Difference("output-lost", said, "input", login.partition, login.offset, login.user))
        older: set[Found] = set() if begin_known else _older(extra[name], outputs.first)
        for output, fingerprint in extra[name].items():
            if output not in older:
                findings.add(_extra(output, repeated=output.again or fingerprint in lane.recent))
        if older:
            findings.doubt_all(_older_ones(older))


def _pair_misplaced(lost: dict[int, _Lost], extra: dict[int, _Extra], findings: Findings, partitions: int) -> None:
    """Find outputs in another lane than their login; that is right where the key belongs, if counts differed once."""
    elsewhere: dict[bytes, deque[tuple[int, Found]]] = defaultdict(deque)
    for name, outputs in extra.items():
        for output, fingerprint in outputs.items():
            elsewhere[fingerprint].append((name, output))
    moved = 0
    for logins in lost.values():
        for login, fingerprint in list(logins.items()):
            if not elsewhere[fingerprint]:
                continue
            name, output = elsewhere[fingerprint].popleft()
            del logins[login], extra[name][output]
            if _by_key(output, partitions):
                moved += 1
            else:
                findings.add(_misplaced(login, output))
    if moved:
        findings.notes.append(
            f"{moved} outputs lie in another partition than their logins, where their keys belong: written while input "
            "and output had different numbers of partitions"
        )


def _by_key(output: Found, partitions: int) -> bool:
    """Whether a key leads there, with the present number of partitions or one that the topic may have had before."""
    numbers = range(output.partition + 1, partitions + 1)
    return output.key is not None and any(partition_of(output.key, n) == output.partition for n in numbers)


def _pair_altered(lost: _Lost, extra: _Extra, findings: Findings) -> None:
    """A login without output and an output without login of the same user: that output is not what it must be."""
    by_user: dict[str | None, deque[Found]] = defaultdict(deque)
    for output in sorted(extra, key=_place):
        by_user[output.user].append(output)
    for login in sorted(lost):
        if by_user[login.user]:
            output = by_user[login.user].popleft()
            del lost[login], extra[output]
            said = f"is not what input partition {login.partition} offset {login.offset} must become"
            findings.add(Difference("output-altered", said, "processed", output.partition, output.offset, login.user))


def _older(outputs: Iterable[Found], first: dict[int, int]) -> set[Found]:
    return {one for one in outputs if not one.again and one.offset < first.get(one.partition, one.offset + 1)}


def _older_ones(outputs: set[Found]) -> str:
    first = min(outputs, key=_place)
    return (
        f"{len(outputs)} records of processed-logins, as partition {first.partition} offset {first.offset}, lie before "
        "the first that belongs to this group: from before a reset that nobody remembers, or of somebody else"
    )


def _place(output: Found) -> tuple[int, int]:
    return output.partition, output.offset


def _misplaced(login: Expected, output: Found) -> Difference:
    said = f"belongs into partition {login.partition}, as the output of offset {login.offset} there"
    return Difference("output-misplaced", said, "processed", output.partition, output.offset, login.user)


def _extra(output: Found, *, repeated: bool) -> Difference:
    if repeated:
        said = "is there once more than its login"
        return Difference("output-repeated", said, "processed", output.partition, output.offset, output.user)
    said = "is the output of no login below the committed offset, nor of one of those that follow"
    return Difference("output-extra", said, "processed", output.partition, output.offset, output.user)

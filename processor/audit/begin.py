"""From where on an audit can know everything: the last audit's baseline, else the offset where counting began."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from processor.audit.letters import Letter
from processor.audit.outputs import Ahead
from processor.kafka.beginnings import Beginnings

Offsets = Mapping[int, int]
Bounds = Mapping[int, tuple[int, int]]


class Noted(Struct, frozen=True):
    """Every position, noted before the log is read. Offsets are those after the last record that is in."""

    checkpoint: list[dict[int, int]]  # per shard, of user-aggregations
    cursors: list[dict[int, int]]  # per shard, in Redis
    committed: Offsets  # of the group
    origins: Mapping[int, int | None]  # where counting began; None: nobody wrote it down
    processed: Bounds
    dead_letters: Bounds
    input: Bounds
    beginnings: Beginnings


class Baseline(Struct, frozen=True):
    """What a passed audit leaves to the next, beside the users' counts at `floors`."""

    identity: dict[str, str]  # what it was an audit of; of something else it is not used
    origins: dict[int, int]
    input: dict[int, int]  # up to where every input record was held against the outputs
    processed: dict[int, int]  # up to where the outputs were read
    dead_letters: dict[int, int]
    ahead: list[Ahead]  # what was read there and belongs to later input
    letters_ahead: list[Letter]
    floors: list[dict[int, int]]  # per shard
    beginnings: Beginnings
    forgets: list[int] = []  # per shard, the number of the last forget; empty for none


class Begin(Struct, frozen=True):
    """Where everything starts."""

    input: dict[int, int]  # the first input record whose output is looked at
    processed: dict[int, int]
    dead_letters: dict[int, int]
    floors: list[dict[int, int]]  # per shard: from where on logins are added to the baseline's counts
    beginnings: Beginnings
    baseline: Baseline | None = None

    @property
    def known(self) -> bool:
        """Whether it is known from where on the outputs belong to this group."""
        return self.baseline is not None or bool(self.beginnings.reset)

    def lowest(self) -> dict[int, int]:
        """The first input record that has to be read, by partition."""
        return {p: min(at, *(floor.get(p, at) for floor in self.floors)) for p, at in self.input.items()}


def begin(at: Noted, baseline: Baseline | None) -> Begin | list[str]:
    """The baseline if it fits, else the origin; else why neither reaches back far enough, a sentence each."""
    reasons = []
    if baseline is not None:
        found = from_baseline(at, baseline)
        if isinstance(found, Begin):
            return found
        reasons.append(f"the last audit's baseline is of no use: {found}")
    origin = from_origin(at)
    return origin if isinstance(origin, Begin) else [origin, *reasons]


def from_baseline(at: Noted, baseline: Baseline) -> Begin | str:
    """Go on where the last audit ended; a partition that it did not know yet starts at its origin."""
    origins = {p: _origin(at, p) for p in at.input}
    for reason in _misfits(at, baseline, origins):
        return reason
    found = Begin(
        input=origins | baseline.input,
        processed=baseline.processed,
        dead_letters=baseline.dead_letters,
        floors=[origins | floor for floor in baseline.floors],
        beginnings=at.beginnings if at.beginnings.reset else baseline.beginnings,
        baseline=baseline,
    )
    return _deleted(at, found.lowest()) or found


def from_origin(at: Noted) -> Begin | str:
    """Start where counting began."""
    for partition, (low, _) in at.input.items():
        if partition in at.committed and at.origins.get(partition) is None and low > 0:
            return f"nobody wrote down where counting of partition {partition} began: its offset was set by hand"
    origins = {p: _origin(at, p) for p in at.input}
    found = at.beginnings
    begun = Begin(origins, found.processed, found.dead_letters, [origins for _ in at.cursors], found)
    return _deleted(at, origins) or begun


def gaps(name: str, bounds: Bounds, starts: Offsets) -> Iterator[str]:
    """Say which records of an output retention has deleted that would have to be looked at."""
    for partition, (low, _) in bounds.items():
        start = starts.get(partition, 0)
        if low > start:
            yield (
                f"{name} partition {partition} begins at offset {low}, the audit would have to begin at {start}: "
                "retention deleted what is between, so nobody can tell whether it was right"
            )


def _origin(at: Noted, partition: int) -> int:
    noted = at.origins.get(partition)
    return at.input[partition][0] if noted is None else noted


def _misfits(at: Noted, baseline: Baseline, origins: Offsets) -> Iterator[str]:
    if at.beginnings.reset and at.beginnings.reset != baseline.beginnings.reset:
        yield "there was a reset since"
    for partition, origin in baseline.origins.items():
        if at.origins.get(partition) not in (None, origin):
            yield f"counting of partition {partition} began at {origin} then, and at {at.origins[partition]} now"
    for partition, offset in baseline.input.items():
        if at.committed.get(partition, -1) < offset:
            yield f"the group's offset of partition {partition} went back below {offset}"
    for name, positions in (("Redis stands", at.cursors), ("user-aggregations stands", at.checkpoint)):
        for floor, shard in zip(baseline.floors, positions, strict=True):
            for partition, offset in floor.items():
                if shard.get(partition, origins.get(partition, 0)) < offset:
                    yield f"{name} below it, at partition {partition}: it went back, or was reset"


def _deleted(at: Noted, starts: Offsets) -> str:
    for partition, start in starts.items():
        low = at.input[partition][0]
        if low > start:
            return (
                f"partition {partition} of the input begins at offset {low}, the audit would have to begin at {start}: "
                "retention deleted what is between"
            )
    return ""

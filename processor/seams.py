"""What a worker stands between, as it sees them: its input and its output; tests put twins in memory in their place."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from processor.logins.batch import Batch, Record


class Committed(Protocol):
    """A committed offset and what was written beside it: the origin, the log's first offset when the group began."""

    @property
    def offset(self) -> int:
        """The next offset to process."""

    @property
    def metadata(self) -> str:
        """The origin."""


class Source(Protocol):
    """Where logins come from."""

    moved: bool
    owned: set[int]

    def poll(self, limit: int, seconds: float) -> Sequence[Record]:
        """What has arrived; rebalances happen in here."""

    def committed(self) -> Mapping[int, Committed]:
        """The group's stable committed offsets."""

    def bounds(self) -> Mapping[int, tuple[int, int]]:
        """Each partition's first offset and end."""

    def seek(self, starts: Mapping[int, int]) -> None:
        """Go on at these offsets."""

    def pause(self) -> None:
        """Take no records, but stay in the group."""

    def resume(self) -> None:
        """Take records again."""

    def hold(self, partitions: Collection[int]) -> None:
        """Take no records of these until the next seek."""

    def membership(self) -> Any:
        """The membership under which offsets are committed."""


class Output(Protocol):
    """Where processed logins and dead letters go."""

    def ready(self) -> None:
        """Have a sound producer, with everything settled that a former one left open."""

    def write(self, batches: Sequence[Batch], ends: Mapping[int, tuple[int, str]], membership: Any) -> None:
        """Write a transaction with its input offsets and their metadata; raises Unavailable if it did not commit."""

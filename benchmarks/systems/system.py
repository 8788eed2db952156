"""What the comparison needs to know of a system."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from benchmarks.rig.servers import Servers
from processor.settings import Settings

Guarantee = Literal["exactly once", "at least once"]


class Place(Struct, frozen=True):
    """Where a system works in one run; every name in the settings is new but the input topic's."""

    where: Servers
    settings: Settings
    folder: Path

    @property
    def bootstrap(self) -> str:
        """The broker."""
        return self.where.kafka.bootstrap


class Command(Struct, frozen=True):
    """One process of a system."""

    part: Literal["worker", "flusher", "job"]  # whose CPU it is
    arguments: Sequence[str]
    environment: Mapping[str, str] = {}  # on top of this process's own


class System(Struct, frozen=True):
    """One system: how it is built, and then started from what was built."""

    name: str  # as --only has it
    title: str
    build: Callable[[], Path]  # raises Failed
    version: Callable[[Path], str]
    commands: Callable[[Path, Place], list[Command]]
    guarantee: Guarantee = "exactly once"
    counts: tuple[Literal["redis", "topic"], ...] = ("topic",)  # where each user's logins stand; nowhere: a bare copy
    slow: bool = False  # gets fewer logins
    ours: bool = False

    @property
    def is_rival(self) -> bool:
        """Whether it is another system that does the same work exactly once."""
        return bool(self.counts) and not self.ours and self.guarantee == "exactly once"

    def groups(self, settings: Settings) -> list[str]:
        """Those whose committed offsets reach the input's end when all is done; the first tells how far it is."""
        return [settings.group, settings.aggregations_group] if self.ours else [settings.group]

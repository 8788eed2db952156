"""What a story is, and the table of all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from processor.settings import Settings
from tests.chaos.mutants.case import Case

_SHORT = {"session.timeout.ms": 2000, "heartbeat.interval.ms": 300}  # a stopped worker is soon taken for dead

Tell = Callable[[Case], list[str] | None]  # what it returns, if anything, is the verdict; else the account judges


@dataclass(frozen=True)
class Story:
    """Faults, and the mutants that can't live through them."""

    name: str
    tell: Tell
    mutants: tuple[str, ...]
    group: str  # stories of one group are told side by side: none of them touches what another one needs
    partitions: int = 2
    shards: int = 1
    batch_records: int = 10_000
    lease_seconds: float = 3.0
    idle_seconds: float = 0.5
    zombies: bool = False  # whether a worker is stopped until its session has ended

    def settings(self, plain: Settings) -> Settings:
        """A pool that does at once what a production one does after seconds."""
        return structs.replace(
            plain,
            topics=structs.replace(
                plain.topics, partitions=self.partitions, aggregations_partitions=1, dead_letters_partitions=1
            ),
            kafka=structs.replace(plain.kafka, consumer=_SHORT if self.zombies else {}),
            redis=structs.replace(plain.redis, shards=self.shards, timeout_seconds=0.9),
            worker=structs.replace(
                plain.worker, batch_records=self.batch_records, idle_seconds=self.idle_seconds, count_seconds=0.0
            ),
            flusher=structs.replace(plain.flusher, interval_seconds=0.2, lease_seconds=self.lease_seconds),
        )


STORIES: dict[str, Story] = {}


def catches(*mutants: str, group: str = "", **settings: Any) -> Callable[[Tell], Tell]:
    """Enter a story into the table, with what is not as in most stories (see Story)."""

    def enter(tell: Tell) -> Tell:
        name = tell.__name__
        STORIES[name] = Story(name, tell, mutants, group or name, **settings)
        return tell

    return enter

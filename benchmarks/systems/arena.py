"""Where all systems run, one after the other: the servers, and the input that all read."""

from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from benchmarks.rig import feeding
from benchmarks.rig.failed import Failed
from benchmarks.rig.logins import Logins
from benchmarks.rig.servers import Servers, topics
from benchmarks.systems import job, outputs
from benchmarks.systems.outputs import Expected
from benchmarks.systems.system import Place, System
from processor.kafka.cluster import Cluster
from processor.logins.generated import Recipe


class Input(Struct, frozen=True):
    """Logins that lie ready in a topic, and what must become of them."""

    topic: str
    partitions: int
    expected: Expected


@contextmanager
def fed(where: Servers, recipe: Recipe, amount: int, partitions: int, done: Callable[[int], object]) -> Iterator[Input]:
    """Make logins and append them to a new topic, which is deleted in the end; each of both tells how many are done."""
    logins = Logins(recipe, amount, done)
    with topics(where, partitions) as settings:
        feeding.feed(where.kafka.bootstrap, settings.topics.input, logins, done)
        yield Input(settings.topics.input, partitions, outputs.expected(logins))


def taken(where: Servers, system: System, built: Path, given: Input) -> job.Cost:
    """Run a system over an input, compare what came out, and return what it cost; raises Failed."""
    with topics(where, given.partitions) as fresh:
        settings = replace(fresh, topics=replace(fresh.topics, input=given.topic))
        place = Place(where, settings, where.folder / settings.group)
        place.folder.mkdir()
        try:
            with job.running(system, built, place) as running:
                moments = job.follow(system, running, place, given.expected.logins)
            outputs.check(system, place, given.expected)
            return job.cost(moments, given.expected.logins)
        except Failed as problem:
            raise Failed(f"{system.name}: {problem}") from None
        finally:
            _forget(place)


def _forget(place: Place) -> None:
    """Remove what a system made for itself: topics of its own, and its counts."""
    admin = Cluster(place.settings).client
    own = [name for name in admin.list_topics(timeout=10).topics if place.settings.group in name]
    if own:
        wait(admin.delete_topics(own).values(), 30)
    with place.where.redis.client() as redis:
        for key in redis.scan_iter(match=f"*{place.settings.redis.prefix}*"):
            redis.unlink(key)

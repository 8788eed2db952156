"""One prefix of a real Redis, as tests prepare it, look into it and break it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from uuid import uuid4

import redis
from msgspec.structs import replace

from deploy.local.daemon import Daemon
from deploy.local.ports import LOOPBACK, pick_free
from processor.counts.connection import Connection, connect
from processor.counts.keys import Keys
from processor.counts.loading import Loading
from processor.counts.reading import Reading
from processor.counts.snapshot import Snapshots
from processor.counts.store import CountStore
from processor.settings import RedisSettings
from tests.stack import RedisServer

LINEAGE = "cluster=c topic=t rules=1 max=1114124 shards=1"
OTHER_LINEAGE = "cluster=c topic=u rules=1 max=1114124 shards=1"

# Names that trip up whoever builds text around them, or takes a field of ours for a user.
STRANGE_USERS = [
    "a\0b",
    "\0",
    " ",
    "\u200b",
    "\ufeff",
    "👩‍👩‍👧‍👦",
    "😀" * 256,
    "x" * 256,
    "é" * 200,
    "lineage",
    "users",
    "changed",
    "id",
    "0",
    "-0",
    "1e5",
    "nil",
    "{logins:0}:counts",
    "line\r\nbreak",
    '"quoted"',
    "%s %d",
]


class Place:
    """A pool's keys in some Redis; the raw client is the test's own eye and hand."""

    def __init__(self, url: str, shards: int = 1, timeout_seconds: float = 5.0) -> None:
        prefix = f"logins-{uuid4().hex[:8]}"
        self.settings = RedisSettings(url=url, prefix=prefix, shards=shards, timeout_seconds=timeout_seconds)
        self.connection: Connection = connect(self.settings, "test")
        self.raw = redis.Redis.from_url(url)
        self.keys = [Keys(prefix, shard) for shard in range(shards)]

    def close(self) -> None:
        self.connection.close()
        self.raw.close()

    def store(self, lineage: str = LINEAGE, timeout_seconds: float = 5.0) -> CountStore:
        settings = replace(self.settings, timeout_seconds=timeout_seconds)
        return CountStore(connect(settings, "test"), settings, lineage)

    def snapshots(self, lineage: str = LINEAGE) -> Snapshots:
        return Snapshots(self.connection, self.settings, lineage)

    def loading(self, lineage: str = LINEAGE) -> Loading:
        return Loading(self.connection, self.settings, lineage)

    def reading(self) -> Reading:
        return Reading(self.connection, self.settings)

    def load(
        self,
        users: Mapping[str, int] | None = None,
        cursors: Mapping[int, int] | None = None,
        shard: int = 0,
        lineage: str = LINEAGE,
    ) -> None:
        """Make a shard ready, by way of a restore."""
        loading, name = self.loading(lineage), uuid4().hex
        assert loading.begin(shard, name)
        assert loading.add(shard, name, 0, users or {})
        assert loading.finish(shard, name, 1, len(users or {}), cursors or {})

    def counts(self, shard: int = 0) -> dict[str, int]:
        return _numbers(self.raw.hgetall(self.keys[shard].counts))

    def changed(self, shard: int = 0) -> dict[str, int]:
        return _numbers(self.raw.hgetall(self.keys[shard].changed))

    def everything(self) -> dict[bytes, bytes]:
        """Each key of this place with its whole content, to compare before and after; the progress of expiry aside."""
        names = [name for keys in self.keys for name in keys.all()]
        return {key.encode(): found for key in names if (found := self.raw.dump(key)) is not None}

    def go_back(self, saved: Mapping[bytes, bytes]) -> None:
        """Be as old as `saved`, an earlier `everything`."""
        self.empty()
        for key, content in saved.items():
            self.raw.restore(key, 0, content)

    def written(self) -> None:
        """Return when all that was answered would survive a kill: a slow disk may hold its log back for two seconds."""
        until(lambda: self.raw.info("persistence").get("aof_buffer_length", 0) == 0)

    def costs(self) -> dict[str, int]:
        """How often each command ran since the last question, those inside scripts too."""
        ran = {name.removeprefix("cmdstat_"): stats["calls"] for name, stats in self.raw.info("commandstats").items()}
        self.raw.config_resetstat()
        return {name: calls for name, calls in ran.items() if name not in {"info", "config|resetstat"}}

    def empty(self) -> None:
        self.raw.delete(*(name for keys in self.keys for name in keys.all()))


def place_in(server: RedisServer, shards: int = 1) -> Iterator[Place]:
    """Yield a place of a test's own; what an earlier test left killed or paused runs again."""
    server.resume()
    server.start()
    place = Place(server.url, shards)
    yield place
    server.resume()
    server.start()
    place.empty()
    place.close()


@contextmanager
def started(folder: Path, *options: str, wait: bool = True) -> Iterator[str]:
    """Run a Redis with options of its own; yields its url."""
    port = pick_free(1)[0]
    daemon = Daemon("Redis", folder / "own.pid", folder / "own.log", dies_with_parent=True)
    command = ["redis-server", "--port", str(port), "--bind", LOOPBACK, "--dir", str(folder), "--save", "", *options]
    daemon.start(command, {}, folder)
    try:
        url = f"redis://{LOOPBACK}:{port}/0"
        if wait:
            with redis.Redis.from_url(url, retry=None) as client:
                until(lambda: _answers(client))
        yield url
    finally:
        daemon.kill()


def until(done: object, seconds: float = 120.0) -> None:
    """Return when `done()` says so; fails when it takes too long."""
    deadline = monotonic() + seconds
    while not done():  # type: ignore[operator]
        assert monotonic() < deadline, "it took too long"
        sleep(0.01)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _numbers(fields: Mapping[bytes, bytes]) -> dict[str, int]:
    return {str(user, "utf-8"): int(logins) for user, logins in fields.items()}

"""Has users forgotten: asks for it in Redis, and waits until their tombstones can be read from user-aggregations.

The flusher that leads carries it out. What is asked may be lost with a Redis that goes back or is emptied, so what says
that it is done is Kafka alone: the marker that the flusher writes in the transaction of its flush.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from time import monotonic, sleep

from processor.counts.asking import Asking
from processor.counts.connection import connect
from processor.errors import ConfigurationError, NotReady
from processor.kafka import offsets
from processor.kafka.cluster import Cluster, lineage
from processor.kafka.readable import readable_ends
from processor.kafka.reader import read
from processor.logins.batch import Record
from processor.logins.count import shard_of
from processor.logins.forgotten import Forget, forget_in, marker_of
from processor.logins.records import MAX_USER_ID
from processor.patience import persist
from processor.settings import Settings

_PAUSE_SECONDS = 0.2


class Forgetting:
    """Some users to be forgotten. Raises Unavailable, Refused and NotReady where nothing can be asked now."""

    def __init__(self, settings: Settings, users: Sequence[str]) -> None:
        for user in users:
            _check(user)
        self.done: dict[str, Forget] = {}  # as far as they are
        self._settings = settings
        self._cluster = Cluster(settings)
        self._cluster.require_topics()
        redis = connect(settings.redis, "data-processor-forget")
        self._asking = Asking(redis, settings.redis, lineage(settings, self._cluster))
        self.users = list(dict.fromkeys(users))
        self._markers = {marker_of(user): user for user in self.users}
        self._asked: dict[str, int] = {}
        self._at: dict[int, int] = {}

    def ask(self) -> None:
        """Ask for all of them. What is read from here on tells of this request, and not of an earlier one."""
        topic = self._settings.topics.aggregations
        self._at = {p: high for p, (_, high) in persist(lambda: offsets.bounds(self._cluster, topic)).items()}
        for user in self.users:
            self._asked[user] = self._asking.ask(user)

    def wait(self, seconds: float) -> list[str]:
        """Wait until all of them are forgotten, or for so long; answers those who aren't."""
        deadline = monotonic() + seconds
        while (left := self._left()) and monotonic() < deadline:
            with suppress(NotReady):  # the shard is being restored
                self._look(left)
            sleep(_PAUSE_SECONDS)
        return left

    def _left(self) -> list[str]:
        return [user for user in self.users if user not in self.done]

    def _look(self, users: Sequence[str]) -> None:
        """1. Ask Redis who does not wait any more. 2. Read what is published. 3. Ask again for whom it was lost.

        It is lost when it lies neither in Redis nor in a snapshot on its way to Kafka, and was not published. A request
        that was carried out must not be repeated: the user may have come back since.
        """
        looked = {user: persist(partial(self._asking.waiting, user)) for user in users}
        gone = {user: found for user, found in looked.items() if not found.waits}
        if not gone:
            return
        reached = persist(lambda: offsets.checkpoint(self._settings, self._cluster))
        if not self._read():
            return
        for user, found in gone.items():
            published = reached.forgotten(shard_of(user, self._settings.redis.shards))
            if user not in self.done and published == found.forgets:
                self._asked[user] = self._asking.ask(user)

    def _read(self) -> bool:
        """Read on; whether that was all: of a transaction that is committed, markers may still be on their way."""
        topic = self._settings.topics.aggregations
        highs = {p: high for p, (_, high) in persist(lambda: offsets.bounds(self._cluster, topic)).items()}
        ends = persist(lambda: readable_ends(self._cluster, topic))
        for messages in read(self._settings, topic, self._at, ends):
            for message in messages:
                self._take(message)
        self._at |= ends
        return all(ends.get(p, 0) >= high for p, high in highs.items())

    def _take(self, record: Record) -> None:
        user = self._markers.get(record.key() or b"")
        if user is None:
            return
        with suppress(ValueError):  # somebody else's; the audit names it
            forget = forget_in(record)
            if forget is not None and forget.number > self._asked[user]:
                self.done[user] = forget


def _check(user: str) -> None:
    if not 0 < len(user) <= MAX_USER_ID:
        raise ConfigurationError(f"a user id has 1 to {MAX_USER_ID} characters, not {len(user)}")
    try:
        user.encode()
    except UnicodeEncodeError as problem:
        raise ConfigurationError(f"the user id is not UTF-8: {problem.reason}") from problem

"""A small pool beside the one on stage: the same servers, topics and keys of its own.

For faults that take a part of the truth away with them: what must be there is judged within the fault, for this pool.
"""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from confluent_kafka.admin import AdminClient
from msgspec import structs

from tests import stack
from tests.chaos.generator import Generator
from tests.chaos.host import Host
from tests.chaos.live import Live
from tests.chaos.oracle import settled
from tests.chaos.stage import DIRECT, Stage
from tests.chaos.subject import Subject

PARTITIONS = 2
PATIENCE_SECONDS = 300.0


class Annex:
    """Two workers and a flusher on vm-a's machine, and a load for them."""

    def __init__(self, stage: Stage, folder: Path, seed: int, malformed: float) -> None:
        name = f"annex-{seed}"
        shown, redis = stage.direct.topics, stage.settings(DIRECT).redis
        self.settings = structs.replace(
            stage.settings(DIRECT),
            host=name,
            group=name,
            topics=structs.replace(
                shown,
                input=f"{name}-user-login",
                processed=f"{name}-processed-logins",
                aggregations=f"{name}-user-aggregations",
                dead_letters=f"{name}-user-login-dead-letters",
                partitions=PARTITIONS,
            ),
            redis=structs.replace(redis, prefix=name),
        )
        self._stage = stage
        self.subject = Subject.of(self.settings, stage.direct.kafka.client, stage.redis.primary.url)
        self.live = Live(self.subject)
        self.host = Host(stage.hosts[DIRECT].machine, folder / name, self.settings, PARTITIONS)
        self.admin = AdminClient(dict(stage.cluster.access.direct()))
        self.generator = Generator(
            stage.cluster.access.producer(), self.subject.input, PARTITIONS, seed, 0.0, malformed, 300
        )

    def create_topics(self) -> None:
        """As `data-processor topics create` does: those that are missing."""
        stack.create_topics(structs.replace(self.settings, kafka=self._stage.direct.kafka))

    def delete_topic(self, name: str) -> None:
        """Delete one, and wait until the brokers do not know it any more."""
        self.admin.delete_topics([name])[name].result(PATIENCE_SECONDS)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while name in self.admin.list_topics(timeout=60).topics:
            assert time.monotonic() < deadline, f"{name} is still there"
            time.sleep(0.1)

    def feed(self, records: int, rate: float = 1000.0) -> None:
        """Send about so many records, and wait until they are in the log."""
        generator = self.generator
        wanted = generator.sent + records
        generator.rate = rate
        deadline = time.monotonic() + PATIENCE_SECONDS
        while generator.sent < wanted:
            assert time.monotonic() < deadline, f"only {generator.sent} of {wanted} records were sent"
            time.sleep(0.05)
        generator.rate = 0.0
        while generator.sent < generator.logins + generator.malformed_made:
            assert time.monotonic() < deadline, "the last records were not sent"
            time.sleep(0.05)

    def rest(self) -> None:
        """Wait until everything is committed, counted and published."""
        missing = settled(self.subject, PATIENCE_SECONDS)
        assert not missing, f"the annex does not come to rest: {missing}\n{self.said()[-2000:]}"

    def said(self) -> str:
        """What its workers and its flusher said, one after the other."""
        names = [*(f"worker-{slot:02d}" for slot in range(self.host.workers)), "flusher"]
        found = ""
        for name in names:
            with suppress(FileNotFoundError):
                found += self.host.log(name)
        return found

    def configure(self, **worker: object) -> None:
        """Change settings of its workers, from their next start on."""
        changed = structs.replace(self.settings, worker=structs.replace(self.settings.worker, **worker))
        stack.environment(changed, self.host.directory)

    def end(self) -> None:
        """Stop everything and leave no topic behind."""
        try:
            self.host.stop()
        except subprocess.TimeoutExpired:
            self.host.crash()
        with suppress(RuntimeError):  # its topic may be gone, and with it the way of its last records
            self.generator.stop()
        subject = self.subject
        for gone in self.admin.delete_topics(
            [subject.input, subject.processed, subject.aggregations, subject.dead_letters]
        ).values():
            gone.exception(PATIENCE_SECONDS)
        self._stage.cluster.access.dismiss(self.settings)


@contextmanager
def annex(stage: Stage, seed: int, malformed: float = 0.02) -> Iterator[Annex]:
    """Topics are made, the load is ready; the pool is not started yet. All of it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="chaos-annex-") as folder:
        made = Annex(stage, Path(folder), seed, malformed)
        try:
            stage.cluster.access.admit(made.settings)
            made.create_topics()
            made.generator.start()
            yield made
        finally:
            made.end()

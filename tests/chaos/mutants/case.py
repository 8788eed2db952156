"""One pool of real processes, sound or with a mutant in all of them, and what can be done to it."""

import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from threading import Barrier, Event

from msgspec import structs

from processor.settings import Settings
from tests.chaos.kafka_proxy import KafkaProxy
from tests.chaos.mutants.variables import environment
from tests.pool import PATIENCE_SECONDS, Account, Pool, eventually, offsets, redis_counts
from tests.stack import RedisServer

WORKER, SECOND, FLUSHER = "worker-00", "worker-01", "flusher"


class Case(Pool):
    """A pool in a story. All cases of a story are told at the same time, each in a thread of its own."""

    def __init__(self, mutant: str | None, settings: Settings, folder: Path, redis: RedisServer) -> None:
        super().__init__(settings, folder)
        self.mutant = mutant
        self.account = Account(settings, seed=4)
        self.redis = redis
        self.older: list[Path] = []  # what Redis was, for it to become that again
        self.together: Callable[[Callable[[], object]], object] = lambda action: action()
        self.sound_rests = Event()  # the sound pool of the same story has come to rest
        self.gives_up: Callable[[], object] = lambda: None
        self.proxy: KafkaProxy | None = None  # between the workers and the broker
        self.others: list[Case] = []
        self._plain = self._environment
        self._heard: dict[str, int] = {}  # how long a process's log was when it last began, or woke up

    def start(self, name: str, crash_at: str = "", stop_at: str = "") -> "subprocess.Popen[bytes]":
        """As a pool does, with the mutant; a process killed often before is not held back."""
        Path(self.settings.run_directory, f"{name}.deaths").unlink(missing_ok=True)
        self._heard[name] = self._length(name)
        self._environment = self._plain | environment(self.mutant, stops=bool(stop_at)) | self._way(name)
        return super().start(name, crash_at or stop_at)

    def _way(self, name: str) -> dict[str, str]:
        if self.proxy is None or not name.startswith("worker"):
            return {}
        host, port = self.proxy.listen
        return {"DATA_PROCESSOR_KAFKA_BOOTSTRAP_SERVERS": f"{host}:{port}"}

    def host(self) -> "Case":
        """Another host of the same pool."""
        name = f"{self.settings.host}-{len(self.others)}"
        folder = self.folder / name
        folder.mkdir()
        settings = structs.replace(self.settings, host=name, run_directory=str(folder / "run"))
        other = Case(self.mutant, settings, folder, self.redis)
        other.account = self.account
        self.others.append(other)
        return other

    def begin(self, logins: int = 200) -> None:
        """Start a worker and a flusher, and have some logins processed, counted and published."""
        self.start(WORKER)
        self.start(FLUSHER)
        self.account.feed(logins, malformed=0.05)
        self.rest()

    def rest(self) -> None:
        """Wait until all is processed, counted and published."""
        eventually("all is done", self.account.settled)

    def counted(self) -> int:
        """How many logins Redis has."""
        return sum(redis_counts(self.settings).values())

    def checkpoint(self) -> dict[int, int]:
        """Up to where user-aggregations is published."""
        return offsets(self.settings, self.settings.aggregations_group)

    def all_counted(self) -> None:
        """Wait until Redis has every login."""
        eventually("all is counted", lambda: self.counted() >= sum(self.account.users.values()))

    def all_committed(self) -> None:
        """Wait until every record is committed."""
        records = self.account.malformed + sum(self.account.users.values())
        eventually("all is committed", lambda: sum(offsets(self.settings, self.settings.group).values()) >= records)

    def said(self, name: str, text: str) -> bool:
        """Whether a process has logged that since it began, or woke up."""
        return text in self.log(name).read_text()[self._heard[name] :]

    def _length(self, name: str) -> int:
        return len(self.log(name).read_text()) if self.log(name).exists() else 0

    def says(self, name: str, *texts: str) -> None:
        """Wait until a process has logged one of these, or has ended."""
        process = self.running[name]
        eventually(f"{name} says {texts}", lambda: process.poll() is not None or any(self.said(name, t) for t in texts))

    def dies(self, name: str, logins: int = 20) -> None:
        """Feed until a process that shall die has died."""
        process = self.running[name]
        eventually(f"{name} dies", lambda: process.poll() is not None or self._feed(logins))

    def stops(self, name: str, logins: int = 0) -> None:
        """Feed until a process that shall stop has stopped."""
        stat = Path(f"/proc/{self.running[name].pid}/stat")
        eventually(f"{name} stops", lambda: stat.read_text().rpartition(")")[2].split()[0] == "T" or self._feed(logins))

    def _feed(self, logins: int) -> bool:
        if logins:
            self.account.feed(logins, malformed=0.2)
        return False

    def wakes(self, name: str) -> None:
        """Have a stopped process go on."""
        self._heard[name] = self._length(name)
        self.send(name, signal.SIGCONT)

    def logs(self) -> list[str]:
        """The end of all logs."""
        return [
            f"--- {self.mutant or 'sound'}: {name} of {host.settings.host}\n{host.log(name).read_text()[-3000:]}"
            for host in (self, *self.others)
            for name in host.running
        ]

    def end(self) -> None:
        """End everything, on all hosts."""
        for other in self.others:
            other.end()
        super().end()


def side_by_side(cases: list[Case], hand: Executor) -> None:
    """Have what one of them does to Redis done once for all, when all have come so far.

    A server dies with the thread that started it, and the story's own ends with the story: `hand` outlives it.
    """
    barrier = Barrier(len(cases), timeout=PATIENCE_SECONDS)

    def together(action: Callable[[], object]) -> None:
        if barrier.wait() == 0:
            hand.submit(action).result()
        barrier.wait()

    older: list[Path] = []
    for case in cases:
        case.together, case.gives_up, case.older = together, barrier.abort, older

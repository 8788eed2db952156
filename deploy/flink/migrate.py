"""From the pool to Flink: the pool's end is where the job begins, with the pool's counts as its own beginning.

The job begins twice. First without logins, until it has read the published counts; it writes nothing, for it publishes
only users who had a login since. Then, from a savepoint of that, with the logins that the pool did not process. So a
user's first count from Flink is the pool's last one and more.
"""

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from deploy.flink import build
from deploy.flink.drain import Drain, Drained
from deploy.flink.jobs import Jobs
from deploy.flink.sql import COUNTED, Job
from deploy.local.problem import Problem
from processor.alone import Tell
from processor.settings import Settings

_READ_SECONDS = 7200.0  # that Flink may need to read the counts
_LISTED_SECONDS = 10.0  # until a job that it took is listed
_STATE = Path(__file__).resolve().parents[2] / ".local"


class Migrated(Struct, frozen=True):
    """The job that goes on, and where the pool ended."""

    job: str
    drained: Drained


class Migration:
    """One migration; `text` is the file that keeps the job's SQL, to which alone its savepoints will fit."""

    def __init__(self, settings: Settings, jobs: Jobs, text: Path, tell: Tell) -> None:
        self._settings = settings
        self._jobs = jobs
        self._text = text
        self._tell = tell

    def run(self, parallelism: int) -> Migrated:
        """Carry it out; raises Refused, Unavailable or Problem, and says then whether the pool may go on.

        1. Drain the pool. 2. Let Flink read its counts. 3. Let nobody of the pool work any more. 4. Let Flink go on.
        """
        drain = Drain(self._settings, self._tell)
        try:
            drained = drain.begin()
            self._tell(f"the pool is drained: {drained.logins:,} logins of {drained.users:,} users are counted")
            savepoint = self._counts_read(drain, drained, parallelism)
            self._text.write_text(Job(self._settings, drained.vector, drained.ends).text())
            self._tell(f"the counts are read: {self._text} is the job that goes on, from {savepoint}")
            before = self._jobs.running()
            drain.retire(drained.vector)
            job = self._logins_read(drain, before, parallelism, savepoint)
            self._tell(f"Flink has job {job}: never start the pool again, nor {self._text} a second time")
        finally:
            drain.release()
        self._jobs.await_running(job)
        return Migrated(job, drained)

    def _counts_read(self, drain: Drain, drained: Drained, parallelism: int) -> str:
        job = self._jobs.submit(Job(self._settings, "held", drained.ends).text(), parallelism)
        try:
            self._jobs.until(f"job {job} has read the counts", lambda: self._all_counted(drain, job), _READ_SECONDS)
            return self._jobs.savepoint(job)
        except BaseException:
            with suppress(OSError):  # it has ended, or Flink does not answer
                self._jobs.cancel(job)  # it has written nothing
            raise

    def _all_counted(self, drain: Drain, job: str) -> bool:
        drain.confirm()
        return any(COUNTED in name and state == "FINISHED" for name, state in self._jobs.parts(job).items())

    def _logins_read(self, drain: Drain, before: set[str], parallelism: int, savepoint: str) -> str:
        try:
            return self._jobs.submit(self._text.read_text(), parallelism, savepoint)
        except Problem as problem:  # after an interrupt nobody knows whether Flink has the job: the pool stays shut out
            with suppress(Problem):
                self._jobs.until("it is listed", lambda: not self._jobs.running() <= before, _LISTED_SECONDS)
            if self._jobs.running() <= before:
                drain.call_off()
                raise
            raise Problem(
                f"{problem}; yet it lists a new job: where that is this one, all is done, and the pool must not be "
                "started again. deploy/flink/README.md, the way back, says what to do where it is another"
            ) from problem


def arguments(given: list[str]) -> argparse.Namespace:
    """Read the command line; `--help` comes from here."""
    parser = argparse.ArgumentParser(prog="python -m deploy.flink migrate", description=__doc__)
    parser.add_argument("--flink", default="http://127.0.0.1:8081", metavar="URL", help="the JobManager's REST address")
    parser.add_argument("--savepoints", required=True, metavar="URI", help="a folder that all of Flink can reach")
    parser.add_argument("--parallelism", type=int, default=2, metavar="N", help="of the job (2)")
    parser.add_argument("--sql", type=Path, required=True, metavar="FILE", help="where the job's text is kept")
    return parser.parse_args(given)


def migrate(settings: Settings, given: list[str]) -> int:
    """Migrate as the command line says; returns the exit code."""
    asked = arguments(given)
    Job(settings).text()  # settings that Flink has no way for are refused before anything is done
    jobs = Jobs(asked.flink, build.built(_STATE), asked.savepoints)
    done = Migration(settings, jobs, asked.sql, lambda said: print(said, file=sys.stderr, flush=True)).run(
        asked.parallelism
    )
    print(f"Job {done.job} goes on from the offsets {done.drained.vector}; its text is {asked.sql}.")
    print("The pool refuses to start from now on.")
    return 0

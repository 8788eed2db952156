"""Jobs of a Flink that runs already, by its REST interface."""

import json
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.flink import build
from deploy.local.problem import Problem

SECONDS = 300.0
OPENED = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("lang", "util", "time", "nio", "net")]
JVM = ["java", "-XX:+UseParallelGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *OPENED]
_RESTART = {
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "2147483647",
    "restart-strategy.fixed-delay.delay": "1 s",  # a job that only fails would fill the disk with what it logs
}


class Jobs:
    """One cluster's, at http://host:port; `built` is what deploy/flink/build.py made, `savepoints` where those go."""

    def __init__(self, address: str, built: Path, savepoints: str) -> None:
        self._address = address.rstrip("/")
        self._built = built
        self._savepoints = savepoints

    def start(self, text: str, parallelism: int = 2, savepoint: str = "") -> str:
        """Run SQL as a job, and return its id when all of it runs."""
        job = self.submit(text, parallelism, savepoint)
        self.await_running(job)
        return job

    def submit(self, text: str, parallelism: int = 2, savepoint: str = "") -> str:
        """Hand SQL over as a job, to go on from a savepoint where one is given; returns the job's id."""
        at = urlsplit(self._address)
        options = _RESTART | {"parallelism.default": str(parallelism), "execution.target": "remote"}
        options |= {"execution.attached": "false", "rest.address": str(at.hostname), "rest.port": str(at.port or 8081)}
        options |= {"execution.state-recovery.path": savepoint} if savepoint else {}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "job.sql"
            path.write_text(text)
            written = [f"{key}={value}" for key, value in options.items()]
            command = [*JVM, "-cp", build.classpath(self._built), "dataprocessor.Submit", str(path), *written]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            told = [line for line in done.stderr.splitlines() if line.startswith("Caused by: ")] or [done.stderr[-500:]]
            raise Problem(f"Flink at {self._address} did not take the job: {told[-1]}")
        return done.stdout.split()[-1]

    def await_running(self, job: str) -> None:
        """Return when all parts of a job run, after its start or a restart."""
        self.until(f"job {job} runs", lambda: self.runs(job))

    def runs(self, job: str) -> bool:
        """Whether each task of a job runs: what Flink calls running may wait for slots, or have tasks that begin."""
        found = self.ask(f"/jobs/{job}")
        tasks = [(part["tasks"], part["parallelism"]) for part in found["vertices"]]
        return found["state"] == "RUNNING" and all(each["RUNNING"] + each["FINISHED"] == all_ for each, all_ in tasks)

    def state(self, job: str) -> str:
        """Ask for a job's state, as Flink names it."""
        return str(self.ask(f"/jobs/{job}")["state"])

    def running(self) -> set[str]:
        """Ask for the ids of all jobs that have not ended."""
        jobs = self.ask("/jobs")["jobs"]
        return {job["id"] for job in jobs if job["status"] not in ("FINISHED", "CANCELED", "FAILED")}

    def parts(self, job: str) -> dict[str, str]:
        """Ask for a job's parts by name, each with its state."""
        return {vertex["name"]: vertex["status"] for vertex in self.ask(f"/jobs/{job}")["vertices"]}

    def checkpoints(self, job: str) -> int:
        """Count the checkpoints that were completed."""
        return int(self.ask(f"/jobs/{job}/checkpoints")["counts"]["completed"])

    def restored(self, job: str) -> int:
        """Count how often a job went back to a checkpoint or savepoint."""
        return int(self.ask(f"/jobs/{job}/checkpoints")["counts"]["restored"])

    def savepoint(self, job: str) -> str:
        """Stop a job with a savepoint: all that it read is written and committed; returns where it lies."""
        self.await_running(job)
        request = self.ask(f"/jobs/{job}/stop", {"targetDirectory": self._savepoints, "drain": False})["request-id"]
        path = f"/jobs/{job}/savepoints/{request}"
        self.until("the savepoint is done", lambda: self.ask(path)["status"]["id"] == "COMPLETED")
        operation = self.ask(path)["operation"]
        if "location" not in operation:
            raise Problem(f"Flink made no savepoint: {json.dumps(operation)[:2000]}")
        self.until("the job has ended", lambda: self.state(job) == "FINISHED")
        return str(operation["location"])

    def cancel(self, job: str) -> None:
        """End a job as it is."""
        self._open(f"/jobs/{job}", method="PATCH").close()

    def ask(self, path: str, body: object = None) -> Any:
        """Ask the JobManager, or tell it something; raises OSError while it does not answer."""
        data = None if body is None else json.dumps(body).encode()
        with self._open(path, data) as answer:
            return json.load(answer)

    def until(self, what: str, holds: Callable[[], object], seconds: float = SECONDS) -> None:
        """Wait for something; a Problem, with its name, when it takes too long."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise Problem(f"Flink at {self._address}: not within {seconds:.0f} s: {what}")
            time.sleep(0.1)

    def _open(self, path: str, data: bytes | None = None, method: str | None = None) -> Any:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._address + path, data, headers, method=method)  # noqa: S310 (an operator's)
        return urllib.request.urlopen(request, timeout=60)  # noqa: S310

"""A Flink cluster of ordinary processes on loopback: one JobManager, and TaskManagers that each are a process."""

import json
import os
import subprocess
import time
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

from deploy.flink import build
from deploy.local import ports
from deploy.local.daemon import Daemon
from deploy.local.problem import Problem

SECONDS = 300.0
_SLOTS = 2
_OPENED = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("lang", "util", "time", "nio", "net")]
_JVM = ["java", "-XX:+UseParallelGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *_OPENED]
_MEMORY = {
    "taskmanager.cpu.cores": "1",
    "taskmanager.memory.task.heap.size": "640m",
    "taskmanager.memory.task.off-heap.size": "64m",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.managed.size": "32m",
    "taskmanager.memory.network.min": "64m",
    "taskmanager.memory.network.max": "64m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "128m",
    "taskmanager.memory.jvm-overhead.max": "128m",
}


class Flink:
    """Everything is under `directory`: checkpoints, savepoints, and what each process says."""

    def __init__(self, directory: Path, built: Path, task_managers: int = 2) -> None:
        rpc, self._rest = ports.pick_free(2)
        self.directory = directory
        self._built = built
        self._options = _MEMORY | {
            "jobmanager.rpc.address": ports.LOOPBACK,
            "jobmanager.bind-host": ports.LOOPBACK,
            "jobmanager.rpc.port": str(rpc),
            "taskmanager.host": ports.LOOPBACK,
            "taskmanager.bind-host": ports.LOOPBACK,
            "taskmanager.numberOfTaskSlots": str(_SLOTS),
            "rest.address": ports.LOOPBACK,
            "rest.bind-address": ports.LOOPBACK,
            "rest.port": str(self._rest),
            "io.tmp.dirs": str(directory / "tmp"),
            "execution.checkpointing.storage": "filesystem",
            "execution.checkpointing.dir": (directory / "checkpoints").as_uri(),
            "heartbeat.interval": "1000",
            "heartbeat.timeout": "15000",
        }
        self.job_manager = self._daemon("JobManager")
        self.task_managers = [self._daemon(f"TaskManager-{number}") for number in range(task_managers)]

    def start(self) -> None:
        """Return when all of its slots are free for a job."""
        (self.directory / "tmp").mkdir(parents=True, exist_ok=True)
        (self.directory / "config.yaml").write_text(
            "".join(f"{k}: {json.dumps(v)}\n" for k, v in self._options.items())
        )
        self._launch(self.job_manager, "runtime.entrypoint.StandaloneSessionClusterEntrypoint", "-Xmx384m")
        for number in range(len(self.task_managers)):
            self.start_task_manager(number)
        for number, daemon in enumerate(self.task_managers, 1):
            daemon.wait_until(partial(self._has_slots, number * _SLOTS), SECONDS)

    def start_task_manager(self, number: int) -> None:
        """Start one, or start it anew; the JobManager learns of it by itself."""
        self._launch(self.task_managers[number], "runtime.taskexecutor.TaskManagerRunner", "-Xmx768m")

    def stop(self) -> None:
        """End all of it."""
        for daemon in [*self.task_managers, self.job_manager]:
            daemon.stop(20)

    def submit(self, text: str, parallelism: int = 2, savepoint: str = "") -> str:
        """Run SQL as a job, from a savepoint where one is given; returns the job's id."""
        path = self.directory / f"job-{time.time_ns()}.sql"
        path.write_text(text)
        options = [f"parallelism.default={parallelism}", "execution.target=remote", "execution.attached=false"]
        options += [f"rest.address={ports.LOOPBACK}", f"rest.port={self._rest}"]
        options += ["restart-strategy.type=fixed-delay", "restart-strategy.fixed-delay.attempts=2147483647"]
        options += [f"execution.state-recovery.path={savepoint}"] if savepoint else []
        command = [*_JVM, "-cp", build.classpath(self._built), "dataprocessor.Submit", str(path), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            told = [line for line in done.stderr.splitlines() if line.startswith("Caused by: ")] or [done.stderr[-500:]]
            raise Problem(f"Flink did not take the job {path}: {told[-1]}")
        job = done.stdout.split()[-1]
        self._until(f"job {job} runs", lambda: self.state(job) == "RUNNING" and self._all_run(job))
        return job

    def state(self, job: str) -> str:
        """Ask for a job's state, as Flink names it."""
        return str(self.ask(f"/jobs/{job}")["state"])

    def checkpoints(self, job: str) -> int:
        """Count the checkpoints that were completed."""
        return int(self.ask(f"/jobs/{job}/checkpoints")["counts"]["completed"])

    def savepoint(self, job: str) -> str:
        """Stop a job with a savepoint: all that it read is written and committed; returns where it lies."""
        target = {"targetDirectory": (self.directory / "savepoints").as_uri(), "drain": False}
        request = self.ask(f"/jobs/{job}/stop", target)["request-id"]
        path = f"/jobs/{job}/savepoints/{request}"
        self._until("the savepoint is done", lambda: self.ask(path)["status"]["id"] == "COMPLETED")
        operation = self.ask(path)["operation"]
        if "location" not in operation:
            raise Problem(f"Flink made no savepoint: {json.dumps(operation)[:2000]}")
        self._until("the job has ended", lambda: self.state(job) == "FINISHED")
        return str(operation["location"])

    def ask(self, path: str, body: object = None) -> Any:
        """Ask the JobManager's REST interface."""
        data = None if body is None else json.dumps(body).encode()
        url = f"http://{ports.LOOPBACK}:{self._rest}{path}"
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 (loopback)
            return json.load(answer)

    def _has_slots(self, least: int) -> bool:
        try:
            return bool(self.ask("/overview")["slots-total"] >= least)
        except OSError:  # it does not answer yet
            return False

    def _all_run(self, job: str) -> bool:
        return all(vertex["status"] in ("RUNNING", "FINISHED") for vertex in self.ask(f"/jobs/{job}")["vertices"])

    def _until(self, what: str, holds: Any) -> None:
        deadline = time.monotonic() + SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise Problem(f"Flink: not within {SECONDS:.0f} s: {what} (see {self.directory})")
            time.sleep(0.1)

    def _daemon(self, name: str) -> Daemon:
        return Daemon(name, self.directory / f"{name}.pid", self.directory / f"{name}.log", dies_with_parent=True)

    def _launch(self, daemon: Daemon, main: str, heap: str) -> None:
        command = [*_JVM, heap, "-cp", build.classpath(self._built), f"org.apache.flink.{main}"]
        daemon.start([*command, "--configDir", str(self.directory)], os.environ, self.directory)

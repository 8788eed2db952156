"""A Flink cluster of ordinary processes on loopback: one JobManager, and TaskManagers that each are a process."""

import json
import os
from functools import partial
from pathlib import Path

from deploy.flink import build
from deploy.flink.jobs import JVM, SECONDS, Jobs
from deploy.local import ports
from deploy.local.daemon import Daemon

_SLOTS = 2
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
        rpc, rest = ports.pick_free(2)
        self.directory = directory
        self.address = f"http://{ports.LOOPBACK}:{rest}"
        self.savepoints = (directory / "savepoints").as_uri()
        self.jobs = Jobs(self.address, built, self.savepoints)
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
            "rest.port": str(rest),
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

    def _has_slots(self, least: int) -> bool:
        try:
            return bool(self.jobs.ask("/overview")["slots-total"] >= least)
        except OSError:  # it does not answer yet
            return False

    def _daemon(self, name: str) -> Daemon:
        return Daemon(name, self.directory / f"{name}.pid", self.directory / f"{name}.log", dies_with_parent=True)

    def _launch(self, daemon: Daemon, main: str, heap: str) -> None:
        command = [*JVM, heap, "-cp", build.classpath(self._built), f"org.apache.flink.{main}"]
        daemon.start([*command, "--configDir", str(self.directory)], os.environ, self.directory)

"""The exporter's process: asks, answers, and ends when a question never returns."""

import os
import platform
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Thread
from time import monotonic, time
from typing import Any, Protocol

from processor.errors import Exit, Stalled
from processor.exporter.admission import Admission
from processor.exporter.asking import Answer, Asking
from processor.exporter.collector import Exposition
from processor.exporter.pool import KafkaEye, KafkaView, RedisEye, RedisView, Supervised, supervised
from processor.exporter.readiness import hindrances
from processor.exporter.server import Server
from processor.exporter.view import Sample, View, samples
from processor.kafka.lookout import client_version
from processor.log import event
from processor.metrics import files, meter
from processor.settings import Settings
from processor.stop import Stop
from processor.supervision.supervisor import Supervisor

_NICE = 5  # whatever is asked of it, workers on the same cores come first
_LOOK_SECONDS = 60.0  # a look that takes longer never returns (librdkafka#5456)
_NAP_SECONDS = 0.5
_TEXT = "text/plain; charset=utf-8"


class Settled(Protocol):
    """What is told that this process did not fail at its start."""

    def settled(self) -> None:
        """It works."""


def run(settings: Settings, restraint: Settled) -> int:
    """Answer until SIGTERM; returns the exit code and raises what ends the process otherwise."""
    os.nice(_NICE)
    return Exporter(settings).run(restraint)


class Exporter:
    """One VM's: its port is open before anything is known, for whether it lives does not depend on Kafka."""

    def __init__(self, settings: Settings) -> None:
        exporter, eye = settings.exporter, KafkaEye(settings)
        supervisor = Supervisor(Path(settings.supervisor_socket))
        self._settings = settings
        self._stop = Stop(lambda: meter.be("stopping"))
        self._redis: Asking[RedisView] = Asking("redis", exporter.interval_seconds, RedisEye(settings).look)
        self._kafka: Asking[KafkaView] = Asking(
            "kafka", exporter.interval_seconds, lambda: _looked(eye, self._redis.answer)
        )
        self._supervisor: Asking[list[Supervised]] = Asking(
            "supervisor", exporter.interval_seconds, lambda: supervised(supervisor)
        )
        self._build = (_version(), platform.python_version(), client_version(), settings.host, settings.group)
        exposition = Exposition(self._know)
        pages = {
            "/metrics": lambda accept: (HTTPStatus.OK, *exposition.answer(accept)),
            "/healthz": lambda _accept: (HTTPStatus.OK, _TEXT, b"alive\n"),
            "/readyz": lambda _accept: self._readiness(),
        }
        self._server = Server(exporter.host, exporter.port, pages, Admission(exporter))

    def run(self, restraint: Settled) -> int:
        """Until SIGTERM; raises Stalled when a system's client never returns."""
        asking: list[Asking[Any]] = [self._redis, self._kafka, self._supervisor]
        for thread in (*asking, Thread(target=self._server.serve_forever, name="server", daemon=True)):
            thread.start()
        event("answering", host=self._settings.exporter.host, port=self._settings.exporter.port)
        meter.be("working")
        while not self._stop.asked:
            self._stop.wait(_NAP_SECONDS)
            if all(each.looked.is_set() for each in asking):
                restraint.settled()
            for each in asking:
                if monotonic() - each.turned > _LOOK_SECONDS:
                    raise Stalled(f"asking {each.name} did not return within {_LOOK_SECONDS:.0f} s: starting anew")
        self._server.shutdown()
        for each in asking:
            each.end(2 * _NAP_SECONDS)
        return Exit.OK

    def _know(self) -> list[Sample]:
        told = list(files.living(files.folder(self._settings.run_directory)))
        answers = self._kafka.answer, self._redis.answer, self._supervisor.answer
        return list(samples(View(told, *answers, not self._hindrances(told), self._build)))

    def _readiness(self) -> tuple[HTTPStatus, str, bytes]:
        found = self._hindrances(list(files.living(files.folder(self._settings.run_directory))))
        status = HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK
        return status, _TEXT, "".join(f"{line}\n" for line in found or ["ready"]).encode()

    def _hindrances(self, told: list[files.Told]) -> list[str]:
        return hindrances(told, self._kafka.answer.value, self._settings.exporter.ready_seconds, time())


def _looked(eye: KafkaEye, redis: Answer[RedisView]) -> KafkaView:
    return eye.look(redis.value, redis.at)


def _version() -> str:
    try:
        return version("data-processor")
    except PackageNotFoundError:
        return "unknown"

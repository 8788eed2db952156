"""Questions that come without a pause, or whose answers nobody reads (row 30)."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tests.chaos.faults import Hit, fault, waits
from tests.chaos.faults.measuring import measured
from tests.chaos.host import Host
from tests.chaos.stage import Stage

SECONDS = 20.0
# Scrapers, as programs: the port is their argument.
HASTY = """
import sys, urllib.request
while True:
    with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/metrics", timeout=300) as answer:
        if answer.status == 200 and answer.read():
            print("answered", flush=True)
"""
SLOW = """
import socket, sys, time
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 300) as connection:
    connection.sendall(b"GET /metrics HTTP/1.1\\r\\nHost: here\\r\\n\\r\\n")
    time.sleep(3600)
"""


@fault("status-hammered", row=30, budget=5, weight=0.3)
def status_hammered(stage: Stage, dice: Random) -> Hit:
    """One VM asks for the status again and again, for 20 s, and another one reads nothing of what a watcher tells it.

    A lesser pool answers instead of working, or works only as fast as its slowest listener reads.
    """
    asking, deaf = dice.sample(list(stage.hosts.values()), 2)
    pids = [host.pid(name) for host, name in stage.workers()]
    with deaf.asking("status", "--watch", "--json"), _hammered(asking) as answers:
        stage.hold(SECONDS)
        waits.until("a question is answered", lambda: answers)
        seconds = waits.progress(stage, time.time())
    assert all(answer.stdout.startswith("{") for answer in answers), answers
    assert [host.pid(name) for host, name in stage.workers()] == pids, "a worker ended"
    return measured(seconds)


@fault("metrics-hammered", row=30, budget=5, weight=0.3)
def metrics_hammered(stage: Stage, dice: Random) -> Hit:
    """Ask one VM's exporter for its metrics without a pause, for 20 s, and another time without reading the answer.

    A lesser exporter asks Kafka and Redis anew for each of its scrapers, or stops at the slowest of them.
    """
    host = dice.choice(list(stage.hosts.values()))
    pids = [each.pid(name) for each, name in stage.workers()]
    with _scraper(host, SLOW), _scraper(host, HASTY) as hasty:
        assert hasty.stdout is not None
        assert hasty.stdout.readline() == b"answered\n", "the exporter did not answer"
        stage.hold(SECONDS)
        seconds = waits.progress(stage, time.time())
        assert hasty.poll() is None, "the exporter stopped answering"
    assert [each.pid(name) for each, name in stage.workers()] == pids, "a worker ended"
    return measured(seconds)


@contextmanager
def _scraper(host: Host, program: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a scraper on a VM until the end of the block."""
    command = [*host.machine.within, sys.executable, "-c", program, str(host.settings.exporter.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _hammered(host: Host) -> Iterator[list["subprocess.CompletedProcess[str]"]]:
    """Ask, and ask again as soon as there is an answer; all of them so far."""
    answers: list[subprocess.CompletedProcess[str]] = []
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            answers.append(host.tool("status", "--json"))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        enough.set()
        thread.join()

"""What metrics cost a worker: its CPU while it is scraped, against one that counts nothing, and their share of it."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from msgspec import structs

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from processor.settings import Settings  # noqa: E402 (the path comes first)
from tests import stack  # noqa: E402
from tests.pool import Pool, offsets  # noqa: E402

CEILING = 2.0  # per cent of a worker's CPU
KINDS = ("off", "scraped", "timed")  # timed: scraped, and the CPU of all that it does for metrics is added up


def measure(logins: int, rounds: int) -> dict[str, object]:
    """Rounds of a worker of each kind, in turns which of them comes first; the first round warms up."""
    with tempfile.TemporaryDirectory() as folder:
        kafka, redis = stack.new_broker(Path(folder) / "kafka"), stack.new_redis(Path(folder) / "redis")
        try:
            kafka.start()
            redis.start()
            settings = stack.new_settings(kafka, redis, Path(folder) / "run")
            stack.create_topics(settings)
            _generate(settings, logins, Path(folder))
            took = [_round(settings, Path(folder) / str(number), logins, number) for number in range(rounds + 1)][1:]
            parts = [
                float((Path(folder) / str(number) / "timed" / "spent").read_text()) for number in range(rounds + 1)
            ]
        finally:
            redis.stop()
            kafka.stop()
    by_pairs = statistics.median(each["scraped"] / each["off"] for each in took) - 1
    added_up = statistics.median(part / each["timed"] for part, each in zip(parts[1:], took, strict=True))
    in_per_cent = {"added_up": round(100 * added_up, 2), "by_pairs": round(100 * by_pairs, 2)}
    return {"logins": logins, "seconds": took, "per_cent": in_per_cent, "ceiling": CEILING}


def _round(settings: Settings, folder: Path, logins: int, number: int) -> dict[str, float]:
    order = KINDS if number % 2 else KINDS[::-1]
    took = {kind: seconds(settings, folder / kind, logins, kind) for kind in order}
    print(f"round {number}: " + ", ".join(f"{kind} {took[kind]:.2f} s" for kind in KINDS), file=sys.stderr)
    return took


def seconds(settings: Settings, folder: Path, logins: int, kind: str) -> float:
    """CPU seconds of one real worker that finds so many logins waiting, from its start to its exit."""
    folder.mkdir(parents=True)
    own = _own(settings, folder)
    stack.create_topics(own)
    running = Pool(own, folder)
    try:
        running.start("flusher")
        if kind != "off":
            running.start("exporter")
            _until(lambda: "login_partition_end_offset" in _scrape(own.exporter.port))
        if kind != "scraped":
            path = str(ROOT / "benchmarks" / f"metrics_{kind}")
            running._environment |= {"PYTHONPATH": path, "METRICS_TIMED": str(folder / "spent")}
        with _scraped(own.exporter.port, wanted=kind != "off"):
            return _work(running, logins)
    finally:
        running.end()


def _own(settings: Settings, folder: Path) -> Settings:
    """A pool of its own on the same input."""
    unique = uuid4().hex[:8]
    topics = structs.replace(settings.topics, aggregations=unique, processed=f"{unique}-out")
    redis = structs.replace(settings.redis, prefix=unique)
    return structs.replace(settings, group=unique, host=unique, run_directory=str(folder), redis=redis, topics=topics)


def _work(running: Pool, logins: int) -> float:
    worker, log = running.start("worker-00"), running.log("worker-00")
    _until(lambda: '"started"' in log.read_text())
    _until(lambda: sum(offsets(running.settings, running.settings.group).values()) >= logins)
    worker.terminate()
    _, status, usage = os.wait4(worker.pid, 0)
    worker.returncode = os.waitstatus_to_exitcode(status)
    running.running.pop("worker-00")
    if worker.returncode:
        raise SystemExit(f"the worker ended with {worker.returncode}: see {log}")
    return usage.ru_utime + usage.ru_stime


@contextmanager
def _scraped(port: int, *, wanted: bool) -> Iterator[None]:
    """Scrape every second: more often than any Prometheus does."""
    ended = threading.Event()

    def scrape() -> None:
        while not ended.wait(1.0):
            _scrape(port)

    if wanted:
        threading.Thread(target=scrape, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _scrape(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read(), "utf-8")
    except OSError:
        return ""


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit("the worker did not finish within 5 minutes")
        time.sleep(0.05)


def _generate(settings: Settings, logins: int, folder: Path) -> None:
    command = [str(ROOT / ".venv/bin/data-processor"), "generate", "--logins", str(logins), "--malformed", "0"]
    subprocess.run([*command, "--seed", "1"], env=stack.environment(settings, folder), check=True)


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(prog="benchmarks/metrics", description=__doc__)
    parser.add_argument("--logins", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(json.dumps(measure(options.logins, options.rounds)))


if __name__ == "__main__":
    main()

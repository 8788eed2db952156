"""One run: set the stage, inject fault after fault, let everything come to rest, judge."""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from random import Random

from tests.chaos.faults import Fault
from tests.chaos.leaks import Sample, grown, samples, strays
from tests.chaos.oracle import judge
from tests.chaos.report import Injected, Report
from tests.chaos.schedule import groups, schedule
from tests.chaos.stage import Stage, stage
from tests.chaos.subject import Subject

PATIENCE_SECONDS = 600.0  # a stage without progress for so long after a fault does not come back by itself
REST_SECONDS = 900.0  # until all that was fed is committed, counted and published
SAMPLE_EVERY = 20  # faults
TURN = 10  # faults of each injector, until all wait for one another
WARM_SECONDS = 300.0


@dataclass
class Notes:
    """What is noted on the way."""

    injected: list[Injected] = field(default_factory=list)
    samples: list[list[Sample]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)  # faults that could not be injected as they say
    began: float = field(default_factory=time.monotonic)


def play(directory: Path, chosen: argparse.Namespace, faults: Mapping[str, Fault]) -> Report:
    """Run what was chosen, and report."""
    dice = Random(chosen.seed)
    notes = Notes()
    load, plaintext = (chosen.rate, chosen.linger), chosen.plaintext
    # Who starts a server must outlive it: the injectors' threads last longer than the stage.
    with (
        ThreadPoolExecutor(chosen.together) as injectors,
        stage(directory, chosen.seed, chosen.partitions, chosen.haste, load, chosen.mutant, plaintext=plaintext) as on,
    ):
        everything = frozenset(range(on.partitions))
        if on.progress(time.time(), everything, WARM_SECONDS) is None:
            raise RuntimeError("the pool does not begin to work: nothing to inject faults into")
        wanted = _in_time(_wanted(chosen, faults, dice, on), chosen.minutes)
        for several in groups(wanted, TURN * chosen.together):
            each = [Random(dice.getrandbits(64)) for _ in several]
            for injected in injectors.map(lambda fault, own: _inject(on, fault, own, notes), several, each):
                _look(on, notes)
                notes.injected.append(injected)
                _tell(len(notes.injected), injected, on)
            on.heal()
        return _finish(on, chosen, notes)


def _look(on: Stage, notes: Notes) -> None:
    """Take a sample every now and then."""
    if len(notes.injected) >= SAMPLE_EVERY * len(notes.samples):
        notes.samples.append(_samples(on))


def _wanted(chosen: argparse.Namespace, faults: Mapping[str, Fault], dice: Random, on: Stage) -> Iterator[Fault]:
    """As many faults as were asked for, and more while the logins are not there yet."""
    yield from schedule(faults, chosen.faults or len(faults), dice)
    while on.generator.sent < chosen.logins:
        again = [fault for fault in faults.values() if fault.weight > 0]
        yield dice.choices(again, [fault.weight for fault in again])[0]


def _in_time(faults: Iterator[Fault], minutes: float) -> Iterator[Fault]:
    """As many of them as begin within that time; 0: all."""
    until = time.monotonic() + 60 * minutes
    return takewhile(lambda _: not minutes or time.monotonic() < until, faults)


def _samples(on: Stage) -> list[Sample]:
    return [each for host in on.hosts.values() for each in samples(host)]


def _inject(on: Stage, fault: Fault, dice: Random, notes: Notes) -> Injected:
    """Inject, and wait for progress."""
    seconds = None
    try:
        hit = fault.inject(on, dice)
        partitions = frozenset(range(on.partitions)) if hit.partitions is None else hit.partitions
        seconds = on.progress(hit.since, partitions, PATIENCE_SECONDS)
    except Exception as problem:
        notes.broken.append(f"{fault.name}: {problem!r}")
    return Injected(fault.name, fault.row, fault.budget, seconds)


def _tell(number: int, injected: Injected, on: Stage) -> None:
    progress = "NO PROGRESS" if injected.seconds is None else f"{injected.seconds:6.2f} s"
    print(f"{number:5}  {injected.kind:40} {progress}   {on.generator.sent:,} logins", file=sys.stderr, flush=True)


def _finish(on: Stage, chosen: argparse.Namespace, notes: Notes) -> Report:
    """Stop the load, wait until all is at rest, and compare everything with what the input log says."""
    on.generator.stop()
    minutes = round((time.monotonic() - notes.began) / 60, 1)
    verdict = judge(Subject.of(on.direct), on.reader, REST_SECONDS, grown=on.grown)
    notes.samples.append(_samples(on))
    orphans = [f"process {pid} is nobody's" for host in on.hosts.values() for pid in strays(host)]
    found = [*orphans, *grown(notes.samples)]
    ends = on.cluster.ends()
    told = (chosen.seed, verdict, notes.injected, found, notes.broken, ends, minutes)
    return Report(*told, mutant=chosen.mutant, plaintext=chosen.plaintext)

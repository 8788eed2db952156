"""The report of a run: what was done, how quickly it was overcome, whether all is exact, and what was left behind."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.chaos.surroundings import machine, revision
from tests.chaos.verdict import KINDS, Verdict

WIDTH = 110
FOLDER = Path(__file__).parent / "reports"


@dataclass(frozen=True)
class Injected:
    """A fault that was injected, and how long it took until there was progress everywhere again."""

    kind: str
    row: int  # of the table of faults
    budget: float  # seconds
    seconds: float | None  # None: there was none in time

    @property
    def late(self) -> bool:
        """Whether progress came too late, or never."""
        return self.seconds is None or self.seconds > self.budget


@dataclass(frozen=True)
class Mutant:
    """A planted bug: what the oracle found of it."""

    name: str
    bug: str
    found: Sequence[str]  # kinds of differences; none: the bug went unnoticed


@dataclass(frozen=True)
class Report:
    """Everything that is told of a run."""

    seed: int
    verdict: Verdict
    injected: Sequence[Injected]
    leaks: Sequence[str] = ()  # each a sentence
    broken: Sequence[str] = ()  # faults that could not be injected as they say, each a sentence
    ends: Sequence[str] = ()  # of servers that ended by themselves and were started again, each a sentence
    minutes: float = 0.0  # that it took, without the comparison
    mutants: Sequence[Mutant] = ()
    mutant: str = ""  # the one that was planted in this run
    plaintext: bool = False  # whether nothing was secured
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    machine: str = field(default_factory=machine)
    revision: str = field(default_factory=revision)

    @property
    def sound(self) -> bool:
        """Whether all is exact, every fault was injected and overcome, nothing leaked, and planted bugs were found."""
        overcome = all(each.seconds is not None for each in self.injected)
        found = all(mutant.found for mutant in self.mutants)
        return self.verdict.exact and overcome and found and not self.leaks and not self.broken

    @property
    def in_time(self) -> bool:
        """Whether the typical fault of every kind was overcome within its budget; a busy machine may take longer."""
        return all(kind.typical is not None and kind.typical <= kind.budget for kind in self.kinds())

    def kinds(self) -> list["Kind"]:
        """The faults by kind, in the order of the table of faults."""
        by_kind: dict[str, list[Injected]] = {}
        for each in self.injected:
            by_kind.setdefault(each.kind, []).append(each)
        return sorted(map(_kind, by_kind.values()), key=lambda kind: (kind.row, kind.name))

    def to_json(self) -> str:
        """All of it, for machines."""
        told = {
            "sound": self.sound,
            "in_time": self.in_time,
            "seed": self.seed,
            "began": self.began.isoformat(timespec="seconds"),
            "machine": self.machine,
            "revision": self.revision,
            "minutes": self.minutes,
            "faults": len(self.injected),
            "verdict": self.verdict.to_json(),
            "by_kind": [asdict(kind) for kind in self.kinds()],
            "leaks": list(self.leaks),
            "broken": list(self.broken),
            "ends": list(self.ends),
            "mutant": self.mutant,
            "plaintext": self.plaintext,
            "mutants": [asdict(mutant) for mutant in self.mutants],
        }
        return json.dumps(told, ensure_ascii=False, indent=2)

    def to_text(self) -> str:
        """All of it, for people."""
        page = Console(file=StringIO(), width=WIDTH, highlight=False)
        verdict = "SOUND" if self.sound else "NOT SOUND"
        late = "" if self.in_time else ", but late"
        page.print(f"{verdict}{late}: seed {self.seed}, {self.began:%Y-%m-%d %H:%M} UTC")
        bug = f", with the planted bug {self.mutant}" if self.mutant else ""
        plain = ", in plaintext" if self.plaintext else ""
        page.print(f"{self.machine}; revision {self.revision}, {self.minutes:.0f} minutes{plain}{bug}", markup=False)
        page.print(_compared(self.verdict), _faults(self.kinds()))
        said = (("Leaks", self.leaks), ("Not injected", self.broken), ("Servers started again", self.ends))
        for title, lines in said:
            page.print(f"{title}: {'none' if not lines else ''}")
            for line in lines:
                page.print(f"  {line}", markup=False)
        if self.mutants:
            page.print(_mutants(self.mutants))
        assert isinstance(page.file, StringIO)
        return page.file.getvalue()

    def write(self, folder: Path = FOLDER) -> Path:
        """Write both into a folder; the path of the text."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.began:%Y-%m-%d}-seed-{self.seed}.txt"
        path.write_text(self.to_text())
        path.with_suffix(".json").write_text(self.to_json() + "\n")
        return path


@dataclass(frozen=True)
class Kind:
    """All faults of one kind: how many, how long until progress (seconds), and how many were overcome too late."""

    row: int
    name: str
    count: int
    fastest: float | None
    typical: float | None
    slowest: float | None
    budget: float
    late: int


def _kind(faults: Sequence[Injected]) -> Kind:
    seconds = sorted(each.seconds for each in faults if each.seconds is not None)
    fastest, typical, slowest = (seconds[0], median(seconds), seconds[-1]) if seconds else (None, None, None)
    first, late = faults[0], sum(each.late for each in faults)
    return Kind(first.row, first.kind, len(faults), fastest, typical, slowest, first.budget, late)


def _table(title: str, columns: Iterable[str], right: Iterable[str] = ()) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in set(right) else "left", overflow="fold")
    return table


def _compared(verdict: Verdict) -> Table:
    title = "Everything compared: exact" if verdict.exact else "Everything compared: NOT EXACT"
    table = _table(title, ("", "how many"), ("how many",))
    for name, value in verdict.totals.items():
        table.add_row(name, f"{value:,}")
    for kind, meaning in KINDS.items():
        if verdict.found[kind] or kind in {"lost", "duplicated", "wrong-count", "open-transaction"}:
            table.add_row(meaning, f"{verdict.found[kind]:,}")
        for example in verdict.examples.get(kind, ())[:3]:
            table.add_row(escape(f"    {example}"), "")
    return table


def _faults(kinds: Sequence[Kind]) -> Table:
    title = f"Faults: {sum(kind.count for kind in kinds):,} of {len(kinds)} kinds; seconds until progress everywhere"
    numbers = ("row", "count", "fastest", "typical", "slowest", "budget", "late")
    table = _table(title, ("row", "kind", *numbers[1:]), numbers)
    for kind in kinds:
        times = [_seconds(each) for each in (kind.fastest, kind.typical, kind.slowest, kind.budget)]
        table.add_row(str(kind.row), kind.name, f"{kind.count:,}", *times, str(kind.late or ""))
    return table


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f}"


def _mutants(mutants: Sequence[Mutant]) -> Table:
    table = _table("Planted bugs", ("name", "bug", "found as"))
    for mutant in mutants:
        table.add_row(mutant.name, escape(mutant.bug), ", ".join(mutant.found) or "NOT FOUND")
    return table

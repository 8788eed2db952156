"""The audit of invariants 1 to 3, on a system that goes on working."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from time import monotonic
from typing import Protocol

from msgspec import Struct

from processor.audit import baseline as baselines
from processor.audit.begin import Begin, Noted, begin, gaps
from processor.audit.findings import Findings, Verdict
from processor.audit.forgotten import left_out
from processor.audit.leaving import Leaving
from processor.audit.letters import Letters
from processor.audit.live import Live
from processor.audit.looks import Looks
from processor.audit.noted import note
from processor.audit.outputs import Outputs
from processor.audit.passes import LogPass, last
from processor.audit.positions import impossible
from processor.audit.publications import Publication, await_forgotten, read_published
from processor.audit.purged import read_purged
from processor.audit.standing import Standing
from processor.audit.tally import Tally
from processor.audit.unmatched import judge
from processor.kafka import topics
from processor.kafka.beginnings import refresh
from processor.kafka.offsets import bounds
from processor.patience import Moved, persist
from processor.settings import Settings

_ATTEMPTS = 3


class Progress(Protocol):
    """Who is told how far it is."""

    def begin(self, step: str, total: int | None) -> Callable[[int], None]:
        """Begin a step; the answer is called with how many more are done."""


class Report(Struct):
    """What was found, and how much was looked at."""

    findings: Findings
    since: str = "origin"  # or "baseline"
    logins: int = 0
    dead_letters: int = 0
    redriven: int = 0  # dead letters that went back to the input
    purged: int = 0  # dead letters that are missing because somebody purged them
    users: int = 0
    published: int = 0  # records of user-aggregations
    seconds: float = 0.0


def audit(settings: Settings, progress: Progress, *, full: bool = False, leave: bool = True) -> Report:
    """Audit, from the last baseline on unless `full`, and leave one if all is well and `leave` says so.

    Raises Unavailable, NotReady and LineageMismatch when there is nothing to audit now.
    """
    began = monotonic()
    for attempt in range(_ATTEMPTS):
        final = attempt == _ATTEMPTS - 1
        try:
            report = _Attempt(settings, progress, full=full, final=final).run(leave=leave)
            report.seconds = round(monotonic() - began, 1)
            return report
        except Moved:
            if final:
                raise
    raise AssertionError


class _Attempt:
    """One try; a Redis that goes back in the middle of it ends it with Moved."""

    def __init__(self, settings: Settings, progress: Progress, *, full: bool, final: bool) -> None:
        self._progress = progress
        self._final = final
        self._live = Live(settings)
        self._identity = self._live.identity()
        self._findings = Findings()
        self._report = Report(self._findings)
        self._path = baselines.path_of(settings)
        self._saved = None if full else baselines.load(self._path, self._identity, settings.redis.shards)

    def run(self, *, leave: bool) -> Report:
        """Go through the steps; their order is what makes it exact (DESIGN, The audit).

        1. Read user-aggregations to a checkpoint. 2. Note all positions. 3. Find out from where on all can be known.
        4. Pass over the log. 5. Judge outputs, dead letters, published counts. 6. Look into Redis. 7. Leave a baseline.
        """
        self._live.store.cursors()  # of another lineage, none, or not there: nothing could be said
        await_forgotten(self._live)
        publication = read_published(self._live, self._findings, self._progress.begin("published counts", None))
        at = note(self._live, publication.checkpoint)
        for difference in impossible(at):
            self._findings.add(difference)
        start = begin(at, self._saved.baseline if self._saved else None)
        if isinstance(start, list):
            self._findings.unknown += start
        elif not self._findings.totals["position-impossible"]:
            self._compare(publication, at, start, leave=leave)
        return self._report

    def _compare(self, publication: Publication, at: Noted, start: Begin, *, leave: bool) -> None:
        outputs, letters = self._matchings(at, start)
        tallies = self._tallies(publication, at, start)
        self._pass(at, start, outputs, letters, tallies, publication)
        self._judge(publication, start, outputs, letters, len(at.processed))
        self._judge_published(publication, tallies)
        with closing(Leaving(self._path, tallies, self._findings, wanted=leave)) as leaving:
            self._look(at, start, tallies, publication)
            if self._findings.verdict is Verdict.CLEAN and outputs and letters:
                leaving.keep(self._identity, at, start, outputs, letters, publication.forgets)
                refresh(self._live.settings, self._live.cluster, start.beginnings)

    def _matchings(self, at: Noted, start: Begin) -> tuple[Outputs | None, Letters | None]:
        """What can be held against the input: not what retention has deleted."""
        names, findings, base = self._live.topics, self._findings, start.baseline
        deleted = list(gaps(names.processed, at.processed, start.processed))
        purged = read_purged(self._live, at.dead_letters, start.dead_letters)
        letters_deleted = list(gaps(names.dead_letters, at.dead_letters, purged.reaches))
        findings.unknown += deleted + letters_deleted
        same = len(at.input) == len(at.processed)
        outputs = Outputs(at.committed, findings, same_partitions=same, ahead=base.ahead if base else ())
        letters = Letters(at.committed, findings, base.letters_ahead if base else (), purged.origins)
        return None if deleted else outputs, None if letters_deleted else letters

    def _tallies(self, publication: Publication, at: Noted, start: Begin) -> list[Tally]:
        counts = self._saved.counts if self._saved and start.baseline else [{} for _ in at.cursors]
        if start.baseline:
            left_out(counts, start.baseline.forgets, publication.published.forgotten)
        self._saved = None
        each = zip(start.floors, at.checkpoint, at.cursors, counts, strict=True)
        return [Tally(*one) for one in each]

    def _pass(
        self,
        at: Noted,
        start: Begin,
        outputs: Outputs | None,
        letters: Letters | None,
        tallies: Sequence[Tally],
        publication: Publication,
    ) -> None:
        starts = start.lowest()
        total = sum(end - starts.get(p, end) for p, end in last(at).items())
        forgotten = publication.published.forgotten
        LogPass(self._live, start, outputs, letters, tallies, forgotten).run(at, self._progress.begin("input", total))
        if "compact" in topics.properties(self._live.cluster, self._live.topics.input)["cleanup.policy"]:
            self._findings.doubts.append(
                "the input topic is compacted: logins may have been deleted after they counted"
            )
        self._doubt_what_was_cut(self._live.topics.input, starts)
        self._doubt_what_was_cut(self._live.topics.processed, start.processed)
        if letters:
            firsts = {p: max(low, start.dead_letters.get(p, 0)) for p, (low, _) in at.dead_letters.items()}
            self._doubt_what_was_cut(self._live.topics.dead_letters, firsts)

    def _doubt_what_was_cut(self, topic: str, starts: Mapping[int, int]) -> None:
        low = persist(lambda: bounds(self._live.cluster, topic))
        if any(at < low[p][0] for p, at in starts.items() if p in low):
            self._findings.doubts.append(f"records of {topic} were deleted while they were read: run it again")

    def _judge(
        self, publication: Publication, start: Begin, outputs: Outputs | None, letters: Letters | None, partitions: int
    ) -> None:
        self._report.since = "baseline" if start.baseline else "origin"
        self._report.published = publication.published.records
        if outputs:
            judge(outputs, self._findings, partitions, begin_known=start.known)
            self._report.logins = outputs.matched
        if letters:
            letters.judge(begin_known=start.known)
            self._report.dead_letters = letters.matched
            self._report.redriven, self._report.purged = len(letters.redriven), letters.purged

    def _judge_published(self, publication: Publication, tallies: Sequence[Tally]) -> None:
        publication.published.compare(tallies)
        if self._findings.totals["published-wrong"] and not publication.certain and not self._final:
            raise Moved("user-aggregations may have been read before a transaction's markers were there")

    def _look(self, at: Noted, start: Begin, tallies: Sequence[Tally], publication: Publication) -> None:
        standings = [
            Standing(tally.counted(), floor, cursors)
            for tally, floor, cursors in zip(tallies, start.floors, at.cursors, strict=True)
        ]
        self._report.users = sum(len(standing.counts) for standing in standings)
        advance = self._progress.begin("counts", self._report.users)
        Looks(self._live, standings, publication, self._findings, advance).run()

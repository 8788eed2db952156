"""What a passed audit leaves behind: the baseline for the next one, and fresh notes of where the outputs begin."""

from collections.abc import Sequence
from pathlib import Path

from processor.audit.baseline import Draft
from processor.audit.begin import Baseline, Begin, Noted
from processor.audit.findings import Findings
from processor.audit.letters import Letters
from processor.audit.outputs import Outputs
from processor.audit.tally import Tally


class Leaving:
    """A baseline in the making; a disk that does not take it costs the next audit time, and this one nothing."""

    def __init__(self, path: Path, tallies: Sequence[Tally], findings: Findings, *, wanted: bool) -> None:
        self._findings = findings
        self._floors = [tally.lower for tally in tallies]
        self._draft: Draft | None = None
        if wanted:
            try:
                self._draft = Draft(path, [tally.base for tally in tallies])
            except OSError as problem:
                self._failed(problem)

    def keep(
        self,
        identity: dict[str, str],
        at: Noted,
        start: Begin,
        outputs: Outputs,
        letters: Letters,
        forgets: list[int],
    ) -> None:
        """Make it the baseline."""
        if self._draft is None:
            return
        made = Baseline(
            identity=identity,
            origins={p: origin for p, origin in at.origins.items() if origin is not None},
            input=dict(at.committed),
            processed={p: high for p, (_, high) in at.processed.items()},
            dead_letters={p: high for p, (_, high) in at.dead_letters.items()},
            ahead=outputs.ahead,
            letters_ahead=letters.ahead,
            floors=self._floors,
            beginnings=start.beginnings,
            forgets=forgets,
        )
        try:
            self._draft.keep(made)
        except OSError as problem:
            self._failed(problem)

    def close(self) -> None:
        """Let go of what was put aside."""
        if self._draft is not None:
            self._draft.close()

    def _failed(self, problem: OSError) -> None:
        self._draft = None
        self._findings.notes.append(
            f"no baseline was left: {problem.filename or 'the run directory'}: {problem.strerror}"
        )

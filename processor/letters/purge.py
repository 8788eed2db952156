"""Letters are deleted, and the topic says so.

The record of it is written first: killed in between, a purge is finished by the next one, and an audit never meets
letters that are gone without a word. It fences a redrive at work, as their letters may be the same.
"""

from datetime import UTC, datetime

from processor.errors import Refused
from processor.faults import reach
from processor.kafka.letterbox import Letterbox, Marks
from processor.kafka.letters import Id, Letter
from processor.kafka.markers import Purged, Redriven
from processor.kafka.returning import Returning
from processor.letters.choice import refuse_if_gone
from processor.letters.cutting import Cut, Cutoff
from processor.settings import Settings


class Purging:
    """One purge of one pool."""

    def __init__(self, settings: Settings, cutoff: Cutoff) -> None:
        self._settings = settings
        self._cutoff = cutoff
        self._box = Letterbox(settings)
        self._marks = Marks(self._box)

    def unfinished(self) -> dict[int, int]:
        """Where former purges were interrupted: partition → the first offset that should stay."""
        self._marks.read_on()
        lows = {p: low for p, (low, _) in self._box.bounds().items()}
        purged = {p: max(one.before for one in each) for p, each in self._marks.purges.items() if each}
        return {p: before for p, before in purged.items() if before > lows.get(p, before)}

    def finish(self, offsets: dict[int, int]) -> None:
        """Carry out what was written down."""
        self._box.cut(offsets)

    def look(self) -> dict[int, Cut]:
        """Find out what would go, by partition; changes nothing. Raises Refused for letters that are not there."""
        bounds = self._box.bounds()
        if self._cutoff.through is not None:
            refuse_if_gone((Id(p, offset) for p, offset in self._cutoff.through.items()), bounds)
        self._marks.read_on()
        lows = {p: low for p, (low, _) in bounds.items()}
        cuts = {p: Cut(low, low) for p, low in lows.items()}
        for message, found in self._box.records(lows, self._marks.ends):
            at = Id(message.partition() or 0, message.offset() or 0)
            cut = cuts[at.partition]
            if cut.ended or isinstance(found, Redriven | Purged):
                continue
            if not self._cutoff.takes(at, message.timestamp()[1]):
                cut.ended = True
            elif isinstance(found, Letter):
                cut.take(found, redriven=found.origin in self._marks.returns)
            else:
                cut.take_stranger(at.offset)
        return {p: cut for p, cut in cuts.items() if cut.before > cut.start}

    def run(self, cuts: dict[int, Cut]) -> None:
        """Write down what goes, and delete it; raises Refused when the topic was cut meanwhile."""
        settings, when = self._settings, datetime.now(UTC).isoformat(timespec="milliseconds")
        returning = Returning(settings, f"{settings.host}-purge", settings.host)
        returning.ready()
        lows = {p: low for p, (low, _) in self._box.bounds().items()}
        if self.unfinished() or any(cut.start != lows.get(p) for p, cut in cuts.items()):  # reads the markers, too
            raise Refused("dead letters were deleted meanwhile, by retention or another purge. Run it again")
        known = self._marks.purges
        returning.note({p: Purged([*known.get(p, []), cut.purge(when, settings.host)]) for p, cut in cuts.items()})
        reach("purge.after-marker")
        self._box.cut({p: cut.before for p, cut in cuts.items()})

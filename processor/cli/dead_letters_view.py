"""How dead letters are shown: one a line, or one with all that is known of it."""

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from processor.kafka.letters import Letter
from processor.kafka.markers import Place
from processor.letters.text import cell, lines, printable, visible
from processor.letters.times import moment

if TYPE_CHECKING:
    from processor.kafka.letterbox import Marks

_COLUMNS = f"{'id':<12} {'time':<20} {'reason':<13} {'origin':<12} {'key':<24} {'bytes':>9}  state"


class Listing:
    """Prints letters as they come, and keeps nothing of them but how many there are of each reason."""

    def __init__(self, marks: "Marks", topic: str, *, as_json: bool) -> None:
        self._marks = marks
        self._topic = topic
        self._json = as_json
        self._reasons: Counter[str] = Counter()
        self._redriven = 0

    def show(self, letter: Letter) -> None:
        """Print one line."""
        to = self._marks.returns.get(letter.origin)
        if self._json:
            print(json.dumps(_plain(letter, to, self._topic)))
        else:
            if not self._reasons:
                print(_COLUMNS)
            print(_row(letter, "waiting" if to is None else "redriven"))
        self._reasons[letter.reason] += 1
        self._redriven += to is not None

    def end(self, limit: int | None) -> None:
        """Print the summary."""
        if self._json:
            return
        total = self._reasons.total()
        if not total:
            print("No dead letters.")
            return
        print()
        for reason, number in self._reasons.most_common():
            print(f"{number:>9,} {printable(reason)}")
        first = "the first " if total == limit else ""
        print(f"{first}{total:,} dead letters, {self._redriven:,} of them redriven")


def _row(letter: Letter, state: str) -> str:
    origin = f"{letter.origin[0]}:{letter.origin[1]}"
    row = f"{letter.id!s:<12} {moment(letter.time):<20} {printable(letter.reason):<13} {origin:<12}"
    return f"{row} {cell(letter.key):<24} {letter.size:>9,}  {state}"


def _plain(letter: Letter, to: Place | None, topic: str) -> dict[str, Any]:
    return {
        "id": str(letter.id),
        "time": moment(letter.time),
        "reason": letter.reason,
        "message": letter.message,
        "topic": topic,
        "partition": letter.origin[0],
        "offset": letter.origin[1],
        "timestamp": letter.origin[2],
        "key": None if letter.key is None else letter.key.decode(errors="backslashreplace"),
        "bytes": letter.size,
        "state": "waiting" if to is None else "redriven",
        "redriven_to": None if to is None else {"partition": to[0], "offset": to[1]},
        "redriven_from": letter.redriven_from,
    }


def show(letter: Letter, value: bytes | None, to: Place | None, topic: str) -> None:
    """Print all that is known of a letter; `value` may have been fetched from the input."""
    for name, said in _facts(letter, to, topic):
        print(f"{name:<10} {said}")
    for name, held in letter.headers:
        print(f"{'header':<10} {printable(name)}: {'null' if held is None else visible(held)}")
    if letter.left_out.headers is not None:
        print(f"{'headers':<10} {letter.left_out.headers} were left out for their size")
    fetched = f", left out of the letter and read from {topic}" if letter.left_out.value is not None else ""
    if value is None:
        print(f"{'value':<10} none: {why_no_value(letter)}")
        return
    print(f"{'value':<10} {len(value):,} bytes{fetched}")
    for line in lines(value):
        print(line)


def _facts(letter: Letter, to: Place | None, topic: str) -> list[tuple[str, str]]:
    partition, offset, timestamp = letter.origin
    left_out = f", {letter.left_out.key:,} bytes, left out for its size" if letter.left_out.key is not None else ""
    facts = [
        ("id", str(letter.id)),
        ("time", moment(letter.time)),
        ("reason", f"{printable(letter.reason)}: {printable(letter.message)}"),
        ("origin", f"{topic} partition {partition} offset {offset}, of {moment(timestamp)}"),
        ("state", "waiting" if to is None else f"redriven to {topic} partition {to[0]} offset {to[1]}"),
        ("key", ("none" if letter.key is None else visible(letter.key)) + left_out),
    ]
    before = letter.redriven_from
    return [*facts, ("before", f"its record was redriven from {printable(before)}")] if before is not None else facts


def why_no_value(letter: Letter) -> str:
    """Say why there is none."""
    length = letter.left_out.value
    if length is None:
        return "the record was a tombstone"
    return f"{length:,} bytes were left out for their size, and the input does not hold the record any more"

"""One letter by its id."""

from processor.kafka.letterbox import Letterbox
from processor.kafka.letters import Id, Letter
from processor.letters.choice import Choice, refuse_if_gone, refuse_if_missing


def look_up(box: Letterbox, wanted: Id) -> Letter:
    """Read it; raises Refused when it is not there."""
    ids = frozenset([wanted])
    bounds = box.bounds()
    refuse_if_gone(ids, bounds)
    lows, highs = ({p: at[end] for p, at in Choice(ids=ids).within(bounds).items()} for end in (0, 1))
    found = [letter for letter in box.letters(lows, highs) if letter.id == wanted]
    refuse_if_missing(ids, [letter.id for letter in found])
    return found[0]


def whole_value(box: Letterbox, letter: Letter) -> bytes | None:
    """The value of a letter, read from the input where it was left out; None when there is none, or none any more."""
    if letter.left_out.value is None:
        return letter.value
    original = box.original(letter.origin)
    return original.value if original else None

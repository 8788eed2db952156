"""Lists of numbers on a command line."""

from argparse import ArgumentTypeError


class Numbers(list[int]):
    """Some whole numbers; shown as they are written."""

    def __str__(self) -> str:
        return ",".join(map(str, self))


def numbers(text: str) -> Numbers:
    """Read `1,2,4`; raises ArgumentTypeError."""
    words = text.split(",")
    if not all(word.isascii() and word.isdigit() and int(word) > 0 for word in words):
        raise ArgumentTypeError(f"{text!r} is not a list of numbers, as in 1,2,4")
    return Numbers(map(int, words))

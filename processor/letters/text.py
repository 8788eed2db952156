"""Bytes from anywhere, made fit for a terminal: nothing that it could take for a command remains."""

from collections.abc import Iterator

_CELL = 24  # characters of a key in a table
_TEXT_AT_MOST = 100_000
_DUMP_AT_MOST = 4_096
_ROW = 16


def printable(text: str, keep: str = "") -> str:
    """Escape all that is not visible, as control codes and directions of writing, but for what `keep` has."""
    return "".join(c if c.isprintable() or c in keep else _escaped(c) for c in text)


def visible(content: bytes, keep: str = "") -> str:
    """Show bytes as text, what is no UTF-8 as its escape."""
    return printable(content.decode(errors="backslashreplace"), keep)


def cell(content: bytes | None) -> str:
    """A key for a table: one short line; `-` is none."""
    if content is None:
        return "-"
    shown = visible(content[: 4 * _CELL])
    return shown if len(shown) <= _CELL else f"{shown[: _CELL - 1]}…"


def lines(content: bytes) -> Iterator[str]:
    """A value as text with its own lines where it is UTF-8, else as a hex dump; long ones are cut, and say so."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        yield from _dump(content[:_DUMP_AT_MOST])
        left = len(content) - _DUMP_AT_MOST
    else:
        yield from printable(text[:_TEXT_AT_MOST], keep="\n\t").split("\n")
        left = len(text[_TEXT_AT_MOST:].encode())
    if left > 0:
        yield f"… and {left:,} more bytes: --raw writes all of them"


def _dump(content: bytes) -> Iterator[str]:
    for at in range(0, len(content), _ROW):
        row = content[at : at + _ROW]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{at:08x}  {row.hex(' '):<{3 * _ROW}} |{shown}|"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()

"""What is wrong with a setting."""

from msgspec import Struct


class Finding(Struct, frozen=True):
    """A key, and what is wrong with its value."""

    key: str
    problem: str

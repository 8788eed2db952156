"""The one error of a measurement."""


class Failed(Exception):  # noqa: N818 (it says what happened)
    """A measurement that does not count, and why; `run` shows it as one line."""

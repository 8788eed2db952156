"""The one error of deploy/local."""


class Problem(Exception):  # noqa: N818 - it is shown to a person as one line, never as a traceback
    """What happened, where, and what to do, in one line."""

"""Which workers the scaler itself stopped, in a file: after its restart it must not take them for a person's."""

import os
from contextlib import suppress
from pathlib import Path

from msgspec import DecodeError, ValidationError, json

from processor.log import warning
from processor.scaling.slots import Parked


class Parking:
    """The file in the run directory; written before a worker is stopped."""

    def __init__(self, run_directory: str) -> None:
        self._file = Path(run_directory) / "scaler.parked"
        self._known: Parked | None = None

    def read(self) -> Parked:
        """What was written last; nothing where there is no file, or none that can be read."""
        with suppress(OSError, DecodeError, ValidationError):
            return json.decode(self._file.read_bytes(), type=Parked)
        return {}

    def write(self, parked: Parked) -> bool:
        """Write it, if it is new; False when that can't be done: then no worker may be stopped."""
        if parked == self._known:
            return True
        new = self._file.with_suffix(".new")
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 (the mode)
                file.write(json.encode(parked))
            new.replace(self._file)
        except OSError as problem:
            warning("can't remember what is stopped: stopping no worker", file=str(self._file), why=problem.strerror)
            return False
        self._known = dict(parked)
        return True

"""From values to logins: the usual shape at the speed of one C call, everything else by the complete rules."""

from msgspec import json

from processor.logins.numbered import decode_numbered
from processor.logins.records import Login, Rejected
from processor.logins.timestamps import Instants, of_record
from processor.logins.unusual import UnknownFields, decode_unusual

UNUSUAL = (ValueError, RecursionError, TypeError)
"""What reading a value that is not of the usual shape raises: msgspec's errors and UnicodeDecodeError are ValueErrors,
a tombstone is a TypeError."""


class Decoder:
    """Decodes the values of user-login; never raises, whatever they hold.

    What the fast path accepts, `decode_unusual` would accept with the same outcome: the fast path only saves time.
    `read`, `instants` and `unusual` are its parts, for the loop over a batch.
    """

    def __init__(self, unknown_fields: UnknownFields) -> None:
        self.read = json.Decoder(Login).decode
        self.instants = Instants()
        self._unknown_fields = unknown_fields

    def decode(self, value: bytes | None, record_timestamp: int) -> Login | Rejected:
        """Decode one value; `record_timestamp` (ms) is the time stamp of a login that has none."""
        try:
            login = self.read(value)  # type: ignore[arg-type]  # a tombstone's TypeError is cheaper than a test of each
            given = login.timestamp
            login.timestamp = self.instants[given] if given is not None else of_record(record_timestamp)
        except UNUSUAL:
            return self.unusual(value, record_timestamp)
        return login

    def unusual(self, value: bytes | None, record_timestamp: int) -> Login | Rejected:
        """Decode one value by the complete rules; a user's number alone is decided without them, and alike."""
        numbered = decode_numbered(value, record_timestamp, self.instants)
        return numbered or decode_unusual(value, record_timestamp, self.instants, self._unknown_fields)

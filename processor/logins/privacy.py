"""What becomes of `ip`, which is personal data, in everything that is written of a login.

It is put in the place of the address after all is decided, so what counts as a login, and what would fit, is the same
whatever the setting: workers with different ones still agree on every count.
"""

import hmac
import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

from msgspec import Raw, ValidationError, json

from processor.logins.json_object import read_object
from processor.logins.records import Rejected

Ip = Literal["keep", "truncate", "hash", "drop"]

MOST_CACHED = 20_000
LONGEST_CACHED = 64  # bytes: what is longer is no address, and would be any amount of memory

_NULL = b"null"
_BEFORE, _AFTER = b',"ip":', b',"locale":'  # in a processed record
_HASHED = re.compile(r"hmac:[0-9a-f]{32}")

_read = json.Decoder(str | None).decode
_write = json.Encoder().encode


def truncated(address: str) -> str | None:
    """The network of an address, /24 or /48; None for what is no address: nobody knows what it tells."""
    try:
        at = ip_address(address)
    except ValueError:
        return None
    if isinstance(at, IPv4Address):
        return str(IPv4Address(int(at) >> 8 << 8))
    if at.ipv4_mapped:
        return f"::ffff:{truncated(str(at.ipv4_mapped))}"
    return str(IPv6Address(int(at) >> 80 << 80))


def hashed(key: bytes) -> Callable[[str], str]:
    """HMAC-SHA256 of an address, cut to 128 bits; without the key nobody can try all addresses out.

    One that is hashed already stays as it is: a dead letter that is redriven comes by twice.
    """

    def replaced(address: str) -> str:
        if _HASHED.fullmatch(address):
            return address
        return f"hmac:{hmac.digest(key, address.encode(), 'sha256')[:16].hex()}"

    return replaced


class Replacements(dict[bytes, bytes]):
    """The JSON text of an `ip` -> what stands in its place; a bounded cache, since users come again."""

    def __init__(self, replace: Callable[[str], str | None]) -> None:
        super().__init__()
        self._replace = replace

    def __missing__(self, text: bytes) -> bytes:
        """Replace one that was not seen lately; what is no string tells nothing any more."""
        try:
            address = _read(text)
        except ValidationError:
            return _NULL
        replaced = _NULL if address is None else _write(self._replace(address))
        if len(text) <= LONGEST_CACHED:
            if len(self) >= MOST_CACHED:
                self.clear()
            self[text] = replaced
        return replaced


class Redaction:
    """Takes addresses out of processed records and dead letters: the same one always becomes the same."""

    def __init__(self, replace: Callable[[str], str | None]) -> None:
        self._replacements = Replacements(replace)

    def processed(self, values: Sequence[bytes | None]) -> list[bytes | None]:
        """Replace the addresses of processed records.

        The first such text is the field: before it come only strings, in which its quotation marks would be escaped.
        """
        replacements = self._replacements
        redacted: list[bytes | None] = []
        for value in values:
            if value is None:
                redacted.append(None)
                continue
            before, _, rest = value.partition(_BEFORE)
            address, _, after = rest.partition(_AFTER)
            redacted.append(b"".join((before, _BEFORE, replacements[address], _AFTER, after)))
        return redacted

    def letter(self, value: bytes | None) -> bytes | None:
        """Replace the address in what was refused: None where nobody can tell whether there is one, so all has to go.

        An object without `ip` stays byte for byte. One with it is written anew: its members as they came, without the
        blanks between them, and of equal names the last.
        """
        if not value:
            return value
        members = read_object(value)
        if isinstance(members, Rejected):
            return None
        if "ip" not in members:
            return value
        members["ip"] = Raw(self._replacements[bytes(members["ip"])])
        return b"{%b}" % b",".join(b"%b:%b" % (_write(name), bytes(raw)) for name, raw in members.items())


def redaction(ip: Ip, key: str) -> Redaction | None:
    """Choose, once, what is done with addresses; None, so that nothing at all is, when they are kept."""
    match ip:
        case "keep":
            return None
        case "drop":
            return Redaction(lambda _address: None)
        case "truncate":
            return Redaction(truncated)
        case "hash":
            return Redaction(hashed(key.encode()))

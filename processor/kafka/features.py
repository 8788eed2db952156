"""What a broker says of itself to anyone: the ApiVersions request, whose answer librdkafka keeps to itself."""

import ssl
import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from socket import create_connection, socket

from msgspec import Struct

from processor.settings import KafkaProperties

_SECONDS = 3.0
_LARGEST_ANSWER = 1_000_000
_SUPPORTED, _FINALIZED = 0, 2  # tags of the answer's last fields

# The first metadata.version of each release, from 4.0 on: what a broker supports at most tells how new it is.
_RELEASES = ((22, "4.0"), (26, "4.1"), (28, "4.2"))
METADATA = "metadata.version"


class Features(Struct, frozen=True):
    """Feature levels (KIP-584): the highest that this broker knows, and those that the whole cluster works with."""

    supported: Mapping[str, int]
    finalized: Mapping[str, int]

    @property
    def release(self) -> str:
        """The least Kafka release that has all of this; "" for one before 4.0."""
        return next((name for level, name in reversed(_RELEASES) if self.supported.get(METADATA, 0) >= level), "")


def features(host: str, port: int, client: KafkaProperties) -> Features:
    """Connect as a client with these properties would, and ask; raises OSError for whatever goes wrong."""
    return parsed(_answer(host, port, client, _request()))


def wants_login(host: str, port: int, client: KafkaProperties) -> bool:
    """Whether it ends a connection that asks for more without a login; raises OSError when it can't be known."""
    brokers = struct.pack(">hhihi", 3, 1, 0, -1, 0)  # Metadata, version 1, no client id, for no topics
    try:
        _answer(host, port, client, struct.pack(">i", len(brokers)) + brokers)
    except ConnectionResetError:
        return True
    return False


def _answer(host: str, port: int, client: KafkaProperties, request: bytes) -> bytes:
    with ExitStack() as stack:
        connection: socket = stack.enter_context(create_connection((host, port), _SECONDS))
        if "SSL" in str(client.get("security.protocol", "")).upper():
            connection = stack.enter_context(_context(client).wrap_socket(connection, server_hostname=host))
        connection.sendall(request)
        (size,) = struct.unpack(">i", _exactly(connection, 4))
        if not 0 <= size <= _LARGEST_ANSWER:
            raise OSError("what answers is no Kafka broker, or wants TLS")
        return _exactly(connection, size)


def parsed(answer: bytes) -> Features:
    """Read the answer of version 3; raises OSError when it is of another."""
    try:
        body = _Bytes(answer)
        body.skip(4)  # the correlation id
        if error := body.number(2):
            raise OSError(f"it refuses ApiVersions with error {error}")
        for _ in range(body.count()):
            body.skip(6)  # key, least and highest version of a request
            body.skip_tags()
        body.skip(4)  # the throttle time
        tagged = {
            tag: dict(_levels(_Bytes(field), tag)) for tag, field in body.tags() if tag in {_SUPPORTED, _FINALIZED}
        }
    except (IndexError, struct.error, UnicodeDecodeError) as problem:
        raise OSError("its answer to ApiVersions can't be read") from problem
    return Features(tagged.get(_SUPPORTED, {}), tagged.get(_FINALIZED, {}))


def _levels(field: "_Bytes", tag: int) -> Iterator[tuple[str, int]]:
    for _ in range(field.count()):
        name, first, second = field.text(), field.number(2), field.number(2)
        field.skip_tags()
        yield name, second if tag == _SUPPORTED else first  # least and highest; highest and least


def _request() -> bytes:
    name = b"data-processor"
    said = bytes([len(name) + 1]) + name + bytes([2]) + b"1" + b"\0"  # software name and version, no tags
    body = struct.pack(">hhih", 18, 3, 0, -1) + b"\0" + said  # ApiVersions, version 3, no client id, no tags
    return struct.pack(">i", len(body)) + body


def _context(client: KafkaProperties) -> ssl.SSLContext:
    """TLS as librdkafka's properties of the same names want it."""
    given = {key: str(value) for key, value in client.items() if key.startswith("ssl.")}
    authority = given.get("ssl.ca.location", "")
    context = ssl.create_default_context(cafile=authority or None, cadata=given.get("ssl.ca.pem"))
    context.check_hostname = given.get("ssl.endpoint.identification.algorithm", "https") != "none"
    if str(client.get("enable.ssl.certificate.verification", "true")).lower() == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate := given.get("ssl.certificate.location"):
        context.load_cert_chain(certificate, given.get("ssl.key.location"), given.get("ssl.key.password"))
    return context


def _exactly(connection: socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        more = connection.recv(size - len(received))
        if not more:
            raise ConnectionResetError("it closed the connection instead of answering")
        received += more
    return received


class _Bytes:
    """Kafka's compact encoding, read from the front; beyond the end it raises IndexError or struct.error."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def skip(self, size: int) -> None:
        self._at += size

    def number(self, size: int) -> int:
        self.skip(size)
        return int(struct.unpack_from({2: ">h", 4: ">i"}[size], self._data, self._at - size)[0])

    def count(self) -> int:
        """The length of an array or a text: written as one more."""
        return self._varint() - 1

    def text(self) -> str:
        size = self.count()
        self.skip(size)
        return self._data[self._at - size : self._at].decode()

    def tags(self) -> Iterator[tuple[int, bytes]]:
        for _ in range(self._varint()):
            tag, size = self._varint(), self._varint()
            self.skip(size)
            yield tag, self._data[self._at - size : self._at]

    def skip_tags(self) -> None:
        for _ in self.tags():
            pass

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

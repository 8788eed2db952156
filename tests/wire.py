"""Kafka's Produce request by hand: records as only a client in another language could write them."""

import socket
import struct
from collections.abc import Iterator, Sequence
from time import monotonic, sleep

RawHeaders = Sequence[tuple[bytes, bytes | None]]

NOT_KNOWN_YET, NO_LEADER_YET = 3, 6


def produce(bootstrap: str, topic: str, partition: int, value: bytes, headers: RawHeaders) -> None:
    """Append one record whose headers have any bytes for names, as soon as a new partition has its leader."""
    deadline = monotonic() + 10
    while error := _append(bootstrap, topic, partition, _batch(_record(value, headers))):
        assert error in {NOT_KNOWN_YET, NO_LEADER_YET}, f"the broker refused the record: {error}"
        assert monotonic() < deadline, "the partition got no leader"
        sleep(0.05)


def _append(bootstrap: str, topic: str, partition: int, records: bytes) -> int:
    """Send the request; the error code that is answered."""
    body = struct.pack(">hhi", -1, 1, 10_000)  # no transactional id, acks=1, ms to wait
    body += struct.pack(">ih", 1, len(topic)) + topic.encode()
    body += struct.pack(">iii", 1, partition, len(records)) + records
    request = struct.pack(">hhih", 0, 3, 1, -1) + body  # Produce, version 3, correlation 1, no client id
    host, _, port = bootstrap.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", _exactly(connection, 4))
        answer = _exactly(connection, size)
    (error,) = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(topic) + 4 + 4)
    return int(error)


def _record(value: bytes, headers: RawHeaders) -> bytes:
    named = b"".join(_sized(name) + _sized(content) for name, content in headers)
    body = b"\0" + _varint(0) + _varint(0) + _sized(None) + _sized(value) + _varint(len(headers)) + named
    return _varint(len(body)) + body


def _batch(record: bytes) -> bytes:
    """A batch of magic 2 with one record."""
    checked = struct.pack(">hiqqqhii", 0, 0, 1_700_000_000_000, 1_700_000_000_000, -1, -1, -1, 1) + record
    after_length = struct.pack(">ibI", 0, 2, crc_32c(checked)) + checked
    return struct.pack(">qi", 0, len(after_length)) + after_length


def _sized(content: bytes | None) -> bytes:
    return _varint(-1) if content is None else _varint(len(content)) + content


def _varint(number: int) -> bytes:
    return bytes(_septets(number << 1 if number >= 0 else (-number << 1) - 1))


def _septets(number: int) -> Iterator[int]:
    while number > 0x7F:
        yield number & 0x7F | 0x80
        number >>= 7
    yield number


def crc_32c(data: bytes) -> int:
    """The checksum of record batches (Castagnoli)."""
    register = 0xFFFF_FFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F6_3B78 if register & 1 else 0)
    return register ^ 0xFFFF_FFFF


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        received += connection.recv(size - len(received))
    return received

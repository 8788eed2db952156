"""Who is in the pool's group with which partitions: one cheap question, asked again and again by long-lived processes.

The older of the client's two ways to ask: the newer one (members.py) aborts the whole process while a broker goes away
(librdkafka 2.16), so it needs a process of its own each time.
"""

import re
import struct
import warnings

from msgspec import Struct

from processor.kafka.client import REQUEST_SECONDS, translated
from processor.kafka.cluster import Cluster

_CLIENT = re.compile(r"(.+)-worker-(\d+)@.*")  # see membership.client_id


class Joined(Struct, frozen=True):
    """A member of the group; its `id` is another one each time that a process joins, its partitions may stay."""

    id: str
    host: str
    slot: int | None  # None: it was not started by us
    partitions: list[int]


def joined(cluster: Cluster) -> list[Joined]:
    """The group's members; none where it does not exist. Raises Unavailable."""
    settings = cluster.settings
    with translated(f"looking at the members of group {settings.group}"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        groups = cluster.client.list_groups(settings.group, REQUEST_SECONDS)
    return [
        _joined(str(member.id), member.client_id or "", assigned(member.assignment or b"", settings.topics.input))
        for group in groups
        for member in group.members
    ]


def _joined(identity: str, client: str, partitions: list[int]) -> Joined:
    named = _CLIENT.fullmatch(client)
    host, slot = (named[1], int(named[2])) if named else (client, None)
    return Joined(identity, host, slot, partitions)


def assigned(packed: bytes, topic: str) -> list[int]:
    """A topic's partitions in a member's assignment, as the consumer protocol packs them (KIP-429); empty: none yet."""
    found: list[int] = []
    try:
        (topics,) = struct.unpack_from(">i", packed, 2)  # after the version
        at = 6
        for _ in range(topics):
            (length,) = struct.unpack_from(">h", packed, at)
            name = packed[at + 2 : at + 2 + length]
            (number,) = struct.unpack_from(">i", packed, at + 2 + length)
            at += 6 + length
            found += struct.unpack_from(f">{number}i", packed, at) if name == topic.encode() else ()
            at += 4 * number
    except struct.error:
        return sorted(found)
    return sorted(found)

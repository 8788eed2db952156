"""The pool host by host: who works where, who leads, and whether anything is heard of a host."""

from collections.abc import Sequence

from processor.kafka.members import Member
from processor.status.facts import RedisFacts
from processor.status.rows import Host, Partition


def hosts(members: Sequence[Member], partitions: Sequence[Partition], redis: RedisFacts | None) -> list[Host]:
    """Every VM that has a worker in the group, leads the flushers or was heard of in a day."""
    heard = {each.beat.host.name: each.age for each in redis.heard} if redis else {}
    leader = redis.leader[0].split("/")[0] if redis and redis.leader else ""
    names = {member.host for member in members} | heard.keys() | ({leader} if leader else set())
    return [_host(name, members, partitions, leader, heard.get(name)) for name in sorted(names)]


def _host(
    name: str, members: Sequence[Member], partitions: Sequence[Partition], leader: str, heard: float | None
) -> Host:
    own = [member for member in members if member.host == name]
    rows = [row for row in partitions if row.host == name]
    rates = [row.rate for row in rows if row.rate is not None]
    return Host(
        host=name,
        workers=len(own),
        spare_workers=sum(not member.partitions for member in own),
        partitions=len(rows),
        lag=sum(row.committed_lag for row in rows),
        rate=sum(rates) if len(rates) == len(rows) else None,
        leads=name == leader,
        heard_seconds=heard,
    )

"""A consumer group in memory: static members, generations, and partitions that move one owner at a time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from processor.errors import Fenced


class Stale(Exception):  # noqa: N818 - named as the broker's answers are
    """The broker's ILLEGAL_GENERATION or UNKNOWN_MEMBER_ID: the transaction must be aborted."""


class Membership(NamedTuple):
    """What a consumer believes to be."""

    instance: str
    member: int
    generation: int


@dataclass
class Member:
    """What the coordinator knows of one."""

    number: int
    owned: set[int] = field(default_factory=set)
    target: set[int] = field(default_factory=set)


class Group:
    """The coordinator of one group over one topic; the protocol is the classic one, cooperative and sticky."""

    def __init__(self, partitions: int) -> None:
        self.generation = 0
        self.members: dict[str, Member] = {}
        self._partitions = partitions
        self._numbers = 0

    def join(self, instance: str) -> Member:
        """Become a member; under a name that is taken, take its place and partitions, and fence it (KIP-345)."""
        self._numbers += 1
        former = self.members.get(instance)
        member = Member(self._numbers, former.owned if former else set(), former.target if former else set())
        self.members[instance] = member
        if former is None:
            self.rebalance()
        return member

    def expire(self, instance: str) -> None:
        """End a membership whose heartbeats stayed away."""
        if self.members.pop(instance, None) is not None:
            self.rebalance()

    def grow(self, partitions: int) -> None:
        """The topic has more partitions now."""
        self._partitions = partitions
        self.rebalance()

    def rebalance(self, targets: Mapping[str, Iterable[int]] | None = None) -> None:
        """Begin a generation with these targets, or with balanced ones that move as little as possible."""
        self.generation += 1
        if targets is None:
            targets = self._balanced()
        for instance, member in self.members.items():
            member.target = set(targets.get(instance, ()))

    def give_up(self, member: Member) -> set[int]:
        """Let go what is meant for others, which begins the generation in which they get it."""
        going = member.owned - member.target
        if going:
            member.owned -= going
            self.generation += 1
        return going

    def take_over(self, member: Member) -> set[int]:
        """Own what is meant for this member and nobody else's any more."""
        others = [m.owned for m in self.members.values() if m is not member]
        coming = member.target - member.owned - set().union(*others)
        member.owned |= coming
        return coming

    def check(self, membership: Membership) -> None:
        """Raise Stale or Fenced unless this is a member of now."""
        member = self.members.get(membership.instance)
        if member is not None and member.number != membership.member:
            raise Fenced(f"the twin: another process is {membership.instance}")
        if member is None or membership.generation != self.generation:
            raise Stale(f"{membership} in generation {self.generation}")

    def _balanced(self) -> dict[str, set[int]]:
        if not self.members:
            return {}
        most = -(-self._partitions // len(self.members))
        kept = {name: set(sorted(m.owned & m.target)[:most]) for name, m in self.members.items()}
        for partition in sorted(set(range(self._partitions)).difference(*kept.values())):
            min(kept.values(), key=len).add(partition)
        return kept

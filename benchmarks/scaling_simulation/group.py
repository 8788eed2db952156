"""A consumer group as Kafka keeps it: what moves stands still for a while, a stopped static member lingers."""

from dataclasses import dataclass, field

START_SECONDS = 2.0  # from a worker's start to its joining
REBALANCE_SECONDS = 3.0  # a partition that changes hands is processed by nobody for so long
SESSION_SECONDS = 10.0  # a member that left is still taken for alive

Worker = tuple[str, int]  # host and slot


@dataclass
class Group:
    """Members and their partitions."""

    owners: dict[int, Worker | None] = field(default_factory=dict)
    members: dict[Worker, float | None] = field(default_factory=dict)  # since when it is gone; None: it is there
    paused: dict[int, float] = field(default_factory=dict)  # partition → until when

    def join(self, worker: Worker) -> None:
        """A process is there: a new member, or the one that left just now."""
        self.members[worker] = None

    def leave(self, worker: Worker, now: float) -> None:
        """Its process ended."""
        if self.members.get(worker, now) is None:
            self.members[worker] = now

    def turn(self, now: float, partitions: int) -> None:
        """Forget whose session is over, and divide the partitions evenly, moving as few as possible."""
        for worker, gone in list(self.members.items()):
            if gone is not None and now - gone > SESSION_SECONDS:
                del self.members[worker]
        has: dict[Worker, list[int]] = {worker: [] for worker in sorted(self.members)}
        free: list[int] = []
        for partition in range(partitions):
            owner = self.owners.get(partition)
            (has.get(owner, free) if owner else free).append(partition)
        while has:
            least, most = min(has, key=lambda w: len(has[w])), max(has, key=lambda w: len(has[w]))
            if free:
                self._give(least, free.pop(), has, now)
            elif len(has[most]) - len(has[least]) > 1:
                self._give(least, has[most].pop(), has, now)
            else:
                break
        for partition in free:
            self.owners[partition] = None

    def _give(self, worker: Worker, partition: int, has: dict[Worker, list[int]], now: float) -> None:
        has[worker].append(partition)
        self.owners[partition] = worker
        self.paused[partition] = now + REBALANCE_SECONDS

"""The generator's child process: makes records up and sends them, at a rate, whatever the brokers do."""

import time
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from tests.chaos.child import Order, Orders, board
from tests.chaos.made_up import MadeUp, Record, Users

TURN_SECONDS = 0.005
MOST_AT_ONCE = 2_000  # records of one turn: orders are heard in between
MOST_WAITING = 200_000  # records that no broker has taken yet; well below what fills the client's queue
FINISH_SECONDS = 280.0  # before the harness loses patience
STORM_AT_ONCE = 200  # some of them are huge
PROPERTIES: Order = {
    "enable.idempotence": True,
    "message.timeout.ms": 0,  # no outage is too long
    "queue.buffering.max.messages": 500_000,
    "queue.buffering.max.kbytes": 400_000,
    "compression.type": "lz4",
    "topic.metadata.refresh.interval.ms": 1000,  # partitions are added while it runs
    "reconnect.backoff.max.ms": 500,  # brokers come back: the load must not be away for longer than they are
    "retry.backoff.max.ms": 500,
    "log_level": 3,  # brokers that are away are no news here
}

SENT, LOGINS, MADE = range(3)  # places on the board


class Feeder:
    """One run; whatever it could not send in time is not made up later, so that an outage is followed by no flood."""

    def __init__(self, recipe: Order, board: "memoryview[float]") -> None:
        self._board = board
        self._topic, self._recipe = recipe["topic"], recipe
        self._rate, self._malformed = recipe["rate"], recipe["malformed"]
        self._paused = False
        self._made_up = MadeUp(recipe["seed"])
        self._users = Users(recipe["users"], recipe["partitions"])
        self._partitions, self._next = recipe["partitions"], 0
        self._unsent: list[dict[str, Any]] = []  # what the queue, or a partition not known yet, did not take
        self._storms: list[list[int]] = []  # partition, and how many are still to come
        self._made = self._lost = 0
        self._owed, self._clock = 0.0, time.monotonic()
        self._broken = False
        self._producer = self._new_producer()

    def turn(self) -> None:
        """Send what is due."""
        self._producer.poll(0)
        if self._broken:  # an idempotent producer that is beyond repair; what it held may be in the log, or not
            self._lost += len(self._producer)
            self._producer = self._new_producer()
        due = self._due()
        if self._unsent:
            self._send(self._unsent)
        else:
            self._send([self._message(*self._record()) for _ in range(due)])
            self._storm()
        self._show()

    def obey(self, order: Order) -> None:
        """Follow an order of the harness."""
        match order:
            case {"rate": rate}:
                self._rate = rate
            case {"malformed": share}:
                self._malformed = share
            case {"paused": paused}:
                self._paused = paused
            case {"partitions": partitions}:
                self._partitions, self._users = partitions, Users(self._recipe["users"], partitions)
            case {"storm": partition, "count": count}:
                self._storms.append([partition, count])

    def finish(self) -> None:
        """Send what was made up already; SystemExit when no broker takes it: nobody may be there any more to ask."""
        self._rate = 0
        deadline = time.monotonic() + FINISH_SECONDS
        while self._unsent or self._storms or len(self._producer):
            if time.monotonic() > deadline:
                raise SystemExit(f"{len(self._producer)} records could not be sent")
            self.turn()
            self._producer.poll(0.05)
        self._show()

    def _show(self) -> None:
        self._board[LOGINS], self._board[MADE] = self._made_up.logins, self._made
        self._board[SENT] = self._made - len(self._unsent) - len(self._producer) - self._lost

    def _new_producer(self) -> Producer:
        self._broken = False
        own = {**self._recipe["kafka"], "client.id": "chaos-generator", "linger.ms": str(self._recipe["linger"])}
        return Producer(own | PROPERTIES | {"error_cb": self._fail})

    def _fail(self, error: KafkaError) -> None:
        self._broken = self._broken or error.fatal()

    def _due(self) -> int:
        now = time.monotonic()
        if not self._paused:
            self._owed = min(self._owed + self._rate * (now - self._clock), MOST_AT_ONCE)
        self._clock = now
        due = 0 if self._unsent or len(self._producer) > MOST_WAITING else int(self._owed)
        self._owed -= due
        return due

    def _record(self) -> tuple[int, Record]:
        """The next record; partitions take turns, so that at any rate each has its share at any time."""
        self._next = (self._next + 1) % self._partitions
        if self._made_up.random.random() < self._malformed:
            return self._next, self._made_up.malformed()
        return self._next, self._made_up.login(self._users.draw(self._next, self._made_up.random))

    def _storm(self) -> None:
        for storm in self._storms:
            partition, left = storm
            now = min(left, STORM_AT_ONCE)
            self._send([self._message(partition, self._made_up.malformed()) for _ in range(now)])
            storm[1] -= now
        self._storms = [storm for storm in self._storms if storm[1]]

    def _message(self, partition: int, record: Record) -> dict[str, Any]:
        self._made += 1
        message: dict[str, Any] = {"partition": partition, "key": record.key, "value": record.value}
        return message | {"headers": record.headers} if record.headers else message

    def _send(self, messages: list[dict[str, Any]]) -> None:
        refused = [message for message in messages if "headers" in message and not self._send_one(message)]
        batches: dict[int, list[dict[str, Any]]] = {}
        for message in messages:
            if "headers" not in message:
                message.pop("_error", None)
                batches.setdefault(message["partition"], []).append(message)
        for partition, batch in batches.items():
            # The partition of each message alone is not heeded, whatever the client's manual says.
            if self._producer.produce_batch(self._topic, batch, partition) != len(batch):
                refused += [message for message in batch if "_error" in message]
        self._unsent = refused if messages is self._unsent else self._unsent + refused

    def _send_one(self, message: dict[str, Any]) -> bool:
        try:
            self._producer.produce(self._topic, **message)
        except (BufferError, KafkaException):
            return False
        return True


def main() -> None:
    """Feed until the orders end."""
    orders = Orders()
    recipe = orders.first()
    feeder = Feeder(recipe, board(Path(recipe["folder"])))
    ended = False
    while not ended:
        ended = orders.ended  # asked first: the last orders must not be missed
        for order in orders.pending():
            feeder.obey(order)
        began = time.monotonic()
        feeder.turn()
        time.sleep(max(0.0, TURN_SECONDS - (time.monotonic() - began)))
    feeder.finish()


if __name__ == "__main__":
    main()

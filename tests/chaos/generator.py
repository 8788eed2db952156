"""The generator: a load of made-up logins from a child process that no fault disturbs."""

from processor.settings import KafkaProperties
from tests.chaos.child import Child, Order
from tests.chaos.feeder import LOGINS, MADE, SENT

BOARD_NUMBERS = 3


class Generator:
    """Feeds the input topic; its rate, its share of malformed records and its partitions may change while it runs."""

    def __init__(  # noqa: PLR0917 (they are what a load is)
        self,
        kafka: KafkaProperties,
        topic: str,
        partitions: int,
        seed: int,
        rate: float = 1000.0,
        malformed: float = 0.01,
        users: int = 10_000,
        linger: int = 5,  # milliseconds in which records are gathered
    ) -> None:
        recipe: Order = {"kafka": kafka, "topic": topic, "partitions": partitions, "seed": seed}
        recipe |= {"rate": rate, "malformed": malformed, "users": users, "linger": linger}
        self._child = Child("tests.chaos.feeder", recipe, BOARD_NUMBERS)
        self._rate, self._malformed, self._partitions = rate, malformed, partitions

    def start(self) -> None:
        """Begin to send."""
        self._child.start()

    def stop(self) -> None:
        """Send what was made up already, and end; RuntimeError when that could not be."""
        self._child.stop()

    @property
    def sent(self) -> int:
        """How many records the brokers acknowledged so far, or are lost for good."""
        return int(self._child.board[SENT])

    @property
    def logins(self) -> int:
        """How many valid logins were made up so far."""
        return int(self._child.board[LOGINS])

    @property
    def malformed_made(self) -> int:
        """How many malformed records were made up so far."""
        return int(self._child.board[MADE]) - self.logins

    @property
    def rate(self) -> float:
        """Records a second."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._rate = rate
        self._child.change(rate=rate)

    @property
    def malformed(self) -> float:
        """Share of malformed records."""
        return self._malformed

    @malformed.setter
    def malformed(self, share: float) -> None:
        self._malformed = share
        self._child.change(malformed=share)

    @property
    def partitions(self) -> int:
        """How many partitions of the topic are fed."""
        return self._partitions

    @partitions.setter
    def partitions(self, partitions: int) -> None:
        self._partitions = partitions
        self._child.change(partitions=partitions)

    def pause(self) -> None:
        """Send nothing but storms, until resumed."""
        self._child.tell(paused=True)

    def resume(self) -> None:
        """Go on at the rate."""
        self._child.tell(paused=False)

    def storm(self, partition: int, count: int) -> None:
        """Send so many malformed records to one partition, as fast as it takes them."""
        self._child.tell(storm=partition, count=count)

"""A proxy in front of one broker that can treat single requests badly: hold, lose, repeat late, leave unanswered.

Requests are taken out of the stream whole; all others on the same connection flow on, which librdkafka takes well: it
looks up each answer by its correlation id. Clients' TLS ends here, and ours begins: their logins (SCRAM) pass through.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition, Event, Thread, Timer

from tests.chaos.connection import Address, Connection, Tls
from tests.chaos.frames import REQUEST_HEADER, RESPONSE_HEADER, Frames, Keep, Request, Way, ask, correlation, request
from tests.chaos.proxy import Proxy

Action = Callable[["Talk", Request], Keep | None]  # sees a request's header; None lets it pass


class Talk:
    """The requests and the answers on one connection."""

    def __init__(self, proxy: "KafkaProxy", connection: Connection) -> None:
        self.connection = connection
        self.proxy = proxy
        self.unwanted: dict[int, Keep] = {}  # by correlation id: what becomes of an answer that its client won't get
        connection.client.through = Frames(REQUEST_HEADER.size, self._requested).feed
        connection.server.through = Frames(RESPONSE_HEADER.size, self._answered).feed

    def _requested(self, header: bytes) -> Keep | None:
        return self.proxy.requested(self, request(header))

    def _answered(self, header: bytes) -> Keep | None:
        return self.unwanted.pop(correlation(header), None) if self.unwanted else None


def hold(seconds: float) -> Action:
    """Send this request so much later: on its connection, or, when that is gone, on one of its own."""

    def action(talk: Talk, _request: Request) -> Keep:
        return lambda frame: talk.proxy.later(seconds, lambda: _send_late(talk, frame))

    return action


def drop_request(_talk: Talk, _request: Request) -> Keep:
    """Let the broker never see it."""
    return _forget


def drop_response(talk: Talk, request: Request) -> None:
    """Let the broker act, and the client never hear of it."""
    talk.unwanted[request.correlation] = _forget


def close_connection(talk: Talk, _request: Request) -> Keep:
    """Close the connection in the request's stead."""
    return lambda _frame: talk.connection.reset()


def close_after_request(talk: Talk, request: Request) -> None:
    """Let the broker act, and close the connection in its answer's stead."""
    talk.unwanted[request.correlation] = lambda _frame: talk.connection.reset()


@dataclass(eq=False)
class Rule:
    """What happens to `times` requests with a key, after `skip` of them passed."""

    key: int
    action: Action
    times: int
    skip: int
    changed: Condition
    struck: int = 0  # so often until now

    def wait(self, seconds: float) -> bool:
        """Whether it struck as often as it should, within that time."""
        with self.changed:
            return self.changed.wait_for(lambda: self.struck >= self.times, seconds)

    def meets(self, key: int) -> bool:
        """Whether this request is meant; counts it."""
        if key != self.key or self.struck >= self.times:
            return False
        self.skip -= 1
        self.struck += self.skip < 0
        return self.skip < 0


class Zombie:
    """A request that the broker gets late, when its client has long sent it again, or given it up."""

    def __init__(self, proxy: "KafkaProxy", seconds: float | None, cut: bool) -> None:
        self.frame = b""
        self.answer = b""  # the broker's, which no client sees: see `frames.error`
        self._proxy, self._seconds, self._cut = proxy, seconds, cut
        self._caught, self._delivered = Event(), Event()

    def action(self, talk: Talk, _request: Request) -> Keep:
        """Keep the request."""
        return lambda frame: self._catch(talk, frame)

    def caught(self, seconds: float) -> bool:
        """Whether a request was caught, within that time."""
        return self._caught.wait(seconds)

    def delivered(self, seconds: float) -> bool:
        """Whether the broker answered it, within that time."""
        return self._delivered.wait(seconds)

    def deliver(self) -> bytes:
        """Send it now, on a connection of its own; what the broker answered. Raises OSError when nobody does."""
        assert self.frame, "no such request was caught"
        self.answer = ask(self._proxy.late, self.frame)
        self._delivered.set()
        return self.answer

    def _catch(self, talk: Talk, frame: bytes) -> None:
        self.frame = frame
        if self._cut:
            talk.connection.reset()
        if self._seconds is not None:
            _in_background(Timer(self._seconds, self._deliver_quietly))
        self._caught.set()

    def _deliver_quietly(self) -> None:
        with suppress(OSError):  # the broker may be down by now: nothing came of it
            self.deliver()


class KafkaProxy(Proxy):
    """A proxy that knows one request from another."""

    def __init__(self, listen: Address, upstream: Address, tls: Tls | None = None, late: Way | None = None) -> None:
        super().__init__(listen, upstream, tls)
        self.late = late or Way(upstream)  # for requests whose connection is gone: nobody logs in there again
        self._changed = Condition()
        self._seen: Counter[int] = Counter()
        self._rules: list[Rule] = []

    def on_request(self, key: int, action: Action, times: int = 1, skip: int = 0) -> Rule:
        """Treat the next requests so, whichever client's they are; the first rule that fits has a request to itself."""
        rule = Rule(key, action, times, skip, self._changed)
        with self._changed:
            self._rules.append(rule)
        return rule

    def zombie(self, key: int, seconds: float | None = None, cut: bool = True) -> Zombie:
        """Keep the next such request, and send it so much later, or when told to (`deliver`).

        Its connection is cut, so that the client sends it again at once; else the client waits until it times out.
        """
        zombie = Zombie(self, seconds, cut)
        self.on_request(key, zombie.action)
        return zombie

    def flow(self) -> None:
        """Let everything go on, and forget all rules; requests that were kept are still sent when their time comes."""
        with self._changed:
            self._rules.clear()
        super().flow()

    def count(self, key: int) -> int:
        """How many such requests came until now."""
        return self._seen[key]

    def wait_for(self, key: int, seconds: float, beyond: int | None = None) -> bool:
        """Whether one more such request came within that time: more than `beyond`, or than when this is called."""
        with self._changed:
            before = self._seen[key] if beyond is None else beyond
            return self._changed.wait_for(lambda: self._seen[key] > before, seconds)

    def opened(self, connection: Connection) -> None:
        """Listen to what is said on it."""
        super().opened(connection)
        Talk(self, connection)

    def requested(self, talk: Talk, request: Request) -> Keep | None:
        """Judge a request by its header."""
        with self._changed:
            self._seen[request.key] += 1
            rule = next((rule for rule in self._rules if rule.meets(request.key)), None)
            if rule is not None and rule.struck >= rule.times:
                self._rules.remove(rule)
            self._changed.notify_all()
        return rule.action(talk, request) if rule is not None else None


def _forget(_frame: bytes) -> None:
    pass


def _send_late(talk: Talk, frame: bytes) -> None:
    if talk.connection.server.transport is not None:
        talk.connection.client.carry(frame)
    else:
        _in_background(Thread(target=_ask_in_vain, args=(talk.proxy.late, frame)))


def _ask_in_vain(late: Way, frame: bytes) -> None:
    with suppress(OSError):  # the broker may be down by now: nothing came of it
        ask(late, frame)


def _in_background(thread: Thread) -> None:
    thread.daemon = True
    thread.start()

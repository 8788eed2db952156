"""The house in which the mutants' stories are told: a Kafka, a Redis and proxies for all of them.

The stories of one group are told side by side, the sound pool and all mutants at once: waiting takes most of the time.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from threading import Event

from deploy.local.ports import LOOPBACK, pick_free
from deploy.local.servers import Broker
from tests import stack
from tests.chaos.kafka_proxy import KafkaProxy
from tests.chaos.mutants import MUTANTS
from tests.chaos.mutants.case import Case, side_by_side
from tests.chaos.mutants.judging import RESTLESS, wrong
from tests.chaos.mutants.stories import STORIES, Story
from tests.chaos.report import Mutant

PROXIED = range(6)  # pools at most in the group that needs proxies
LONGEST = 100  # of what is told of a finding
OTHERWISE = "the story went otherwise"
Told = tuple[str, str | None]  # a story, and of whom: a mutant or the sound pool
Verdicts = dict[Told, list[str]]


def through_proxies(broker: Broker) -> list[KafkaProxy]:
    """Give a broker listeners that advertise a proxy each, so that whoever comes through one stays with it."""
    places = [LOOPBACK] * len(PROXIED)
    own, advertised = (pick_free(len(PROXIED)) for _ in range(2))
    names = [f"PROXIED{n}" for n in PROXIED]
    overrides = dict(broker.overrides)
    for key, ports in (("listeners", own), ("advertised.listeners", advertised)):
        known = f"CLIENTS://{broker.bootstrap},CONTROLLERS://{LOOPBACK}:{broker.controller_port}"
        overrides[key] = ",".join([known, *(f"{n}://{LOOPBACK}:{port}" for n, port in zip(names, ports, strict=True))])
    protocols = ",".join(f"{name}:PLAINTEXT" for name in ("CLIENTS", "CONTROLLERS", *names))
    broker.overrides = {
        **overrides,
        "listener.security.protocol.map": protocols,
        "group.min.session.timeout.ms": "1000",  # a zombie is taken for dead within seconds
    }
    return [KafkaProxy((a, there), (a, here)) for a, there, here in zip(places, advertised, own, strict=True)]


class Theatre:
    """Kafka, Redis and proxies for all stories; a group is told once, whoever asks for a verdict first."""

    def __init__(self, broker: Broker, redis: stack.RedisServer, proxies: list[KafkaProxy], folder: Path) -> None:
        self._broker = broker
        self._redis = redis
        self._proxies = proxies
        self._folder = folder
        self._hand = ThreadPoolExecutor(1)
        self.verdicts = cache(self._tell)

    def _tell(self, group: str) -> Verdicts:
        told = [(story, mutant) for story in STORIES.values() if story.group == group for mutant in roles(story)]
        with ExitStack() as ends, ThreadPoolExecutor(len(told)) as threads:
            rests = {story.name: Event() for story, _ in told}
            cases = [self._case(story, mutant, rests[story.name]) for story, mutant in told]
            for case in cases:
                ends.callback(case.end)
            if group == "network":
                for case, proxy in zip(cases, self._proxies, strict=True):
                    case.proxy = proxy
            side_by_side(cases, self._hand)
            answers = list(threads.map(hear, (story for story, _ in told), cases))
        return {(story.name, mutant): answer for (story, mutant), answer in zip(told, answers, strict=True)}

    def _case(self, story: Story, mutant: str | None, sound_rests: Event) -> Case:
        folder = self._folder / story.name / (mutant or "sound")
        folder.mkdir(parents=True)
        settings = story.settings(stack.new_settings(self._broker, self._redis, folder / "run"))
        stack.create_topics(settings)
        case = Case(mutant, settings, folder, self._redis)
        case.sound_rests = sound_rests
        return case


def roles(story: Story) -> list[str | None]:
    return [None, *story.mutants]


def hear(story: Story, case: Case) -> list[str]:
    """Tell a story to its end, and judge."""
    try:
        verdict = story.tell(case)
        return wrong(case) if verdict is None else verdict
    except Exception as problem:  # it must not keep the other cases waiting
        case.gives_up()
        case.sound_rests.set()
        return [f"{OTHERWISE}: {problem!r}", *case.logs()]


@contextmanager
def theatre(folder: Path) -> Iterator[Theatre]:
    """Open one, with everything of it in this folder; it is closed with the block."""
    broker, redis = stack.new_broker(folder / "kafka"), stack.new_redis(folder / "redis")
    proxies = through_proxies(broker)
    with ExitStack() as ends:
        for server in (broker, redis, *proxies):
            ends.callback(server.stop)
            server.start()
        yield Theatre(broker, redis, proxies, folder)


def caught(verdict: list[str]) -> bool:
    """Whether a verdict names what a mutant did wrong; a pool without rest, or a story that broke, is no name."""
    return bool(verdict) and verdict != [RESTLESS] and not verdict[0].startswith(OTHERWISE)


def _briefly(verdict: list[str]) -> list[str]:
    return [verdict[0][:LONGEST]]


def tell_all(folder: Path) -> list[Mutant]:
    """Tell every story to the sound pool and to every mutant; RuntimeError when the sound one is not exact in each."""
    found: dict[str, list[str]] = {}
    with theatre(folder) as house:
        for group in dict.fromkeys(story.group for story in STORIES.values()):
            for (story, mutant), verdict in house.verdicts(group).items():
                if mutant is not None:
                    found.setdefault(mutant, []).extend(_briefly(verdict) if caught(verdict) else [])
                elif verdict:
                    raise RuntimeError(f"the sound pool is not exact in {story}: {verdict}")
    return [Mutant(name, bug.what, tuple(found.get(name, ()))) for name, bug in MUTANTS.items()]

"""What may happen to a pool: at random by a seed, or one disturbance at every step of an ordinary run."""

from collections.abc import Callable
from random import Random

from tests.model.world import ABORTED, BAD, DISTURBANCES, MARKER, Shape, Step

_USERS = [f"user-{n}" for n in range(6)]
_SHAPES = [Shape(1, 1, 1), Shape(2, 2, 1), Shape(2, 3, 1), Shape(2, 2, 2), Shape(3, 3, 3)]
_MOST_SCENES = 25
_POINTS = [
    *["after poll", "worker.after-poll", "worker.after-produce", "worker.before-commit", "worker.after-commit"],
    *["worker.before-apply", "worker.after-apply"],
    *[f"{when} {call}" for call in ("produce", "offsets", "commit", "abort", "apply") for when in ("before", "after")],
    *[f"{when} {call}" for call in ("init", "cursors", "committed", "bounds") for when in ("before", "after")],
]

ORDINARY: list[Step] = [
    ("produce", 0, ("user-0", "user-1", BAD, MARKER, "user-0", "user-2")),
    *[("turn", "w0"), ("turn", "w1"), ("turn", "w0"), ("turn", "w1"), ("turn", "w0"), ("answer", "w0")],
    ("produce", 1, ("user-0", ABORTED, "user-3", "user-4", "user-5")),
    *[("turn", "w0"), ("turn", "w1"), ("answer", "w0"), ("publish",), ("turn", "w1"), ("answer", "w1")],
    *[("save",), ("turn", "w0"), ("turn", "w1"), ("answer", "w1"), ("answer", "w0"), ("turn", "w1")],
    ("produce", 0, (MARKER, "user-5", "user-1", "user-0", BAD)),
    *[("turn", "w0"), ("turn", "w1"), ("answer", "w0"), ("answer", "w1"), ("turn", "w0"), ("turn", "w1")],
]
"""Two workers on two partitions, from their first turn on."""


def at_random(seed: int) -> tuple[Shape, list[Step]]:
    """A pool, and what happens to it."""
    random = Random(seed)
    shape = random.choice(_SHAPES)
    return shape, [step for _ in range(random.randint(3, _MOST_SCENES)) for step in _scene(random, shape)]


def shortest(plan: list[Step], fails: Callable[[list[Step]], bool]) -> list[Step]:
    """Leave out of a failing plan whatever it fails without."""
    at = 0
    while at < len(plan):
        shorter = plan[:at] + plan[at + 1 :]
        if fails(shorter):
            plan = shorter
        else:
            at += 1
    return plan


def _scene(random: Random, shape: Shape) -> list[Step]:
    scenes = {_work: 30, _trouble: 30, _older: 3, _group: 6, _redis: 10, _other: 10}
    make = random.choices(list(scenes), list(scenes.values()))[0]
    return make(random, shape)


def _work(random: Random, shape: Shape) -> list[Step]:
    steps = [_produce(random, shape)]
    for _ in range(random.randint(1, 5)):
        steps += [("turn", _name(random, shape)), (random.choice(["answer", "answer", "turn"]), _name(random, shape))]
    return steps


def _trouble(random: Random, shape: Shape) -> list[Step]:
    """Something happens to a worker that has work to do, and then to whoever goes on with it."""
    name, what = _name(random, shape), random.choice(DISTURBANCES)
    steps = [*(_produce(random, shape) for _ in range(shape.partitions)), _arm(random, name, what)]
    steps += [random.choice([("turn", name), ("turn", name), ("answer", name)]) for _ in range(random.randint(1, 4))]
    if random.random() < 0.4:
        steps.append((random.choice(["expire", "crash", "stop"]), name))
    other = random.choice([name, _name(random, shape)])
    then = "arrives" if what in {"late", "last_words"} else random.choice(DISTURBANCES)
    steps += [_arm(random, other, then), _produce(random, shape)] if random.random() < 0.5 else []
    for _ in range(random.randint(0, 4)):
        steps += [("tick", 0.2), ("turn", other), ("answer", random.choice([name, other]))]
    return steps


def _older(random: Random, shape: Shape) -> list[Step]:
    """Redis goes back after all was counted, and at most one partition has more to count."""
    more = [_produce(random, shape)] if random.random() < 0.5 else []
    return [("work",), ("save",), _produce(random, shape), ("work",), ("back", 1, random.choice([None, 0, 1])), *more]


def _group(random: Random, shape: Shape) -> list[Step]:
    steps: list[Step] = [
        ("slow", _name(random, shape), random.random() < 0.5),
        ("rebalance", tuple(random.randrange(shape.workers) for _ in range(shape.partitions))),
        ("expire", _name(random, shape)),
        ("go_on", _name(random, shape)),
    ]
    return [random.choice(steps)]


def _redis(random: Random, _shape: Shape) -> list[Step]:
    shard = random.choice([None, 0, 1, 2])
    steps: list[Step] = [("save",), ("publish",), ("back", random.randrange(2), shard), ("empty", shard), ("restore",)]
    return [random.choice(steps)]


def _other(random: Random, shape: Shape) -> list[Step]:
    steps: list[Step] = [
        ("down", random.choice(["kafka", "redis"]), random.random() < 0.4),
        ("deliver", random.randrange(3)),
        ("retain", random.randrange(shape.partitions)),
        ("tick", random.choice([1.0, 4.0])),
        ("time_out",),
        ("grow",),
    ]
    return [random.choice(steps)]


def _arm(random: Random, name: str, what: str) -> Step:
    at = random.choice(_POINTS) if random.random() < 0.7 else random.randrange(30)
    return ("arm", name, at, what)


def _produce(random: Random, shape: Shape) -> Step:
    bad = [BAD] * random.choice([1, 1, 1, 1, 20])
    items = random.choices([*_USERS, *_USERS, *bad, MARKER, ABORTED], k=random.randint(1, 5))
    return ("produce", random.randrange(shape.partitions + 1), tuple(items))  # one more than there is, unless it grew


def _name(random: Random, shape: Shape) -> str:
    return f"w{random.randrange(shape.workers)}"

"""The logins that are fed: made up once by the seeded generator, kept in memory, sent as often as needed."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from processor.logins.generated import Keyed, Recipe, records

MANY = Recipe(seed=1, users=100_000, skew=0.0)
"""The usual logins: of so many users, all alike, hardly one comes twice in a batch, which is the dearest to count."""


class Logins:
    """So many logins, in blocks of some thousand."""

    def __init__(self, recipe: Recipe, amount: int, made: Callable[[int], object] = lambda _: None) -> None:
        self.recipe = recipe
        self.amount = amount
        self.blocks: list[Sequence[Keyed]] = []
        for block in _cut(records(recipe), amount):
            self.blocks.append(block)
            made(len(block))

    @cached_property
    def users(self) -> int:
        """How many different users there are."""
        return len(Counter(key for block in self.blocks for key, _ in block))


def _cut(blocks: Iterator[Sequence[Keyed]], amount: int) -> Iterator[Sequence[Keyed]]:
    while amount > 0:
        block = next(blocks)[:amount]
        amount -= len(block)
        yield block

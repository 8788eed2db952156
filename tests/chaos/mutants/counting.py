"""Mutants that count wrongly in Redis, or move its cursors wrongly."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from msgspec import structs

from tests.chaos.mutants.kinds import misread, mutant, replace


@mutant("processor.counts.connection", 3, 4, 16, 18, 19)
def no_compare_and_set(connection: ModuleType) -> None:
    """An apply adds its counts and moves the cursors wherever these stand.

    Shown by an apply that is repeated because its answer was late, and by a zombie's.
    """
    misread(connection, "apply", "if conflict then", "if false then")


@mutant("processor.counts.store", 18)
def repeats_an_apply_from_the_cursors_it_was_told(store: ModuleType) -> None:
    """A refused apply is sent again at once, from the cursors that the refusal named: so the guard guards nothing.

    Shown by an apply that had been carried out, but whose answer was late.
    """
    sound = store.CountStore.apply

    def apply(self: Any, shard: int, moves: Sequence[Any], users: Mapping[str, int]) -> Any:
        answer = sound(self, shard, moves, users)
        if not isinstance(answer, store.Conflict):
            return answer
        found = answer.cursors
        ends = {m.partition: max(m.end or 0, found[m.partition] or 0) for m in moves}
        return sound(
            self, shard, [store.Move(m.partition, found[m.partition], ends[m.partition]) for m in moves], users
        )

    replace(store.CountStore, "apply", apply)


@mutant("processor.logins.pile")
def one_shards_cursor_stays(pile: ModuleType) -> None:
    """Of several shards the last one's cursors never move.

    Shown by any run with more than one shard.
    """
    sound = pile.Pile.take

    def take(self: Any) -> list[Any]:
        *changes, last = sound(self)
        return [*changes, structs.replace(last, ends=last.starts)]

    replace(pile.Pile, "take", take)


@mutant("processor.logins.pile", 16, 19)
def names_only_busy_partitions(pile: ModuleType) -> None:
    """An apply compares only the cursors that it moves.

    Shown by a Redis that comes back older in a partition without new logins: nobody notices.
    """
    sound = pile.Pile.take

    def moving(change: Any) -> Any:
        busy = {p for p, end in change.ends.items() if change.starts[p] != end}
        starts, ends = ({p: at[p] for p in busy} for at in (change.starts, change.ends))
        return structs.replace(change, starts=starts, ends=ends)

    replace(pile.Pile, "take", lambda self: [moving(change) for change in sound(self)])


@mutant("processor.counting", 16, 19)
def compares_nothing_while_idle(counting: ModuleType) -> None:
    """A worker without logins does not look whether its cursors still stand.

    Shown by a Redis that comes back older while no logins come.
    """
    sound = counting.Counting._send

    def send(self: Any, hurry: bool) -> None:
        if self._changes or not self._pile.empty:
            sound(self, hurry)

    replace(counting.Counting, "_send", send)


@mutant("processor.counting", 16, 19)
def keeps_the_pile_after_a_refusal(counting: ModuleType) -> None:
    """What was piled up behind a refused apply is kept, and counted together with what is read again.

    Shown by a Redis that comes back older while counts are waiting.
    """
    forget, begin = counting.Counting.forget, counting.Counting.begin
    kept: list[dict[str, int]] = []

    def keep(self: Any) -> None:
        if any(self._pile._sums):
            kept[:] = [dict(sums) for sums in self._pile._sums]
        forget(self)

    def go_on(self: Any, cursors: Sequence[Mapping[int, int | None]]) -> None:
        begin(self, cursors)
        for sums, more in zip(self._pile._sums, kept, strict=False):
            sums.update(more)
        kept.clear()

    replace(counting.Counting, "forget", keep)
    replace(counting.Counting, "begin", go_on)


@mutant("processor.logins.batch", 21)
def counts_dead_letters(batch: ModuleType) -> None:
    """A record that could not be processed is counted all the same, for whoever its key names.

    Shown by malformed records.
    """

    def user_ids(self: Any) -> list[str]:
        records = zip(self.users, self.part.records, strict=True)
        return [
            user if isinstance(user, str) else (record.key() or b"").decode(errors="replace")
            for user, record in records
        ]

    replace(batch.Batch, "user_ids", user_ids)

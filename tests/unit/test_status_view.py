"""How a picture looks: the answer first, at most one screen, and no line longer than 80 characters."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from rich.console import Console

from processor.cli.status_view import view
from processor.kafka.glance import Letters
from processor.status.health import Health, Problem
from processor.status.picture import Picture
from processor.status.rows import Flusher, Host, Partition, Shard


def partition(number: int, host: str | None = "a-host-with-a-rather-long-name", lag: int = 0) -> Partition:
    return Partition(number, host, 3 if host else None, 1_234_567_890, lag, lag, lag, 123_456.7)


def pool(partitions: Sequence[Partition], shards: int = 1) -> Picture:
    return Picture(
        partitions=partitions,
        shards=[Shard(n, "ok", 12_345_678, 2_345_678_901, None) for n in range(shards)],
        flusher=Flusher("vm/flusher/1", 12.3),
        workers=4,
        dead_letters=Letters(1234, exact=True),
    )


def shown(
    seen: Picture, health: Health = Health.HEALTHY, problems: Sequence[Problem] = (), height: int | None = None
) -> list[str]:
    console = Console(width=80, height=height or 1000, force_terminal=False, no_color=True)
    with console.capture() as captured:
        console.print(view(seen, health, problems, height))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_healthy_pool_says_so_first() -> None:
    lines = shown(pool([partition(0), partition(1)]))

    assert lines[0] == "HEALTHY: 2 partitions at work, 246,913 logins/s, 0 behind"


def test_large_numbers_and_long_names_fit_80_columns() -> None:
    lines = shown(pool([partition(0, lag=9_876_543)]))

    row = next(line for line in lines if "1,234,567,890" in line)
    assert row.split() == ["0", "a-host-wi…", "03", "1,234,567,890", *["9,876,543"] * 3, "123,457"]
    assert max(map(len, lines)) <= 80


def test_what_is_wrong_is_in_the_first_line_and_what_to_do_in_the_last() -> None:
    problems = [Problem("no flusher leads", "start it"), Problem("no owner: partition 0", "start a worker")]

    lines = shown(pool([partition(0, host=None)]), Health.UNHEALTHY, problems)

    assert lines[0] == "NOT HEALTHY: no flusher leads; no owner: partition 0"
    assert lines[-2:] == ["- no flusher leads: start it", "- no owner: partition 0: start a worker"]


@pytest.mark.parametrize("height", [24, 50])
def test_many_partitions_and_shards_fit_one_screen(height: int) -> None:
    seen = pool([partition(n) for n in range(200)], shards=128)

    assert len(shown(seen, height=height)) <= height


def test_on_a_small_screen_those_without_an_owner_and_those_most_behind_are_shown() -> None:
    rows = [partition(n) for n in range(100)]
    rows[40], rows[70] = partition(40, lag=5), partition(70, host=None)

    lines = shown(pool(rows), height=24)

    assert any(line.split()[:2] == ["70", "nobody"] for line in lines)
    assert any(line.split()[:1] == ["40"] for line in lines)
    assert any("more partitions" in line for line in lines)


def test_where_the_output_is_no_terminal_nothing_is_left_out() -> None:
    assert len(shown(pool([partition(n) for n in range(200)]))) > 200


def test_dead_letters_that_were_not_counted_are_a_bound() -> None:
    lines = shown(Picture(dead_letters=Letters(5_000_000, exact=False)), Health.UNHEALTHY)

    assert any("dead letters at most 5,000,000" in line for line in lines)


def test_several_hosts_have_a_table_of_their_own_and_one_has_none() -> None:
    alone = Host("vm-1", 2, 0, 2, 0, 10.0, leads=True, heard_seconds=3.0)
    gone = Host("vm-2", 0, 0, 0, 0, None, leads=False, heard_seconds=41.0)
    both = replace(pool([partition(0)]), hosts=[replace(alone, spare_workers=1, lag=1234), gone])

    lines = shown(both)

    assert lines[2].split() == ["host", "workers", "parts", "lag", "logins/s", "flusher", "scaler"]
    assert lines[3].split() == ["vm-1", "2", "(1", "spare)", "2", "1,234", "10", "leads", "3", "s", "ago"]
    assert lines[4].split() == ["vm-2", "0", "0", "0", "-", "41", "s", "ago"]
    assert max(map(len, lines)) <= 80
    assert not any("scaler" in line for line in shown(replace(both, hosts=[alone])))


@pytest.mark.parametrize("height", [24, 50])
def test_hosts_take_their_lines_from_the_partitions(height: int) -> None:
    hosts = [Host(f"vm-{number}", 8, 0, 8, 0, 1.0, leads=False, heard_seconds=1.0) for number in range(5)]

    lines = shown(replace(pool([partition(number) for number in range(64)]), hosts=hosts), height=height)

    assert len(lines) <= height

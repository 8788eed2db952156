"""Where an audit begins, what it can't know, and the file that the next one begins with."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from processor.audit.baseline import Draft, load
from processor.audit.begin import Baseline, Begin, Noted, begin, gaps
from processor.audit.letters import Letter
from processor.audit.outputs import Ahead
from processor.audit.positions import impossible
from processor.kafka.beginnings import Beginnings

IDENTITY = {"lineage": "cluster=c topic=t", "group": "g"}

AT = Noted(
    checkpoint=[{0: 80, 1: 70}],
    cursors=[{0: 90, 1: 90}],
    committed={0: 100, 1: 95},
    origins={0: 0, 1: 0},
    processed={0: (0, 300), 1: (0, 300)},
    dead_letters={0: (0, 30)},
    input={0: (0, 200), 1: (0, 200)},
    beginnings=Beginnings(),
)
BASELINE = Baseline(
    identity=IDENTITY,
    origins={0: 0, 1: 0},
    input={0: 60, 1: 60},
    processed={0: 150, 1: 151},
    dead_letters={0: 10},
    ahead=[Ahead(0, b"f" * 16, 0, 149)],
    letters_ahead=[Letter((0, 61), b"g" * 16, 0, 9)],
    floors=[{0: 50, 1: 40}],
    beginnings=Beginnings(),
)


def began(found: Begin | list[str]) -> Begin:
    assert isinstance(found, Begin), found
    return found


def test_without_a_baseline_all_of_it_is_read_from_where_counting_began() -> None:
    found = began(begin(AT, None))
    assert found.input == found.lowest() == found.floors[0] == {0: 0, 1: 0}
    assert not found.known


def test_with_a_baseline_only_what_is_new() -> None:
    found = began(begin(AT, BASELINE))
    assert found.input == {0: 60, 1: 60}
    assert found.lowest() == {0: 50, 1: 40}
    assert found.processed == {0: 150, 1: 151}
    assert found.known


def test_a_partition_that_is_newer_than_the_baseline_is_read_from_its_origin() -> None:
    at = replace(AT, input={**AT.input, 2: (0, 9)}, committed={**AT.committed, 2: 5}, origins={**AT.origins, 2: 0})
    found = began(begin(at, BASELINE))
    assert found.lowest() == {0: 50, 1: 40, 2: 0}


def test_a_baseline_serves_when_retention_has_deleted_what_it_stands_for() -> None:
    at = replace(AT, input={0: (50, 200), 1: (40, 200)})
    assert began(begin(at, BASELINE)).baseline is BASELINE
    assert begin(at, None) == [
        "partition 0 of the input begins at offset 50, the audit would have to begin at 0: retention deleted what is "
        "between"
    ]


def test_neither_log_nor_baseline_reaching_back_is_said_of_both() -> None:
    reasons = begin(replace(AT, input={0: (51, 200), 1: (0, 200)}), BASELINE)
    assert isinstance(reasons, list)
    assert [("baseline" in reason, "offset 51" in reason) for reason in reasons] == [(False, True), (True, True)]


@pytest.mark.parametrize(
    "at",
    [
        replace(AT, cursors=[{0: 49, 1: 90}]),
        replace(AT, cursors=[{0: 90}]),
        replace(AT, checkpoint=[{}]),
        replace(AT, committed={0: 59, 1: 95}),
        replace(AT, origins={0: 30, 1: 0}),
        replace(AT, beginnings=Beginnings("2025-01-01", {0: 150})),
    ],
)
def test_a_baseline_that_positions_went_back_behind_is_not_used(at: Noted) -> None:
    assert began(begin(at, BASELINE)).baseline is None


def test_a_reset_that_only_the_baseline_remembers_stays_known() -> None:
    noted = Beginnings("2025-01-01", {0: 20}, {0: 5})
    found = began(begin(AT, replace(BASELINE, beginnings=noted)))
    assert found.beginnings == noted
    since = began(begin(replace(AT, beginnings=noted), None))
    assert (since.processed, since.dead_letters, since.known) == ({0: 20}, {0: 5}, True)


def test_an_offset_that_was_set_by_hand_leaves_no_origin_to_begin_at() -> None:
    by_hand = replace(AT, origins={0: None, 1: 0}, input={0: (7, 200), 1: (0, 200)})
    assert isinstance(begin(by_hand, None), list)
    whole = replace(by_hand, input=AT.input)
    assert began(begin(whole, None)).input == {0: 0, 1: 0}


def test_outputs_that_retention_deleted_are_named() -> None:
    assert list(gaps("processed-logins", {0: (5, 9), 1: (5, 9)}, {0: 5})) == [
        "processed-logins partition 1 begins at offset 5, the audit would have to begin at 0: retention deleted what "
        "is between, so nobody can tell whether it was right"
    ]


def test_positions_that_contradict_each_other_are_named() -> None:
    assert not list(impossible(AT))
    beyond = list(impossible(replace(AT, committed={0: 201, 1: 95})))
    assert [(one.partition, one.offset) for one in beyond] == [(0, 201)]
    ahead = list(impossible(replace(AT, cursors=[{0: 101, 1: 90}], checkpoint=[{0: 80, 1: 96}])))
    assert [(one.partition, one.offset) for one in ahead] == [(0, 101), (1, 96)]
    gone = list(impossible(replace(AT, committed={1: 95})))
    assert [(one.partition, one.offset) for one in gone] == [(0, 90), (0, 80)]


def kept(path: Path, counts: dict[str, int]) -> None:
    draft = Draft(path, [counts])
    draft.keep(BASELINE)
    draft.close()


def test_a_baseline_comes_back_as_it_was_left_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path, counts = tmp_path / "run" / "audit.baseline", {f"u{n}": n + 1 for n in range(250_000)}
    kept(path, counts)
    saved = load(path, IDENTITY, 1)
    assert saved is not None
    assert (saved.baseline, saved.counts) == (BASELINE, [counts])
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_baseline_of_something_else_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "audit.baseline"
    kept(path, {"u": 1})
    assert load(path, IDENTITY | {"lineage": "cluster=c topic=u"}, 1) is None
    assert load(path, IDENTITY, 2) is None
    assert load(tmp_path / "none", IDENTITY, 1) is None


@pytest.mark.parametrize("cut", [0, 3, 40, -1])
def test_a_baseline_that_was_cut_off_is_not_used(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "audit.baseline"
    kept(path, {"u": 1})
    path.write_bytes(path.read_bytes()[:cut])
    assert load(path, IDENTITY, 1) is None

"""The audit of dead letters when some were purged or redriven: what a marker explains, and what it does not."""

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.audit.findings import Findings, Verdict
from processor.audit.letters import Letters, digest
from processor.audit.purged import missing
from processor.kafka.dead_letters import dead_letter
from processor.kafka.markers import FromPartition, Purge, Purged, Redriven, Return, written
from processor.logins.records import Rejected
from tests.twins.record import MemoryRecord

patient = settings(deadline=None)  # a busy machine takes its time

TOPIC = "user-login"


def purge(start: int, before: int, origins: dict[int, FromPartition] | None = None) -> Purge:
    return Purge("2026", "vm", start, before, 0, 0, {}, origins or {})


def judged(found: set[int], purged: FromPartition | None, records: int = 6) -> tuple[Findings, Letters]:
    """Records 0 to 5 of a partition are no logins; letters of those in `found` are there."""
    findings = Findings()
    matching = Letters({0: records}, findings, purged={0: purged} if purged else {})
    for offset in range(records):
        record = MemoryRecord((0, offset), None, b"{", None, 5)
        made = dead_letter(TOPIC, record, Rejected("json", ""), 10_000)
        matching.expect((0, offset), digest(made.key, made.value, made.headers))
        if offset in found:
            matching.find(MemoryRecord((0, offset), made.key, made.value, made.headers), TOPIC)
    matching.judge(begin_known=True)
    return findings, matching


@patient
@given(st.integers(0, 6))
def test_letters_that_were_purged_are_no_difference(purged: int) -> None:
    findings, matching = judged(set(range(purged, 6)), FromPartition(purged, purged - 1))
    assert findings.verdict is Verdict.CLEAN
    assert (matching.matched, matching.purged) == (6 - purged, purged)


@patient
@given(st.integers(0, 5), st.data())
def test_a_letter_is_lost_that_no_purge_took(purged: int, data: st.DataObject) -> None:
    lost = data.draw(st.integers(purged, 5))
    findings, matching = judged(set(range(purged, 6)) - {lost}, FromPartition(purged, purged - 1))
    assert (findings.verdict, findings.totals) == (Verdict.DIFFERENT, {"dead-letter-lost": 1})
    assert findings.shown[0].offset == lost
    assert matching.purged == purged


def test_more_missing_than_were_purged_is_a_loss_though_it_lies_among_them() -> None:
    findings, matching = judged({4, 5}, FromPartition(3, 3))
    assert (findings.totals, matching.purged) == ({"dead-letter-lost": 1}, 3)


def test_markers_are_no_letters_and_tell_which_letters_were_redriven() -> None:
    findings = Findings()
    matching = Letters({}, findings)
    for made in (
        Redriven("", "", [Return(1, (0, 0, 0), (0, 9)), Return(2, (0, 1, 0), (0, 10))]),
        Redriven("", "", [Return(2, (0, 1, 0), (0, 11))]),  # again
        Purged([purge(0, 5)]),
    ):
        value, headers = written(made)
        matching.find(MemoryRecord((0, 3), None, value, headers), TOPIC)
    matching.judge(begin_known=True)
    assert (findings.verdict, len(matching.redriven)) == (Verdict.CLEAN, 2)


def test_purges_explain_a_beginning_up_to_where_they_follow_one_another() -> None:
    purges = {0: [purge(0, 5), purge(5, 9)]}
    assert missing(purges, {0: (9, 20)}, {}).reaches == {0: 9}
    assert missing(purges, {0: (12, 20)}, {}).reaches == {0: 9}, "retention deleted more"
    assert missing({0: [purge(0, 5), purge(7, 9)]}, {0: (9, 20)}, {}).reaches == {0: 5}, "and here, in between"
    assert missing({}, {0: (9, 20), 1: (0, 4)}, {0: 3}).reaches == {0: 3, 1: 0}


def test_only_purges_that_were_carried_out_and_concern_this_audit_count() -> None:
    first, second, third = ({1: FromPartition(n, 10 * n)} for n in (1, 2, 4))
    purges = {0: [purge(0, 5, first), purge(5, 9, second), purge(9, 12, third)]}
    found = missing(purges, {0: (9, 20)}, {0: 5})
    assert (found.reaches, found.origins) == ({0: 9}, {1: FromPartition(2, 20)})
    assert missing(purges, {0: (9, 20)}, {}).origins == {1: FromPartition(3, 20)}
    assert missing(purges, {0: (9, 20)}, {0: 7}).reaches == {0: 9}, "a baseline in the midst of what was purged"

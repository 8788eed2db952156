"""The audit beside the real pool at work: no false alarm, whatever happens meanwhile."""

import json
import random
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewPartitions
from msgspec.structs import replace

from processor.audit.findings import Verdict
from processor.settings import FlusherSettings, Settings
from tests import command
from tests.audited import audited
from tests.handwork import Handwork
from tests.pool import Account, eventually, offsets, pool

SEED = random.SystemRandom().randrange(2**32)


def test_audits_of_a_pool_under_load_are_clean_each_from_the_last_one_on(quick: Settings, tmp_path: Path) -> None:
    flusher = FlusherSettings(interval_seconds=2.0, lease_seconds=3.0)
    settings = replace(quick, redis=replace(quick.redis, shards=3), flusher=flusher)
    with pool(settings, tmp_path) as running:
        Account(settings, SEED).feed(2_000)
        eventually("something is published", lambda: offsets(settings, settings.aggregations_group))
        load = ("generate", "--seconds", "30", "--rate", "2000", "--users", "3000", "--malformed", "0.02")
        with command.started(settings, tmp_path, *load) as generating:
            audits, killed = 0, False
            while generating.poll() is None:
                report = audited(settings, full=audits % 3 == 2)
                assert report.findings.verdict is Verdict.CLEAN, (report.findings.shown, report.findings.reasons)
                assert report.since == ("baseline" if audits % 3 != 2 and audits else "origin")
                audits += 1
                if audits > 1 and not killed:
                    running.kill("worker-00")
                    running.kill("flusher")
                    running.revive()
                    killed = True
        assert generating.returncode == 0
        assert audits >= 3
        assert json.loads(command.run(settings, tmp_path, "audit", "--full", "--json").stdout)["logins"] > 10_000


def grow(settings: Settings, topic: str, partitions: int) -> None:
    admin = AdminClient({"bootstrap.servers": settings.kafka.client["bootstrap.servers"]})
    for answer in admin.create_partitions([NewPartitions(topic, partitions)]).values():
        answer.result(60)


def test_audits_stay_clean_while_partitions_are_added_to_one_topic_and_then_the_other(
    quick: Settings, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(1_000)
        account.check()
        assert audited(quick).findings.verdict is Verdict.CLEAN
        grow(quick, quick.topics.input, 6)
        eventually("a partition is new", lambda: account.feed(100) or offsets(quick, quick.group).get(5))
        account.check()
        assert [audited(quick, full=full).findings.verdict for full in (False, True)] == [Verdict.CLEAN] * 2

        grow(quick, quick.topics.processed, 6)
        running.kill("worker-00")
        running.revive()
        account.feed(1_000)
        account.check()
        found = [audited(quick, full=full).findings for full in (False, True)]
        assert [one.verdict for one in found] == [Verdict.CLEAN] * 2, [one.shown for one in found]
        assert "where their keys belong" in found[1].notes[0]


def test_a_pool_that_began_on_a_log_that_was_already_cut_is_audited_from_there(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    hand = Handwork(quick)
    hand.feed()
    hand.delete_before(quick.topics.input, hand.ends(quick.topics.input))
    with pool(quick, tmp_path, workers=1):
        account.feed(500)
        account.check()
        report = audited(quick)
        assert (report.findings.verdict, report.logins) == (Verdict.CLEAN, 500 - account.malformed)

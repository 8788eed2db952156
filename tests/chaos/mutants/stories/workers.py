"""Workers that die, and workers that come back from the dead."""

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from processor.errors import Exit
from tests.chaos.mutants.case import FLUSHER, SECOND, WORKER, Case
from tests.chaos.mutants.stories.story import catches
from tests.pool import bounds, eventually


@catches("counts-dead-letters", "one-shards-cursor-stays", shards=2, group="alone")
def nothing_happens(case: Case) -> None:
    case.start(WORKER)
    case.start(FLUSHER)
    case.account.feed(200, malformed=0.05)


@catches(
    "starts-at-the-committed-offset",
    "takes-a-missing-cursor-for-nothing-to-count",
    "commits-offsets-in-a-transaction-of-their-own",
    "commits-the-last-offset",
    "writes-dead-letters-outside-the-transaction",
    "counts-before-the-commit",
    idle_seconds=60.0,
)
def a_worker_is_killed_at_three_points(case: Case) -> None:
    case.start(FLUSHER)
    case.account.feed(50)
    for point in ("worker.before-apply:1", "worker.before-commit:1", "worker.before-commit:2"):
        case.start(WORKER, crash_at=point)
        case.dies(WORKER)
    case.start(WORKER)
    case.account.feed(50)


@catches("commits-as-nobody", partitions=1, zombies=True, group="zombies")
def a_zombie_wakes_up_between_its_records_and_its_offsets(case: Case) -> None:
    case.start(FLUSHER)
    case.start(WORKER, stop_at="worker.after-produce")
    case.stops(WORKER, logins=50)
    case.start(SECOND)
    case.all_counted()
    case.wakes(WORKER)
    case.account.feed(50)


@catches("reads-unstable-offsets", partitions=1, zombies=True, group="zombies")
def a_zombie_commits_after_its_partition_moved(case: Case) -> None:
    case.start(FLUSHER)
    case.start(WORKER, stop_at="worker.before-commit")
    case.stops(WORKER, logins=50)
    case.start(SECOND)
    eventually("its successor waits, or does not", lambda: case.said(SECOND, "waiting: finding") or case.counted() > 0)
    case.wakes(WORKER)
    case.account.feed(50)


@catches("passes-over-a-gap", partitions=1, group="alone")
def retention_passes_the_committed_offset(case: Case) -> list[str]:
    case.begin()
    case.kill(WORKER)
    case.account.feed(100)
    topic = case.settings.topics.input
    lost = bounds(case.settings, topic)[0][1] - 50
    admin = AdminClient(dict(case.settings.kafka.client))
    for deleted in admin.delete_records([TopicPartition(topic, 0, lost)]).values():
        deleted.result(30)
    worker = case.start(WORKER)
    eventually("it is refused, or not", lambda: worker.poll() is not None or case.account.settled())
    refused = worker.poll() == Exit.REFUSED and case.said(WORKER, "retention deleted the log below")
    return [] if refused else ["50 records were passed over without a word"]

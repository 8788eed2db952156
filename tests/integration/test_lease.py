"""The flusher's lease on a real Redis: one owner at a time."""

from collections.abc import Iterator
from threading import Barrier, Thread

import pytest

from processor.counts.keys import leader_key
from processor.counts.lease import Lease, holder
from tests.counting import Place, place_in, until
from tests.stack import RedisServer


@pytest.fixture
def place(redis_server: RedisServer) -> Iterator[Place]:
    for place in place_in(redis_server):
        yield place
        place.raw.delete(leader_key(place.settings.prefix))


def lease(place: Place, owner: str, seconds: float = 30.0) -> Lease:
    return Lease(place.connection, place.settings.prefix, owner, seconds)


def test_a_free_lease_is_taken_by_one(place: Place) -> None:
    a, b = lease(place, "host-a 1"), lease(place, "host-b 1")

    assert a.acquire()

    assert not b.acquire()
    assert not b.renew()
    assert not b.release()
    assert a.renew()


def test_taking_it_again_is_no_loss_when_an_answer_was_lost(place: Place) -> None:
    a = lease(place, "host-a 1")
    assert a.acquire()

    assert a.acquire()


def test_of_many_at_once_one_gets_it(place: Place) -> None:
    start, winners = Barrier(8), []

    def run(owner: str) -> None:
        start.wait()
        if lease(place, owner).acquire():
            winners.append(owner)

    threads = [Thread(target=run, args=(f"host-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(winners) == 1


def test_given_back_it_is_free_at_once(place: Place) -> None:
    a, b = lease(place, "host-a 1"), lease(place, "host-b 1")
    a.acquire()

    assert a.release()

    assert b.acquire()
    assert not a.release()
    assert not a.renew()


def test_it_expires_unless_it_is_renewed(place: Place) -> None:
    a, b = lease(place, "host-a 1", seconds=0.05), lease(place, "host-b 1")
    a.acquire()

    until(b.acquire)

    assert not a.renew()


def test_renewing_prolongs_it(place: Place) -> None:
    lease(place, "host-a 1", seconds=1).acquire()

    assert lease(place, "host-a 1", seconds=1000).renew()

    found = holder(place.connection, place.settings.prefix)
    assert found is not None
    assert found[1] > 900


def test_an_emptied_redis_deposes_its_leader(place: Place) -> None:
    a = lease(place, "host-a 1")
    a.acquire()
    place.raw.delete(leader_key(place.settings.prefix))

    assert not a.renew()


def test_who_leads_can_be_read(place: Place) -> None:
    assert holder(place.connection, place.settings.prefix) is None
    lease(place, "host-ä 1", seconds=30).acquire()

    found = holder(place.connection, place.settings.prefix)

    assert found is not None
    assert found[0] == "host-ä 1"
    assert 0 < found[1] <= 30

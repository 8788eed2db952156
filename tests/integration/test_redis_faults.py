"""What a Redis in trouble does to the counts: nothing, or all; and whose turn it is then."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree

import pytest
import redis
from msgspec.structs import replace

from deploy.local.ports import pick_free
from processor.counts.connection import check_policy, connect
from processor.counts.failures import KEY_PATTERNS, RIGHTS
from processor.counts.hosts import Hosts
from processor.counts.lease import Lease, holder
from processor.counts.snapshot import Snapshot
from processor.counts.store import Applied, Conflict, CountStore, Move
from processor.errors import ConfigurationError, Refused, Unavailable
from tests.counting import LINEAGE, Place, place_in, started, until
from tests.stack import RedisServer

PASSWORD = "s3cret"  # noqa: S105  # of a Redis that lives for one test


@pytest.fixture
def place(redis_server: RedisServer) -> Iterator[Place]:
    yield from place_in(redis_server)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Place]:
    """A Redis of the test's own, whose settings nobody else feels."""
    with started(tmp_path) as url:
        place = Place(url)
        yield place
        place.close()


# Restarts, stalls and lost connections


def test_scripts_work_after_a_restart_that_forgot_them(place: Place, redis_server: RedisServer) -> None:
    place.load({}, {0: 0})
    store = place.store()
    store.apply(0, [Move(0, 0, 1)], {"ann": 1})
    place.written()
    redis_server.kill9()
    redis_server.start()
    place.raw.script_flush()

    assert store.apply(0, [Move(0, 1, 2)], {"ann": 1}) == Applied()

    assert place.counts() == {"ann": 2}


def test_an_apply_without_an_answer_is_counted_once_and_told_by_its_cursors(
    place: Place, redis_server: RedisServer
) -> None:
    place.load({}, {0: 0})
    store = place.store(timeout_seconds=0.2)
    store.cursors()  # connected before the stall
    moves, users = [Move(0, 0, 7)], {"ann": 7}
    redis_server.pause()
    for _ in range(3):
        with pytest.raises(Unavailable, match="in time"):
            store.apply(0, moves, users)
    redis_server.resume()

    patient = place.store()
    until(lambda: patient.apply(0, moves, users) == Conflict({0: 7}))

    assert place.counts() == {"ann": 7}


def test_a_call_is_sent_once(place: Place, redis_server: RedisServer) -> None:
    """Retries of the client's own would show as more than one."""
    place.load({}, {0: 0})
    connection = connect(replace(place.settings, timeout_seconds=0.2), "once")
    connection.call("testing", "SET", place.keys[0].restoring, 0)
    redis_server.pause()
    with pytest.raises(Unavailable):
        connection.call("testing", "INCR", place.keys[0].restoring)
    redis_server.resume()

    until(lambda: int(place.raw.get(place.keys[0].restoring)) > 0)  # type: ignore[arg-type]
    place.raw.ping()

    assert int(place.raw.get(place.keys[0].restoring)) == 1  # type: ignore[arg-type]
    connection.close()


def test_a_redis_killed_during_a_call_is_unavailable_and_comes_back(place: Place, redis_server: RedisServer) -> None:
    place.load({}, {0: 0})
    store = place.store()
    store.cursors()
    place.written()
    redis_server.pause()
    with ThreadPoolExecutor(1) as thread:
        call = thread.submit(store.apply, 0, [Move(0, 0, 1)], {"ann": 1})
        redis_server.kill9()
        with pytest.raises(Unavailable, match="connection"):
            call.result()
    with pytest.raises(Unavailable, match="refused"):
        store.cursors()
    redis_server.start()

    assert store.cursors() == [{0: 0}]
    assert store.apply(0, [Move(0, 0, 1)], {"ann": 1}) == Applied()


def test_a_connection_that_was_idle_and_closed_is_opened_anew(place: Place) -> None:
    place.load({}, {0: 0})
    store = place.store()
    store.cursors()
    place.raw.client_kill_filter(_type="normal", skipme=True)

    assert store.apply(0, [Move(0, 0, 1)], {"ann": 1}) == Applied()


def test_nobody_there_is_unavailable_with_the_place_named() -> None:
    place = Place("redis://127.0.0.1:1/0")

    with pytest.raises(Unavailable, match=r"Redis at 127\.0\.0\.1:1/0: reading the cursors"):
        place.store().cursors()


# A Redis that takes no writes


def fill(place: Place) -> None:
    """Less memory allowed than is used."""
    place.raw.config_set("maxmemory", 1)


def test_a_full_redis_changes_nothing_and_goes_on_with_more_memory(own: Place) -> None:
    own.load({"ann": 1}, {0: 0})
    before = own.everything()
    fill(own)

    with pytest.raises(Unavailable, match="raise its maxmemory"):
        own.store().apply(0, [Move(0, 0, 3000)], {f"user-{n}": 1 for n in range(3000)})

    own.raw.config_set("maxmemory", 0)
    assert own.everything() == before
    assert own.store().apply(0, [Move(0, 0, 1)], {"ann": 1}) == Applied()


def test_a_redis_that_fills_up_within_an_apply_has_all_of_it(own: Place) -> None:
    own.load({}, {0: 0})
    used = own.raw.info("memory")["used_memory"]
    own.raw.config_set("maxmemory", used + 4_000_000)  # the arguments fit, what they become does not
    users = {f"user-{n}-{'x' * 50}": 1 for n in range(20_000)}

    assert own.store().apply(0, [Move(0, 0, 20_000)], users) == Applied()

    assert own.raw.info("memory")["used_memory"] > own.raw.info("memory")["maxmemory"]
    assert own.counts() == own.changed() == users


def test_a_full_redis_still_lets_the_flusher_free_memory(own: Place) -> None:
    own.load({}, {0: 0})
    own.store().apply(0, [Move(0, 0, 1)], {"ann": 1})
    fill(own)
    lease = Lease(own.connection, own.settings.prefix, "host 1", 30)

    assert lease.acquire()
    assert lease.renew()
    snapshot = own.snapshots().take(0, {}, "s1")
    assert isinstance(snapshot, Snapshot)
    assert own.snapshots().stands(snapshot)
    assert list(own.snapshots().walk(snapshot)) == [[("ann", 1)]]
    assert own.snapshots().drop(snapshot)
    assert own.changed() == {}


def test_a_replica_refuses_counts_and_says_where_they_belong(own: Place) -> None:
    own.load({"ann": 1}, {0: 0})
    before = own.everything()
    own.raw.replicaof("127.0.0.1", 1)  # of a primary that is not there: it keeps its data

    with pytest.raises(Unavailable, match="primary"):
        own.store().apply(0, [Move(0, 0, 1)], {"ann": 1})
    with pytest.raises(Unavailable, match="primary"):
        own.snapshots().take(0, {}, "s1")

    own.raw.replicaof("NO", "ONE")
    assert own.everything() == before


def test_a_redis_that_can_not_save_refuses_counts(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    with started(tmp_path, "--dir", str(folder)) as url:
        own = Place(url)
        own.load({"ann": 1}, {0: 0})
        rmtree(folder)
        own.raw.config_set("save", "3600 1")
        own.raw.bgsave()
        until(lambda: own.raw.info("persistence")["rdb_last_bgsave_status"] == "err")

        with pytest.raises(Unavailable, match="can't save to its disk"):
            own.store().apply(0, [Move(0, 0, 1)], {"ann": 1})

        assert own.counts() == {"ann": 1}
        own.close()


def test_a_redis_without_its_replicas_refuses_counts(own: Place) -> None:
    own.load({"ann": 1}, {0: 0})
    own.raw.config_set("min-replicas-to-write", 1)

    with pytest.raises(Unavailable, match="replicas"):
        own.store().apply(0, [Move(0, 0, 1)], {"ann": 1})

    assert own.counts() == {"ann": 1}


def test_a_redis_that_is_loading_is_unavailable_until_it_has_loaded(tmp_path: Path) -> None:
    with started(tmp_path, "--rdbcompression", "no") as url:
        place = Place(url)
        place.load({}, {0: 4})
        for n in range(50):
            place.raw.set(f"key-{n}", f"{n}" * 1000)
        place.raw.save()
    slowly = ("--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024")
    heard: list[str] = []

    def cursors(store: CountStore) -> list[dict[int, int]] | None:
        try:
            return store.cursors()
        except Unavailable as problem:
            heard.append(str(problem))
            return None

    with started(tmp_path, *slowly, wait=False) as url:
        settings = replace(place.settings, url=url)
        store = CountStore(connect(settings, "test"), settings, LINEAGE)
        until(lambda: cursors(store) == [{0: 4}])
    assert any("loading its data" in text for text in heard)


def test_a_busy_redis_is_unavailable(own: Place) -> None:
    own.load({}, {0: 0})
    own.raw.config_set("busy-reply-threshold", 1)
    with ThreadPoolExecutor(1) as thread:
        endless = thread.submit(own.raw.eval, "while true do end", 0)
        with redis.Redis.from_url(own.settings.url) as other:
            until(lambda: refuses(other))
            with pytest.raises(Unavailable, match="busy"):
                own.store().cursors()
            other.script_kill()
        with pytest.raises(redis.ResponseError):
            endless.result()


def refuses(client: "redis.Redis") -> bool:
    try:
        client.ping()
    except redis.ResponseError:
        return True
    return False


# Keys that are not as they should be


@pytest.mark.parametrize("name", ["counts", "cursors", "changed"])
def test_a_key_of_another_type_is_refused_before_anything_is_written(place: Place, name: str) -> None:
    place.load({"ann": 1}, {0: 0})
    place.store().apply(0, [Move(0, 0, 1)], {"ann": 1})
    key = getattr(place.keys[0], name)
    place.raw.delete(key)
    place.raw.set(key, "something else")
    before = place.everything()

    with pytest.raises(Refused, match=r"redis\.prefix"):
        place.store().apply(0, [Move(0, 1, 2)], {"ann": 1, "bob": 1})
    with pytest.raises(Refused, match=r"redis\.prefix"):
        place.snapshots().take(0, {}, "s1")

    assert place.everything() == before


def test_a_count_that_is_no_number_is_refused_before_anything_is_written(place: Place) -> None:
    place.load({f"user-{n}": 1 for n in range(3000)}, {0: 0})
    place.raw.hset(place.keys[0].counts, "user-2999", "many")
    before = place.everything()

    with pytest.raises(Refused):
        place.store().apply(0, [Move(0, 0, 1)], {f"user-{n}": 1 for n in range(3000)})

    assert place.everything() == before


def test_a_cursor_that_is_no_number_is_refused(place: Place) -> None:
    place.load({}, {0: 0})
    place.raw.hset(place.keys[0].cursors, "0", "here")

    with pytest.raises(Refused, match="something else wrote"):
        place.store().cursors()
    with pytest.raises(Refused, match="something else wrote"):
        place.store().apply(0, [Move(0, 0, 1)], {})


# Whom Redis lets in, and to what


def as_user(own: Place, *rules: str) -> Place:
    """Another client of the same keys, as a user with these rules."""
    own.raw.execute_command("ACL", "SETUSER", "pool", "reset", "on", f">{PASSWORD}", *rules)
    place = Place(own.settings.url)
    place.settings = replace(own.settings, username="pool", password=PASSWORD)
    place.keys, place.connection = own.keys, connect(place.settings, "test user")
    return place


def patterns(own: Place) -> list[str]:
    return KEY_PATTERNS.replace("PREFIX", own.settings.prefix).split()


def test_the_rights_that_a_message_names_are_enough_for_everything(own: Place) -> None:
    place = as_user(own, *patterns(own), *RIGHTS.split())
    check_policy(place.connection)
    lease = Lease(place.connection, place.settings.prefix, "host 1", 30)
    assert lease.acquire()
    assert lease.renew()
    assert lease.release()

    place.load({"ann": 1}, {0: 0, 1: 0})
    place.store().apply(0, [Move(0, 0, 2)], {"ann": 1, "bob": 1})
    snapshot = place.snapshots().take(0, {}, "s1")
    assert isinstance(snapshot, Snapshot)
    assert place.snapshots().stands(snapshot)
    assert place.snapshots().thaw(snapshot)
    assert isinstance(place.snapshots().take(0, {}, "s2"), Snapshot)
    assert place.snapshots().drop(replace(snapshot, id="s2"))
    assert place.reading().top(1) == [("ann", 2)]
    assert place.reading().count(["bob"]) == [1]
    assert place.reading().shard_states()[0].users == 2
    place.loading().erase(0)


@pytest.mark.parametrize("lacking", [right.removeprefix("+") for right in RIGHTS.split()])
def test_none_of_the_rights_is_there_for_nothing_and_lacking_one_breaks_nothing(own: Place, lacking: str) -> None:
    rights = [right for right in RIGHTS.split() if right != f"+{lacking}"]
    place = as_user(own, *patterns(own), *rights)
    if lacking == "select":
        place.settings = replace(place.settings, url=place.settings.url.replace("/0", "/1"))
        place.connection = connect(place.settings, "test user")

    with pytest.raises(Refused, match=r"ACL SETUSER") as refused:
        everything_once(place)

    assert "s3cret" not in str(refused.value)
    if own.raw.exists(own.keys[0].counts):
        assert own.raw.hlen(own.keys[0].counts) == int(own.raw.hget(own.keys[0].cursors, "users") or 0)


def everything_once(place: Place) -> None:
    check_policy(place.connection)
    lease = Lease(place.connection, place.settings.prefix, "host 1", 30)
    lease.acquire()
    lease.renew()
    holder(place.connection, place.settings.prefix)
    lease.release()
    place.load({"ann": 1}, {0: 0, 1: 0})
    place.store().apply(0, [Move(0, 0, 2)], {"ann": 1, "bob": 1})
    snapshot = place.snapshots().take(0, {}, "s1")
    assert isinstance(snapshot, Snapshot)
    place.snapshots().thaw(snapshot)
    place.reading().shard_states()
    place.loading().add(0, "r1", 0, {})
    Hosts(place.connection, place.settings.prefix).heard()


@pytest.mark.parametrize("lacking", ["rename", "copy", "hset", "unlink"])
def test_a_snapshot_for_which_a_right_is_missing_is_never_published(own: Place, lacking: str) -> None:
    own.load({}, {0: 0})
    own.store().apply(0, [Move(0, 0, 2)], {"ann": 2})
    place = as_user(own, *patterns(own), *RIGHTS.split(), f"-{lacking}")

    with pytest.raises(Refused, match="ACL SETUSER"):
        place.snapshots().take(0, {}, "s1")

    try:
        after = own.snapshots().take(0, {}, "s2")
    except Refused:
        return  # half a snapshot is noticed
    assert isinstance(after, Snapshot)
    assert dict(next(own.snapshots().walk(after))) == {"ann": 2}


def test_other_keys_are_out_of_reach(own: Place) -> None:
    place = as_user(own, "~another:*", *RIGHTS.split())

    with pytest.raises(Refused, match="ACL SETUSER"):
        place.store().apply(0, [Move(0, 0, 1)], {})


@pytest.mark.parametrize("changed", [{"password": "wr0ng"}, {"username": "nobody"}, {"username": "", "password": ""}])
def test_a_refused_login_names_the_settings_and_not_the_password(own: Place, changed: dict[str, str]) -> None:
    own.raw.config_set("requirepass", "s3cret")
    settings = replace(own.settings, **({"username": "", "password": "s3cret"} | changed))

    with pytest.raises(ConfigurationError, match=r"redis\.password") as refused:
        CountStore(connect(settings, "test"), settings, LINEAGE).cursors()

    assert "s3cret" not in str(refused.value)
    assert "wr0ng" not in str(refused.value)


def test_the_password_may_come_from_a_file(own: Place, tmp_path: Path) -> None:
    own.load({}, {0: 4})
    own.raw.config_set("requirepass", "s3cret with spaces ")
    (tmp_path / "password").write_text("s3cret with spaces \n")
    settings = replace(own.settings, password_file=str(tmp_path / "password"))

    assert CountStore(connect(settings, "test"), settings, LINEAGE).cursors() == [{0: 4}]


def test_a_client_shows_its_name_whatever_it_is(place: Place) -> None:
    connection = connect(place.settings, "data-processor worker-00@höst ünder test")
    connection.call("testing", "PING")

    assert "data-processor-worker-00@h-st--nder-test" in {client["name"] for client in place.raw.client_list()}
    connection.close()


# Memory policy


@pytest.mark.parametrize(("maxmemory", "policy"), [(0, "allkeys-lru"), (0, "noeviction"), (10**9, "noeviction")])
def test_a_redis_that_keeps_its_keys_is_accepted(own: Place, maxmemory: int, policy: str) -> None:
    own.raw.config_set("maxmemory", maxmemory)
    own.raw.config_set("maxmemory-policy", policy)

    check_policy(own.connection)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_a_redis_that_evicts_is_refused_with_the_setting_to_change(own: Place, policy: str) -> None:
    own.raw.config_set("maxmemory", 10**9)
    own.raw.config_set("maxmemory-policy", policy)

    with pytest.raises(Refused, match=rf"maxmemory-policy is {policy}.*noeviction"):
        check_policy(own.connection)


# Redis Cluster


def cluster() -> tuple[str, ...]:
    return ("--cluster-enabled", "yes", "--cluster-port", str(pick_free(1)[0]))


def test_all_scripts_keep_to_one_slot_and_name_all_their_keys(tmp_path: Path) -> None:
    with started(tmp_path, *cluster()) as url:
        own = Place(url)
        own.raw.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        until(lambda: own.raw.cluster("INFO")["cluster_state"] == "ok")

        test_the_rights_that_a_message_names_are_enough_for_everything(own)
        own.close()


def test_a_cluster_node_without_the_shard_says_so(tmp_path: Path) -> None:
    with started(tmp_path, *cluster()) as url:
        own = Place(url)

        with pytest.raises(Unavailable, match="cluster"):
            own.store().apply(0, [Move(0, 0, 1)], {})
        own.close()

"""Redis that is more than one: a replica that is behind is promoted, and nodes of a Cluster die and trade shards."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from deploy.local.ports import pick_free
from processor.counts.connection import connect
from processor.counts.failures import KEY_PATTERNS, RIGHTS
from processor.counts.keys import Keys
from processor.counts.store import CountStore, Move
from processor.errors import ConfigurationError, Refused, Unavailable
from processor.settings import RedisSettings, Settings
from tests.command import run
from tests.counting import LINEAGE
from tests.pool import Account, eventually, pool, redis_counts
from tests.redises import MASTER, Nodes, Watched, running

SEED = 20261126
PASSWORD = "s3cret"  # noqa: S105  # of servers that live for one test


def counted(settings: Settings) -> int:
    return sum(redis_counts(settings).values())


def cursors(settings: RedisSettings) -> list[dict[int, int]]:
    return CountStore(connect(settings, "test"), settings, LINEAGE).cursors()


def on(settings: Settings, **changed: str | int) -> Settings:
    return structs.replace(settings, redis=structs.replace(settings.redis, **changed))


def test_a_failover_to_a_replica_that_is_behind_costs_no_login(quick: Settings, tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    with running(watched):
        old, replica = watched.servers
        settings = on(quick, sentinels=watched.addresses, master=MASTER, url=old.url)
        account = Account(settings, SEED)
        with pool(settings, tmp_path):
            account.feed(3_000)
            eventually("it is counted", lambda: counted(settings) >= 2_900)

            # Given a replica that misses the latest counts
            replica.pause()
            with old.client() as client:
                client.client_kill_filter(_type="replica")  # what is on its way it would take in when it goes on
            before = counted(settings)
            account.feed(3_000)
            eventually("it is counted", lambda: counted(settings) >= before + 2_900)

            # When the primary is lost
            old.kill9()
            replica.resume()
            eventually("the replica is promoted", lambda: watched.primary is replica)
            after = counted(on(settings, url=replica.url))
            account.settings = on(settings, url=replica.url)
            account.feed(3_000)
            eventually("what the replica had missed is counted again", account.settled)
            assert after < before + 2_900, "nothing was lost: this test would not have shown anything"

            # Under a name that no Sentinel knows there is none
            unknown = on(settings, master="nobody").redis
            with pytest.raises(Unavailable, match=r"redis\.master"):
                cursors(unknown)

            # And the old one, back with counts of its own, has become the replica
            old.start()
            eventually("the old one follows", lambda: _role(watched, old.port) == "slave")
            account.feed(1_000)
            account.check()


def _role(watched: Watched, port: int) -> str:
    server = next(server for server in watched.servers if server.port == port)
    with server.client() as client:
        return str(client.info("replication")["role"])


def test_a_cluster_counts_exactly_while_a_node_dies_and_a_shard_moves(quick: Settings, tmp_path: Path) -> None:
    nodes = Nodes(tmp_path)
    with running(nodes):
        settings = on(quick, cluster=nodes.addresses, shards=6)
        keys = Keys(settings.redis.prefix, 0).counts
        account = Account(settings, SEED)
        with pool(settings, tmp_path):
            account.feed(3_000)
            eventually("it is counted", lambda: counted(settings) >= 2_900)
            homes = {nodes.home(Keys(settings.redis.prefix, shard).counts).port for shard in range(6)}
            assert len(homes) > 1, "all shards are on one node: another prefix would spread them"

            # A node is lost, and comes back from its log
            lost = nodes.home(keys)
            lost.kill9()
            account.feed(2_000)
            lost.start()
            nodes.agree()
            eventually("counting goes on", lambda: counted(settings) >= 4_800)

            # A shard is on its way to another node, some time between both
            target = next(server for server in nodes.servers if server is not lost)
            assert keys in nodes.begin_move(keys, target)
            account.feed(2_000)
            nodes.end_move(keys, target)
            account.feed(1_000)
            account.check()
            assert nodes.home(keys) is target

            # Users on all nodes are forgotten
            gone = [user for user, _ in account.users.most_common()[1:21]]
            assert run(settings, tmp_path, "forget", "--yes", *gone).returncode == 0
            assert not set(gone) & redis_counts(settings).keys()
            assert run(settings, tmp_path, "audit", "--full").returncode == 0

        # The tools of people go to all of them, too.
        top = json.loads(run(settings, tmp_path, "top", "1", "--json").stdout)
        best = max(account.users.values())
        assert str(best) in json.dumps(top)
        looked = json.loads(run(settings, tmp_path, "doctor", "--json").stdout)
        assert all(f"127.0.0.1:{server.port}" in json.dumps(looked) for server in nodes.servers)


def test_a_call_to_a_cluster_is_sent_once_and_a_shard_that_moved_is_found_again(tmp_path: Path) -> None:
    nodes = Nodes(tmp_path)
    with running(nodes):
        dead = f"127.0.0.1:{pick_free(1)[0]}"  # another one is asked for the way then
        redis = RedisSettings(cluster=f"{dead},{nodes.addresses}", prefix="logins-moving", timeout_seconds=5.0)
        store, keys = CountStore(connect(redis, "test"), redis, LINEAGE), Keys(redis.prefix, 0)
        source = nodes.home(keys.counts)
        target = next(server for server in nodes.servers if server is not source)
        with source.client() as client:
            client.hset(keys.cursors, mapping={"lineage": LINEAGE, "users": 0, "changed": 0, "0": 5})
        eventually("a node that lives is asked", lambda: _answers(store.cursors))
        assert store.cursors() == [{0: 5}]

        # While the slot is between two nodes a call ends as one that may be repeated, and changes nothing
        nodes.begin_move(keys.counts, target)
        with pytest.raises(Unavailable, match="cluster"):
            store.apply(0, [Move(0, 5, 6)], {"ann": 1})
        nodes.end_move(keys.counts, target)

        eventually("it is found again", lambda: _answers(store.cursors))
        assert store.cursors() == [{0: 5}]

        # A right or a password that is missing is named, and not waited for; those of the documentation are enough
        for server in nodes.servers:
            with server.client() as client:
                rules = f"on >{PASSWORD} {KEY_PATTERNS} {RIGHTS}".replace("PREFIX", redis.prefix).split()
                client.execute_command("ACL", "SETUSER", "pool", *rules)
        own = structs.replace(redis, cluster=nodes.addresses, username="pool", password=PASSWORD)
        with pytest.raises(Refused, match=r"ACL SETUSER.*cluster\|slots"):
            cursors(own)
        with pytest.raises(ConfigurationError, match=r"redis\.password"):
            cursors(structs.replace(own, password="wr0ng"))  # noqa: S106  # the test's own
        for server in nodes.servers:
            with server.client() as client:
                client.execute_command("ACL", "SETUSER", "pool", "+cluster|slots", "+command")
        assert cursors(own) == [{0: 5}]

        # Without the setting, a node of a cluster says what to set
        alone = RedisSettings(url=source.url, prefix=redis.prefix)
        with pytest.raises(ConfigurationError, match=r"redis\.cluster"):
            cursors(alone)


def _answers(call: Callable[[], object]) -> bool:
    try:
        call()
    except Unavailable:
        return False
    return True

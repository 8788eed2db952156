"""The users of deploy/redis/users.acl on a real Redis: each role can do its work, with no right too many."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import json
from msgspec.structs import replace

from deploy.redis import users
from processor.counts import checkup
from processor.counts.asking import Asking
from processor.counts.condition import Shards
from processor.counts.connection import Connection, check_policy, connect
from processor.counts.hosts import Beat, Hosts
from processor.counts.keys import Keys
from processor.counts.lease import Lease, holder
from processor.counts.loading import Loading
from processor.counts.login import Login
from processor.counts.looking import Looking
from processor.counts.reading import Reading
from processor.counts.resetting import Resetting
from processor.counts.snapshot import Snapshot, Snapshots
from processor.counts.stopped import Notice, Notices
from processor.counts.store import Applied, CountStore, Move
from processor.errors import ConfigurationError, Refused, Unavailable
from processor.logins.breaker import Stopped
from processor.scaling.pool import Host
from processor.settings import RedisSettings
from tests.pool import eventually
from tests.secured_redis import SecuredRedis, secured_redis

LINEAGE = "cluster=c topic=t rules=1 max=1114124 shards=1"
NOTICE = Notice(Stopped(0, 1, 1, 1, "json"), "worker-00", 1)
RULES = dict(users._users())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredRedis]:
    with secured_redis(tmp_path_factory.mktemp("secured")) as started:
        yield started


@pytest.fixture(autouse=True)
def shard(server: SecuredRedis) -> None:
    """The users as shipped; a shard, and a host that was silent for long; and nothing else in Redis."""
    server.load_users()
    with server.client() as client:
        client.flushall()
        client.script_flush()
        keys = Keys("logins", 0)
        client.hset(keys.counts, mapping={"ann": 1})
        client.hset(keys.cursors, mapping={"0": 0, "users": 1, "changed": 0, "lineage": LINEAGE})
        client.hset("{logins}:hosts", "old", json.encode(Beat(Host("old", 1, 0, 1), "")))


class Work:
    """What the processes of each role ask of Redis."""

    def __init__(self, settings: RedisSettings) -> None:
        self.settings = settings
        self.connection: Connection = connect(settings, f"{settings.username} test")
        self.store = CountStore(self.connection, settings, LINEAGE)

    def worker(self) -> None:
        check_policy(self.connection)
        self.count()
        notices = Notices(self.connection, "logins")
        notices.put(NOTICE)
        assert list(notices.read()) == [0]
        notices.remove(0)

    def flusher(self) -> None:
        check_policy(self.connection)
        lease = Lease(self.connection, "logins", "host 1", 30)
        assert lease.acquire()
        assert lease.renew()
        assert lease.release()
        self.count()
        self.publish()
        self.restore()

    def observer(self) -> None:
        assert Reading(self.connection, self.settings).shard_states()[0].users == 1
        holder(self.connection, "logins")
        Notices(self.connection, "logins").read()
        hosts = Hosts(self.connection, "logins")
        hosts.beat(Host("vm", 1, 0, 1), "fine")
        assert [heard.beat.host.name for heard in hosts.heard()] == ["old", "vm"]  # and forgets the old one
        hosts.leave("vm")

    def operator(self) -> None:
        for seen in self.connection.each("asking"):
            checkup.look(seen, checkup.refused(self.connection, "logins"))
        self.observer()
        self.worker()
        assert Reading(self.connection, self.settings).top(1) == [("ann", 2)]
        assert Looking(self.connection, self.settings, LINEAGE).look(0, ["ann"]).counts == [2]
        self.flusher()
        shards = Shards(self.connection, self.settings)
        assert [condition.damage for condition in shards.conditions()] == [""]
        resetting = Resetting(self.connection, self.settings, "reset")
        resetting.mark()
        resetting.anew(LINEAGE, {0: 0})
        assert shards.empty(0, LINEAGE)

    def count(self) -> None:
        at = self.store.cursors()[0][0]
        assert self.store.apply(0, [Move(0, at, at + 2)], {"ann": 1, "bob": 1}) == Applied()

    def publish(self) -> None:
        snapshots = Snapshots(self.connection, self.settings, LINEAGE)
        taken = snapshots.take(0, {}, "s1")
        assert isinstance(taken, Snapshot)
        assert snapshots.stands(taken)
        assert snapshots.thaw(taken)
        Asking(self.connection, self.settings, LINEAGE).ask("bob")
        again = snapshots.take(0, {}, "s2")
        assert isinstance(again, Snapshot)
        assert snapshots.drop(again)

    def restore(self) -> None:
        """Of a shard that has lost everything."""
        loading = Loading(self.connection, self.settings, LINEAGE)
        loading.erase(0)
        assert not loading.ready(0)
        assert loading.begin(0, "r")
        assert loading.add(0, "r", 0, {"ann": 1, "bob": 1})
        assert loading.add(0, "r", 1, {"bob": 0})
        assert loading.loaded(0) == 1
        assert loading.finish(0, "r", 2, 1, {0: 3})


def do(server: SecuredRedis, role: str) -> None:
    work = Work(server.settings(role))
    try:
        getattr(work, role)()
    finally:
        work.connection.close()


@pytest.mark.parametrize("role", users.POOL)
def test_each_role_can_do_its_work(server: SecuredRedis, role: str) -> None:
    do(server, role)


SINGLE = [
    (role, at)
    for role in users.POOL
    for at, rule in enumerate(RULES[role])
    if rule.lstrip("(").startswith(("+", "~", "%"))
]


@pytest.mark.parametrize(("role", "at"), SINGLE, ids=[f"{role} {RULES[role][at]}" for role, at in SINGLE])
def test_no_role_has_a_right_too_many(server: SecuredRedis, role: str, at: int) -> None:
    rules = list(RULES[role])
    rules[at] = "(" * rules[at].startswith("(") + ")" * rules[at].endswith(")")
    with server.client() as client:
        whole = [rule for rule in rules if rule]
        client.execute_command("ACL", "SETUSER", role, "reset", "on", f">{server.password(role)}", *whole)

    with pytest.raises(Refused, match=r"users\.acl") as refused:
        do(server, role)

    assert server.password(role) not in str(refused.value)


FORBIDDEN = {
    "worker": [
        "HDEL {logins:0}:counts ann",
        "UNLINK {logins:0}:counts",
        "GET {logins}:leader",
        "HGETALL {logins}:hosts",
    ],
    "flusher": ["HGETALL {logins}:hosts", "HSET {logins}:stopped 0 x", "SET {logins:0}:counts x"],
    "observer": ["HGETALL {logins:0}:counts", "HGET {logins:0}:counts ann", "HSET {logins:0}:cursors 0 9", "INFO"],
    "operator": ["KEYS *", "SCAN 0"],
}
NOBODYS = ["FLUSHALL", "CONFIG GET *", "ACL LIST", "EVAL x 0", "SCRIPT FLUSH", "SHUTDOWN", "MONITOR", "GET other"]


@pytest.mark.parametrize("role", users.POOL)
def test_no_role_reaches_what_is_not_its_own(server: SecuredRedis, role: str) -> None:
    connection = connect(server.settings(role), "test")
    for command in FORBIDDEN[role] + NOBODYS:
        with pytest.raises(Refused, match=r"users\.acl"):
            connection.call("trying", *command.split(), near="{logins}:x")


def test_doctor_finds_that_the_operator_lacks_nothing(server: SecuredRedis) -> None:
    connection = connect(server.settings(), "test")
    try:
        assert checkup.refused(connection, "logins") == []
    finally:
        connection.close()


def test_what_scripts_wrote_is_there_after_a_restart(server: SecuredRedis) -> None:
    """Redis reads its append-only log as the user `default`."""
    keys = Keys("logins", 0)
    Work(server.settings("worker")).count()
    with server.client() as client:
        before = client.hgetall(keys.counts), client.hgetall(keys.cursors)

    server.kill9()
    server.start()

    with server.client() as client:
        assert (client.hgetall(keys.counts), client.hgetall(keys.cursors)) == before


def test_nobody_comes_in_without_a_name(server: SecuredRedis) -> None:
    nameless = replace(server.settings(), username="", password_file="")
    with pytest.raises(ConfigurationError, match=r"redis\.username"):
        connect(nameless, "test").call("trying", "PING")


def test_a_right_that_is_taken_away_while_running_is_named(server: SecuredRedis) -> None:
    work = Work(server.settings("worker"))
    work.count()
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "worker", "-hset")

    with pytest.raises(Refused, match=r"counting: the user lacks a right: deploy/redis/users\.acl"):
        work.count()


def test_a_password_is_changed_while_connections_come_and_go(server: SecuredRedis) -> None:
    """The new one beside the old one, then where the clients read it, then alone: nobody is locked out in between."""
    work, old = Work(server.settings("worker")), server.password("worker")

    users.change(server.secrets, "worker")
    server.load_users()  # closes all connections
    counted(work)
    users.changed(server.secrets, "worker")
    assert server.password("worker") != old
    server.load_users()
    counted(work)

    with pytest.raises(ConfigurationError):
        connect(replace(server.settings(), username="worker", password=old, password_file=""), "test").call(
            "trying", "INFO"
        )


def counted(work: Work) -> None:
    """Count, on whatever connection it takes."""

    def tried() -> bool:
        try:
            work.count()
        except Unavailable:
            return False
        return True

    eventually("it is counted", tried, 30)


def test_the_files_are_for_their_owner_and_hold_hashes(server: SecuredRedis, tmp_path: Path) -> None:
    path = users.write(tmp_path / "made", ["a", "b"], cluster=True)

    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    text = path.read_text()
    for role in users.roles():
        assert users.password_file(path.parent, role).read_text().strip() not in text
    assert "(~{a}:leader ~{b}:leader -@all" in text
    assert text.count("+cluster|slots +command") == len(users.POOL)
    with server.client() as client:  # Redis takes it
        for line in text.splitlines():
            client.execute_command("ACL", "SETUSER", f"x-{line.split()[1]}", *line.split()[2:])
            client.execute_command("ACL", "DELUSER", f"x-{line.split()[1]}")


def test_a_worker_keeps_the_last_password_while_its_file_is_being_written(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("first\n")
    login = Login("worker", "", str(tmp_path / "password"), "redis.password_file")
    (tmp_path / "password").write_text("")
    assert login.get_credentials() == ("worker", "first")
    (tmp_path / "password").unlink()
    assert login.get_credentials() == ("worker", "first")
    (tmp_path / "password").write_text("second\n")
    assert login.get_credentials() == ("worker", "second")

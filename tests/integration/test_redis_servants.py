"""The users of those who serve Redis: a replica, the Sentinels, redis_exporter and whoever looks after the server."""

import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import redis

from deploy.local.daemon import Daemon
from deploy.local.ports import LOOPBACK, pick_free
from deploy.redis import users
from processor.counts.connection import connect
from processor.counts.hosts import Hosts
from processor.errors import DataProcessorError
from processor.scaling.pool import Host
from tests.pool import eventually
from tests.secured_redis import SecuredRedis
from tests.secured_redises import SecuredWatched, secured_watched

EXPORTER = "prometheus-redis-exporter"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredWatched]:
    with secured_watched(tmp_path_factory.mktemp("watched")) as started:
        yield started


@pytest.fixture(autouse=True)
def as_shipped(watched: SecuredWatched) -> None:
    """The users with their rights, and nobody who was refused something yet."""
    for server in watched.servers:
        if server.running:
            server.load_users()
            with server.client() as client:
                client.acl_log_reset()


def refused(server: SecuredRedis) -> list[str]:
    """What a user asked for without the right."""
    with server.client() as client:
        return [f"{one['username']}: {one['object']}" for one in client.acl_log()]


def follows(server: SecuredRedis, primary: SecuredRedis) -> bool:
    """Whether both say so: Sentinels know of a replica what its primary was told by it."""
    with server.client() as client, primary.client() as other:
        said, known = client.info("replication"), other.info("replication").get("slave0", {})
    return said["role"] == "slave" and said["master_link_status"] == "up" and known.get("port") == server.port


def beaten(watched: SecuredWatched, name: str) -> bool:
    """Write as a role of the pool does, to whom the Sentinels name; whether it was taken."""
    try:
        Hosts(connect(watched.settings("observer"), "test"), "logins").beat(Host(name, 1, 0, 1), "")
    except DataProcessorError:
        return False
    return True


def heard(server: SecuredRedis) -> set[str]:
    with server.client() as client:
        return set(client.hgetall("{logins}:hosts"))


@pytest.mark.parametrize("right", ["+psync", "+replconf"])
def test_a_replica_that_lacks_a_right_does_not_follow_and_follows_when_it_has_it(
    watched: SecuredWatched, right: str
) -> None:
    primary, replica = watched.servers
    eventually("the replica follows", lambda: follows(replica, primary), 60)
    with primary.client() as client:
        client.execute_command("ACL", "SETUSER", "replica", f"-{right[1:]}")
        client.client_kill_filter(_type="replica")
    eventually("it is refused", lambda: f"replica: {right[1:]}" in refused(primary), 60)
    assert not follows(replica, primary)

    primary.load_users()

    eventually("the replica follows", lambda: follows(replica, primary), 60)


def test_sentinels_promote_a_replica_and_make_the_old_primary_follow_without_being_refused_anything(
    watched: SecuredWatched,
) -> None:
    old, replica = watched.servers
    eventually("the replica follows", lambda: follows(replica, old), 60)
    eventually("it is written", lambda: beaten(watched, "before"), 60)
    eventually("the replica has it", lambda: heard(replica) == {"before"}, 60)

    old.kill9()
    eventually("the replica is promoted", lambda: watched.primary is replica, 60)
    eventually("the pool goes on there", lambda: beaten(watched, "after"), 60)
    old.start()

    eventually("the old one follows", lambda: follows(old, replica) and heard(old) == {"before", "after"}, 60)
    assert [refused(server) for server in watched.servers] == [[], []]


def test_redis_exporter_measures_and_is_refused_nothing_but_what_is_configured(
    watched: SecuredWatched, tmp_path: Path
) -> None:
    (port,) = pick_free(1)
    server = watched.primary
    login = {"REDIS_USER": "monitor", "REDIS_PASSWORD": server.password("monitor")}
    address = [
        "-redis.addr",
        f"rediss://{LOOPBACK}:{server.port}",
        "-tls-ca-cert-file",
        str(server.authority.certificate),
    ]
    exporter = Daemon("redis-exporter", tmp_path / "pid", tmp_path / "log", dies_with_parent=True)
    exporter.start(
        ["/usr/bin/env", "prometheus-redis-exporter", *address, "-web.listen-address", f"{LOOPBACK}:{port}"],
        login,
        tmp_path,
    )
    try:
        page = eventually("it answers", lambda: scraped(port), 60)
    finally:
        exporter.kill()

    assert "redis_up 1" in page
    assert "redis_memory_used_bytes" in page
    assert "redis_slowlog_length" in page
    assert set(refused(server)) <= {"monitor: config|get", "monitor: slowlog|get"}
    assert server.password("monitor") not in page + (tmp_path / "log").read_text()


def scraped(port: int) -> str:
    with suppress(OSError), urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())
    return ""


LOOKED_AFTER = ["ACL LIST", "ACL LOG", "CONFIG GET maxmemory", "CONFIG SET maxmemory 0", "CLIENT LIST", "INFO", "PING"]
LOOKED_AFTER += ["CLIENT KILL TYPE pubsub", "LATENCY LATEST", "SLOWLOG GET"]
NOT_ITS_OWN = ["GET x", "FLUSHALL", "KEYS *", "SHUTDOWN", "CONFIG REWRITE", "MONITOR", "EVAL x 0"]
NOBODYS = ["HGETALL {logins:0}:counts", "SET {logins:0}:counts x", "FLUSHALL", "KEYS *", "ACL LIST", "CONFIG GET *"]


def test_whoever_looks_after_the_server_sees_and_changes_it_and_reads_no_count(watched: SecuredWatched) -> None:
    assert denied(watched.primary, "admin", LOOKED_AFTER) == []
    assert denied(watched.primary, "admin", NOT_ITS_OWN) == NOT_ITS_OWN


@pytest.mark.parametrize("role", ["monitor", "replica", "sentinel"])
def test_none_of_the_others_reads_or_changes_anything_that_the_pool_wrote(watched: SecuredWatched, role: str) -> None:
    assert denied(watched.primary, role, NOBODYS) == NOBODYS


def denied(server: SecuredRedis, role: str, commands: list[str]) -> list[str]:
    """Which of these a user has no right to."""
    trusted = {"ssl_ca_certs": str(server.authority.certificate)}
    found = []
    with closing(redis.Redis.from_url(server.url, username=role, password=server.password(role), **trusted)) as client:
        for command in commands:
            try:
                client.execute_command(*command.split())
            except redis.exceptions.NoPermissionError:
                found.append(command)
    return found


def test_every_user_of_the_file_is_proved_here_or_beside() -> None:
    assert set(users.roles()) == {*users.POOL, "admin", "monitor", "replica", "sentinel"}

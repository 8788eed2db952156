"""The whole pool on a secured Redis, each process as its role: exact, and no secret anywhere that people look."""

import signal
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from msgspec.structs import replace

from deploy.local.ports import pick_free
from deploy.redis import users
from processor.settings import ExporterSettings, Settings
from tests.command import run
from tests.pool import Account, Pool, eventually, pool
from tests.secured_redis import PASSWORD, SecuredRedis, for_all_roles, secured_redis

TOKEN = "s3cret-token-of-the-exporter"  # noqa: S105 (the test's own)


@pytest.fixture
def server(quick: Settings, tmp_path: Path) -> Iterator[SecuredRedis]:
    with secured_redis(tmp_path / "secured", [quick.redis.prefix]) as started:
        yield started


@pytest.fixture
def secured(quick: Settings, server: SecuredRedis, tmp_path: Path) -> Settings:
    """As the operator has them."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    certificate, key = server.authority.sign("exporter")
    files = {"certificate_file": str(certificate), "key_file": str(key), "token_file": str(tmp_path / "token")}
    exporter = ExporterSettings(host="0.0.0.0", port=pick_free(1)[0], interval_seconds=1.0, **files)  # noqa: S104
    return replace(quick, redis=server.settings(prefix=quick.redis.prefix), exporter=exporter)


def scraped(server: SecuredRedis, settings: Settings) -> str:
    context = ssl.create_default_context(cafile=server.authority.certificate)
    url = f"https://127.0.0.1:{settings.exporter.port}/metrics"
    request = Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    with suppress(OSError), urlopen(request, context=context, timeout=30) as answer:  # noqa: S310
        return str(answer.read().decode())
    return ""


def arguments(running: Pool) -> str:
    """The command lines of all that runs, as anybody on this machine may read them."""
    pids = [process.pid for process in running.running.values() if process.poll() is None]
    return "\n".join(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in pids)


def secrets_of(server: SecuredRedis) -> set[str]:
    keys = [path.read_text().splitlines()[1] for path in server.authority.folder.glob("*.key")]
    return {TOKEN, PASSWORD, *keys, *(server.password(role) for role in users.roles())}


def test_a_pool_of_roles_is_exact_and_shows_no_secret_in_start_failure_and_stop(
    secured: Settings, server: SecuredRedis, tmp_path: Path
) -> None:
    secrets, seen = secrets_of(server), ""
    account, of_roles = Account(secured, seed=7), replace(secured, redis=for_all_roles(secured.redis))
    with pool(of_roles, tmp_path) as running:
        running.start("exporter")
        running.start("scaler")
        account.feed(3_000)
        account.check()
        seen += arguments(running)

        # Redis loses everything: the flusher restores it, as the user that it is.
        with server.client() as client:
            client.flushall()
        account.feed(500)
        account.check()
        seen += eventually("the exporter tells", lambda: scraped(server, secured))
        for tool in (["status"], ["doctor"], ["config"], ["config", "--json"], ["top"], ["audit"]):
            said = run(of_roles, tmp_path, *tool)
            seen += said.stdout + said.stderr

        # A right is taken away while it runs: the workers end, and say why; given back, all goes on.
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "worker", "-hset")
        account.feed(500)
        doomed = running.running["worker-00"]
        eventually("it ends", lambda: account.feed(50) or doomed.poll() is not None)
        server.load_users()
        running.revive()

        # Its password is wrong for a while, and its Redis away.
        password = users.password_file(server.secrets, "worker")
        right = password.read_text()
        password.write_text("wr0ng-wr0ng\n")
        running.kill("worker-01")
        assert running.start("worker-01").wait(120) == 2
        password.write_text(right)
        server.kill9()
        account.feed(200)
        server.start()
        running.revive()
        running.send("flusher", signal.SIGABRT)
        eventually("it ended", lambda: running.running["flusher"].poll() is not None)
        running.revive()
        account.check()
        for name in list(running.running):
            assert running.stop(name) == 0
    logs = {path.name: path.read_text() for path in tmp_path.glob("*.log")}

    assert "deploy/redis/users.acl" in logs["worker-00.log"]
    assert "redis.password_file" in logs["worker-01.log"]
    assert [secret for secret in secrets | {"wr0ng-wr0ng"} if secret in seen + "".join(logs.values())] == []

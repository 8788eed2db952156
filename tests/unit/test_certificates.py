"""deploy/tls: who is signed what, when anew, and that nobody else can read a key."""

import subprocess
from pathlib import Path

import pytest

from deploy.tls.__main__ import wanted
from deploy.tls.authority import Authority, Refused, Wanted

ROOT = Path(__file__).resolve().parents[2]
SERVER = Wanted("broker-1", ("localhost", "127.0.0.1"))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "tls")
    assert made.prepare()
    return made


def text_of(path: Path) -> str:
    return subprocess.run(
        ["openssl", "x509", "-in", path, "-noout", "-text"], check=True, capture_output=True, text=True
    ).stdout


def verified(authority: Authority, name: str, purpose: str) -> bool:
    command = ["openssl", "verify", "-CAfile", authority.trusted, "-purpose", purpose, authority.path(name)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_server_is_a_client_too_but_a_client_never_a_server(authority: Authority) -> None:
    authority.renew([SERVER, Wanted("worker")])
    assert verified(authority, "broker-1", "sslserver")
    assert verified(authority, "broker-1", "sslclient")
    assert verified(authority, "worker", "sslclient")
    assert not verified(authority, "worker", "sslserver")
    assert "IP Address:127.0.0.1" in text_of(authority.path("broker-1"))
    assert "CN = worker" in text_of(authority.path("worker"))


def test_keys_are_their_owners_alone_and_nothing_else_is_left(authority: Authority) -> None:
    authority.renew([SERVER])
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in authority.folder.iterdir()}
    assert modes == {"ca.pem": "0o644", "ca.key": "0o600", "broker-1.pem": "0o600"}
    assert authority.folder.stat().st_mode & 0o077 == 0


def test_what_holds_for_long_is_left_alone_and_what_is_due_or_for_other_hosts_is_signed_anew(
    authority: Authority,
) -> None:
    assert authority.renew([SERVER, Wanted("worker")], days=30) == ["broker-1", "worker"]
    before = authority.path("worker").read_bytes()
    assert authority.renew([SERVER, Wanted("worker")], days=30) == []
    assert authority.path("worker").read_bytes() == before
    assert authority.renew([Wanted("broker-1", ("elsewhere",)), Wanted("worker")], days=30) == ["broker-1"]
    assert authority.renew([Wanted("worker")], days=100) == ["worker"], "30 days are less than a third of 100"
    assert authority.renew([Wanted("worker")], days=30, all_of_them=True) == ["worker"]
    authority.issue(Wanted("worker"), days=-1)
    assert authority.seconds_left(authority.path("worker")) == 0
    assert authority.renew([Wanted("worker")], days=30) == ["worker"]


def test_a_longer_authority_trusts_what_was_signed_before_and_the_older_one_what_is_signed_now(
    authority: Authority,
) -> None:
    authority.renew([Wanted("worker")])
    old = authority.trusted.read_bytes()
    assert not authority.prepare()
    assert authority.prepare(days=2000)
    assert authority.trusted.read_bytes() != old
    assert verified(authority, "worker", "sslclient")
    authority.renew([Wanted("flusher")])
    authority.trusted.write_bytes(old)
    assert verified(authority, "flusher", "sslclient")


def test_a_folder_of_ones_own_is_never_written_to(authority: Authority) -> None:
    (authority.folder / "ca.key").unlink()
    with pytest.raises(Refused, match="your own"):
        authority.prepare()


def test_the_command_makes_all_then_nothing_and_names_an_unknown_server(tmp_path: Path) -> None:
    command = [ROOT / "deploy" / "tls" / "make", "here", "--brokers", "1", "--host", "redis=redis.example"]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    names = [each.name for each in wanted(1, {})]
    assert first.stdout.endswith(f"new: {', '.join(names)}\n")
    assert "DNS:redis.example" in text_of(tmp_path / "here" / "redis.pem")
    assert (
        subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout == "nothing is due\n"
    )
    assert subprocess.run([*command, "--check"], cwd=tmp_path, capture_output=True, check=False).returncode == 0
    wrong = subprocess.run([*command, "--host", "radis=x"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith("deploy/tls/make: no server is called radis")

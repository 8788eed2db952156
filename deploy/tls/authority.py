"""A certificate authority in a folder: what it signs, when anew, and what it leaves alone. All work is openssl's."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from ssl import cert_time_to_seconds

SECONDS_A_DAY = 86_400
CA_DAYS = 365
DAYS = 30
_ORGANIZATION = "data-processor"


class Refused(Exception):  # noqa: N818 - shown to a person as one line
    """What was not done, why, and what to do."""


@dataclass(frozen=True)
class Wanted:
    """A certificate: its name, which is who its holder is, and the hosts under which a server is reached."""

    name: str
    hosts: tuple[str, ...] = ()  # none: a client, which nobody may take for a server

    def extensions(self) -> str:
        """What openssl writes into it. A server is a client, too: brokers and Redis speak to their like."""
        lines = ["basicConstraints=critical,CA:false", "keyUsage=critical,digitalSignature"]
        if not self.hosts:
            return "\n".join([*lines, "extendedKeyUsage=clientAuth"])
        names = ",".join(f"{'IP' if _address(host) else 'DNS'}:{host}" for host in self.hosts)
        return "\n".join([*lines, "extendedKeyUsage=serverAuth,clientAuth", f"subjectAltName={names}"])


class Authority:
    """`ca.pem` is what everybody trusts, `ca.key` what signs; `NAME.pem` is NAME's key and certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trusted = folder / "ca.pem"
        self._key = folder / "ca.key"

    def path(self, name: str) -> Path:
        """Where the key and the certificate of that name lie."""
        return self.folder / f"{name}.pem"

    def prepare(self, days: int = CA_DAYS) -> bool:
        """Make the authority, or lengthen its life when two thirds are over; tells whether ca.pem is new.

        The key stays: what it signed holds under the longer certificate, and what it will sign under the older.
        """
        if self.trusted.exists() and not self._key.exists():
            raise Refused(
                f"{self.trusted} has no ca.key beside it, so it is your own: nothing is made or renewed there"
            )
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.trusted.exists() and self.seconds_left(self.trusted) > days * SECONDS_A_DAY / 3:
            return False
        if not self._key.exists():
            _write(self._key, _new_key())
        with self._scratch() as scratch:
            made = scratch / "ca.pem"
            subject = ["-subj", f"/O={_ORGANIZATION}/CN=certificate authority", "-days", str(days)]
            usage = ["-addext", "basicConstraints=critical,CA:true", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
            _request(self._key, made, "-x509", *subject, *usage)
            _write(self.trusted, made.read_bytes(), mode=0o644)
        return True

    def issue(self, wanted: Wanted, days: int = DAYS) -> None:
        """Sign a new key under that name; who reads the file sees the old one or the new one, whole."""
        with self._scratch() as scratch:
            key, request, made, said = (scratch / name for name in ("key", "request", "made", "extensions"))
            _write(key, _new_key())
            said.write_text(wanted.extensions())
            subject = f"/O={_ORGANIZATION}/CN={wanted.name}"
            _request(key, request, "-subj", subject)
            signer = ["-CA", str(self.trusted), "-CAkey", str(self._key), "-days", str(days), "-extfile", str(said)]
            _openssl("x509", "-req", "-in", str(request), *signer, "-out", str(made))
            _write(self.path(wanted.name), key.read_bytes() + made.read_bytes())

    def renew(self, wanted: Sequence[Wanted], days: int = DAYS, *, all_of_them: bool = False) -> list[str]:
        """Sign what is missing, is for other hosts, or has less than a third of its life left; their names."""
        due = [each for each in wanted if all_of_them or self._is_due(each, days)]
        for each in due:
            self.issue(each, days)
        return [each.name for each in due]

    def seconds_left(self, path: Path) -> float:
        """How long that certificate still holds; nothing when it does not any more."""
        ends = _openssl("x509", "-in", str(path), "-noout", "-enddate").partition("=")[2].strip()
        return max(0.0, cert_time_to_seconds(ends) - time.time())

    def _is_due(self, wanted: Wanted, days: int) -> bool:
        path = self.path(wanted.name)
        if not path.exists() or self.seconds_left(path) < days * SECONDS_A_DAY / 3:
            return True
        return set(_hosts(path)) != set(wanted.hosts)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            yield Path(scratch)


def _request(key: Path, made: Path, *options: str) -> None:
    _openssl("req", "-new", "-config", os.devnull, "-key", str(key), "-out", str(made), *options)


def _new_key() -> bytes:
    """A key as PKCS #8, the one form that Java reads; on a curve, which signs with less work than RSA."""
    return _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256").encode()


def _hosts(path: Path) -> list[str]:
    said = _openssl("x509", "-in", str(path), "-noout", "-ext", "subjectAltName")
    return [_address(host) or host for host in re.findall(r"(?:DNS|IP Address):([^\s,]+)", said)]


def _address(host: str) -> str:
    """The one way to write that address; empty when it is a name."""
    try:
        return ip_address(host).compressed
    except ValueError:
        return ""


def _write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file at once; nobody else ever sees a key, not even for the moment before its mode is changed."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    new.replace(path)


def _openssl(*arguments: str) -> str:
    try:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Refused(
            "openssl is missing: install it (on Debian or Ubuntu, as root: apt-get install openssl)"
        ) from None
    if done.returncode != 0:
        said = (done.stderr.strip() or "it does not say why").splitlines()
        raise Refused(f"`openssl {arguments[0]}` failed: {said[0]}")
    return done.stdout

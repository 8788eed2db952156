"""`python3 -m deploy.redis.users DIRECTORY`: passwords for the roles of users.acl, and the file that Redis reads.

DIRECTORY/ROLE.password is made where it is missing, DIRECTORY/users.acl (Redis's aclfile) made anew, both for their
owner alone: Redis's own user must own the latter. Passwords that are there stay.
To change one while Redis and the pool run:

  1. --change ROLE     makes ROLE.password.next, and lets Redis take both; then `ACL LOAD`
  2. put ROLE.password.next in the place of the pool's ROLE.password; each process reads it with its next connection
  3. --changed ROLE    has Redis take the new one only; then `ACL LOAD`

`ACL LOAD` closes connections; the pool opens them again, and nothing is lost. Needs nothing but Python.
"""

import argparse
import hashlib
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

USERS = Path(__file__).with_name("users.acl")
POOL = ("worker", "flusher", "observer", "operator")
_OF_CLUSTERS = ("+cluster|slots", "+command")  # their clients ask for the way
_PREFIX = "{logins"


def main() -> int:
    """Run the command; what goes wrong is one line."""
    parser = argparse.ArgumentParser(
        prog="deploy.redis.users", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path, metavar="DIRECTORY")
    parser.add_argument("--prefix", action="append", metavar="P", help="redis.prefix, `logins` by default; or several")
    parser.add_argument("--cluster", action="store_true", help="for the nodes of a Redis Cluster")
    parser.add_argument("--change", choices=roles(), metavar="ROLE", help="begin to change its password")
    parser.add_argument("--changed", choices=roles(), metavar="ROLE", help="the pool has the new one: end it")
    given = parser.parse_args()
    try:
        if given.change:
            change(given.directory, given.change)
        if given.changed:
            changed(given.directory, given.changed)
        write(given.directory, given.prefix or ["logins"], cluster=given.cluster)
    except OSError as problem:
        print(f"deploy.redis.users: {problem.filename}: {problem.strerror}", file=sys.stderr)
        return 1
    return 0


def roles() -> list[str]:
    """Everybody who has a password."""
    return [name for name, rules in _users() if rules[0] != "off"]


def write(directory: Path, prefixes: Sequence[str] = ("logins",), *, cluster: bool = False) -> Path:
    """Make the passwords that are missing, and the file for Redis; returns that."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = [
        f"user {name} {' '.join(_rules(directory, name, rules, prefixes, cluster=cluster))}" for name, rules in _users()
    ]
    path = directory / "users.acl"
    put(path, "".join(f"{line}\n" for line in lines))
    return path


def change(directory: Path, role: str) -> None:
    """Make the next password of a role, unless there is one already."""
    if not (following := _following(directory, role)).exists():
        put(following, _new())


def changed(directory: Path, role: str) -> None:
    """Have the next password be the only one; nothing to do where it was put in its place already."""
    if (following := _following(directory, role)).exists():
        following.replace(password_file(directory, role))


def password_file(directory: Path, role: str) -> Path:
    """Where a role's password is."""
    return directory / f"{role}.password"


def _following(directory: Path, role: str) -> Path:
    return directory / f"{role}.password.next"


def _users() -> Iterator[tuple[str, list[str]]]:
    for line in USERS.read_text(encoding="utf-8").splitlines():
        if line.startswith("user "):
            _, name, *rules = line.split()
            yield name, rules


def _rules(
    directory: Path, name: str, rules: Sequence[str], prefixes: Sequence[str], *, cluster: bool
) -> Iterator[str]:
    if rules[0] != "off":
        yield "on"
        yield from _hashes(directory, name)
    for rule in rules:
        yield from _for_each_prefix(rule, prefixes)
    if cluster and name in POOL:
        yield from _OF_CLUSTERS


def _for_each_prefix(rule: str, prefixes: Sequence[str]) -> Iterator[str]:
    """A pattern once for each, behind the one bracket that may open before it."""
    yield rule.replace(_PREFIX, f"{{{prefixes[0]}")
    if "~" in rule:
        yield from (rule.lstrip("(").replace(_PREFIX, f"{{{prefix}") for prefix in prefixes[1:])


def _hashes(directory: Path, role: str) -> Iterator[str]:
    """Of the password in force, and of the one that follows, while it is being changed."""
    if not (first := password_file(directory, role)).exists():
        put(first, _new())
    for file in (first, _following(directory, role)):
        if file.exists():
            yield f"#{hashlib.sha256(file.read_text(encoding='utf-8').rstrip().encode()).hexdigest()}"


def _new() -> str:
    return f"{secrets.token_urlsafe(32)}\n"


def put(path: Path, text: str) -> None:
    """Replace a file as a whole, for its owner alone from its first byte on."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


if __name__ == "__main__":
    sys.exit(main())

"""`deploy/tls/make`: certificates for trying the secured stack out, made and renewed."""

import argparse
import sys
from pathlib import Path

from deploy.tls.authority import DAYS, SECONDS_A_DAY, Authority, Refused, Wanted

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
ROLES = ("worker", "flusher", "observer", "operator", "producer")
SERVERS = ("redis", "exporter")


def wanted(brokers: int, hosts: dict[str, list[str]]) -> list[Wanted]:
    """All certificates of a deployment: a server's is for its hosts and for loopback, a role's is a client's."""
    names = [f"broker-{number}" for number in range(1, brokers + 1)] + list(SERVERS)
    if unknown := set(hosts) - set(names):
        raise Refused(f"no server is called {sorted(unknown)[0]}: there are {', '.join(names)}")
    servers = [Wanted(name, (name, *hosts.get(name, ()), *LOOPBACK_HOSTS)) for name in names]
    return servers + [Wanted(name) for name in ("admin", *ROLES)]


def arguments() -> argparse.Namespace:
    """Read the command line; `--help` comes from here."""
    parser = argparse.ArgumentParser(prog="deploy/tls/make", description=__doc__)
    parser.add_argument("folder", type=Path, help="where they lie; made when it is missing")
    parser.add_argument("--brokers", type=int, default=3, metavar="N", help="so many of them (3)")
    parser.add_argument(
        "--host", action="append", default=[], metavar="NAME=HOST", help="broker-1=kafka-1.example, redis=10.0.0.7, …"
    )
    parser.add_argument("--days", type=int, default=DAYS, metavar="N", help=f"how long they hold ({DAYS})")
    parser.add_argument("--renew", action="store_true", help="all of them, also those that hold for long")
    parser.add_argument(
        "--check", action="store_true", help="make nothing; say how long each holds, 1 where one is due"
    )
    return parser.parse_args()


def main() -> int:
    """Make what is missing or due; what can't be done is one line, and exit code 1."""
    given = arguments()
    try:
        hosts: dict[str, list[str]] = {}
        for each in given.host:
            name, _, host = each.partition("=")
            hosts.setdefault(name, []).append(host)
        authority, asked = Authority(given.folder), wanted(given.brokers, hosts)
        return _check(authority, asked) if given.check else _make(authority, asked, given)
    except (Refused, OSError) as problem:
        print(f"deploy/tls/make: {problem}", file=sys.stderr)
        return 1


def _make(authority: Authority, asked: list[Wanted], given: argparse.Namespace) -> int:
    if authority.prepare():
        print(f"{authority.trusted}: give it to everybody who must trust these certificates")
    made = authority.renew(asked, given.days, all_of_them=given.renew)
    print(f"new: {', '.join(made)}" if made else "nothing is due")
    return 0


def _check(authority: Authority, asked: list[Wanted]) -> int:
    due = 0
    for name in ["ca", *(each.name for each in asked)]:
        path = authority.path(name)
        left = authority.seconds_left(path) / SECONDS_A_DAY if path.exists() else 0.0
        due += left == 0.0
        print(f"{name:12} {f'{left:.1f} days' if left else 'missing, or over'}")
    return 1 if due else 0


if __name__ == "__main__":
    sys.exit(main())

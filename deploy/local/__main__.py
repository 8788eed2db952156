"""`deploy/local/up` and `deploy/local/down`: a whole data-processor on this machine, with a real Kafka and Redis.

Read starting (what `up` does, in order), stopping, then state (what lies where) and servers (how each is started).
"""

import argparse
import os
import sys
from io import TextIOWrapper

from deploy.local import asked, starting, stopping
from deploy.local.problem import Problem


def arguments() -> argparse.Namespace:
    """Read the command line; `--help` comes from here."""
    parser = argparse.ArgumentParser(prog="deploy/local")
    commands = parser.add_subparsers(required=True)

    up = commands.add_parser("up", prog="deploy/local/up", description=starting.up.__doc__)
    up.add_argument(
        "--kafka-port", type=_port, metavar="PORT", help="9092 by default; controllers and more brokers take the next"
    )
    up.add_argument("--redis-port", type=_port, metavar="PORT", help="6379 by default")
    up.add_argument("--partitions", type=_positive, metavar="N", help="4 by default: as many workers are started")
    up.add_argument(
        "--brokers", type=int, choices=(1, 3), help="1 by default; 3: one in each of three zones, copies in all of them"
    )
    up.add_argument(
        "--monitoring",
        action=argparse.BooleanOptionalAction,
        help="with Prometheus, Alertmanager and the exporters of Kafka, Redis and this machine",
    )
    up.add_argument(
        "--secure",
        action=argparse.BooleanOptionalAction,
        help="with TLS alone to Kafka and Redis, a user for each role in both, and no rights but those",
    )
    up.add_argument("--prometheus-port", type=_port, metavar="PORT", help="9090 by default")
    up.add_argument("--logins", type=_whole, metavar="N", help="made-up logins to begin with: 100000 by default")
    up.set_defaults(run=lambda given: starting.up(asked.asked(given), given.logins))

    down = commands.add_parser("down", prog="deploy/local/down", description=stopping.down.__doc__)
    down.add_argument("--wipe", action="store_true", help="remove the data, logs and configuration too")
    down.set_defaults(run=lambda given: stopping.down(wipe=given.wipe))
    return parser.parse_args()


def main() -> int:
    """Run a command; what goes wrong is one line, and exit code 1."""
    given = arguments()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # into a file too: what the tools print comes in between
    try:
        given.run(given)
    except Problem as problem:
        print(f"{sys.argv[1]}: {problem}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `up | head`: nobody reads on, and nobody need hear of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as problem:  # a disk that became full, a folder of another user
        print(f"{sys.argv[1]}: {problem.strerror}: {problem.filename}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _port(text: str) -> int:
    port = _number(text)
    if not 1024 <= port <= 65_534:
        raise argparse.ArgumentTypeError(f"{port} is not a port from 1024 to 65534")
    return port


def _positive(text: str) -> int:
    if (number := _number(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _whole(text: str) -> int:
    if (number := _number(text)) < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # left to argparse, it would name this module's function
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


sys.exit(main())

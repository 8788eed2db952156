"""`tests/chaos/run`: faults into the whole system under load, an oracle over what is left, and a report."""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tests.chaos import network
from tests.chaos.acts import play
from tests.chaos.faults import Fault
from tests.chaos.faults.access import ROW as ACCESS
from tests.chaos.faults.all import FAULTS
from tests.chaos.last_words import last_words
from tests.chaos.mutants.theatre import tell_all
from tests.chaos.schedule import one_a_row


def options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tests/chaos/run", description=__doc__)
    parser.add_argument("--faults", type=int, default=0, help="how many; default: every kind once")
    parser.add_argument("--logins", type=int, default=0, help="go on until so many were fed, faults all the while")
    parser.add_argument("--minutes", type=float, default=0, help="after so many no fault begins")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="decides everything")
    parser.add_argument("--rate", type=float, default=1000.0, help="logins a second")
    parser.add_argument("--linger", type=int, default=5, help="milliseconds in which logins are gathered to be sent")
    parser.add_argument("--together", type=int, default=1, help="so many at once, of faults that bear one another")
    parser.add_argument("--partitions", type=int, default=8, help="of user-login, one worker each, half on each VM")
    parser.add_argument("--haste", type=float, default=1.0, help="factor on how long outages last; CI takes 0.1")
    parser.add_argument("--only", action="append", default=[], metavar="KIND", help="only this kind; repeatable")
    parser.add_argument("--one-a-row", action="store_true", help="only one kind of each row, drawn by the seed")
    parser.add_argument("--mutant", default="", help="a planted bug in the pool: the oracle must find it")
    parser.add_argument("--mutants", action="store_true", help="tell the stories of all planted bugs first: a table")
    parser.add_argument("--plaintext", action="store_true", help="Kafka and Redis without TLS, logins and rights")
    parser.add_argument("--list", action="store_true", help="the kinds of faults, and end")
    parser.add_argument("--reports", type=Path, help="folder for the report as text and JSON")
    parser.add_argument("--keep", action="store_true", help="keep logs and data of the run")
    parser.add_argument("--json", action="store_true", help="the report as JSON on the standard output")
    return parser.parse_args(arguments)


def main() -> int:
    """Run; 0 when everything is exact and came back in time."""
    chosen = options(sys.argv[1:])
    if problem := _unfit(chosen):
        print(problem, file=sys.stderr)
        return 2
    if chosen.list:
        return _list()
    network.enter([sys.executable, "-m", "tests.chaos", *sys.argv[1:], "--seed", str(chosen.seed)])
    faults = {
        name: FAULTS[name] for name in chosen.only or FAULTS if FAULTS[name].row != ACCESS or not chosen.plaintext
    }
    return _run(chosen, one_a_row(faults, random.Random(chosen.seed)) if chosen.one_a_row else faults)


def _unfit(chosen: argparse.Namespace) -> str:
    """What can't be of what was chosen; empty where all can."""
    if unknown := set(chosen.only) - set(FAULTS):
        return f"no such kind of fault: {', '.join(sorted(unknown))}; --list names them"
    if chosen.plaintext and (needless := [name for name in chosen.only if FAULTS[name].row == ACCESS]):
        return f"{', '.join(needless)}: nobody has access that could end; leave --plaintext out"
    return ""


def _list() -> int:
    for fault in sorted(FAULTS.values(), key=lambda each: (each.row, each.name)):
        print(f"{fault.row:3}  {fault.name:40} {fault.budget:5.0f} s  {(fault.inject.__doc__ or '').splitlines()[0]}")
    return 0


def _run(chosen: argparse.Namespace, faults: Mapping[str, Fault]) -> int:
    print(f"seed {chosen.seed}", file=sys.stderr, flush=True)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        mutants = tell_all(folder / "mutants") if chosen.mutants else []
        report = replace(play(folder, chosen, faults), mutants=mutants)
        if not report.sound:
            print(*last_words(folder), sep="\n", file=sys.stderr, flush=True)
    except BaseException:
        print(*last_words(folder), sep="\n", file=sys.stderr, flush=True)
        raise
    finally:
        if chosen.keep:
            print(f"logs and data: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(report.to_json() if chosen.json else report.to_text())
    if chosen.reports:
        print(f"report: {report.write(chosen.reports)}", file=sys.stderr)
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0 if report.sound else 1


if __name__ == "__main__":
    sys.exit(main())

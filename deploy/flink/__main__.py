"""`python -m deploy.flink sql|ksqldb|migrate`: the job's text for the settings in force, or the way to it."""

import os
import sys

from deploy.flink.migrate import migrate
from deploy.flink.sql import Job, ksqldb
from deploy.local.problem import Problem
from processor.config import load
from processor.config.roles import OPERATOR
from processor.errors import DataProcessorError, Exit
from processor.settings import Settings

_TEXTS = {"sql": lambda settings: Job(settings).text(), "ksqldb": ksqldb}


def main(arguments: list[str]) -> int:
    """Print one of both texts, or migrate; what can't be done is one line, and an exit code of data-processor's."""
    if not arguments or arguments[0] not in {*_TEXTS, "migrate"} or (arguments[0] in _TEXTS and len(arguments) > 1):
        print("usage: python -m deploy.flink sql|ksqldb|migrate [--help]", file=sys.stderr)
        return 2
    try:
        settings: Settings = load(os.environ, role=OPERATOR).settings
        if arguments[0] == "migrate":
            return migrate(settings, arguments[1:])
        sys.stdout.write(_TEXTS[arguments[0]](settings))
    except (DataProcessorError, Problem, OSError) as problem:
        print(f"deploy/flink: {problem}", file=sys.stderr)
        return getattr(problem, "exit_code", Exit.UNAVAILABLE)
    except KeyboardInterrupt:
        print("deploy/flink: interrupted; deploy/flink/README.md, the way back, says what holds now", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

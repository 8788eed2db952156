"""`python -m deploy.flink sql|ksqldb`: the job's text for the settings in force, on standard output."""

import os
import sys

from deploy.flink.sql import Job, ksqldb
from processor.config import load
from processor.settings import Settings

_TEXTS = {"sql": lambda settings: Job(settings).text(), "ksqldb": ksqldb}


def main(arguments: list[str]) -> int:
    """Print one of both."""
    if len(arguments) != 1 or arguments[0] not in _TEXTS:
        print("usage: python -m deploy.flink sql|ksqldb", file=sys.stderr)
        return 2
    settings: Settings = load(os.environ).settings
    sys.stdout.write(_TEXTS[arguments[0]](settings))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

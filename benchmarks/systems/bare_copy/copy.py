"""As bare_copy.c, with the Python client: BOOTSTRAP GROUP INPUT OUTPUT PARTITIONS."""

import sys

from benchmarks.rig import copying


def main(bootstrap: str, group: str, taken: str, into: str, partitions: str) -> None:
    """Run until killed."""
    consumer, producer = copying.begin(bootstrap, group, taken, int(partitions))
    while True:
        copying.copy(consumer, producer, taken, into)


if __name__ == "__main__":
    main(*sys.argv[1:])

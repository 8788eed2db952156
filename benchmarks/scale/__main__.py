"""`python -m benchmarks.scale`: writes benchmarks/SCALE.md anew."""

import argparse
from dataclasses import fields
from pathlib import Path

from benchmarks.scale.costs import measured
from benchmarks.scale.page import page
from benchmarks.scale.sizes import Assumed


def main() -> None:
    """Write the page; each assumption is an option."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    for assumption in fields(Assumed):
        kind = type(assumption.default)
        parser.add_argument(f"--{assumption.name.replace('_', '-')}", type=kind, default=assumption.default)
    assumed = Assumed(**vars(parser.parse_args()))
    (Path(__file__).parents[1] / "SCALE.md").write_text(page(measured(), assumed))


if __name__ == "__main__":
    main()

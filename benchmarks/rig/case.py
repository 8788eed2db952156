"""How a pool is divided, as `benchmarks/wide` names it."""

from argparse import ArgumentTypeError

from msgspec import Struct

from benchmarks.rig.numbers import numbers


class Case(Struct, frozen=True):
    """How the same work is divided."""

    nodes: int  # 1: one Redis; 3: a Cluster
    shards: int
    partitions: int
    workers: int


def case(text: str) -> Case:
    """Read `NODES/SHARDS/PARTITIONS/WORKERS`; raises ArgumentTypeError."""
    found = numbers(text.replace("/", ","))
    if len(found) != len(Case.__struct_fields__) or found[0] not in (1, 3) or found[2] % found[3]:
        raise ArgumentTypeError(
            f"{text!r} is not NODES/SHARDS/PARTITIONS/WORKERS, as in 3/6/8/2: nodes are 1 or 3, and each worker "
            "has as many partitions as the others"
        )
    return Case(*found)


def text(of: Case) -> str:
    """As it is written on the command line."""
    return "/".join(str(getattr(of, name)) for name in Case.__struct_fields__)

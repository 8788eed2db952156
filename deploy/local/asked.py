"""How a stack is to be: what the command line says, on top of how it was."""

import argparse
from dataclasses import dataclass, replace

from deploy.local.problem import Problem
from deploy.local.state import Options


@dataclass(frozen=True)
class Asked:
    """What the command line said; None: nothing."""

    kafka_port: int | None
    redis_port: int | None
    partitions: int | None
    brokers: int | None = None
    monitoring: bool | None = None
    prometheus_port: int | None = None
    secure: bool | None = None


def asked(given: argparse.Namespace) -> Asked:
    """Take from the command line what describes the stack."""
    servers = given.kafka_port, given.redis_port, given.partitions, given.brokers
    return Asked(*servers, given.monitoring, given.prometheus_port, given.secure)


def decide(wanted: Asked, saved: Options | None, *, running: bool) -> Options:
    """Settle how the stack is to be: as asked, else as it was, else as usual; a Problem where its data forbids it."""
    before = saved or Options()
    options = replace(
        before,
        kafka_port=wanted.kafka_port or before.kafka_port,
        redis_port=wanted.redis_port or before.redis_port,
        partitions=wanted.partitions or before.partitions,
        brokers=wanted.brokers or before.brokers,
        monitoring=before.monitoring if wanted.monitoring is None else wanted.monitoring,
        prometheus_port=wanted.prometheus_port or before.prometheus_port,
        secure=before.secure if wanted.secure is None else wanted.secure,
    )
    if running and options != before:
        raise Problem(f"the stack here is running with {before}: stop it first with deploy/local/down")
    if saved and (problem := _unlike(saved, options)):
        raise Problem(f"{problem}: deploy/local/down --wipe removes it, then start again")
    return options


def _unlike(saved: Options, options: Options) -> str:
    """What the data here can't become; empty when it can."""
    if options.partitions != saved.partitions:
        return f"the data here has {saved.partitions} partitions, not {options.partitions}"
    if options.brokers != saved.brokers:
        return f"the data here is of {saved.brokers} broker{'' if saved.brokers == 1 else 's'}, not {options.brokers}"
    if options.brokers > 1 and options.kafka_port != saved.kafka_port:
        return f"the brokers here know each other by ports from {saved.kafka_port} on, which is in their data"
    return ""

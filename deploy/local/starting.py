"""What `deploy/local/up` does, in order."""

import argparse
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Protocol

from deploy.local import jars, machine, package, pool, state
from deploy.local.brokers import Brokers, Home, places
from deploy.local.monitoring import Monitoring, Ports
from deploy.local.ports import LOOPBACK
from deploy.local.problem import Problem
from deploy.local.progress import step
from deploy.local.servers import Broker, Redis
from deploy.local.state import Options

FIRST_LOGINS = 100_000

WHAT_NEXT = f"""
The pool stays running. What to try next:
  cd {state.ROOT} && export DATA_PROCESSOR_CONFIG={state.CONFIG} PATH={package.VENV}/bin:$PATH
  data-processor status --watch                  # in one terminal, and in another:
  data-processor generate --logins 1000000       # a million logins more
  supervisorctl -c supervisord.conf status       # the processes; kill -9 one of them
  data-processor audit                           # every login processed once and counted once?
  deploy/local/down                              # stop all; the data stays"""


class Server(Protocol):
    """What is started and stopped here."""

    @property
    def running(self) -> bool:
        """Whether it runs; of several processes, all of them."""

    def start(self) -> None:
        """Return when it is ready."""

    def stop(self) -> None:
        """Return when it has ended."""


@dataclass(frozen=True)
class Asked:
    """What the command line said; None: nothing."""

    kafka_port: int | None
    redis_port: int | None
    partitions: int | None
    brokers: int | None = None
    monitoring: bool | None = None
    prometheus_port: int | None = None


def asked(given: argparse.Namespace) -> Asked:
    """Take from the command line what describes the stack."""
    servers = given.kafka_port, given.redis_port, given.partitions, given.brokers
    return Asked(*servers, given.monitoring, given.prometheus_port)


def up(wanted: Asked, logins: int | None) -> None:
    """Start Kafka, Redis and the pool here, feed it some logins the first time, and show what it made of them."""
    state.prepare()
    with state.locked():
        saved = state.saved_options()
        redis, brokers = servers_of(saved or Options())
        running = [server.running for server in (redis, brokers, pool.Supervisor())]
        options = decide(wanted, saved, running=any(running) or not brokers.stopped)
        if options.monitoring:
            running.append(Monitoring(options).running)
        if all(running):
            print("Everything is running already; nothing was changed.\n")
            pool.tool(options, "status")
        else:
            _prepare_machine(options)
            _start(options)
            _feed(options, logins, returning=saved is not None and saved.fed)
            print()
            pool.watch(options)
    print("\nThe users with the most logins, as counted in Redis:")
    pool.tool(options, "top", "5")
    print(WHAT_NEXT)
    if options.monitoring:
        print(_what_to_see(options))


def _what_to_see(options: Options) -> str:
    ports = Ports.of(options)
    return (
        f"Prometheus: http://{LOOPBACK}:{ports.prometheus}/alerts   "
        f"Alertmanager: http://{LOOPBACK}:{ports.alertmanager}   Grafana's dashboards: deploy/grafana"
    )


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
        return f"the data here is of {saved.brokers} {_brokers(saved)}, not {options.brokers}"
    if options.brokers > 1 and options.kafka_port != saved.kafka_port:
        return f"the brokers here know each other by ports from {saved.kafka_port} on, which is in their data"
    return ""


def _brokers(options: Options) -> str:
    return "broker" if options.brokers == 1 else "brokers"


def servers_of(options: Options) -> tuple[Redis, Brokers]:
    """Describe the servers of this stack; they may or may not run."""
    jars_here = jars.jars_folder(state.FOLDER)
    redis = Redis(state.REDIS, options.redis_port)
    jmx = options.jmx_ports if options.monitoring else [None] * options.brokers
    if options.brokers == 1:
        port = options.kafka_port
        return redis, Brokers([Broker(state.KAFKA, jars_here, port, port + 1, jmx_port=jmx[0])])
    homes = [Home(LOOPBACK, port + 1) for port in options.broker_ports]
    return redis, Brokers(
        [
            Broker(state.KAFKA / place.rack, jars_here, port, port + 1, place=place, jmx_port=asked_at)
            for port, place, asked_at in zip(
                options.broker_ports, places(homes, state.identity(options.brokers)), jmx, strict=True
            )
        ]
    )


def _prepare_machine(options: Options) -> None:
    """Look for everything that could end the start half-way, the quick things first; then download."""
    machine.check_disk(state.FOLDER)
    redis, brokers = servers_of(options)
    if not redis.running:
        machine.check_port(options.redis_port, "Redis", "--redis-port")
    for broker in brokers.each:
        if broker.daemon.pid is None:
            machine.check_port(broker.port, "Kafka", "--kafka-port")
            machine.check_port(
                broker.controller_port, "Kafka's controller, always the port after Kafka's", "--kafka-port"
            )
    if not pool.Supervisor().running:
        machine.check_port(options.exporter_port, "the exporter, always two ports after Kafka's", "--kafka-port")
    if options.monitoring:
        _check_monitoring(options)
    jars_here = jars.jars_folder(state.FOLDER)
    jars_missing = not jars.are_fetched(jars_here)
    wanted = [machine.JAVA, machine.REDIS, *([machine.MAVEN] if jars_missing else [])]
    machine.install([*wanted, *(machine.MONITORING if options.monitoring else ())], state.LOG / "apt.log")
    if not package.is_installed():
        with step("the package and what it needs in .venv, by pip", state.LOG / "pip.log"):
            package.install(state.LOG / "pip.log")
    if jars_missing:
        with step("Kafka's jars, by Maven", state.LOG / "maven.log"):
            jars.fetch(jars_here, state.LOG / "maven.log")


def _check_monitoring(options: Options) -> None:
    for program in Monitoring(options).each:
        if program.daemon.pid is None:
            option = "--prometheus-port" if program.port == options.prometheus_port else "--kafka-port"
            machine.check_port(program.port, program.name, option)


def _start(options: Options) -> None:
    """Start what does not run; should one fail, what was started here is stopped again."""
    state.save(options)
    pool.configure(options)
    redis, brokers = servers_of(options)
    where = f"port {', '.join(map(str, options.broker_ports))}"
    with ExitStack() as undo:
        _start_one(f"Redis on port {options.redis_port}", redis, undo)
        _start_one(f"{options.brokers} Kafka {_brokers(options)} on {where}", brokers, undo)
        with step("topics"):
            pool.create_topics(options)
        _start_one(f"{options.partitions} workers and the flusher, under supervisord", pool.Supervisor(options), undo)
        if options.monitoring:
            _start_one("Prometheus, Alertmanager and what they read", Monitoring(options), undo)
        undo.pop_all()


def _start_one(title: str, server: Server, undo: ExitStack) -> None:
    if not server.running:
        undo.callback(server.stop)
        with step(title):
            server.start()


def _feed(options: Options, logins: int | None, *, returning: bool) -> None:
    """Send the first logins, or those asked for; a stack that comes back with its data gets none by itself."""
    number = logins if logins is not None else 0 if returning else FIRST_LOGINS
    if number > 0:
        pool.feed(options, number)
    state.save(replace(options, fed=True))

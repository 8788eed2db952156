"""What `deploy/local/up` does, in order."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Protocol

from deploy.local import identities, package, pool, state
from deploy.local.asked import Asked, decide
from deploy.local.described import prepare_machine, servers_of
from deploy.local.monitoring import Monitoring, Ports
from deploy.local.ports import LOOPBACK
from deploy.local.progress import step
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
            prepare_machine(options)
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


def _start(options: Options) -> None:
    """Start what does not run; should one fail, what was started here is stopped again."""
    state.save(options)
    pool.configure(options)
    redis, brokers = servers_of(options)
    if options.secure:
        with step("certificates and passwords"):
            identities.prepare(options)
    where = f"port {', '.join(map(str, options.broker_ports))}"
    with ExitStack() as undo:
        _start_one(f"Redis on port {options.redis_port}", redis, undo)
        _start_one(f"{options.brokers} Kafka broker{'' if options.brokers == 1 else 's'} on {where}", brokers, undo)
        if options.secure:
            with step("users and their rights in Kafka"):
                identities.give_rights(options)
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

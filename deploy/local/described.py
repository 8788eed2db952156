"""The servers of a stack, described: they may or may not run. And what this machine must have for them."""

from pathlib import Path

from deploy.local import jars, machine, package, pool, state
from deploy.local.brokers import Brokers, Home, places
from deploy.local.monitoring import Monitoring
from deploy.local.place import Place, Secured
from deploy.local.ports import LOOPBACK
from deploy.local.progress import step
from deploy.local.redis_tls import SecuredRedis
from deploy.local.servers import Broker, Redis
from deploy.local.state import Options


def servers_of(options: Options) -> tuple[Redis, Brokers]:
    """Describe Redis and the brokers."""
    jmx = options.jmx_ports if options.monitoring else [None] * options.brokers
    ports = zip(options.broker_ports, options.certificate_ports, jmx, strict=True)
    each = zip(_homes(options), ports, strict=True)
    return _redis(options), Brokers([_broker(options, folder, place, *numbers) for (folder, place), numbers in each])


def _redis(options: Options) -> Redis:
    if not options.secure:
        return Redis(state.REDIS, options.redis_port)
    own, ca = state.TLS / "redis.pem", state.TLS / "ca.pem"
    secured = SecuredRedis(own, own, ca, state.REDIS_SECRETS / "users.acl")
    return Redis(state.REDIS, options.redis_port, options=secured.options(options.redis_port), ca=ca)


def _homes(options: Options) -> list[tuple[Path, Place]]:
    """Where each broker's data lies, and where it stands."""
    if options.brokers == 1:
        return [(state.KAFKA, Place())]
    homes = [Home(LOOPBACK, port + 1) for port in options.broker_ports]
    return [(state.KAFKA / place.rack, place) for place in places(homes, state.identity(options.brokers))]


def _broker(options: Options, folder: Path, place: Place, port: int, certificates: int, jmx: int | None) -> Broker:
    secured = Secured(state.TLS, certificates) if options.secure else None
    jars_here = jars.jars_folder(state.FOLDER)
    return Broker(folder, jars_here, port, port + 1, place=place, jmx_port=jmx, secured=secured)


def prepare_machine(options: Options) -> None:
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
        if broker.secured and broker.daemon.pid is None:
            machine.check_port(broker.secured.port, "Kafka's clients with certificates", "--kafka-port")
    if not pool.Supervisor().running:
        machine.check_port(options.exporter_port, "the exporter, always two ports after Kafka's", "--kafka-port")
    if options.monitoring:
        _check_monitoring(options)
    jars_here = jars.jars_folder(state.FOLDER)
    jars_missing = not jars.are_fetched(jars_here)
    secured = [machine.OPENSSL] if options.secure else []
    wanted = [machine.JAVA, machine.REDIS, *secured, *([machine.MAVEN] if jars_missing else [])]
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

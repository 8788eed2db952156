"""What would cross a network for anybody to read: refused, unless the configuration says so in so many words."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from processor.config.finding import Finding
from processor.settings import ExporterSettings, KafkaSettings, RedisSettings, Settings, addresses

_ANYWAY = "redis.plaintext_beyond_loopback = true lets whoever is on the way read and change it all"


def findings(settings: Settings) -> Iterator[Finding]:
    """Yield each system that is spoken to in plaintext beyond this machine."""
    yield from _redis(settings.redis)
    yield from _kafka(settings.kafka)
    yield from _exporter(settings.exporter)


def is_loopback(host: str) -> bool:
    """Tell whether nobody else can listen in; a name is looked up nowhere, so only localhost is one."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _redis(redis: RedisSettings) -> Iterator[Finding]:
    try:
        url = urlsplit(redis.url)
    except ValueError:
        return  # refused already
    several = [host for host, _ in addresses(redis.sentinels or redis.cluster)]
    here = [] if url.scheme == "unix" else [url.hostname or ""]
    beyond = [host for host in several or here if not is_loopback(host)]
    unverified = parse_qs(url.query).get("ssl_cert_reqs") == ["none"]
    if redis.plaintext_beyond_loopback or not beyond or (url.scheme == "rediss" and not unverified):
        return
    if unverified:
        problem = "and whoever answers there would be believed: take ssl_cert_reqs out"
    else:
        problem = "and would be reached in plaintext: give Redis TLS (deploy/redis/tls.conf), write rediss://"
    yield Finding(
        "redis.url",
        f"{beyond[0]} is not this machine, {problem} and name the authority's file in redis.ca_file; {_ANYWAY}",
    )


def _kafka(kafka: KafkaSettings) -> Iterator[Finding]:
    """Each listener that a client may be sent to is a broker's affair: its own names are looked at here."""
    servers = str(kafka.client.get("bootstrap.servers", ""))
    beyond = [host for host, _ in addresses(servers) if not is_loopback(host)]
    unverified = str(kafka.client.get("enable.ssl.certificate.verification", "true")).lower() == "false"
    encrypted = "SSL" in str(kafka.client.get("security.protocol", "")).upper()
    if kafka.plaintext_beyond_loopback or not beyond or (encrypted and not unverified):
        return
    if unverified and encrypted:
        problem = "and whoever answers there would be believed: take kafka.enable.ssl.certificate.verification out"
    else:
        problem = (
            "and would be reached in plaintext: give Kafka TLS (deploy/kafka/secured.properties), set SASL_SSL here"
        )
    cure = "or kafka.plaintext_beyond_loopback = true lets whoever is on the way read and change it all"
    key = "kafka.security.protocol" if "security.protocol" in kafka.client else "kafka.bootstrap.servers"
    yield Finding(
        key, f"{beyond[0]} is not this machine, {problem} and name its authority in kafka.ssl.ca.location; {cure}"
    )


def _exporter(exporter: ExporterSettings) -> Iterator[Finding]:
    if is_loopback(exporter.host) or exporter.open_beyond_loopback:
        return
    wanted = {"exporter.certificate_file": exporter.certificate_file, "exporter.token_file": exporter.token}
    missing = [key for key, given in wanted.items() if not given]
    if missing:
        yield Finding(
            "exporter.host",
            f"{exporter.host} is open to more than this machine, so TLS and a token are needed: give "
            f"{' and '.join(missing)}; exporter.open_beyond_loopback = true lets anybody there read the metrics",
        )

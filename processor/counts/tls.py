"""TLS on the way to Redis: what we bring, and what a handshake that failed means."""

import ssl
from collections.abc import Iterator
from typing import Any

from redis import exceptions

from processor.errors import ConfigurationError
from processor.settings import RedisSettings

# What OpenSSL finds wrong with a certificate (X509_V_ERR_…); everything else is about who signed it.
_CERTIFICATE = {9: "TLSEARLY", 10: "TLSEXPIRED", 62: "TLSNAME", 64: "TLSNAME"}
# What a server says that misses our certificate, or does not like it; older ones close the connection.
_OURS = ("CERTIFICATE_REQUIRED", "UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED", "HANDSHAKE_FAILURE")


def options(settings: RedisSettings) -> dict[str, Any]:
    """What redis-py takes beside the url, for TLS; it reads the files again with each connection, so they may change.

    Raises ConfigurationError for files that can't be used.
    """
    _try(settings)
    given = {
        "ssl_ca_certs": settings.ca_file,
        "ssl_certfile": settings.certificate_file,
        "ssl_keyfile": settings.key_file,
    }
    # An empty passphrase: OpenSSL would ask for one at the terminal.
    return {name: value for name, value in given.items() if value} | {"ssl_password": ""}


def code(problem: BaseException) -> str:
    """What became of a handshake; empty where the problem is another one."""
    for cause in _chain(problem):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _CERTIFICATE.get(cause.verify_code, "TLSAUTHORITY")
        if isinstance(cause, ssl.SSLError):
            ours = isinstance(cause, ssl.SSLEOFError) or any(word in str(cause.reason) for word in _OURS)
            return "TLSCLIENT" if ours else "TLSPLAIN"
        if "handshake operation timed out" in str(cause):  # it has no class of its own
            return "TLSPLAIN"
    return ""


def hung_up(problem: BaseException) -> bool:
    """Whether the other side closed the connection without a word."""
    closed = isinstance(problem, exceptions.ConnectionError) and "closed by server" in str(problem)
    return closed or any(isinstance(cause, ConnectionResetError) for cause in _chain(problem))


def _try(settings: RedisSettings) -> None:
    try:
        key, file = "redis.ca_file", settings.ca_file
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        key, file = "redis.certificate_file, redis.key_file", settings.certificate_file
        if settings.certificate_file:
            context.load_cert_chain(settings.certificate_file, settings.key_file or None, password="")
    except OSError as problem:
        reason = problem.strerror if not isinstance(problem, ssl.SSLError) else "no PEM file, or they don't match"
        raise ConfigurationError(f"{key}: {file} can't be used: {reason}") from problem


def _chain(problem: BaseException | None) -> Iterator[BaseException]:
    while problem is not None:
        yield problem
        problem = problem.__cause__ or problem.__context__

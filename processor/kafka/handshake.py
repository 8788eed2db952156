"""Why a broker and this client do not understand each other: librdkafka says that they don't, and seldom why."""

import ssl
from collections.abc import Mapping

from processor.kafka.features import features, wants_login
from processor.settings import KafkaProperties, addresses

_SET = "kafka.security.protocol"
_OF_CERTIFICATES = "`deploy/tls/make` (or your own authority) makes a new one"

# OpenSSL's verdicts on a certificate (X509_V_ERR_…), and what each calls for.
_NAMELESS = "its certificate is not for that name: call it by one that it has, or give it one for this name"
_UNKNOWN = "nobody whom kafka.ssl.ca.location trusts has signed its certificate: name its authority's file there"
_VERDICTS: Mapping[int, str] = {
    9: "its certificate is not valid yet: compare its clock, and its authority's, with ours",
    10: f"its certificate has expired: {_OF_CERTIFICATES}",
    18: _UNKNOWN,
    19: _UNKNOWN,
    20: _UNKNOWN,
    21: _UNKNOWN,
    62: _NAMELESS,
    64: _NAMELESS,
}
_WANTED = (
    "it does not take our certificate: kafka.ssl.certificate.location must name one that has not expired, of an "
    "authority that the broker trusts"
)


def why(client: KafkaProperties) -> str:
    """The cause and the cure, found by handshakes of our own; empty where they show none.

    With one broker after the other, as long as all is well: behind one that does not answer, nobody waits for more.
    """
    for host, port in addresses(str(client.get("bootstrap.servers", ""))):
        encrypted = "SSL" in str(client.get("security.protocol", "")).upper()
        found = _encrypted(host, port, client) if encrypted else _plain(host, port)
        if found:
            return f"Kafka at {host}:{port}: {found}"
        if found is None:
            return ""
    return ""


def _encrypted(host: str, port: int, client: KafkaProperties) -> str | None:
    """What is wrong; empty when nothing is, None when it can't be known."""
    try:
        features(host, port, client)
        login = "SASL" in str(client.get("security.protocol", "")).upper()
        if login or not wants_login(host, port, client):
            return ""
        return f"it speaks TLS with us, and then ends the connection: it wants a login ({_SET} = SASL_SSL)"
    except ssl.SSLCertVerificationError as problem:
        return _VERDICTS.get(problem.verify_code, f"its certificate is not believed: {problem.verify_message}")
    except ssl.SSLError as problem:
        if problem.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
            return f"it does not speak TLS at this port: name its TLS port, or set {_SET} without SSL"
        return _WANTED if "ALERT" in str(problem.reason) else None
    except (OSError, ValueError):
        return None


def _plain(host: str, port: int) -> str | None:
    """Whether it would rather speak TLS: believed without proof, since nothing is said to it; else None."""
    anyone: KafkaProperties = {"security.protocol": "SSL", "enable.ssl.certificate.verification": "false"}
    try:
        features(host, port, anyone)
    except ssl.SSLError as problem:
        if "ALERT" not in str(problem.reason):  # it answered in TLS: it wants a certificate
            return None
    except (OSError, ValueError):
        return None
    return f"it speaks TLS at this port, and we do not: set {_SET} to SASL_SSL or SSL, and kafka.ssl.ca.location"

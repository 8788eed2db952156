"""How Flink's Java client is to reach Kafka: librdkafka's keys of the settings in Java's names, without secrets.

A secret is named by its file and read from there by each process of Flink (FileConfigProvider), so neither the SQL nor
Flink's web interface shows it.
"""

from collections.abc import Mapping

from processor.errors import Refused

SECRETS = "/etc/data-processor/flink.properties"
"""The file with the secrets, on every machine of Flink: `kafka.password = …`, `kafka.key.password = …`."""

Value = str | int | float | bool

_NAMES = "ssl.endpoint.identification.algorithm"
_SAME = ("security.protocol", "client.rack", _NAMES)
_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
_PROVIDER = {
    "config.providers": "file",
    "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
}
_TAKEN = {*_SAME, "bootstrap.servers", "sasl.mechanisms", "sasl.mechanism", "sasl.username", "sasl.password"}
_TAKEN |= {"sasl.password.file", "ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password"}
_SECURES = ("ssl.", "sasl.", "security.", "enable.ssl.", "enable.sasl.")


def properties(client: Mapping[str, Value]) -> dict[str, str]:
    """Java's properties for these settings; raises Refused for a key about security that has no way to Java here."""
    unknown = sorted(key for key in client if key.startswith(_SECURES) and key not in _TAKEN)
    if unknown:
        raise Refused(f"kafka.{unknown[0]} has no counterpart in the Flink job: take it out of these settings")
    found = {key: str(client[key]) for key in ("bootstrap.servers", *_SAME) if key in client}
    if client.get(_NAMES) == "none":
        found[_NAMES] = ""  # as Java says it
    found |= _trusted(client) | _certificate(client) | _login(client)
    return found | (_PROVIDER if any("${file:" in value for value in found.values()) else {})


def _trusted(client: Mapping[str, Value]) -> dict[str, str]:
    if "ssl.ca.location" not in client:
        return {}
    return {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(client["ssl.ca.location"])}


def _certificate(client: Mapping[str, Value]) -> dict[str, str]:
    """One file holds both for Java: the key, as PKCS #8, and the certificate with its chain."""
    certificate, key = client.get("ssl.certificate.location"), client.get("ssl.key.location")
    if certificate is None and key is None:
        return {}
    if certificate != key:
        raise Refused(
            "kafka.ssl.certificate.location and kafka.ssl.key.location are two files, but Java reads both from one: "
            "write the key (PKCS #8) and the certificate into one file, and name that in both"
        )
    found = {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(key)}
    return found | ({"ssl.key.password": _secret("kafka.key.password")} if "ssl.key.password" in client else {})


def _login(client: Mapping[str, Value]) -> dict[str, str]:
    mechanism = str(client.get("sasl.mechanisms", client.get("sasl.mechanism", "")))
    if not mechanism:
        return {}
    if mechanism not in _MODULES:
        raise Refused(f"kafka.sasl.mechanisms = {mechanism}: the Flink job logs in by {', '.join(_MODULES)} only")
    user = str(client.get("sasl.username", "")).replace("\\", "\\\\").replace('"', '\\"')
    login = f'{_MODULES[mechanism]} required username="{user}" password="{_secret("kafka.password")}";'
    return {"sasl.mechanism": mechanism, "sasl.jaas.config": login}


def _secret(name: str) -> str:
    return f"${{file:{SECRETS}:{name}}}"

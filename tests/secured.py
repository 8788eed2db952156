"""A broker with a second listener, where a user `pool` logs in and may do whatever nobody denied it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from deploy.local.ports import LOOPBACK, pick_free
from deploy.local.servers import Broker
from processor.settings import KafkaValue
from tests import stack

PASSWORD = "s3cret-pool"  # noqa: S105 (the test's own)


@contextmanager
def secured_broker(directory: Path) -> Iterator["SecuredBroker"]:
    """Start one, and stop it."""
    plain = stack.new_broker(directory)
    (port,) = pick_free(1)
    ports = {"CLIENTS": plain.port, "CONTROLLERS": plain.controller_port, "SECURED": port}
    listeners = ",".join(f"{name}://{LOOPBACK}:{number}" for name, number in ports.items())
    login = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_pool="{PASSWORD}";'
    own = {
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLERS:PLAINTEXT,SECURED:SASL_PLAINTEXT",
        "listener.name.secured.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.secured.plain.sasl.jaas.config": login,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "true",
    }
    broker = replace(plain, overrides={**plain.overrides, **own})
    broker.start()
    try:
        yield SecuredBroker(broker, port)
    finally:
        broker.stop()


class SecuredBroker:
    """The broker, what a client of its second listener needs, and what that may not do."""

    def __init__(self, broker: Broker, port: int) -> None:
        self.broker = broker
        self.servers = f"{LOOPBACK}:{port}"

    def client(self, password: str = PASSWORD) -> dict[str, KafkaValue]:
        return {
            "bootstrap.servers": self.servers,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanisms": "PLAIN",
            "sasl.username": "pool",
            "sasl.password": password,
        }

    def deny(self, kind: ResourceType, name: str, operation: AclOperation) -> None:
        """From now on `pool` may not do this."""
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap})
        pattern = ResourcePatternType.LITERAL
        denied = AclBinding(kind, name, pattern, "User:pool", "*", operation, AclPermissionType.DENY)
        for answer in admin.create_acls([denied]).values():
            answer.result(30)

"""Gives the rights of rights.py, compares them with what was given, and sets the roles' passwords."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)
from msgspec import Struct

from processor.kafka.client import REQUEST_SECONDS, translated
from processor.kafka.cluster import Cluster
from processor.kafka.rights import Kind, Right, rights

_KINDS: dict[Kind, ResourceType] = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.BROKER,
}
_USER = "User:"
_EVERYBODY = "User:*"
_ITERATIONS = 8192  # twice Kafka's least: guessing is slower, and a login costs a broker a few milliseconds


class Difference(Struct, frozen=True):
    """What the roles should have and have not, and the other way round."""

    lacking: Sequence[Right]
    excessive: Sequence[Right]
    strange: Sequence[str]  # nothing that is ever given here: denials, by host, to everybody

    @property
    def is_none(self) -> bool:
        """Whether each role has exactly what it needs."""
        return not (self.lacking or self.excessive or self.strange)


def compare(wanted: Iterable[Right], given: Iterable[AclBinding]) -> Difference:
    """Hold what was given to the users of `wanted` against it; of other users nothing is said."""
    wanted = set(wanted)
    users = {right.user for right in wanted}
    found: set[Right] = set()
    strange: list[str] = []
    for binding in given:
        if binding.principal == _EVERYBODY or binding.principal.removeprefix(_USER) in users:
            right = _right(binding)
            if right is None:
                strange.append(_described(binding))
            else:
                found.add(right)
    return Difference(sorted(wanted - found), sorted(found - wanted), sorted(strange))


def difference(cluster: Cluster) -> Difference:
    """Ask the cluster what was given, and compare."""
    anything = ResourceType.ANY, None, ResourcePatternType.ANY, None, None
    everything = AclBindingFilter(*anything, AclOperation.ANY, AclPermissionType.ANY)  # type: ignore[arg-type]
    with translated("reading the rights"):
        given = cluster.client.describe_acls(everything, request_timeout=REQUEST_SECONDS).result()
        if not given:
            _insist_on_sight(cluster)
    return compare(rights(cluster.settings), given)


def _insist_on_sight(cluster: Cluster) -> None:
    """Raise a denial where this user may see no right: librdkafka 2.16 answers with an empty list then (seen)."""
    asked = cluster.client.describe_cluster(include_authorized_operations=True, request_timeout=REQUEST_SECONDS)
    if AclOperation.DESCRIBE not in (asked.result().authorized_operations or ()):
        raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED))


def give(cluster: Cluster, lacking: Sequence[Right]) -> None:
    """Give them; one that is there already stays as it is."""
    if lacking:
        answers = cluster.client.create_acls([_binding(right) for right in lacking], request_timeout=REQUEST_SECONDS)
        _each("giving a right", answers)


def take(cluster: Cluster, excessive: Sequence[Right]) -> None:
    """Take them away."""
    if excessive:
        filters = [_filter(right) for right in excessive]
        _each("taking a right away", cluster.client.delete_acls(filters, request_timeout=REQUEST_SECONDS))


def set_password(cluster: Cluster, user: str, password: str) -> None:
    """Let that user log in with that password from now on, and with no other; only its hash reaches the brokers."""
    hashed = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
    change = UserScramCredentialUpsertion(user, hashed, password.encode())
    wanted: list[UserScramCredentialAlteration] = [change]
    doing = f"setting the password of {user}"
    _each(doing, cluster.client.alter_user_scram_credentials(wanted, request_timeout=REQUEST_SECONDS))


def _each(doing: str, answers: "dict[Any, Future[Any]]") -> None:
    for answer in answers.values():
        with translated(doing):
            answer.result()


def _binding(right: Right) -> AclBinding:
    kind, name, pattern = _what(right)
    return AclBinding(kind, name, pattern, f"{_USER}{right.user}", "*", _operation(right), AclPermissionType.ALLOW)


def _filter(right: Right) -> AclBindingFilter:
    kind, name, pattern = _what(right)
    return AclBindingFilter(
        kind, name, pattern, f"{_USER}{right.user}", "*", _operation(right), AclPermissionType.ALLOW
    )


def _what(right: Right) -> tuple[ResourceType, str, ResourcePatternType]:
    pattern = ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL
    return _KINDS[right.kind], right.name, pattern


def _operation(right: Right) -> AclOperation:
    return AclOperation[right.operation]


def _right(binding: AclBinding) -> Right | None:
    kind = next((kind for kind, type_ in _KINDS.items() if type_ == binding.restype), None)
    anywhere = binding.principal != _EVERYBODY and binding.host == "*"
    if kind is None or not anywhere or binding.permission_type != AclPermissionType.ALLOW:
        return None
    prefixed = binding.resource_pattern_type == ResourcePatternType.PREFIXED
    operation = AclOperation(binding.operation).name
    return Right(binding.principal.removeprefix(_USER), kind, binding.name, operation, prefixed)


def _described(binding: AclBinding) -> str:
    permission, operation = AclPermissionType(binding.permission_type).name, AclOperation(binding.operation).name
    what = f"{ResourceType(binding.restype).name} {binding.name}"
    return f"{binding.principal.removeprefix(_USER)}: {permission} {operation} on {what} from host {binding.host}"

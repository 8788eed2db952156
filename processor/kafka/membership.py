"""Who works under this host and slot: refuses to start while another process does."""

import hashlib
import socket
import warnings
from pathlib import Path
from time import monotonic, sleep

from processor.errors import Fenced
from processor.kafka.client import REQUEST_SECONDS, SESSION_SECONDS, translated
from processor.kafka.cluster import Cluster
from processor.log import event
from processor.settings import Settings

_LEFT_SECONDS = SESSION_SECONDS + 5.0  # a dead process's membership has ended by then


def worker_name(slot: int) -> str:
    """A slot's name, the same in supervisorctl, log and lock files."""
    return f"worker-{slot:02d}"


def instance_id(settings: Settings, slot: int) -> str:
    """The static member of a slot (`group.instance.id`, KIP-345): restarted, it has its partitions back at once."""
    return f"{settings.host}-{worker_name(slot)}"


def transactional_id(settings: Settings, slot: int) -> str:
    """The producer of a slot; a prefix of it is what an ACL grants."""
    return f"{settings.group}-{instance_id(settings, slot)}"


def identity(settings: Settings) -> str:
    """What tells this pool from another one with the same host name, a cloned machine's or one beside it."""
    machine = Path("/etc/machine-id")
    facts = [
        machine.read_text() if machine.exists() else "",
        str(Path(settings.run_directory).resolve()),
        _address(str(settings.kafka.client.get("bootstrap.servers", ""))),
    ]
    return hashlib.blake2s("\n".join(facts).encode(), digest_size=4).hexdigest()


def _address(servers: str) -> str:
    """The machine's address towards the first broker; a UDP socket's connect sends nothing."""
    host, _, port = servers.split(",", maxsplit=1)[0].rpartition(":")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, int(port)))
            return str(probe.getsockname()[0])
    except (OSError, ValueError):
        return ""


def client_id(settings: Settings, slot: int) -> str:
    """The member's client id, which the group shows to everyone."""
    return f"{instance_id(settings, slot)}@{identity(settings)}"


def refuse_if_taken(settings: Settings, cluster: Cluster, slot: int) -> None:
    """Raise Fenced while another pool's process is a member under this host and slot; a dead one's is waited out.

    Without this, two pools of one name fence each other for ever and neither works.
    """
    deadline = monotonic() + _LEFT_SECONDS
    other = _other(settings, cluster, slot)
    if other:
        event("another pool uses this host and slot: waiting for it to leave", member=other)
    while other and monotonic() < deadline:
        sleep(0.5)
        other = _other(settings, cluster, slot)
    if other:
        raise Fenced(
            f"host `{settings.host}`, {worker_name(slot)}: a live member of group {settings.group} has that name "
            f"already ({other}): two pools share one host name; set a different `host` for this one"
        )


def _other(settings: Settings, cluster: Cluster, slot: int) -> str | None:
    # The older of the two ways to ask: the newer aborts the whole process while a broker goes away (librdkafka 2.16).
    with translated(f"looking at the members of group {settings.group}"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        groups = cluster.client.list_groups(settings.group, REQUEST_SECONDS)
    mine, prefix = client_id(settings, slot), f"{instance_id(settings, slot)}@"
    for member in (member for group in groups for member in group.members):
        if (member.client_id or "").startswith(prefix) and member.client_id != mine:
            return f"{member.client_id} at {member.client_host}"
    return None

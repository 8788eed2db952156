"""Whether anybody of the pool is in its group."""

import warnings

from processor.kafka.client import REQUEST_SECONDS, translated
from processor.kafka.cluster import Cluster


def present(cluster: Cluster, group: str) -> list[str]:
    """The members of a group, each as its client's name and address; none where the group does not exist."""
    # The older of the two ways to ask: the newer aborts the whole process while a broker goes away (librdkafka 2.16).
    with translated(f"looking at the members of group {group}"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        groups = cluster.client.list_groups(group, REQUEST_SECONDS)
    members = (member for found in groups for member in found.members)
    return sorted(f"{member.client_id} at {str(member.client_host).lstrip('/')}" for member in members)

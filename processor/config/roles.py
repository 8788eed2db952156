"""Who a process is: `{role}` in a value stands for it, so that one file serves users with unlike rights."""

from collections.abc import Mapping

from msgspec.structs import replace

from processor.config.secrets import is_secret
from processor.config.sources import Given

OPERATOR = "operator"  # whoever runs a tool; the pool's processes are `worker`, `flusher` and `observer`

_PLACE = "{role}"


def filled(given: Mapping[str, Given], role: str) -> dict[str, Given]:
    """Put the role into every text but secrets, which may hold anything; their files' names are none."""
    return {name: _filled(one, role) for name, one in given.items()}


def _filled(one: Given, role: str) -> Given:
    if not isinstance(one.value, str) or is_secret(one.name):
        return one
    return replace(one, value=one.value.replace(_PLACE, role))

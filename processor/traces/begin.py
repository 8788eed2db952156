"""Whether a worker is watched; where it is not, nothing of OpenTelemetry is imported and nothing stands in its way.

But redis-py itself imports OpenTelemetry's metrics wherever the SDK is installed (2 MB a process).
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from processor import seams
from processor.counting import Counts
from processor.errors import ConfigurationError
from processor.kafka.output import Output
from processor.logins.batch import Batch, Part
from processor.settings import Settings

Judging = Callable[[Part], Batch]
Turn = Callable[[], None]


class Traces:
    """What a worker's parts are passed through to be watched; this one gives them back as they are."""

    def judging(self, judge: Judging) -> Judging:
        """What decides for each record."""
        return judge

    def writing(self, output: Output) -> seams.Output:
        """What writes transactions."""
        return output

    def applying(self, store: Counts) -> Counts:
        """What counts are applied to."""
        return store

    def turning(self, turn: Turn) -> Turn:
        """A worker's turn."""
        return turn

    def end(self) -> None:
        """Send what waits to be sent, but not for long."""


def begin(settings: Settings, process: str, client_id: str) -> Traces:
    """Begin, when that is wanted; raises ConfigurationError where the extra is missing."""
    if not settings.traces.endpoint:
        return Traces()
    try:
        from processor.traces.watched import watched  # noqa: PLC0415 (it takes memory and time: only where wanted)
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            f"traces.endpoint is set, but {str(missing.name).split('.')[0]} is not installed here: "
            "pip install 'data-processor[traces]', or take traces.endpoint out"
        ) from missing
    return watched(settings, process, client_id)


def url(endpoint: str) -> str:
    """Where spans are sent: OTLP's usual path unless there is one."""
    return endpoint if urlsplit(endpoint).path.strip("/") else f"{endpoint.rstrip('/')}/v1/traces"

"""What can go wrong with a system, as a tree; a bad record is a value and never one of these.

DataProcessorError           what happened, where, and what to do: one line for a person
├── ConfigurationError       a setting is wrong: mend it and start again
├── Unavailable              Kafka or Redis does not answer: try again, with growing pauses
├── Refused                  going on would lose or repeat something: a person decides
│   ├── Denied               Kafka does not let this principal: someone grants it the right
│   ├── PositionLost         an offset, cursor or checkpoint does not fit its log any more
│   └── LineageMismatch      the counts in Redis belong to another topic, cluster, rule or shard count
├── NotReady                 a shard has no lineage yet: wait, the flusher's leader restores it
├── Fenced                   another process has this one's identity
├── ClientFailed             librdkafka gave up for good: a clean process goes on
├── TopicChanged             the input topic was deleted and made anew while running
└── Stalled                  a partition stands still while its log grows
"""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command, for scripts and for supervisord."""

    OK = 0
    DIFFERENCE = 1  # audit or check found something; also what an unforeseen error ends with
    USAGE = 2  # arguments or configuration
    UNKNOWN = 3  # the audit can't know: neither the log nor a baseline reaches back
    UNAVAILABLE = 4  # Kafka or Redis did not answer in time
    REFUSED = 5  # needs a decision of a person: the line says which
    FENCED = 6  # another process works under the same host and slot
    TOPIC_CHANGED = 7  # the input topic is another one than at the start
    STALLED = 8  # the watchdog ended a process that stood still
    CLIENT_FAILED = 9  # the Kafka client met an error that only a new process cures


class DataProcessorError(Exception):
    """The base of all; `exit_code` is what a process ends with when nobody handles it."""

    exit_code = Exit.DIFFERENCE


class ConfigurationError(DataProcessorError):
    """A setting is unknown, malformed or contradicts another."""

    exit_code = Exit.USAGE


class Unavailable(DataProcessorError):
    """Kafka or Redis did not answer, or answered that it can't now; a later try may succeed."""

    exit_code = Exit.UNAVAILABLE


class Refused(DataProcessorError):
    """To go on would lose or repeat something; the message says what a person must decide."""

    exit_code = Exit.REFUSED


class Denied(Refused):
    """Kafka does not let this principal do something; `kind` says with what: "topic", "group", …."""

    def __init__(self, said: str, kind: str = "") -> None:
        super().__init__(said)
        self.kind = kind


class PositionLost(Refused):
    """A position does not fit its log: truncated past it, beyond its end, or missing where its twin is not."""


class LineageMismatch(Refused):
    """Redis holds counts of another lineage; the message names both."""


class NotReady(DataProcessorError):
    """A shard has no lineage: empty Redis, or a restore under way. Wait."""

    exit_code = Exit.UNAVAILABLE


class Fenced(DataProcessorError):
    """Kafka gave this process's identity to another one."""

    exit_code = Exit.FENCED


class ClientFailed(DataProcessorError):
    """librdkafka declared a fatal error: this process can't go on, a new one can."""

    exit_code = Exit.CLIENT_FAILED


class TopicChanged(DataProcessorError):
    """The input topic's id is not the one this process started with."""

    exit_code = Exit.TOPIC_CHANGED


class Stalled(DataProcessorError):
    """A partition's end moves on, its position does not, and nothing is paused."""

    exit_code = Exit.STALLED

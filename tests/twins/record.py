"""A consumed record, as confluent_kafka's Message is one."""

from dataclasses import dataclass

from processor.logins.headers import Headers


@dataclass(frozen=True)
class MemoryRecord:
    """What was written, with the place where it lies."""

    at: tuple[int, int]  # partition and offset
    given_key: bytes | None = None
    given_value: bytes | None = None
    given_headers: Headers | None = None
    created: int = 0  # ms since the epoch

    def partition(self) -> int:
        return self.at[0]

    def offset(self) -> int:
        return self.at[1]

    def key(self) -> bytes | None:
        return self.given_key

    def value(self) -> bytes | None:
        return self.given_value

    def headers(self) -> Headers | None:
        return self.given_headers

    def timestamp(self) -> tuple[int, int]:
        return (1, self.created)

    def error(self) -> None:
        return None

"""What grows within one process is a leak; what a new process has is its own."""

from tests.chaos.leaks import Sample, grown


def looks(*series: list[Sample]) -> list[list[Sample]]:
    return [list(look) for look in zip(*series, strict=True)]


def series(process: str, *seen: tuple[int, float, int]) -> list[Sample]:
    return [Sample(process, pid, megabytes, files) for pid, megabytes, files in seen]


def test_more_and_more_open_files_or_memory_of_one_process_are_told() -> None:
    found = grown(
        looks(
            series("steady", (1, 50, 30), (1, 55, 32), (1, 54, 31)),
            series("files", (2, 50, 30), (2, 50, 32), (2, 50, 99)),
            series("memory", (3, 50, 30), (3, 60, 30), (3, 500, 30)),
        )
    )

    assert [line.partition(":")[0] for line in found] == ["files (process 2)", "memory (process 3)"]


def test_what_a_process_has_that_replaced_another_is_no_growth() -> None:
    assert grown(looks(series("worker", (1, 50, 30), (2, 90, 90), (3, 120, 130)))) == []

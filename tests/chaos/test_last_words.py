"""What is printed of the logs of a run that failed: the serious lines, else the last ones, of each."""

from pathlib import Path

from tests.chaos.last_words import LINES, LONGEST, last_words


def test_warnings_and_errors_are_shown_before_anything_else(tmp_path: Path) -> None:
    (tmp_path / "broker-1").mkdir()
    (tmp_path / "broker-1/broker.log").write_text("INFO one\n2026 ERROR no quorum\nINFO two\n")

    assert list(last_words(tmp_path))[1:] == ["2026 ERROR no quorum"]


def test_a_log_without_any_shows_its_end(tmp_path: Path) -> None:
    (tmp_path / "broker.out").write_text("".join(f"line {n}\n" for n in range(100)))

    assert list(last_words(tmp_path))[1:] == [f"line {n}" for n in range(100 - LINES, 100)]


def test_no_log_can_flood_the_output(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text(f'{{"level": "error", "event": "{"x" * 10_000}"}}\n' * 1000)

    assert sum(map(len, last_words(tmp_path))) <= (LINES + 1) * LONGEST

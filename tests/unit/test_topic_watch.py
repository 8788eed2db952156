"""A topic that was deleted and made anew ends the process; one that nobody can see now does not."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from processor import watch
from processor.errors import TopicChanged
from processor.watch import TopicWatch


class Asked:
    """A cluster's answers and the time, both in the test's hands."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.questions: list[Future[Any]] = []
        self.now = 0.0
        monkeypatch.setattr(watch, "monotonic", lambda: self.now)
        self.watch = TopicWatch(self._ask, "user-login", "first")

    def _ask(self) -> "Future[Any]":
        self.questions.append(Future())
        return self.questions[-1]

    def after(self, seconds: float) -> int:
        """Let time pass and a turn happen; how often it has asked by then."""
        self.now += seconds
        self.watch.turn()
        return len(self.questions)

    def answer(self, topic_id: str) -> None:
        self.questions[-1].set_result(SimpleNamespace(topic_id=topic_id))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def test_it_asks_every_five_seconds_one_question_at_a_time(asked: Asked) -> None:
    assert [asked.after(seconds) for seconds in (0, 4, 2, 10, 10)] == [0, 0, 1, 1, 1]
    asked.answer("first")
    assert [asked.after(seconds) for seconds in (0, 4, 2)] == [1, 1, 2]


def test_another_topic_under_the_old_name_ends_the_process_with_what_to_do(asked: Asked) -> None:
    asked.after(6)
    asked.answer("second")

    with pytest.raises(TopicChanged, match=r"user-login was deleted and made anew: .*data-processor reset"):
        asked.after(0)


def test_no_answer_and_no_such_topic_are_asked_again(asked: Asked) -> None:
    asked.after(6)
    asked.questions[-1].set_exception(RuntimeError("no such topic"))
    asked.after(0)

    assert asked.after(6) == 2
    asked.answer("first")
    asked.after(0)


def test_who_must_know_now_does_not_wait_for_the_time(asked: Asked) -> None:
    asked.after(6)
    asked.answer("second")

    with pytest.raises(TopicChanged):
        asked.watch.look()

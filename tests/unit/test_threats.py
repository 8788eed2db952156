"""The threat model names the test of each defence: it must be there."""

import re

from tests.stack import ROOT


def test_each_defence_has_a_test_that_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "deploy/THREATS.md").read_text()))
    written = {name for path in (ROOT / "tests").rglob("test_*.py") for name in _tests(path.read_text())}

    assert named - written == set()
    assert len(named) > 20


def _tests(text: str) -> list[str]:
    return re.findall(r"^def (test_\w+)\(", text, flags=re.MULTILINE)

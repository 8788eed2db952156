from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from processor.config import load
from processor.errors import ConfigurationError, Exit


class Refusal(Protocol):
    def __call__(self, environ: dict[str, str], path: Path | None = None) -> str: ...


@pytest.fixture(autouse=True)
def nothing_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], Path]:
    """Write a configuration file."""

    def write(text: str) -> Path:
        path = tmp_path / "given.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def refusal() -> Refusal:
    """What a person reads when a configuration is refused: one line."""

    def of(environ: dict[str, str], path: Path | None = None) -> str:
        with pytest.raises(ConfigurationError) as caught:
            load(environ, path)
        assert caught.value.exit_code == Exit.USAGE
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return of

"""Arrows point one way: logins <- kafka, counts <- the processes <- cli; each outside system has one folder."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "processor"

# Who may import whom: only what stands on a lower step, or the same part. Parts that are not named are processes.
STEPS = {
    "logins": 0,
    "errors": 0,
    "settings": 0,
    "clock": 0,
    "faults": 0,
    "proc": 0,
    "log": 1,
    "outage": 2,
    "metrics": 2,
    "config": 2,
    "parent": 2,
    "claim": 2,
    "restraint": 2,
    "scaling": 1,
    "kafka": 3,
    "counts": 3,
    "supervision": 3,
    "cli": 6,
}
PROCESSES = 5
HOMES = {
    "confluent_kafka": "kafka",
    "redis": "counts",
    "typer": "cli",
    "rich": "cli",
    "prometheus_client": "exporter",
    "opentelemetry": "traces",
}


def part_of(module: str) -> str:
    return module.split(".")[1]


def imports() -> Iterator[tuple[str, str]]:
    """Every import of the package, those inside functions too: (module, imported name)."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((module, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.module, f"{module} imports relatively"
                yield from ((module, f"{node.module}.{alias.name}") for alias in node.names)


IMPORTS = list(imports())
INNER = [(a, b) for a, b in IMPORTS if b.startswith("processor.")]
OUTER = [(a, b.split(".")[0]) for a, b in IMPORTS if not b.startswith("processor.")]


def test_arrows_point_one_way() -> None:
    backward = [
        f"{module} imports {imported}"
        for module, imported in INNER
        if (here := part_of(module)) != (there := part_of(imported))
        and STEPS.get(here, PROCESSES) <= STEPS.get(there, PROCESSES)
        and not (here not in STEPS and there not in STEPS)
    ]

    assert backward == []


def test_logins_are_decided_with_msgspec_and_the_standard_library_alone() -> None:
    allowed = sys.stdlib_module_names | {"msgspec"}

    assert [(a, b) for a, b in OUTER if part_of(a) == "logins" and b not in allowed] == []
    assert [(a, b) for a, b in INNER if part_of(a) == "logins" and part_of(b) != "logins"] == []


@pytest.mark.parametrize(("library", "home"), HOMES.items())
def test_each_outside_library_has_one_home(library: str, home: str) -> None:
    users = {part_of(module) for module, imported in OUTER if imported == library}

    assert users == {home}


def test_nothing_reads_the_environment_but_the_command_line() -> None:
    readers = [
        path.relative_to(PACKAGE)
        for path in PACKAGE.rglob("*.py")
        if any(name in path.read_text() for name in ("os.environ", "getenv"))
    ]

    assert {path.parts[0] for path in readers} == {"cli"}


@pytest.mark.parametrize("module", ["processor.slot", "processor.flusher"])
def test_no_process_of_the_pool_imports_what_it_has_no_use_for(module: str) -> None:
    code = f"import sys, processor.cli.processes, {module}; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {"typer", "rich", "prometheus_client"} & set(done.stdout.split()) == set()


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef, source: list[str]) -> int:
    """How many lines of a function are code: neither docstring nor comment nor blank."""
    documented = ast.get_docstring(function) is not None
    first = function.lineno - 1
    lines = source[first : function.end_lineno]
    if documented:
        del lines[function.body[0].lineno - 1 - first : function.body[0].end_lineno - first]  # type: ignore[operator]
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in lines)


def test_functions_are_short_enough_to_be_read() -> None:
    long = [
        f"{path.name}:{node.lineno} {node.name}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of(node, path.read_text().splitlines()) > 30
    ]

    assert long == []


def test_files_are_short_enough_to_be_read() -> None:
    long = [path.name for path in PACKAGE.rglob("*.py") if len(path.read_text().splitlines()) > 250]

    assert long == []

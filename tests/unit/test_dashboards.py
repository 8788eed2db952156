"""The dashboards are what their code makes, ask only for what is there, and fit the screen."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from deploy.grafana.boards import BOARDS, FOLDER, made
from deploy.grafana.overview import OVERVIEW
from deploy.grafana.panels import Board
from deploy.grafana.picture import colour_of, named
from tests.stack import ROOT

JMX = (ROOT / "deploy" / "prometheus" / "jmx.yml").read_text()


def queries(board: Board) -> list[str]:
    return [query.expr for row in board.rows for panel in row.panels for query in panel.queries]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_committed_file_is_what_the_code_makes(board: Board) -> None:
    again = "python -m deploy.grafana.boards makes it anew"
    assert (FOLDER / f"{board.uid}.json").read_text() == made(board), again


def test_the_overview_fits_one_screen() -> None:
    rows = json.loads(made(OVERVIEW))["panels"]
    assert max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in rows) <= 18
    assert [row.title for row in OVERVIEW.rows] == ["Healthy?", "Keeping up?", "Exact?"]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_rows_are_full_and_each_panel_says_what_it_means(board: Board) -> None:
    for row in board.rows:
        assert sum(panel.width for panel in row.panels) % 24 == 0
        assert all(panel.meaning.endswith(".") and panel.unit for panel in row.panels)


def test_every_query_is_sound(tmp_path: Path) -> None:
    rules = [{"record": "a:b", "expr": expr} for board in BOARDS for expr in queries(board)]
    path = tmp_path / "rules.yml"  # JSON is YAML
    path.write_text(json.dumps({"groups": [{"name": str(n), "rules": [rule]} for n, rule in enumerate(rules)]}))
    done = subprocess.run(
        ["promtool", "check", "rules", "--lint=none", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_query_names_a_metric_that_nobody_has() -> None:
    asked = " ".join(expr for board in BOARDS for expr in queries(board))
    declared = set(re.findall(r"`(login_\w+)`", (ROOT / "deploy" / "METRICS.md").read_text()))
    assert {re.sub(r"_bucket$", "", name) for name in re.findall(r"\blogin_\w+", asked)} <= declared
    rules = "".join(path.read_text() for path in (ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
    assert set(re.findall(r"\blogin:[\w:]+", asked)) <= set(re.findall(r"- record: (\S+)", rules))


def test_a_legend_and_a_colour_are_grafanas() -> None:
    assert named("{{process}} of {{instance}}", {"process": "flusher"}) == "flusher of "
    alerts = OVERVIEW.rows[0].panels[1]
    assert [colour_of(alerts, value) for value in (0, 1, 3)] == ["#2e7d32", "#ef6c00", "#c62828"]

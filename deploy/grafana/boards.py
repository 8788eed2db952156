"""Makes Grafana's JSON of the panels: `python -m deploy.grafana.boards` writes dashboards/."""

import string
from pathlib import Path
from typing import TypeVar

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableRefresh,
)

from deploy.grafana.overview import OVERVIEW
from deploy.grafana.panels import Board, Panel
from deploy.grafana.partitions import PARTITIONS_AND_WORKERS
from deploy.grafana.servers import SERVERS

BOARDS = (OVERVIEW, PARTITIONS_AND_WORKERS, SERVERS)
FOLDER = Path(__file__).resolve().parent / "dashboards"
P = TypeVar("P", stat.Panel, timeseries.Panel)
_SOURCE = DataSourceRef("prometheus", "${source}")


def made(board: Board) -> str:
    """One dashboard's JSON, the same text for the same panels."""
    builder = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .tags(["data-processor"])
        .refresh("10s")
        .time("now-1h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    for name, query in board.variables:
        builder = builder.with_variable(_variable(name, query))
    for row in board.rows:
        builder = builder.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            builder = builder.with_panel(_number(panel) if panel.big else _plot(panel))
    return JSONEncoder(sort_keys=True, indent=2).encode(builder.build()) + "\n"


def _variable(name: str, query: str) -> dashboard.QueryVariable:
    made = dashboard.QueryVariable(name).query(query).datasource(_SOURCE).multi(True).include_all(True)
    return made.all_value(".*").refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)


def _number(panel: Panel) -> stat.Panel:
    words = {value: ValueMappingResult(text=text) for value, text in panel.words.items()}
    made = (
        stat.Panel()
        .graph_mode(BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return _dressed(made.mappings([ValueMap(options=words)]) if words else made, panel)


def _plot(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    made = timeseries.Panel().min(0).fill_opacity(10).legend(legend.show_legend(True))
    if panel.stacked:
        made = made.fill_opacity(60).stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    if panel.steps:
        made = made.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.LINE))
    return _dressed(made, panel)


def _dressed(made: P, panel: Panel) -> P:
    """Add what both kinds have: words, queries, unit, size and thresholds."""
    made = made.title(panel.title).description(panel.meaning).unit(panel.unit).span(panel.width).height(panel.height)
    for name, query in zip(string.ascii_uppercase, panel.queries, strict=False):
        made = made.with_target(prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(name))
    steps = [Threshold(value, colour) for value, colour in panel.steps or ((None, "green"),)]
    absolute = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
    return made.datasource(_SOURCE).thresholds(absolute)


if __name__ == "__main__":
    for each in BOARDS:
        (FOLDER / f"{each.uid}.json").write_text(made(each))

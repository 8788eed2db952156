"""`data-processor metrics`: every metric that the exporter may answer with."""

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(metrics)


def metrics() -> None:
    """Print the table of all metrics in Markdown: name, kind, unit, labels, meaning."""
    from processor.metrics.markdown import markdown

    print(markdown(), end="")

"""How `status` looks: one screen, 80 columns, the answer in its first line."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from processor.kafka.glance import Letters
from processor.status.health import Health, Problem
from processor.status.picture import Picture
from processor.status.rows import Host, Partition, Shard

_STYLES = {Health.HEALTHY: "bold green", Health.UNHEALTHY: "bold red", Health.UNREACHABLE: "bold red"}
_SHARDS_SHOWN = 6
_OTHER_LINES = 12  # that the screen has beside the partitions, without the shards and problems


def view(seen: Picture, health: Health, problems: Sequence[Problem], height: int | None) -> RenderableType:
    """Everything, on a screen of so many lines; None = it may be as long as it gets."""
    shards = _notable_shards(seen.shards)
    hosts = seen.hosts if len(seen.hosts) > 1 else ()  # one alone is in every row already
    others = _OTHER_LINES + len(shards) + (len(hosts) + 2 if hosts else 0)
    room = None if height is None else max(4, height - others - 2 * len(problems))
    shown = notable(seen.partitions, room)
    parts: list[RenderableType] = [Text(headline(seen, health, problems), _STYLES[health])]
    if hosts:
        parts += [Text(), _hosts(hosts)]
    if shown:
        parts += [Text(), _partitions(shown)]
    if left := len(seen.partitions) - len(shown):
        parts.append(Text(f"and {left} more partitions, each less behind"))
    if shards:
        parts += [Text(), _shards(shards)]
    parts += [Text(), Text(footer(seen))]
    parts += [Text(f"- {problem.what}: {problem.advice}") for problem in problems]
    return Group(*parts)


def headline(seen: Picture, health: Health, problems: Sequence[Problem]) -> str:
    """Whether it is healthy, and if not, where."""
    if health is Health.HEALTHY:
        pace = f"{seen.rate:,.0f} logins/s, {seen.lag:,} behind"
        return f"HEALTHY: {len(seen.partitions)} partitions at work, {pace}"
    return f"{health.value.upper()}: {'; '.join(problem.what for problem in problems)}"


def footer(seen: Picture) -> str:
    """Who else is at work, and what went astray."""
    flusher = f"{seen.flusher.owner} (lease {seen.flusher.lease_seconds:.0f} s)" if seen.flusher else "none"
    spare = f" ({seen.spare_workers} spare)" if seen.spare_workers else ""
    return f"workers {seen.workers}{spare}   dead letters {_letters(seen.dead_letters)}   flusher {flusher}"


def notable(partitions: Sequence[Partition], room: int | None) -> list[Partition]:
    """All partitions where there is room; otherwise those without an owner and those most behind, in their order."""
    if room is None or len(partitions) <= room:
        return list(partitions)
    worst = sorted(partitions, key=lambda row: (row.host is not None, -row.committed_lag, -(row.counted_lag or 0)))
    return sorted(worst[:room], key=lambda row: row.partition)


def _notable_shards(shards: Sequence[Shard]) -> list[Shard]:
    if len(shards) <= _SHARDS_SHOWN:
        return list(shards)
    return [shard for shard in shards if shard.lineage != "ok"][:_SHARDS_SHOWN]


def _hosts(rows: Sequence[Host]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("host", min_width=6)
    for name in ("workers", "parts", "lag", "logins/s"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("flusher", no_wrap=True)
    table.add_column("scaler", no_wrap=True)
    for row in rows:
        workers = f"{row.workers} ({row.spare_workers} spare)" if row.spare_workers else str(row.workers)
        rate = "-" if row.rate is None else f"{row.rate:,.0f}"
        heard = "-" if row.heard_seconds is None else f"{row.heard_seconds:,.0f} s ago"
        host = Text(row.host, "" if row.workers else "red", no_wrap=True, overflow="ellipsis")
        table.add_row(host, workers, str(row.partitions), f"{row.lag:,}", rate, "leads" if row.leads else "", heard)
    return table


def _partitions(rows: Sequence[Partition]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("part", justify="right")
    table.add_column("host", min_width=6)  # the one to give way on a narrow screen
    table.add_column("slot", justify="right", no_wrap=True)
    for name in ("log end", "lag", "counted", "published", "logins/s"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        lags = (row.committed_lag, row.counted_lag, row.published_lag)
        rate = "-" if row.rate is None else f"{row.rate:,.0f}"
        host = Text(row.host or "nobody", "" if row.host else "red", no_wrap=True, overflow="ellipsis")
        slot = "-" if row.slot is None else f"{row.slot:02d}"
        table.add_row(str(row.partition), host, slot, f"{row.end:,}", *map(_number, lags), rate)
    return table


def _shards(rows: Sequence[Shard]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("shard", justify="right")
    table.add_column("users", justify="right")
    table.add_column("logins", justify="right")
    table.add_column("lineage")
    for row in rows:
        restoring = "" if row.restoring is None else f", {row.restoring:,} users restored"
        lineage = Text(f"{row.lineage}{restoring}", "" if row.lineage == "ok" else "red")
        table.add_row(str(row.shard), f"{row.users:,}", _number(row.logins), lineage)
    return table


def _letters(letters: Letters | None) -> str:
    if letters is None:
        return "-"
    return f"{letters.records:,}" if letters.exact else f"at most {letters.records:,}"


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"

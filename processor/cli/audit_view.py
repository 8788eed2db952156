"""How what an audit found is shown."""

from typing import Any

from msgspec import structs

from processor.audit.audit import Report
from processor.audit.findings import SHOWN, Difference, Verdict
from processor.errors import Exit
from processor.settings import Settings

_EXITS = {Verdict.CLEAN: Exit.OK, Verdict.DIFFERENT: Exit.DIFFERENCE, Verdict.UNKNOWN: Exit.UNKNOWN}


def exit_code(report: Report) -> Exit:
    """What the process ends with."""
    return _EXITS[report.findings.verdict]


def as_json(settings: Settings, report: Report) -> dict[str, Any]:
    """Make the object for scripts; `differences` counts all, `examples` names the first of each kind."""
    findings = report.findings
    examples = [structs.asdict(one) | {"topic": _topic(settings, one)} for one in findings.shown]
    return {
        "verdict": findings.verdict.value,
        "since": report.since,
        "logins": report.logins,
        "dead_letters": report.dead_letters,
        "dead_letters_redriven": report.redriven,
        "dead_letters_purged": report.purged,
        "users": report.users,
        "published_records": report.published,
        "seconds": report.seconds,
        "differences": dict(findings.totals),
        "examples": examples,
        "unknown": findings.reasons,
        "notes": findings.notes,
    }


def show(settings: Settings, report: Report) -> None:
    """Print the report for a person: the verdict is the last line."""
    findings = report.findings
    for kind, number in findings.totals.items():
        print(f"{number:,} {kind}" + (f", the first {SHOWN}:" if number > SHOWN else ":"))
        for one in findings.shown:
            if one.kind == kind:
                print(f"  {_sentence(settings, one)}")
    for reason in findings.reasons:
        print(f"Not to be known: {reason}.")
    for note in findings.notes:
        print(f"Note: {note}.")
    if report.redriven or report.purged:
        print(f"Dead letters redriven: {report.redriven:,}; purged, and no difference: {report.purged:,}.")
    print(_verdict(report))


def _verdict(report: Report) -> str:
    seen = (
        f"{report.logins:,} processed logins, {report.dead_letters:,} dead letters and {report.users:,} users' counts "
        f"compared with the input since {_SINCE[report.since]}, in {report.seconds:.1f} s"
    )
    match report.findings.verdict:
        case Verdict.CLEAN:
            return f"Clean: {seen}."
        case Verdict.DIFFERENT:
            return f"{report.findings.totals.total():,} differences: {seen}."
    return f"Unknown: {seen}."


_SINCE = {"origin": "counting began", "baseline": "the last audit"}


def _sentence(settings: Settings, one: Difference) -> str:
    place = "" if one.partition is None else f"{_topic(settings, one)} partition {one.partition} offset {one.offset}"
    user = f"user {one.user}" if one.user is not None else ""
    return f"{', '.join(filter(None, (place, user)))}: {one.message}".removeprefix(": ")


def _topic(settings: Settings, one: Difference) -> str | None:
    return None if one.topic is None else str(getattr(settings.topics, one.topic))

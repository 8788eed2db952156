"""Judges what supervisord says."""

from collections.abc import Iterator, Sequence

from processor.doctor.finding import Finding, Level
from processor.supervision.supervisor import Process

_WORKS = {"RUNNING", "STARTING"}
_CTL = "`supervisorctl -c supervisord.conf"
_ADVICE = {
    "STOPPED": f"somebody stopped it: {_CTL} start {{name}}`",
    "STOPPING": "it is being stopped: look again in some seconds",
    "BACKOFF": f"it ends as soon as it starts: {_CTL} tail {{name}}` says why",
    "EXITED": f"it ended and is not started again: {_CTL} tail {{name}}` says why",
    "FATAL": f"supervisord gave it up, the scaler tries it again: {_CTL} tail {{name}}` says why",
}


def findings(processes: Sequence[Process] | str) -> Iterator[Finding]:
    """Each process that does not run; a text instead of them is why supervisord could not be asked."""
    if isinstance(processes, str):
        advice = "`systemctl start data-processor`, or `.venv/bin/supervisord -c supervisord.conf`, starts it"
        yield Finding("supervisor", Level.WRONG, processes, advice)
        return
    workers = [process for process in processes if process.slot is not None]
    running = [process for process in workers if process.state in _WORKS]
    # Where some work, the others may be the scaler's: whether they are missed is seen by partitions without an owner.
    resting = [process for process in workers if process.state == "STOPPED"] if running else []
    lame = [process for process in processes if process.state not in _WORKS and process not in resting]
    for process in lame:
        advice = _ADVICE.get(process.state, "see its log").format(name=process.full_name)
        yield Finding("supervisor", Level.WRONG, f"{process.name} is {process.state}", advice)
    if not workers:
        yield Finding("supervisor", Level.WARNING, "it has no worker", "set WORKERS in its environment, start it again")
    elif not lame:
        rest = f", {len(resting)} are stopped, by hand or by the scaler" if resting else ""
        yield Finding("supervisor", Level.OK, f"all runs: {len(running)} workers{rest}")


def exporter(processes: Sequence[Process] | str, port: int, *, taken: bool) -> Finding:
    """Whether the exporter's port is the exporter's; `taken`: somebody listens there."""
    runs = not isinstance(processes, str) and any(p.name == "exporter" and p.state in _WORKS for p in processes)
    if taken and not runs:
        what = f"port {port} is in use, and not by the exporter"
        return Finding("ports", Level.WRONG, what, "set exporter.port to a free one, or end what listens there")
    if runs and not taken:
        what = f"the exporter runs, but nobody listens on port {port}"
        advice = f"{_CTL} tail exporter` says why; a pool that has just started needs a second"
        return Finding("ports", Level.WARNING, what, advice)
    return Finding("ports", Level.OK, f"{port}: {'the exporter listens' if taken else 'free for the exporter'}")

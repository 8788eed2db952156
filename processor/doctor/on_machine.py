"""Judges what this machine looks like."""

from collections.abc import Iterator

from processor.doctor.finding import Finding, Level
from processor.doctor.machine import Disk, MachineSeen

_LEAST_FREE_BYTES = 1_000_000_000  # logs of 20 workers at their bound
_LEAST_FREE_FILES = 1_000
OPEN_FILES = 4096  # supervisord.conf's minfds: supervisord does not start with less
_OTHERS = 0o007
_NAMES_OF_ALL = ("localhost", "localhost.localdomain", "debian", "ubuntu")


def findings(seen: MachineSeen) -> Iterator[Finding]:
    """The name, the disk, the limits and the secret files."""
    if seen.host in _NAMES_OF_ALL:
        what = f"host is {seen.host}, as on many machines"
        yield Finding("host", Level.WARNING, what, "set `host` in the configuration to a name that no other VM has")
    else:
        yield Finding("host", Level.OK, f"{seen.host}")
    yield _disk(seen.disk)
    yield _limits(seen.open_files)
    yield from _secrets(seen)


def _disk(disk: Disk) -> Finding:
    free = f"{disk.free_bytes / 1e9:,.1f} of {disk.all_bytes / 1e9:,.1f} GB are free"
    if not disk.writable:
        advice = "run this as the pool's user; as that, make it writable, or set run_directory elsewhere"
        return Finding("disk", Level.WRONG, f"{disk.folder} can't be written", advice)
    if disk.free_bytes < _LEAST_FREE_BYTES:
        return Finding(
            "disk", Level.WRONG, f"{disk.folder}: {free}", "make room: 1 GB at least, for logs and positions"
        )
    if disk.free_files is not None and disk.free_files < _LEAST_FREE_FILES:
        what = f"{disk.folder}: room for {disk.free_files:,} more files only"
        return Finding("disk", Level.WRONG, what, "remove files: the file system is out of inodes")
    return Finding("disk", Level.OK, f"{disk.folder}: {free}")


def _limits(open_files: int) -> Finding:
    if open_files < OPEN_FILES:
        what = f"at most {open_files:,} open files, supervisord wants {OPEN_FILES:,}"
        return Finding("limits", Level.WRONG, what, "raise LimitNOFILE in the unit, or nofile in limits.conf")
    return Finding("limits", Level.OK, f"up to {open_files:,} open files")


def _secrets(seen: MachineSeen) -> Iterator[Finding]:
    for file in seen.secrets:
        if file.mode & _OTHERS:
            what = f"{file.path} has the mode {file.mode:04o}: everyone on this machine may read it"
            yield Finding("secrets", Level.WARNING, what, f"`chmod 0640 {file.path}`, with the pool's group")
        else:
            yield Finding("secrets", Level.OK, f"{file.path} has the mode {file.mode:04o}")

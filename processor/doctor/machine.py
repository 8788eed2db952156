"""Looks at this machine: disk, limits, ports, secret files."""

import os
import resource
import shutil
import socket
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from processor.config.secrets import is_secret
from processor.settings import ExporterSettings, Settings


class Disk(Struct, frozen=True):
    """The file system under a folder."""

    folder: str
    writable: bool
    free_bytes: int
    all_bytes: int
    free_files: int | None  # None: it has no limit of its own


class SecretFile(Struct, frozen=True):
    """A file with a secret in it, and who may read it (the mode's last nine bits)."""

    path: str
    mode: int


class MachineSeen(Struct, frozen=True):
    """What was found."""

    host: str
    disk: Disk
    open_files: int  # the hard limit of this process, so of what it may raise its own to
    secrets: Sequence[SecretFile]


def look(settings: Settings, origins: Mapping[str, str]) -> MachineSeen:
    """Look; nothing here fails but for what it finds."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    given = {key for key in origins if is_secret(key) and key.startswith("kafka.")}
    paths = {origins[key].removeprefix("file ") for key in given}
    files = (
        settings.redis.password_file,
        settings.redis.sentinel_password_file,
        settings.redis.key_file,
        settings.exporter.key_file,
        settings.exporter.token_file,
        settings.privacy.ip_key_file,
    )
    paths |= set(files)
    limit = hard if hard != resource.RLIM_INFINITY else 2**31
    return MachineSeen(settings.host, _disk(Path(settings.run_directory)), limit, _secrets(paths))


def listens(exporter: ExporterSettings) -> bool:
    """Tell whether somebody listens where the exporter does, or would."""
    try:
        socket.create_connection((exporter.host, exporter.port), timeout=2).close()
    except OSError:
        return False
    return True


def _disk(folder: Path) -> Disk:
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    usage, files = shutil.disk_usage(there), os.statvfs(there)
    free_files = files.f_favail if files.f_files else None
    return Disk(str(folder), os.access(there, os.W_OK), usage.free, usage.total, free_files)


def _secrets(paths: Iterable[str]) -> list[SecretFile]:
    found = []
    for path in sorted(paths):
        with suppress(OSError):  # "default", a variable, or a file that the configuration could not be read without
            found.append(SecretFile(path, stat.S_IMODE(Path(path).stat().st_mode)) if path else None)
    return [file for file in found if file is not None]

"""A Debian of its own: this machine's files, in a mount namespace where everything that is written goes elsewhere."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import stack

# The layers are in a tmpfs: an overlay can't be the upper layer of another one, as / is in a container.
_SETUP = """
set -eu
mount -t tmpfs tmpfs "$1"
mkdir "$1/changes" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/changes,workdir=$1/work" "$1/root"
for folder in proc sys dev; do mount --rbind "/$folder" "$1/root/$folder"; done
mount -t tmpfs tmpfs "$1/root/run"
mount -t tmpfs tmpfs "$1/root/tmp"
mkdir -p "$1/root/$2"
mount --bind "$2" "$1/root/$2"
cat /etc/resolv.conf >"$1/root/etc/resolv.conf" 2>/dev/null || true
echo ready
exec sleep infinity
"""


class MachineRoot:
    """Commands in it see this machine's programs and network, and change nothing outside."""

    def __init__(self, holder: int, folder: Path) -> None:
        self._root = str(folder / "root")
        self._enter = ["nsenter", f"--mount=/proc/{holder}/ns/mnt"]
        self._within = [*self._enter, "chroot", self._root]

    def run(self, *command: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run a command as root until it ends, from the checkout."""
        given = {"env": environment(), "capture_output": True, "text": True, "timeout": 300, **options}
        inside = [*self._within, "sh", "-c", 'cd "$0" && exec "$@"', str(stack.ROOT)]
        return subprocess.run([*inside, *command], check=False, **given)

    def sh(self, script: str) -> str:
        """What a shell script prints; it must succeed."""
        done = self.run("sh", "-euc", script)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *command: str, writable: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
        """Start a command for which everything but these folders is read-only; return at once."""
        bind = "".join(f'mount --bind "$0{folder}" "$0{folder}"; ' for folder in writable)
        script = f'mount --rbind "$0" "$0"; {bind}mount -o remount,bind,ro "$0"; exec chroot "$0" "$@"'
        within = [*self._enter, "unshare", "--mount", "sh", "-euc", script, self._root]
        return subprocess.Popen([*within, *command], stdin=subprocess.DEVNULL, **options)


def environment() -> dict[str, str]:
    """As a login shell of root has it; what pip is told from outside holds inside, too."""
    passed = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "http", "HTTP"))}
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **passed}


@contextmanager
def machine_root() -> Iterator[MachineRoot]:
    """Make one; it is gone with its last process."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a system user is made and given files, which no user namespace with one user can do")
    with tempfile.TemporaryDirectory() as name:
        # The launcher's folder is looked up in its own namespace: both see it under the same name.
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private"]
        setup = ["sh", "-c", _SETUP, "sh", name, str(stack.ROOT)]
        with subprocess.Popen([*command, *setup], stdout=subprocess.PIPE, text=True) as holder:
            try:
                assert holder.stdout is not None
                assert holder.stdout.readline() == "ready\n"
                yield MachineRoot(holder.pid, Path(name))
            finally:
                holder.kill()

"""The unit's command, started as systemd does it where there is none; and what systemd would hear of it."""

import configparser
import os
import socket
import subprocess
from collections.abc import Mapping

from tests.machine_root import MachineRoot

UNIT = "/etc/systemd/system/data-processor.service"
WRITABLE = ("/var/lib/data-processor", "/var/log/data-processor")
# No new executable memory (prctl 65, from Linux 6.3 on; older kernels refuse, and that is that), then the program.
DENY_WRITE_EXECUTE = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Systemd:
    """What the unit's notify socket hears; an abstract one, so in no file system."""

    def __init__(self, own: socket.socket) -> None:
        self._socket = own
        self._socket.bind("")  # a name that the system chooses
        self._socket.setblocking(False)
        self._heard: list[str] = []
        self.address = "@" + self._socket.getsockname()[1:].decode()

    def heard(self) -> list[str]:
        """Everything until now."""
        while True:
            try:
                self._heard += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self._heard


def unit(vm: MachineRoot) -> Mapping[str, str]:
    """The unit's [Service]; of a key that comes more than once the last."""
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(vm.sh(f"cat {UNIT}"))
    return parser["Service"]


def start(vm: MachineRoot, systemd: Systemd) -> "subprocess.Popen[bytes]":
    """Start the unit's command as its user, with what of its hardening needs no systemd."""
    service = unit(vm)
    lines = vm.sh(f"cat {service['EnvironmentFile']}").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    user = ["--reuid", service["User"], "--regid", service["Group"], "--init-groups"]
    less = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    python = ["/usr/bin/env", "-C", service["WorkingDirectory"], "python3", "-c", DENY_WRITE_EXECUTE]
    command = ["setpriv", *user, *less, *python, *service["ExecStart"].split()]
    environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": systemd.address, **given}
    return vm.start(*command, writable=WRITABLE, env=environment)

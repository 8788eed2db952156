"""Machines of the harness: a network and a host name each, on one bridge; cables can be cut in either direction."""

import os
import socket
import subprocess
import time
from pathlib import Path

NET = "10.77.0"
HARNESS = f"{NET}.1"
BRIDGE = "chaos0"
INSIDE = "CHAOS_INSIDE"
NOTHING = ("tbf", "rate", "8bit", "burst", "8", "latency", "1ms")  # a bucket smaller than any packet: all are dropped


def run(*command: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True, capture_output=True)


def enter(argv: list[str]) -> None:
    """Run this program again inside a network of its own, and never return; inside already, lay the bridge.

    Nothing in there can reach, or be reached by, anything outside; it vanishes with the last process in it.
    """
    if INSIDE not in os.environ:
        root = [] if os.geteuid() == 0 else ["--map-root-user"]
        os.execvpe("unshare", ["unshare", *root, "--net", *argv], os.environ | {INSIDE: "1"})  # noqa: S606 (that is the point)
    lay_bridge()


def lay_bridge() -> None:
    """Lay what the machines' cables lead to, in a network that is empty yet."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "addr", "add", f"{HARNESS}/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")


class Machine:
    """A namespace with its own host name and one cable to the bridge; it lives as long as its holder process."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.address = f"{NET}.{number}"
        self._port = f"port{number}"
        self._broken = False
        # It sleeps until it is killed, at the latest with the harness.
        unshare = ["unshare", "--net", "--uts"]
        self._holder = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *unshare, "sleep", "infinity"])
        self._wait_for_namespace()
        pid = str(self._holder.pid)
        run(*self.within, "hostname", name)
        run("ip", "link", "add", self._port, "type", "veth", "peer", "name", "eth0", "netns", pid)
        run("ip", "link", "set", self._port, "master", BRIDGE, "up")
        run(*self.within, "ip", "addr", "add", f"{self.address}/24", "dev", "eth0")
        run(*self.within, "ip", "link", "set", "eth0", "up")
        run(*self.within, "ip", "link", "set", "lo", "up")

    @property
    def within(self) -> tuple[str, ...]:
        """What to put before a command so that it runs on this machine."""
        namespaces = f"/proc/{self._holder.pid}/ns"
        return ("nsenter", f"--net={namespaces}/net", f"--uts={namespaces}/uts")

    def cut(self) -> None:
        """Pull the cable: nothing in, nothing out, and nobody is told."""
        self._broken = True
        run("ip", "link", "set", self._port, "nomaster")

    def plug(self) -> None:
        """Put the cable back."""
        run("ip", "link", "set", self._port, "master", BRIDGE)

    def deafen(self) -> None:
        """Let nothing in; what it sends still arrives."""
        self._broken = True
        run("tc", "qdisc", "replace", "dev", self._port, "root", *NOTHING)

    def mute(self) -> None:
        """Let nothing out; what is sent to it still arrives."""
        self._broken = True
        run(*self.within, "tc", "qdisc", "replace", "dev", "eth0", "root", *NOTHING)

    def heal(self) -> None:
        """Undo cut, deafen and mute, if any was done: each takes a few processes."""
        if not self._broken:
            return
        subprocess.run(["tc", "qdisc", "del", "dev", self._port, "root"], check=False, capture_output=True)
        subprocess.run([*self.within, "tc", "qdisc", "del", "dev", "eth0", "root"], check=False, capture_output=True)
        self.plug()
        self._broken = False

    def destroy(self) -> None:
        """Take the machine away with its cable."""
        self._holder.kill()
        self._holder.wait(60)

    def _wait_for_namespace(self) -> None:
        own = Path("/proc/self/ns/net").readlink()
        deadline = time.monotonic() + 60
        while Path(f"/proc/{self._holder.pid}/ns/net").readlink() == own:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} got no network of its own")
            time.sleep(0.01)


def answers(host: str, port: int) -> bool:
    """Tell whether somebody listens there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True

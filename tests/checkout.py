"""A copy of the checkout, for deploy/local/up and down as a person uses them."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

from deploy.local import jars, ports
from tests.stack import ROOT

NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".local", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info")
# Its own stamp, so that `up` takes the environment for what pip would have made.
MARK = "from deploy.local import package; package.mark_installed(); assert package.is_installed()"


class Checkout:
    """A copy of the checkout with an environment, ports and a state folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.kafka_port, self.redis_port = ports.pick_free(2)
        self.environment: dict[str, str] = {}  # on top of what a person has
        shutil.copytree(ROOT, root, ignore=NOT_COPIED)
        self._make_environment()

    def _make_environment(self) -> None:
        """Make `.venv` without a network: this interpreter's packages, and the copy's own code before them."""
        venv = self.root / ".venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        site = next(venv.glob("lib/python*/site-packages"))
        (site / "copy.pth").write_text(f"{self.root}\n{sysconfig.get_path('purelib')}\n")
        entries = {"data-processor": "processor.cli", "supervisord": "supervisor.supervisord"}
        entries["supervisorctl"] = "supervisor.supervisorctl"
        for name, module in entries.items():
            script = venv / "bin" / name
            script.write_text(f"#!{venv}/bin/python\nimport sys\nfrom {module} import main\nsys.exit(main())\n")
            script.chmod(0o755)
        subprocess.run([venv / "bin" / "python", "-c", MARK], cwd=self.root, check=True)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a program of the copy by its path, from somewhere else, with nothing helpful in the environment."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DATA_PROCESSOR_")}
        environment["KAFKA_JARS"] = str(jars.jars_folder(ROOT / ".local"))
        return subprocess.run(
            [self.root / command[0], *command[1:]],
            cwd="/",
            env=environment | self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def up(self, *options: str) -> "subprocess.CompletedProcess[str]":
        return self.run("deploy/local/up", *options)

    def down(self, *options: str) -> "subprocess.CompletedProcess[str]":
        return self.run("deploy/local/down", *options)

    def tool(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run `data-processor …` with the configuration of the stack here."""
        self.environment["DATA_PROCESSOR_CONFIG"] = str(self.root / ".local/data-processor.toml")
        return self.run(".venv/bin/data-processor", *command)

    def supervisorctl(self, *command: str) -> list[str]:
        conf = str(self.root / "supervisord.conf")
        return self.run(".venv/bin/supervisorctl", "-c", conf, *command).stdout.splitlines()

    def pids(self) -> dict[str, str]:
        """Each process of the pool that runs, with its pid."""
        words = [line.replace(",", "").split() for line in self.supervisorctl("status")]
        return {line[0]: line[3] for line in words if line[1] == "RUNNING"}

    def secrets(self) -> dict[str, str]:
        """Each password and key of a secured stack, by its file; nobody else may read one."""
        files = [path for name in ("secrets", "tls") for path in (self.root / ".local" / name).rglob("*")]
        own = [path for path in files if path.is_file() and path.name != "ca.pem"]
        assert {path.stat().st_mode & 0o777 for path in own} == {0o600}
        return {path.name: _secret(path.read_text()) for path in own if path.suffix not in {".acl", ".json"}}

    def written(self) -> list[Path]:
        """What the stack's processes have said, and the configuration that they read."""
        state = self.root / ".local"
        logs = [*state.glob("log/*"), *state.glob("kafka/**/log/*"), *state.glob("redis/log/*"), *state.glob("*.toml")]
        return [path for path in logs if path.is_file()]

    def logins_counted(self) -> int:
        return sum(json.loads(self.tool("top", "1000000", "--json").stdout or "{}").values())


def _secret(text: str) -> str:
    """A password; of a key the first line that is its own."""
    return text.splitlines()[1] if text.startswith("-----BEGIN") else text.strip()


def eventually(holds: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)

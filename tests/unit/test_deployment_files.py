"""The files that serve the tests, a laptop and a real deployment alike."""

import configparser
import re
from pathlib import Path

import pytest

from deploy.local.servers import BROKER_PROPERTIES, Broker
from processor import config
from processor.cli.processes import PROCESSES
from processor.settings import Settings
from tests.stack import ROOT


def test_every_variable_of_the_broker_is_explained_and_set(tmp_path: Path) -> None:
    text = BROKER_PROPERTIES.read_text()
    used = set(re.findall(r"\$\{env:(\w+)\}", text))
    explained = set(re.findall(r"^#   (KAFKA_\w+) ", text, flags=re.MULTILINE))

    given = {name for name in Broker(tmp_path, tmp_path, 1, 2).environment() if name in used}

    assert used == explained == given


def test_supervisor_waits_longer_than_a_worker_drains() -> None:
    conf = configparser.RawConfigParser(inline_comment_prefixes=None)
    conf.read(ROOT / "supervisord.conf")

    for program in ("program:worker", "program:flusher"):
        assert conf.getfloat(program, "stopwaitsecs") > Settings().worker.drain_seconds


def test_supervisor_starts_every_process_again_and_gives_none_up() -> None:
    conf = configparser.RawConfigParser(inline_comment_prefixes=None)
    conf.read(ROOT / "supervisord.conf")

    assert {f"program:{name}" for name in PROCESSES} <= set(conf.sections())
    for program in (section for section in conf.sections() if section.startswith("program:")):
        assert conf.getboolean(program, "autorestart")
        assert conf.getint(program, "startretries") >= 1_000_000


def test_the_readme_makes_each_folder_that_supervisor_writes_to() -> None:
    conf = (ROOT / "supervisord.conf").read_text()
    written = {
        path.rpartition("/")[0] for path in re.findall(r"%\(here\)s/(\.local/\S+\.\w+)$", conf, flags=re.MULTILINE)
    }
    made = re.search(r"^    mkdir -p ([^#\n]+)", (ROOT / "README.md").read_text(), flags=re.MULTILINE)

    assert written == {".local/log", ".local/run"}
    assert made is not None, "supervisord itself makes none, and does not start"
    assert set(made[1].split()) == written


def unit() -> configparser.SectionProxy:
    """The unit's [Service]; of a key that comes more than once the last."""
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=None)
    parser.read(ROOT / "deploy/vm/data-processor.service")
    return parser["Service"]


def test_systemd_waits_longer_than_supervisor_which_stops_one_group_after_the_other() -> None:
    conf = configparser.RawConfigParser(inline_comment_prefixes=None)
    conf.read(ROOT / "supervisord.conf")
    programs = [conf[section] for section in conf.sections() if section.startswith("program:")]
    together = sum(program.getfloat("stopwaitsecs", fallback=10.0) for program in programs)

    assert unit().getfloat("TimeoutStopSec") > together + 10


def test_the_unit_lets_supervisord_have_what_it_asks_for() -> None:
    conf = configparser.RawConfigParser(inline_comment_prefixes=None)
    conf.read(ROOT / "supervisord.conf")

    assert unit().getint("LimitNOFILE") >= conf.getint("supervisord", "minfds")
    assert unit().getfloat("WatchdogSec") > 2 * 5  # supervisord's tick, and one that came late


def test_what_is_put_on_a_vm_can_be_read_by_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (ROOT / "deploy/vm/environment").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    monkeypatch.chdir(ROOT)

    settings = config.load({}, ROOT / "deploy/vm/data-processor.toml").settings

    assert set(given) == {"WORKERS", "DATA_PROCESSOR_CONFIG"}
    assert int(given["WORKERS"]) == settings.topics.partitions
    assert settings.run_directory == Settings().run_directory  # .local in the release leads to the state folder


def test_no_file_of_the_deployment_names_a_path_outside_the_checkout() -> None:
    # deploy/vm is about one place on a VM, deploy/flink about one on Flink's machines, the containers' files about
    # places inside of them: they have to name them.
    apart = {"__pycache__", "vm", "flink", "Dockerfile", "compose.yaml"}
    everything = [path for path in (ROOT / "deploy").rglob("*") if path.is_file() and path.suffix != ".png"]
    files = [path for path in everything if not apart & set(path.parts)]
    found = [
        (path.name, word)
        for path in [*files, ROOT / "supervisord.conf"]
        for word in re.findall(r"(?<![\w.}~*])/(?:work|root|tmp|home|opt|usr|etc|var)/\S*", path.read_text())
    ]

    assert found == []

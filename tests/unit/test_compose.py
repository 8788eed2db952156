"""The containers: one valid compose file that mounts what exists, publishes here alone, and fits our files."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy.local.brokers import ZONES
from deploy.local.servers import BROKER_PROPERTIES
from processor import config
from tests.stack import ROOT

DEPLOY = ROOT / "deploy"
FILE = DEPLOY / "compose.yaml"
COMPOSE: dict[str, Any] = YAML(typ="safe").load(FILE)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BROKERS = {name: service for name, service in SERVICES.items() if name.startswith("kafka-") and name[-1].isdigit()}
POOL = {name: service for name, service in SERVICES.items() if "build" in service}
VMS = {name: service for name, service in POOL.items() if name.startswith("vm-")}


def test_it_is_what_the_compose_specification_calls_one() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_mounts_builds_and_waits_for_exists(name: str) -> None:
    service = SERVICES[name]
    mounts = [str(mount).split(":") for mount in service.get("volumes", ())]

    assert all((DEPLOY / source).exists() for source, *_ in mounts if source.startswith("."))
    assert {source for source, *_ in mounts if not source.startswith(".")} <= COMPOSE["volumes"].keys()
    assert set(service["networks"]) <= COMPOSE["networks"].keys()
    assert set(service.get("depends_on", ())) <= SERVICES.keys()
    if "build" in service:
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "build" in service or int(service["user"].split(":")[0]) > 0, "it would run as root, or as its image likes"
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert ("ports" in service) == ("outside" in service["networks"])
    assert COMPOSE["networks"]["inside"]["internal"]


@pytest.mark.parametrize("name", [name for name in SERVICES if not name.endswith("-exporter")])
def test_whether_a_service_is_well_is_asked_of_it(name: str) -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()

    asked = SERVICES[name].get("healthcheck")

    assert asked or (name in POOL and "HEALTHCHECK" in dockerfile)


def test_the_image_of_the_pool_is_not_root_and_holds_no_data() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    users = re.findall(r"^USER (\d+)", dockerfile, flags=re.MULTILINE)
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    taken = {line.removeprefix("!") for line in ignored if line.startswith("!")}

    assert users
    assert all(int(user) > 0 for user in users)
    assert "*" in ignored
    assert all((ROOT / name).exists() for name in taken)
    made_of = {"processor", "pyproject.toml", "supervisord.conf", "README.md", "LICENSE", "deploy/requirements.lock"}
    assert taken == made_of


def test_the_brokers_are_given_what_their_files_ask_for_and_agree_on_each_other() -> None:
    start = (DEPLOY / "kafka" / "start").read_text()
    asked = set(re.findall(r"\$\{env:(\w+)\}", BROKER_PROPERTIES.read_text()))
    asked |= set(re.findall(r"\$(KAFKA_\w+)", start))
    optional = set(re.findall(r"\$\{(KAFKA_\w+):-", start))

    for name, service in BROKERS.items():
        given = service["environment"]
        assert asked <= given.keys() <= asked | optional
        assert given["KAFKA_HOST"] == service["hostname"] == name
        assert f"{given['KAFKA_NODE_ID']}@{name}:{given['KAFKA_CONTROLLER_PORT']}:" in given["KAFKA_VOTERS"]
        assert f"{name}:{given['KAFKA_CONTROLLER_PORT']}" in given["KAFKA_CONTROLLERS"].split(",")
    environments = [service["environment"] for service in BROKERS.values()]
    assert sorted(given["KAFKA_RACK"] for given in environments) == sorted(ZONES)
    assert len({(given["KAFKA_VOTERS"], given["KAFKA_CLUSTER_ID"]) for given in environments}) == 1


def test_kafka_is_of_the_version_that_runs_natively() -> None:
    wanted = re.search(r"<kafka\.version>(.+)</kafka\.version>", (DEPLOY / "kafka" / "pom.xml").read_text())

    assert wanted is not None
    assert {service["image"] for service in BROKERS.values()} == {f"apache/kafka:{wanted[1]}"}


@pytest.mark.parametrize("name", POOL)
def test_the_pools_settings_are_valid_and_fit_the_brokers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    given = {key: str(value) for key, value in POOL[name]["environment"].items() if key.startswith("DATA_PROCESSOR_")}

    settings = config.load(given).settings

    servers = str(settings.kafka.client["bootstrap.servers"]).split(",")
    assert servers == [f"{broker}:9092" for broker in BROKERS]
    assert (settings.topics.replication_factor, settings.topics.min_insync_replicas) == (3, 2)
    assert settings.redis.url.startswith("redis://redis:")
    assert settings.topics.partitions == sum(int(vm["environment"]["WORKERS"]) for vm in VMS.values())
    if name in VMS:
        assert settings.kafka.client["client.rack"] in ZONES
        assert VMS[name]["hostname"] == name


def test_prometheus_asks_services_that_there_are_and_has_a_job_for_each_file_of_targets() -> None:
    jobs = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    files = sorted((DEPLOY / "compose" / "targets").iterdir())

    for path in files:
        assert f"targets/{path.name}" in jobs
        (group,) = YAML(typ="safe").load(path)
        assert all(target.split(":")[0] in {*SERVICES, "127.0.0.1"} for target in group["targets"])
    vms = YAML(typ="safe").load(DEPLOY / "compose" / "targets" / "data-processor.yml")[0]["targets"]
    assert [target.split(":")[0] for target in vms] == list(VMS)


def test_grafana_is_given_what_its_provisioning_asks_for() -> None:
    files = (DEPLOY / "grafana" / "provisioning").rglob("*.yml")
    asked = {name for path in files for name in re.findall(r"\$\{(\w+)\}", path.read_text())}
    given = SERVICES["grafana"]["environment"]
    mounted = {str(mount).split(":")[1] for mount in SERVICES["grafana"]["volumes"]}

    assert asked <= given.keys()
    assert given["GRAFANA_DASHBOARDS"] in mounted
    assert any(path.suffix == ".json" for path in (DEPLOY / "grafana" / "dashboards").iterdir())


def test_a_brokers_start_script_is_one_that_a_plain_shell_reads(tmp_path: Path) -> None:
    done = subprocess.run(["sh", "-n", DEPLOY / "kafka" / "start"], capture_output=True, check=False, cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, b"")

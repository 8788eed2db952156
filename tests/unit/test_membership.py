"""Who a slot is: the same after every restart, and never the same as another pool's."""

import re
from pathlib import Path

from msgspec import structs

from processor.kafka.membership import client_id, identity, instance_id, transactional_id
from processor.settings import KafkaSettings, Settings

POOL = Settings(host="vm-1", group="pool", run_directory="run")


def test_names_are_made_of_host_and_slot() -> None:
    assert instance_id(POOL, 3) == "vm-1-worker-03"
    assert transactional_id(POOL, 3) == "pool-vm-1-worker-03"
    assert client_id(POOL, 3) == f"vm-1-worker-03@{identity(POOL)}"


def test_a_restart_changes_nothing() -> None:
    assert identity(POOL) == identity(Settings(host="vm-1", group="pool", run_directory="run"))


def test_an_identity_is_short_and_harmless() -> None:
    assert re.fullmatch("[0-9a-f]{8}", identity(POOL))


def test_a_pool_in_another_folder_is_another_one(tmp_path: Path) -> None:
    assert identity(structs.replace(POOL, run_directory=str(tmp_path))) != identity(POOL)


def test_the_same_folder_by_another_path_is_the_same_pool(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    real, link = (structs.replace(POOL, run_directory=str(tmp_path / name / "run")) for name in ("real", "link"))

    assert identity(real) == identity(link)


def test_it_can_be_told_whatever_the_brokers_are_called() -> None:
    for servers in ("nobody.invalid:9092", "[::1]:9092", "no port", "", "127.0.0.1:9092,127.0.0.2:9092"):
        pool = structs.replace(POOL, kafka=KafkaSettings(client={"bootstrap.servers": servers}))
        assert len(identity(pool)) == 8

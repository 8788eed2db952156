"""The committed SQL is what the generator writes from the settings' defaults and the message types."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from deploy.flink import sql
from processor.errors import Refused
from processor.logins.schema import ProcessedLogin
from processor.settings import PrivacySettings, Settings

FOLDER = Path(sql.__file__).parent


def test_the_committed_texts_are_what_the_generator_writes() -> None:
    assert (FOLDER / "job.sql").read_text() == sql.Job(Settings()).text()
    assert (FOLDER / "ksqldb.sql").read_text() == sql.ksqldb(Settings())


def test_columns_are_the_fields_of_the_messages_in_their_order() -> None:
    assert sql.columns(ProcessedLogin).startswith("`user_id` STRING, `app_version` STRING")
    assert sql.columns(ProcessedLogin).endswith("`timestamp` BIGINT, `processed_timestamp` BIGINT")


def test_logins_begin_where_they_are_told_to() -> None:
    held, at = (sql.Job(Settings(), begin).text() for begin in ("held", {1: 7, 0: 5}))
    assert "'topic-pattern' = 'user-login-held-no-such-topic'" in held
    assert "'scan.startup.specific-offsets' = 'partition:0,offset:5;partition:1,offset:7'" in at


def test_counts_of_before_are_read_to_their_end_and_published_only_with_a_login_since() -> None:
    text = sql.Job(Settings(), "held", {1: 7, 0: 5}).text()
    assert "'scan.bounded.specific-offsets' = 'partition:0,offset:5;partition:1,offset:7'" in text
    assert "SET 'table.exec.sink.not-null-enforcer' = 'DROP';" in text
    assert "`login_count` BIGINT NOT NULL" in text
    assert "HAVING" not in text, "a filter behind an aggregate has Flink write tombstones"


def test_what_flink_does_not_do_is_refused() -> None:
    with pytest.raises(Refused, match="keeps addresses"):
        sql.Job(replace(Settings(), privacy=PrivacySettings(ip="drop"))).text()

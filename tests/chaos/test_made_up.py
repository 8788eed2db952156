"""What the generator makes up: as strange as it gets, and judged by the oracle's model as the processor judges it."""

from collections import Counter
from itertools import islice, repeat
from random import Random

import pytest

from processor.logins.decode import Decoder
from processor.logins.process import encode
from processor.logins.records import Rejected
from tests.chaos import model
from tests.chaos.made_up import UNUSUAL, MadeUp, Record, Users

NOW = 1_700_000_000_000
REASONS_MADE = {
    *("tombstone", "empty", "encoding", "json", "nesting", "number", "not-an-object", "user-id", "timestamp", "field")
}


def logins(number: int, seed: int = 1) -> list[Record]:
    made_up, users = MadeUp(seed), Users(100, 4)
    return [made_up.login(users.draw(n % 4, made_up.random)) for n in range(number)]


def malformed(number: int) -> list[Record]:
    return list(islice(map(MadeUp.malformed, repeat(MadeUp(1))), number))


def test_a_seed_makes_the_same_logins_again() -> None:
    assert logins(2000, seed=3) == logins(2000, seed=3) != logins(2000, seed=4)


def test_each_login_is_one_by_the_model_and_by_the_processor_and_becomes_the_same_record() -> None:
    decoder = Decoder("keep")
    for record in logins(30 * 8 * len(UNUSUAL)):
        decoded = decoder.decode(record.value, NOW)
        assert not isinstance(decoded, Rejected), record.value

        written = model.parsed(encode(decoded, NOW + 1))

        assert written.pop("processed_timestamp") == NOW + 1
        assert list(written.items()) == list(model.processed(record.value, NOW).items())


def test_each_malformed_record_is_none_for_the_same_reason() -> None:
    decoder = Decoder("keep")
    for record in malformed(1000):
        decoded = decoder.decode(record.value, NOW)
        assert isinstance(decoded, Rejected), record.value

        with pytest.raises(model.NoLogin) as why:
            model.processed(record.value, NOW)

        assert str(why.value) == decoded.reason


def test_malformed_records_have_every_reason_that_a_client_can_give() -> None:
    reasons = {found.reason for record in malformed(2000) if isinstance(found := decode(record), Rejected)}

    assert reasons == REASONS_MADE
    assert max(len(record.value or b"") for record in malformed(2000)) > 200_000


def decode(record: Record) -> object:
    return Decoder("keep").decode(record.value, NOW)


def test_each_login_has_a_number_of_its_own() -> None:
    numbers = [model.processed(record.value, NOW)["device_id"] for record in logins(500)]

    assert numbers == [f"d-{n}" for n in range(500)]


def test_some_users_log_in_far_more_often_than_others() -> None:
    users, random = Users(1000, 4), Random(5)
    drawn = Counter(users.draw(n % 4, random) for n in range(20_000))

    assert sum(logins for _, logins in drawn.most_common(125)) >= 9_000
    assert len(drawn) > 900


def test_a_time_stamp_is_rounded_down() -> None:
    times = {b"1.9999": 1999, b"-1.5": -1500, b'"1969-12-31T23:59:59.9999"': -1, b"1694479551.1239": 1694479551123}

    read = {text: model.processed(b'{"user_id":"u","timestamp":%b}' % text, NOW)["timestamp"] for text in times}

    assert read == times

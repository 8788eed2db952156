"""What a login becomes on processed-logins."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.logins.decode import Decoder
from processor.logins.process import encode, process
from processor.logins.records import Login
from tests.twins.record import MemoryRecord

NOW = 1_700_000_000_123
FIELDS = [
    "user_id", "app_version", "device_type", "ip", "locale", "device_id", "timestamp", "processed_timestamp",
]  # fmt: skip

texts = st.none() | st.text()
logins = st.builds(
    Login, st.text(min_size=1, max_size=256), texts, texts, texts, texts, texts, st.integers(-(10**14), 10**14)
)


def login_of(value: bytes, unknown_fields: str = "keep") -> Login:
    login = Decoder(unknown_fields).decode(value, NOW)
    assert isinstance(login, Login)
    return login


@given(logins)
def test_a_processed_record_has_the_eight_fields_in_their_order_as_utf_8_json(login: Login) -> None:
    processed = json.loads(encode(login, NOW).decode())

    assert list(processed) == FIELDS
    assert processed == {name: getattr(login, name) for name in FIELDS}
    assert processed["processed_timestamp"] == NOW


def test_unknown_fields_follow_as_the_text_they_came_in_and_in_their_order() -> None:
    login = login_of(
        b'{"z":1.10,"user_id":"u","a":1e5,"timestamp":1694479551,'
        b'"n":123456789012345678901234567890,"o":{ "k" : [ 1,\n2 ] , "k":"\\u00e9\\/" },"z":-0.0}'
    )

    assert encode(login, NOW) == (
        b'{"user_id":"u","app_version":null,"device_type":null,"ip":null,"locale":null,"device_id":null,'
        b'"timestamp":1694479551000,"processed_timestamp":1700000000123,'
        b'"z":-0.0,"a":1e5,"n":123456789012345678901234567890,"o":{ "k" : [ 1,\n2 ] , "k":"\\u00e9\\/" }}'
    )


@pytest.mark.parametrize("name", ['a"b', "a\\b", "\x00\n", "\N{ROCKET}", "", "user_id\x00", "\u2028"])
def test_the_name_of_an_unknown_field_keeps_its_meaning(name: str) -> None:
    login = login_of(json.dumps({"user_id": "u", name: "kept"}).encode())

    assert json.loads(encode(login, NOW).decode())[name] == "kept"


def test_unknown_fields_are_left_out_when_they_are_to_be_dropped() -> None:
    login = login_of(b'{"user_id":"u","other":1}', "drop")

    assert list(json.loads(encode(login, NOW))) == FIELDS


@pytest.mark.parametrize("given_value", ["1", "-1", "null", '"yesterday"', "[1]", '{"at":1}', "1e5", "9" * 400])
@pytest.mark.parametrize("unknown", ["", ',"other":1'])
def test_a_processed_timestamp_of_the_input_is_replaced(given_value: str, unknown: str) -> None:
    login = login_of(f'{{"processed_timestamp":{given_value},"user_id":"u"{unknown}}}'.encode())

    members = json.loads(encode(login, NOW), object_pairs_hook=list)

    assert [held for name, held in members if name == "processed_timestamp"] == [NOW]


def test_a_login_with_unknown_fields_among_others_keeps_its_place() -> None:
    values = [b'{"user_id":"a"}', b'{"user_id":"b","other":[1]}', b"{", b'{"user_id":"c"}']

    users, outputs = process(
        Decoder("keep"), [MemoryRecord((0, at), None, value) for at, value in enumerate(values)], NOW
    )

    processed = [json.loads(output) for output in outputs if output is not None]
    assert [user for user in users if isinstance(user, str)] == ["a", "b", "c"]
    assert [record["user_id"] for record in processed] == ["a", "b", "c"]
    assert [record.get("other") for record in processed] == [None, [1], None]
    assert [output is None for output in outputs] == [False, False, True, False]

"""The JSON Schemas say what the decoder does."""

import json
import re

import pytest
from hypothesis import given, settings

from processor.logins.decode import Decoder
from processor.logins.process import encode
from processor.logins.records import Login, Rejected
from processor.logins.schema import MESSAGES, Message, json_schema
from tests.unit.test_decode_agreement import written_times

NOW = 1_700_000_000_123


def accepted_as_text(text: str) -> bool:
    kinds = json_schema("login")["properties"]["timestamp"]["anyOf"]
    (pattern,) = [kind["pattern"] for kind in kinds if "pattern" in kind]
    return re.search(pattern, text) is not None and not text.endswith("\n")  # in JSON Schema $ is the very end


@pytest.mark.parametrize("message", MESSAGES)
def test_a_schema_names_its_draft_stands_alone_and_is_json(message: Message) -> None:
    schema = json_schema(message)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["type"] == "object"
    assert schema["description"]
    assert "$ref" not in json.dumps(schema)


def test_the_schemas_have_the_fields_of_the_records_in_their_order() -> None:
    processed = json_schema("processed")

    assert tuple(processed["properties"]) == Login.__struct_fields__
    assert processed["required"] == list(Login.__struct_fields__)
    assert set(json_schema("login")["properties"]) == set(Login.__struct_fields__) - {"processed_timestamp"}
    assert json_schema("login")["required"] == ["user_id"]
    assert json_schema("aggregation")["required"] == ["user_id", "login_count"]


def test_fields_that_no_one_announced_are_allowed() -> None:
    assert all("additionalProperties" not in json_schema(message) for message in MESSAGES)


@settings(deadline=None)
@given(written_times)
def test_a_time_stamp_that_is_accepted_fits_its_schema(text: str) -> None:
    login = Decoder("keep").decode(json.dumps({"user_id": "u", "timestamp": text}).encode(), NOW)

    if isinstance(login, Rejected):
        assert not accepted_as_text(text) or "such date" in login.message or "years" in login.message
    else:
        assert accepted_as_text(text)
        instant = json_schema("processed")["properties"]["timestamp"]
        assert instant["minimum"] <= json.loads(encode(login, NOW))["timestamp"] <= instant["maximum"]


def test_the_examples_of_the_schema_are_accepted() -> None:
    kinds = json_schema("login")["properties"]["timestamp"]["anyOf"]

    for example in [example for kind in kinds for example in kind.get("examples", [])]:
        value = json.dumps({"user_id": "u", "timestamp": example}).encode()
        assert isinstance(Decoder("keep").decode(value, NOW), Login), example

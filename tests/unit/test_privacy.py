"""Addresses are personal data: what becomes of them, and that nothing else becomes of anything."""

import json
from ipaddress import ip_address, ip_network
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.config import load
from processor.errors import ConfigurationError
from processor.kafka.dead_letters import dead_letter
from processor.kafka.letters import Letter, letter
from processor.logins.batch import Batch, Part
from processor.logins.decode import Decoder
from processor.logins.judge import OVERHEAD_BYTES, Judge
from processor.logins.malformed import SPOILED, field_of_another_type
from processor.logins.privacy import MOST_CACHED, Ip, Redaction, Replacements, hashed, redaction, truncated
from processor.logins.records import Rejected
from tests.twins.record import MemoryRecord

patient = settings(deadline=None)  # a busy machine takes its time

KEY = "a key of sixteen or more"
ADDRESS = "203.0.113.77"
LOGIN = b'{"user_id": "u", "ip": "%b", "locale": "RU", "timestamp": "1694479551"}' % ADDRESS.encode()
SMALL = 175 + OVERHEAD_BYTES  # some of the drawn logins fit this with one setting and would not with another

modes = st.sampled_from([mode for mode in get_args(Ip) if mode != "keep"])
addresses = st.ip_addresses().map(str)
ips = addresses | st.text(max_size=70) | st.sampled_from(["", '","locale":', '\\","ip":', "hmac:1", "::ffff:1.2.3.4"])
fields = {
    "app_version": st.none() | st.sampled_from(['","ip":', "1.0"]),
    "ip": st.none() | ips,
    "locale": st.none() | st.sampled_from(["RU", '","ip":']),
    "more": st.none() | st.integers() | st.text(max_size=20),
}
users = st.sampled_from(["u", '","ip":"1.2.3.4","locale":"', '\\","ip":', "é"])
logins = st.fixed_dictionaries({"user_id": users}, optional=fields).map(json.dumps).map(str.encode)
strange = st.none() | st.binary(max_size=20) | st.sampled_from([b"", b"{", b"[]", b'{"user_id":1,"ip":7}'])


def made(mode: str) -> Redaction:
    found = redaction(mode, KEY)  # type: ignore[arg-type]
    assert found is not None
    return found


def judged(values: list[bytes | None], redacted: Redaction | None, limit: int = 1_000_000) -> Batch:
    records = [MemoryRecord((0, at), None, value) for at, value in enumerate(values)]
    return Judge(Decoder("keep"), limit, lambda: 5, redacted).judge(Part(0, records, len(records)))


@given(addresses)
def test_a_truncated_address_is_its_network(address: str) -> None:
    mapped = getattr(ip_address(address), "ipv4_mapped", None)
    bits = 120 if mapped else 24 if "." in address else 48

    assert truncated(address) is not None
    assert ip_address(truncated(address) or "") == ip_network(f"{address}/{bits}", strict=False).network_address
    assert truncated(truncated(address) or "") == truncated(address)


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3.4:80", "1.2.3", " 1.2.3.4", "1.2.3.4/8", "0x01020304"])
def test_what_is_no_address_can_not_be_truncated_and_goes(text: str) -> None:
    assert truncated(text) is None


def test_a_zone_goes_with_the_host_part() -> None:
    assert truncated("fe80::1%eth0") == "fe80::"


@given(ips, ips)
def test_equal_addresses_have_equal_hashes_and_different_ones_different_hashes(one: str, another: str) -> None:
    replace = hashed(KEY.encode())

    assert (replace(one) == replace(another)) == (one == another)
    assert replace(one) != hashed(b"another key altogether")(one)
    assert len(replace(one)) == len("hmac:") + 32
    assert replace(replace(one)) == replace(one), "a redriven letter comes by twice"


@patient
@given(modes, st.lists(logins | strange, min_size=1, max_size=6))
def test_of_a_processed_record_nothing_but_the_address_is_changed(mode: str, values: list[bytes | None]) -> None:
    plain, redacted = judged(values, None), judged(values, made(mode))

    assert (redacted.users, redacted.keys, redacted.rejected) == (plain.users, plain.keys, plain.rejected)
    assert redacted.size >= sum(len(text or b"") for column in (redacted.keys, redacted.values) for text in column)
    for before, after in zip(plain.values, redacted.values, strict=True):
        if before is None or after is None:
            assert before is after
            continue
        was, now = (json.loads(value, object_pairs_hook=list) for value in (before, after))
        assert [member for member in was if member[0] != "ip"] == [member for member in now if member[0] != "ip"]
        assert [name for name, _ in was] == [name for name, _ in now]
        assert dict(now)["ip"] == wanted(mode, dict(was)["ip"])


def wanted(mode: str, ip: str | None) -> str | None:
    """What the settings say in prose, once more."""
    if ip is None or mode == "drop":
        return None
    return truncated(ip) if mode == "truncate" else hashed(KEY.encode())(ip)


@patient
@given(modes, st.lists(logins, min_size=1, max_size=6))
def test_what_counts_as_a_login_is_the_same_with_every_setting(mode: str, values: list[bytes]) -> None:
    assert judged(list(values), made(mode), SMALL).users == judged(list(values), None, SMALL).users


@patient
@given(modes, logins | strange | st.builds(lambda text: b'{"ip": ' + text + b"}", st.sampled_from([b"{}", b"7", b"0"])))
def test_a_letter_keeps_every_member_but_the_address_and_what_is_no_object_goes(mode: str, value: bytes | None) -> None:
    redacted = made(mode).letter(value)

    try:
        members: Any = json.loads((value or b"").decode())
    except ValueError:
        members = None
    if not value:
        assert redacted == value
    elif not isinstance(members, dict):
        assert redacted is None
    elif "ip" not in members:
        assert redacted == value
    else:
        found = json.loads(redacted or b"")
        assert list(found) == list(members)
        ip = members.pop("ip")
        assert found.pop("ip") == (wanted(mode, ip) if isinstance(ip, str) else None)
        assert found == members
        assert made(mode).letter(redacted) == redacted


@pytest.mark.parametrize("mode", ["truncate", "hash", "drop"])
@pytest.mark.parametrize("spoil", [s for s in SPOILED if s is not field_of_another_type], ids=lambda s: s.__name__)
def test_no_address_is_left_in_anything_that_is_written(mode: str, spoil: Any) -> None:
    value, redacted = spoil(LOGIN), made(mode)
    record = MemoryRecord((1, 7), b"u", value)
    batch = Judge(Decoder("keep"), 1_000_000, lambda: 5, redacted).judge(Part(1, [record], 8))
    why = batch.users[0]
    assert isinstance(why, Rejected), spoil.__name__

    dead = dead_letter("user-login", record, why, 1_000_000, redacted)

    assert ADDRESS.encode() not in (dead.value or b"")
    assert not any(ADDRESS.encode() in (held or b"") for _, held in dead.headers)
    read = letter(MemoryRecord((0, 0), dead.key, dead.value, dead.headers), "user-login")
    assert isinstance(read, Letter)
    if value and dead.value is None:
        assert read.left_out.value == len(value), "so that the tools fetch it from the input while it is there"
        assert dict(dead.headers)["dead-letter.ip"] == b"left out with the value"
    elif dead.value != value:
        assert dict(dead.headers)["dead-letter.ip"] == b"replaced"


def test_names_written_with_escapes_and_all_of_equal_names_are_addresses_too() -> None:
    value = rb'{"ip":"1.2.3.4", "\u0069p" : "203.0.113.77","user_id":[1,  2]}'

    assert made("truncate").letter(value) == b'{"ip":"203.0.113.0","user_id":[1,  2]}'


def test_kept_addresses_are_not_even_looked_at() -> None:
    assert redaction("keep", "") is None
    record = MemoryRecord((0, 0), b"k", LOGIN[:-1])
    assert dead_letter("t", record, Rejected("json", ""), 10_000, None).value == LOGIN[:-1]


def test_the_cache_is_bounded_in_number_and_in_size() -> None:
    cache = Replacements(lambda address: address)
    for number in range(MOST_CACHED + 10):
        assert cache[b'"%d"' % number] == b'"%d"' % number
    assert len(cache) <= MOST_CACHED
    assert cache[b'"' + b"x" * 100_000 + b'"'] not in cache


def test_a_keyed_hash_needs_a_key_of_some_length_which_is_never_shown() -> None:
    variables = {"DATA_PROCESSOR_PRIVACY_IP": "hash"}
    with pytest.raises(ConfigurationError, match=r"privacy\.ip: a keyed hash needs a key of 16 characters") as refused:
        load({**variables, "DATA_PROCESSOR_PRIVACY_IP_KEY": "short"})
    assert "short" not in str(refused.value)
    assert load({**variables, "DATA_PROCESSOR_PRIVACY_IP_KEY": KEY}).settings.privacy.ip_key == KEY

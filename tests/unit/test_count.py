"""How logins are counted: the sums don't depend on how they are divided."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from processor.logins.count import shard_of, tally

users = st.lists(st.text("abc\N{ROCKET}", min_size=1, max_size=3))
shard_numbers = st.integers(1, 128)


def crc_32(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xEDB88320 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def test_a_user_stays_in_its_shard_for_ever() -> None:
    assert shard_of("123456789", 128) == 0xCBF43926 % 128  # the check value that CRC-32 is known by


@given(st.text(min_size=1), shard_numbers)
def test_a_users_shard_is_the_crc_32_of_their_utf_8(user: str, shards: int) -> None:
    assert shard_of(user, shards) == crc_32(user.encode()) % shards


@given(users, shard_numbers)
def test_every_login_is_counted_once_in_its_users_shard(user_ids: list[str], shards: int) -> None:
    sums = tally(user_ids, shards)

    assert len(sums) == shards
    assert sum(sums, Counter()) == Counter(user_ids)
    assert all(shard_of(user, shards) == shard for shard, counter in enumerate(sums) for user in counter)


@given(users, users, shard_numbers)
def test_sums_of_two_batches_are_those_of_both_together(first: list[str], second: list[str], shards: int) -> None:
    separately = [a + b for a, b in zip(tally(first, shards), tally(second, shards), strict=True)]

    assert separately == tally(first + second, shards)

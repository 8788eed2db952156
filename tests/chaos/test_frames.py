"""Frames, however their bytes arrive."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chaos import frames
from tests.chaos.frames import Frames


@settings(deadline=None)
@given(st.lists(st.binary(max_size=30)), st.integers(0, 2**32), st.sets(st.integers(0, 30)))
def test_frames_pass_or_are_kept_whole_however_the_stream_was_divided(
    bodies: list[bytes], seed: int, keep: set[int]
) -> None:
    made = [frames.RESPONSE_HEADER.pack(4 + len(body), n) + body for n, body in enumerate(bodies)]
    kept: list[bytes] = []
    cutter = Frames(8, lambda header: kept.append if frames.correlation(header) in keep else None)

    stream, dice = b"".join(made), Random(seed)
    cuts = sorted(dice.choices(range(len(stream) + 1), k=dice.randrange(8)))
    passed = [cutter.feed(stream[a:b]) for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert kept == [frame for n, frame in enumerate(made) if n in keep]
    assert b"".join(passed) == b"".join(frame for n, frame in enumerate(made) if n not in keep)

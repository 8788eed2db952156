"""Python's sleep for a process under libfaketime, which answers EINVAL to the system call behind the usual one.

That call names a moment of the monotonic clock (clock_nanosleep, TIMER_ABSTIME), and libfaketime 0.9.10 shifts it as if
it were the clock that jumps.
"""

import select
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep

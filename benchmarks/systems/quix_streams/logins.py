"""The pool's work as Quix Streams does it: BOOTSTRAP GROUP INPUT PROCESSED AGGREGATIONS GUARANTEE STATE_FOLDER."""

import sys
import time
from typing import Any

from quixstreams import Application, State


def process(login: dict[str, Any]) -> None:
    """Make a login the processed record: its id a string, and when it was processed."""
    login["user_id"] = str(login["user_id"])
    login["processed_timestamp"] = time.time_ns() // 1_000_000


def count(login: dict[str, Any], state: State) -> dict[str, Any]:
    """One login more of a user, whose state this is: the record's key is the user's id."""
    logins = state.get("logins", 0) + 1
    state.set("logins", logins)
    return {"user_id": login["user_id"], "login_count": logins}


def main(bootstrap: str, group: str, names: list[str], guarantee: Any, folder: str) -> None:
    """Run until killed."""
    app = Application(
        bootstrap,
        consumer_group=group,
        processing_guarantee=guarantee,
        auto_offset_reset="earliest",
        state_dir=folder,
        commit_interval=1.0,  # its default of 5 s would make the measurement coarser, and hardly cheaper
        consumer_extra_config={"queued.min.messages": 100_000, "fetch.queue.backoff.ms": 10},
        producer_extra_config={"compression.type": "lz4", "linger.ms": 20, "queue.buffering.max.messages": 500_000},
        loglevel="WARNING",
    )
    taken, processed, aggregations = (app.topic(name, value_serializer="json") for name in names)
    # One chain: after a fork, each branch would be handed a copy of its own of every login.
    app.dataframe(taken).update(process).to_topic(processed).apply(count, stateful=True).to_topic(aggregations)
    app.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:6], sys.argv[6], sys.argv[7])

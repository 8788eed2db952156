"""What `deploy/local/down` does."""

from deploy.local import state
from deploy.local.pool import Supervisor
from deploy.local.progress import step
from deploy.local.starting import servers_of
from deploy.local.state import Options


def down(*, wipe: bool) -> None:
    """Stop the pool, then Redis and Kafka; their data stays, and deploy/local/up brings it back."""
    state.prepare()
    with state.locked():
        supervisor, (redis, brokers) = Supervisor(), servers_of(state.saved_options() or Options())
        # The workers first: they drain into servers that are still there.
        for title, server, runs in (
            ("the pool drains", supervisor, supervisor.running),
            ("Redis stops", redis, redis.running),
            ("Kafka stops", brokers, not brokers.stopped),
        ):
            if runs:
                with step(title):
                    server.stop()
        if wipe:
            state.wipe()
            print(f"Nothing runs; data and logs are removed. Only Kafka's jars ({state.JARS}) and .venv are left.")
        else:
            print(f"Nothing runs; the data stays in {state.FOLDER}: deploy/local/up brings it back, --wipe removes it.")

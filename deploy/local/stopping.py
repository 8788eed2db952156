"""What `deploy/local/down` does."""

from deploy.local import state
from deploy.local.described import servers_of
from deploy.local.monitoring import Monitoring
from deploy.local.pool import Supervisor
from deploy.local.progress import step
from deploy.local.state import Options


def down(*, wipe: bool) -> None:
    """Stop the pool, then Redis and Kafka; their data stays, and deploy/local/up brings it back."""
    state.prepare()
    with state.locked():
        options = state.saved_options() or Options()
        supervisor, (redis, brokers), monitoring = Supervisor(), servers_of(options), Monitoring(options)
        # The workers first: they drain into servers that are still there.
        for title, server, runs in (
            ("Prometheus stops", monitoring, not monitoring.stopped),
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

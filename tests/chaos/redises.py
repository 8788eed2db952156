"""A Redis and its replica on machines of their own, with the append-only log that production has."""

from pathlib import Path

from tests.chaos.network import Machine
from tests.stack import RedisServer

PORT = 6379
# A file that may not grow is to Redis as a full disk; the signal that comes with it would end it.
PATIENT = ("env", "--ignore-signal=XFSZ")
# No password inside a network that nobody else can reach.
OPTIONS = ("--protected-mode", "no", "--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes")


class Redises:
    """Two servers: `primary` is the one that the pool's proxies lead to, `replica` follows it."""

    def __init__(self, directory: Path) -> None:
        self.machines = [Machine(f"redis-{number}", 30 + number) for number in (1, 2)]
        self._servers = [
            RedisServer(
                directory / machine.name,
                PORT,
                dies_with_parent=True,
                host=machine.address,
                within=(*machine.within, *PATIENT),
                options=OPTIONS,
            )
            for machine in self.machines
        ]

    @property
    def primary(self) -> RedisServer:
        """Where the pool writes."""
        return self._servers[0]

    @property
    def replica(self) -> RedisServer:
        """Its copy, a moment behind."""
        return self._servers[1]

    def start(self) -> None:
        """Start both; the second follows the first."""
        for server in self._servers:
            server.resume()
            server.start()
        self.follow()

    def follow(self) -> None:
        """Have the replica copy the primary, whatever it was before."""
        with self.replica.client() as client:
            client.execute_command("REPLICAOF", self.primary.host, str(PORT))

    def promote(self) -> None:
        """Make the replica the primary; the old one still believes it is one too, until `follow`."""
        with self.replica.client() as client:
            client.execute_command("REPLICAOF", "NO", "ONE")
        self._servers.reverse()

    def stop(self) -> None:
        """End both, however."""
        for server in self._servers:
            server.resume()
            server.kill()

"""What a Redis is started with on top of redis.conf when it is secured: TLS alone, and nobody without a name."""

from dataclasses import dataclass
from pathlib import Path

TLS_CONF = Path(__file__).resolve().parents[1] / "redis" / "tls.conf"


@dataclass(frozen=True)
class SecuredRedis:
    """Where its certificate, the authority's, and its users (deploy/redis/users.py) lie."""

    certificate: Path
    key: Path  # the same file as the certificate's, where that holds both
    ca: Path
    users: Path

    def options(self, port: int) -> tuple[str, ...]:
        """No secret is among them: they are there for anybody on this machine to read."""
        return (
            *("--include", str(TLS_CONF), "--tls-port", str(port)),
            *("--tls-cert-file", str(self.certificate), "--tls-key-file", str(self.key)),
            *("--tls-ca-cert-file", str(self.ca), "--aclfile", str(self.users)),
        )

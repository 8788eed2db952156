"""What is secret: reading it from files, and never showing it."""

import os
import re
from pathlib import Path
from secrets import token_urlsafe

from processor.errors import ConfigurationError
from processor.settings import Settings

MASK = "***"

_SECRET = re.compile(r"(^|[._])(password|secret|token|passphrase|key[._]pem|ssl_key|ip_key|oauthbearer\.config)$")
_IN_URL = re.compile(r"(://[^/@:\s]*:)[^@\s]*(@)")


def is_secret(key: str) -> bool:
    """Tell whether a key's value must never be shown (and may be given as `<key>.file`)."""
    return _SECRET.search(key) is not None


def masked(key: str, value: object) -> object:
    """Return what may be shown of a value: nothing of a secret, and no password inside a URL."""
    if is_secret(key):
        return MASK if value else ""
    return _IN_URL.sub(rf"\g<1>{MASK}\g<2>", value) if isinstance(value, str) else value


def read(path: str, key: str, origin: str) -> str:
    """Read a secret from its file, without the newline that editors put at the end."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not UTF-8 text"
        raise ConfigurationError(f"{key}: the secret file {path} can't be read: {reason} ({origin})") from problem
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise ConfigurationError(f"{key}: the secret file {path} is empty ({origin})")
    return secret


def make_up(path: Path) -> None:
    """Write a new secret to a file that is not there yet, for its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{token_urlsafe(32)}\n")


def in_force(settings: Settings) -> list[str]:
    """List the secrets themselves, so that a log can hide them."""
    kafka = settings.kafka
    given = {**kafka.client, **kafka.consumer, **kafka.producer}
    in_url = re.search(r"://[^/@:\s]*:([^@\s]*)@", settings.redis.url)
    found = [str(value) for key, value in given.items() if is_secret(key)]
    redis = settings.redis
    found += [
        settings.privacy.ip_key,
        settings.exporter.token,
        redis.password,
        redis.sentinel_password,
        in_url[1] if in_url else "",
    ]
    return [secret for secret in found if secret]

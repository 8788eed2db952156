"""An issuer of tokens, as OAuth's client credentials grant wants it: nobody signs them, and they hold for seconds."""

import json
import time
from base64 import b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

SECONDS = 5  # of a token's life


class Issuer(ThreadingHTTPServer):
    """What `issuer` starts; `issued` counts the tokens by whom they are for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.issued: Counter[str] = Counter()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/token"


class _Answer(BaseHTTPRequestHandler):
    server: Issuer

    def do_POST(self) -> None:
        """Believe whoever names himself."""
        self.rfile.read(int(self.headers["Content-Length"]))
        name = b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode().partition(":")[0]
        body = json.dumps({"access_token": _token(name)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.issued[name] += 1

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _token(name: str) -> str:
    now = time.time()
    return f"{_part({'alg': 'none'})}.{_part({'sub': name, 'iat': now, 'exp': now + SECONDS})}."


def _part(content: dict[str, object]) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@contextmanager
def issuer() -> Iterator[Issuer]:
    """Start one on a free port, and stop it."""
    with Issuer() as started:
        serving = Thread(target=started.serve_forever)
        serving.start()
        try:
            yield started
        finally:
            started.shutdown()
            serving.join()

"""TCP ports on this machine: which are free, and whether the right server answers on one."""

import random
import socket
import ssl
import struct
from contextlib import ExitStack, closing

LOOPBACK = "127.0.0.1"
# Below the range that the system hands to outgoing connections (32768 and up): a client that tries again and again to
# reach a server that is down could otherwise be given the server's own port, and find itself at the other end.
FREE_RANGE = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Tell whether a server could listen there now."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closed connections do not count
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def pick_free(count: int) -> list[int]:
    """Pick so many free ports, at random, so that stacks on one machine keep out of each other's way."""
    candidates = random.SystemRandom().sample(FREE_RANGE, len(FREE_RANGE))
    free = (port for port in candidates if is_free(port))
    return [next(free) for _ in range(count)]


def kafka_answers(port: int, host: str = LOOPBACK, context: ssl.SSLContext | None = None) -> bool:
    """Tell whether a broker there knows of one that takes part: a Metadata request, version 1, for no topics."""
    header = struct.pack(">hhih", 3, 1, 0, -1)  # key, version, correlation id, no client id
    request = header + struct.pack(">i", 0)
    answer = _ask(host, port, struct.pack(">i", len(request)) + request, 12, context)
    return len(answer) >= 12 and struct.unpack(">i", answer[8:12])[0] > 0


def redis_answers(port: int, host: str = LOOPBACK, context: ssl.SSLContext | None = None) -> bool:
    """Tell whether a Redis there has loaded its data; one that asks for a password counts."""
    answer = _ask(host, port, b"PING\r\n", 7, context)
    return answer.startswith((b"+PONG", b"-NOAUTH"))


def http_answers(port: int, path: str) -> bool:
    """Tell whether a web server there answers that path with 200."""
    request = f"GET {path} HTTP/1.0\r\nHost: {LOOPBACK}\r\n\r\n".encode()
    answer = _ask(LOOPBACK, port, request, at_least=12)
    return answer[8:12] == b" 200"


def _ask(host: str, port: int, request: bytes, at_least: int, context: ssl.SSLContext | None = None) -> bytes:
    answer = b""
    try:
        with ExitStack() as stack:
            connection = stack.enter_context(socket.create_connection((host, port), timeout=2))
            if context:
                connection = stack.enter_context(context.wrap_socket(connection, server_hostname=host))
            connection.sendall(request)
            while len(answer) < at_least and (more := connection.recv(4096)):
                answer += more
    except OSError:
        return answer
    return answer

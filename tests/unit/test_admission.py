"""The exporter's port with TLS and a token: who gets in, and that both may change while it runs."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from threading import Thread

import pytest

from processor.errors import ConfigurationError
from processor.exporter.admission import Admission
from processor.exporter.server import Page, Server
from processor.settings import ExporterSettings
from tests.certificates import Authority

TOKEN = "s3cret-token"  # noqa: S105 (the test's own)


def page(_accept: str) -> tuple[HTTPStatus, str, bytes]:
    return HTTPStatus.OK, "text/plain", b"numbers\n"


PAGES: dict[str, Page] = {"/metrics": page, "/healthz": page, "/readyz": page}


class Exporter:
    """A server on a free port, with the files that its settings name."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.certificate, self.key = self.authority.sign("exporter")
        self.token = folder / "token"
        self.token.write_text(f"{TOKEN}\n")
        files = {"certificate_file": str(self.certificate), "key_file": str(self.key), "token_file": str(self.token)}
        self.server = Server("127.0.0.1", 0, PAGES, Admission(ExporterSettings(token=TOKEN, **files)))
        self.port = self.server.server_address[1]

    def get(self, path: str, authorization: str | None = f"Bearer {TOKEN}", ca: Path | None = None) -> int:
        context = ssl.create_default_context(cafile=ca or self.authority.certificate)
        connection = HTTPSConnection("127.0.0.1", self.port, context=context, timeout=30)
        try:
            connection.request("GET", path, headers={"Authorization": authorization} if authorization else {})
            answer = connection.getresponse()
            assert (answer.read() == b"numbers\n") == (answer.status == HTTPStatus.OK)
            return answer.status
        finally:
            connection.close()


@contextmanager
def serving(folder: Path) -> Iterator[Exporter]:
    exporter = Exporter(folder)
    thread = Thread(target=exporter.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield exporter
    finally:
        exporter.server.shutdown()
        thread.join()
        exporter.server.server_close()


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    with serving(tmp_path_factory.mktemp("exporter")) as made:
        yield made


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/nowhere", "/metrics?x=1"])
@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "é"]
)
def test_nobody_without_the_token_is_told_anything(exporter: Exporter, path: str, authorization: str | None) -> None:
    assert exporter.get(path, authorization) == HTTPStatus.UNAUTHORIZED


def test_the_token_opens_everything_and_health_needs_none(exporter: Exporter) -> None:
    assert exporter.get("/metrics") == exporter.get("/readyz") == HTTPStatus.OK
    assert exporter.get("/nowhere") == HTTPStatus.NOT_FOUND
    assert exporter.get("/healthz", authorization=None) == HTTPStatus.OK


def test_plaintext_gets_nothing_and_holds_nobody_up(exporter: Exporter) -> None:
    plain = HTTPConnection("127.0.0.1", exporter.port, timeout=30)
    plain.request("GET", "/healthz")
    with pytest.raises((HTTPException, OSError)):
        plain.getresponse()
    plain.close()
    assert exporter.get("/metrics") == HTTPStatus.OK


def test_token_and_certificate_are_changed_while_it_runs(tmp_path: Path) -> None:
    with serving(tmp_path / "old") as exporter:
        assert exporter.get("/metrics") == HTTPStatus.OK
        exporter.token.write_text("")
        assert exporter.get("/metrics") == HTTPStatus.OK  # somebody writes it
        exporter.token.write_text("another\n")
        assert exporter.get("/metrics") == HTTPStatus.UNAUTHORIZED
        assert exporter.get("/metrics", "Bearer another") == HTTPStatus.OK

        other = Authority(tmp_path / "new")
        exporter.certificate.write_text("garbage")
        assert exporter.get("/healthz") == HTTPStatus.OK  # the one before holds on
        certificate, key = other.sign("exporter")
        exporter.key.write_bytes(key.read_bytes())
        exporter.certificate.write_bytes(certificate.read_bytes())
        assert exporter.get("/healthz", ca=other.certificate) == HTTPStatus.OK


def test_files_that_can_not_be_used_are_named_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"exporter\.certificate_file.*nowhere: No such file"):
        Admission(ExporterSettings(certificate_file=str(tmp_path / "nowhere")))

"""Certificates for the tests, by openssl: an authority, and whatever it signs, good and bad."""

import subprocess
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """Signs certificates; `certificate` is whom to trust."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.certificate, self._key = folder / f"{name}.crt", folder / f"{name}.key"
        subject = ("-subj", f"/CN={name}", "-days", "2")
        _openssl("req", "-x509", *_KEY, "-keyout", self._key, "-out", self.certificate, *subject)

    def sign(self, name: str, *names: str, days: int = 2) -> tuple[Path, Path]:
        """A certificate for these names, as IP:127.0.0.1 or DNS:localhost, and its key; -1 day: it has expired."""
        certificate, key, request, extensions = (self.folder / f"{name}.{end}" for end in ("crt", "key", "csr", "ext"))
        extensions.write_text(f"subjectAltName={','.join(names or ('IP:127.0.0.1', 'DNS:localhost'))}\n")
        _openssl("req", *_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        by = ("-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial", "-days", str(days))
        _openssl("x509", "-req", "-in", request, *by, "-extfile", extensions, "-out", certificate)
        return certificate, key


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], capture_output=True, check=True)

"""Images fetched over TLS: certificates have to be the host's own, by its name, though an address was connected to."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.errors import UpstreamTimeout
from gateway.providers import web
from gateway.providers.web import BROKEN
from tests.integration.pictures import ADDRESS, DATA_URL, PNG, ended, fetched, image_threads, network, refusal


class Secure(BaseHTTPRequestHandler):
    """Answers with an image."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(PNG)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


def certificate(name: str, folder: Path) -> Path:
    """A file of a key and a certificate that it signed itself, for one host."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "certificate.pem"
    file.write_bytes(secret + signed.public_bytes(pem))
    return file


@contextmanager
def secure_host(file: Path) -> Iterator[tuple[int, list[str | None]]]:
    """A host with this certificate: its port, and the names that clients asked for."""
    context, names = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), list[str | None]()
    context.load_cert_chain(file)
    context.set_servername_callback(lambda sock, name, _: names.append(name))
    with ThreadingHTTPServer(("127.0.0.1", 0), Secure) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # clients that do not trust it hang up
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        yield server.server_address[1], names
        server.shutdown()
        serving.join()


def trusting(file: Path) -> Callable[[], ssl.SSLContext]:
    """The gateway's own way of verifying, with one more authority."""

    def tls() -> ssl.SSLContext:
        context = web._tls.__wrapped__()
        context.load_verify_locations(file)
        return context

    return tls


def test_tls_is_asked_for_and_verified_by_the_host_s_name(tmp_path: Path) -> None:
    file = certificate("pictures.test", tmp_path)
    with secure_host(file) as (port, names):
        assert fetched(network(port, trusting(file)), "https://pictures.test/a.png") == [DATA_URL]
        assert names == ["pictures.test"]


def test_another_host_s_certificate_is_refused(tmp_path: Path) -> None:
    file = certificate("elsewhere.test", tmp_path)
    with secure_host(file) as (port, _):
        assert refusal(network(port, trusting(file)), "https://pictures.test/a.png") == BROKEN
        assert refusal(network(port, trusting(file)), f"https://{ADDRESS}/a.png") == BROKEN


def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = certificate("pictures.test", tmp_path)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(file))
    with secure_host(file) as (port, _):
        assert refusal(network(port), "https://pictures.test/a.png") == BROKEN


def test_a_host_that_stalls_before_tls_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        refusal(network(port), "https://pictures.test/a.png", kind=UpstreamTimeout, seconds=0.3)
        assert ended(image_threads())

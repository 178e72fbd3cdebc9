"""Reading from web addresses that customers name: from the public internet only, whatever the address pretends.

The gateway can reach what its customers cannot: its own instance's credentials, its neighbours, its network's names. So a
name is looked up once, all that it leads to has to be public, and the connection goes to one of these very addresses.
Redirects, proxies, cookies and decoding, through which other clients can be led elsewhere, do not exist here.
"""

import functools
import io
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, cast
from urllib.parse import quote

import certifi
import idna

from gateway import __version__
from gateway.deadline import Deadline

CONNECT_SECONDS = 3.0
PART_BYTES = 64 * 1024
MAX_URL = 8192
PORTS = {"http": 80, "https": 443}
"""The usual ones alone: other ports are for services that are not meant for everybody, and to scan for them."""

GLOBAL_UNICAST = ip_network("2000::/3")
NAT64 = ip_network("64:ff9b::/96")
NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            "192.0.0.0/24",  # IETF protocols; Oracle's metadata service
            "192.88.99.0/24",  # relays to 6to4
            "168.63.129.16/32",  # Azure's host, for its guests only
            "2001::/23",  # IETF protocols, Teredo among them, which carries an IPv4 address
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which carries an IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)
"""What `is_global` does not know, or not in every release of Python."""

URL = re.compile(r"(https?)://([^/?#]*)([^#]*)(?:#.*)?", re.IGNORECASE)
AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]*))?")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
PRIVATE_NAMES = re.compile(r"[^.]*|.*\.(?:localhost|local|internal|home\.arpa)")

INVALID = "is not a valid web address."
NOT_FOUND = "its host was not found on the public internet."
BROKEN = "its host cannot be reached, or broke off."
REDIRECTS = "leads to another address; redirects are not followed, so send the last one."


class Unfetchable(Exception):
    """An address cannot be read. The message is for the customer, and tells nothing of names, addresses and networks."""


@dataclass(frozen=True)
class WebAddress:
    """A URL's parts: `host` in ASCII, IPv6 without brackets; `target` is path and query, as they are sent."""

    scheme: str
    host: str
    target: str

    @property
    def port(self) -> int:
        """Its scheme's."""
        return PORTS[self.scheme]


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _connect(address: str, port: int, seconds: float) -> socket.socket:
    return socket.create_connection((address, port), seconds)


@functools.cache
def _tls() -> ssl.SSLContext:
    """Verifies certificates and names; nothing of the environment changes whom it trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(certifi.where())
    return context


@dataclass(frozen=True)
class Network:
    """How hosts are found and connected to; tests have one of their own.

    Attributes:
        resolve: host and port to IP addresses.
        connect: IP address, port and seconds to a connection.
        tls: what TLS connections are made with.
    """

    resolve: Callable[[str, int], list[str]] = _resolve
    connect: Callable[[str, int, float], socket.socket] = _connect
    tls: Callable[[], ssl.SSLContext] = _tls


INTERNET = Network()


def is_public(address: str) -> bool:
    """Whether an IP address is one that everybody on the internet can reach.

    IPv6 forms that carry an IPv4 address are not, but for NAT64's, by which IPv6 networks see the IPv4 internet.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        if ip in NAT64:
            return is_public(str(IPv4Address(ip.packed[-4:])))
        if ip.scope_id or ip not in GLOBAL_UNICAST:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or any(ip in network for network in NOT_PUBLIC))


def parse(url: str) -> WebAddress:
    """Take a URL apart, more strictly than browsers do.

    Raises:
        Unfetchable: it is none, or carries a password, or names a port, a private name or an unusual form of address.
    """
    parts = None if len(url) > MAX_URL or CONTROL.search(url) else URL.fullmatch(url)
    if parts is None:
        raise Unfetchable(INVALID)
    scheme, authority, target = parts[1].lower(), parts[2], parts[3]
    if "@" in authority:
        raise Unfetchable("must not carry a user name or a password.")
    place = AUTHORITY.fullmatch(authority)
    try:
        host = _host(place[1] if place else "")
        sent = quote(target if target.startswith("/") else f"/{target}", safe="%/?:[]@!$&'()*+,;=~")
    except ValueError:
        raise Unfetchable(INVALID) from None
    if place and place[2] and place[2] != str(PORTS[scheme]):
        raise Unfetchable("must be on its scheme's usual port: 443 for https, 80 for http.")
    return WebAddress(scheme, host, sent)


def _host(text: str) -> str:
    """The host as it is looked up, sent and verified.

    Raises:
        ValueError: not a host's name, or an IP address that is not written in the usual form.
        Unfetchable: a name that is never public.
    """
    if text.startswith("[") and "%" not in text:
        return str(IPv6Address(text[1:-1]))
    if len(text) > 254:
        raise ValueError("too long")
    name = (text if text.isascii() else idna.encode(text, uts46=True).decode()).lower().removesuffix(".")
    if not NAME.fullmatch(name):
        raise ValueError("not a name")
    if NUMBER.fullmatch(name.rpartition(".")[2]):
        return str(IPv4Address(name))
    if PRIVATE_NAMES.fullmatch(name):
        raise Unfetchable(NOT_FOUND)
    return name


def get(url: str, accept: Callable[[int], None], deadline: Deadline, network: Network = INTERNET) -> bytes:
    """Read what is at a web address.

    Args:
        accept: is told the size of each part that has come, and raises when there is no more room.
    Raises:
        Unfetchable: it cannot be read, for whatever reason.
        TimeoutError, UpstreamTimeout: the deadline passed.
    """
    web = parse(url)
    try:
        with _connection(web, deadline, network) as sock:
            sock.sendall(_head(web))
            with HTTPResponse(cast(socket.socket, _Timed(sock, deadline)), method="GET") as response:
                return _body(response, accept)
    except TimeoutError:
        raise
    except (OSError, HTTPException):
        raise Unfetchable(BROKEN) from None


def _connection(web: WebAddress, deadline: Deadline, network: Network) -> socket.socket:
    for address in _public_addresses(web, network):
        left = deadline.remaining()
        try:
            sock = network.connect(address, web.port, min(CONNECT_SECONDS, left))
        except OSError:
            continue
        sock.settimeout(left)
        return network.tls().wrap_socket(sock, server_hostname=web.host) if web.scheme == "https" else sock
    raise Unfetchable(BROKEN)


def _public_addresses(web: WebAddress, network: Network) -> list[str]:
    """The host's addresses. One sentence for none and for private ones, or it would tell which private names exist."""
    try:
        found = network.resolve(web.host, web.port)
    except (OSError, UnicodeError):
        found = []
    if not found or not all(map(is_public, found)):
        raise Unfetchable(NOT_FOUND)
    return found


def _head(web: WebAddress) -> bytes:
    host = f"[{web.host}]" if ":" in web.host else web.host
    lines = (
        f"GET {web.target} HTTP/1.1",
        f"host: {host}",
        f"user-agent: ai-model-gateway/{__version__}",
        "accept: image/png, image/jpeg, image/gif, image/webp",
        "accept-encoding: identity",
        "connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _body(response: HTTPResponse, accept: Callable[[int], None]) -> bytes:
    response.begin()
    if 300 <= response.status < 400:
        raise Unfetchable(REDIRECTS)
    if response.status != 200:
        raise Unfetchable(f"its host answers with status {response.status} instead of an image.")
    parts: list[bytes] = []
    while part := response.read1(PART_BYTES):
        accept(len(part))
        parts.append(part)
    if response.length:  # http.client keeps silent when less has come than was announced
        raise Unfetchable(BROKEN)
    return b"".join(parts)


class _Timed(io.RawIOBase):
    """What comes from a connection before the deadline: a socket's own timeout begins anew with every byte."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock, self._deadline = sock, deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What HTTPResponse reads from."""
        return io.BufferedReader(self, PART_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.remaining())
        return self._sock.recv_into(buffer)

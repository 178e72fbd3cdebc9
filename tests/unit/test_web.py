"""Only what everybody on the internet can reach is fetched, however an address is written. No I/O."""

import ipaddress
import socket
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.deadline import Deadline
from gateway.providers.web import INVALID, NOT_FOUND, Network, Unfetchable, WebAddress, get, is_public, parse

DEADLINE = Deadline(10.0, lambda: 0.0)

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2001:4860:4860::8888", "64:ff9b::808:808"]

IPV4_NETWORKS = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
]
IPV6_NETWORKS = [
    *("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32"),
    *("2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "fd00:ec2::254/128"),
]


def network(ranges: list[str]) -> st.SearchStrategy[str]:
    """Addresses of these networks."""
    return st.sampled_from(ranges).flatmap(
        lambda written: st.builds(
            lambda net, offset: str(net[offset % net.num_addresses]),
            st.just(ipaddress.ip_network(written)),
            st.integers(min_value=0, max_value=2**128),
        )
    )


PRIVATE_IPV4 = network(IPV4_NETWORKS)
PRIVATE = PRIVATE_IPV4 | network(IPV6_NETWORKS)


def as_c_library(host: str, port: int) -> list[str]:
    """How getaddrinfo reads numbers: octal, hexadecimal, and fewer than four of them."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        return [socket.inet_ntoa(socket.inet_aton(host))]


def never_connects(address: str, port: int, seconds: float) -> socket.socket:
    pytest.fail(f"connected to {address}")


STRICT = Network(as_c_library, never_connects)


def refusal(url: str, network: Network = STRICT) -> str:
    """Why an address is not read, nor connected to."""
    with pytest.raises(Unfetchable) as caught:
        get(url, lambda size: None, DEADLINE, network)
    return str(caught.value)


def notations(address: str) -> list[str]:
    """The ways to write an IPv4 address that some library understands."""
    number, octets = int(ipaddress.IPv4Address(address)), [int(octet) for octet in address.split(".")]
    a, b, c, d = octets
    high, low = f"{number >> 16:x}", f"{number & 0xFFFF:x}"
    return [
        *(address, f"{address}.", f"{number}", f"{number}.", f"{number:#x}", f"{number:#X}", f"0{number:o}"),
        *(f"{a}.{number & 0xFFFFFF}", f"{a}.{b}.{number & 0xFFFF}", f"0x{a:x}.{b}.{c}.{d}", f"{a}.{b}.{c}.0{d:o}"),
        *(".".join(map(hex, octets)), ".".join(f"0{octet:o}" for octet in octets), f"{a:03}.{b:03}.{c:03}.{d:03}"),
        *("".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in address), address.replace(".", "。")),
        *(f"[::ffff:{address}]", f"[::ffff:{high}:{low}]", f"[::{address}]", f"[::ffff:0:{address}]", f"[{address}]"),
        *(f"[64:ff9b::{address}]", f"[64:ff9b:1::{address}]", f"[2002:{high}:{low}::1]", f"[2001:0:{high}:{low}::1]"),
        *(f"%{ord(address[0]):x}{address[1:]}", f"{address}%00.example.com", f"{address}\\.example.com", f"[{address}"),
    ]


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_public_internet_are_public(address: str) -> None:
    assert is_public(address)


@given(PRIVATE)
@example("169.254.169.254")
@example("fd00:ec2::254")
@example("::1")
@example("0.0.0.0")
def test_no_address_of_a_special_network_is_public(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4).map(str))
def test_an_ipv4_address_is_as_public_in_nat64_and_never_public_in_other_ipv6_forms(address: str) -> None:
    number = int(ipaddress.IPv4Address(address))
    assert is_public(f"64:ff9b::{address}") == is_public(address)
    assert not is_public(f"::ffff:{address}")
    assert not is_public(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::")
    assert not is_public(f"2001:0:{number >> 16:x}:{number & 0xFFFF:x}::1")


@pytest.mark.parametrize("address", ["", "localhost", "1.2.3", "010.1.1.1", "fe80::1%eth0", "2606:4700::1%eth0"])
def test_what_is_no_plain_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@given(PRIVATE_IPV4)
@example("127.0.0.1")
@example("169.254.169.254")
def test_no_private_ipv4_address_passes_in_any_notation(address: str) -> None:
    for host in notations(address):
        assert refusal(f"http://{host}/a.png") in (INVALID, NOT_FOUND)


@given(network(IPV6_NETWORKS))
def test_no_private_ipv6_address_passes(address: str) -> None:
    assert refusal(f"http://[{address}]/a.png") == NOT_FOUND


@given(PRIVATE, st.lists(st.sampled_from(PUBLIC), max_size=3), st.data())
def test_one_private_address_behind_a_name_is_enough_to_refuse_it(
    private: str, public: list[str], data: st.DataObject
) -> None:
    found = data.draw(st.permutations([private, *public]))
    assert refusal("https://pictures.test/a.png", Network(lambda host, port: list(found), never_connects)) == NOT_FOUND


@given(st.text(max_size=40))
@example("127.0.0.1@8.8.8.8")
@example("8.8.8.8\\@127.0.0.1")
@example("8.8.8.8#@127.0.0.1")
@example("8.8.8.8:80@127.0.0.1")
@example("\ud800.com")
def test_any_text_is_refused_or_taken_apart_into_harmless_parts(text: str) -> None:
    with suppress(Unfetchable):
        web = parse(f"http://{text}")
        assert web.host.isascii()
        assert web.target.isascii()
        assert not set(web.host) & set(" \r\n\t\x00@%\\/")
        assert not set(web.target) & set(" \r\n\t\x00\\")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://a.test", WebAddress("http", "a.test", "/")),
        ("HTTPS://A.Test.:443/p%20q/r s?x=é&y#z", WebAddress("https", "a.test", "/p%20q/r%20s?x=%C3%A9&y")),
        ("http://a.test:80?x=1", WebAddress("http", "a.test", "/?x=1")),
        ("https://пример.рф/", WebAddress("https", "xn--e1afmkfd.xn--p1ai", "/")),
        ("https://faß.test/", WebAddress("https", "xn--fa-hia.test", "/")),
        ("https://[2606:4700::1111]/a@b", WebAddress("https", "2606:4700::1111", "/a@b")),
        ("https://8.8.8.8/", WebAddress("https", "8.8.8.8", "/")),
    ],
)
def test_an_address_is_taken_apart_as_browsers_do(url: str, address: WebAddress) -> None:
    assert parse(url) == address


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://a.test/", "file:///etc/passwd", "http:/a.test", "http:///a", "http://", "//a.test", "https://:443/"),
        *("http://a..test/", "http://-a.test/", f"http://{'a' * 64}.test/", f"http://{'a.' * 127}test/"),
        *("http://a.test/\r\nhost: b", "http://a.test\t/", "http://a b.test/", "http://a.test:8o/"),
        *("http://a.test:80:80/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://1.2.3.4.5/"),
        *("http://127.1/", "http://0", "http://a.08/", "http://8.8.8.08/", "http://0x8.8.8.8/"),
        *("http://[::1%25eth0]/", "http://[2606:4700::1%eth0]/", "http://[::1/", "http://::1/", "http://[a.test]/"),
        *("http://[::1].test/", "http://a.test%2f/", "http://a.test\\b/", "http://a.0x7f/", "http://☁️.%74est/"),
        *(f"http://a.test/{'a' * 9000}", "http://é.test/\ud800"),
    ],
)
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    assert refusal(url) == INVALID


@pytest.mark.parametrize(
    "url", ["http://me@a.test/", "https://me:secret@a.test/", "http://@a.test/", "http://a.test\\@b/"]
)
def test_credentials_in_an_address_are_refused(url: str) -> None:
    assert refusal(url) == "must not carry a user name or a password."


@pytest.mark.parametrize(
    "url", ["http://a.test:22/", "http://a.test:443/", "https://a.test:8443/", "https://a.test:0443/"]
)
def test_other_ports_are_refused(url: str) -> None:
    assert refusal(url).startswith("must be on its scheme's usual port")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "a.localhost", "db", "db.internal", "tv.local", "tv.home.arpa"]
)
def test_private_names_are_not_even_looked_up(host: str) -> None:
    assert refusal(f"http://{host}/", Network(lambda host, port: pytest.fail("looked up"), never_connects)) == NOT_FOUND


def test_a_host_that_does_not_resolve_is_refused_as_a_private_one_is() -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    assert refusal("http://a.test/", Network(resolve, never_connects)) == NOT_FOUND
    assert refusal("http://a.test/", Network(lambda host, port: [], never_connects)) == NOT_FOUND
    assert refusal("http://a.test/", Network(lambda host, port: ["10.0.0.1"], never_connects)) == NOT_FOUND

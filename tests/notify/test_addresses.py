"""Which addresses notices may go to: every form in which an address of the inside can be written is refused."""

import ipaddress
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Unprocessable
from notify.sending.address import Allowed, Target, admitted, is_public, read_allowed, read_url, real

INSIDE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
]  # fmt: skip
OUTSIDE = [
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "223.255.255.255",
    "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("text", INSIDE)
def test_an_address_of_the_inside_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", OUTSIDE)
def test_an_address_that_anybody_can_ask_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_nothing_is_public_that_the_registries_say_is_not(address: IPv4Address | IPv6Address) -> None:
    leads_to = real(address)
    if is_public(address):
        named = ("is_multicast", "is_private", "is_link_local", "is_reserved", "is_loopback", "is_unspecified")
        assert [leads_to.is_global, *(getattr(leads_to, name) for name in named)] == [True, *[False] * len(named)]


@given(st.ip_addresses(v=4))
def test_an_address_in_the_writing_of_version_6_is_judged_as_itself(address: IPv4Address) -> None:
    for written in (IPv6Address(f"::ffff:{address}"), IPv6Address(int(IPv6Address("64:ff9b::")) + int(address))):
        assert is_public(written) == is_public(address)
    assert not is_public(IPv6Address((0x2002 << 112) + (int(address) << 80)))


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example", "ftp://hooks.example/", "//hooks.example/x", "https:///x", "https://", "https://hooks.example:0/",
        "https://hooks.example:99999/", "https://kim:pw@hooks.example/", "https://kim@hooks.example/", "https://a b.example/",
        "https://hooks.example/#x", "https://hooks.example\\@10.0.0.1/", "https://훅.example/", "https://hooks..example/",
        "https://-hooks.example/", "https://hooks.example/\n", "https://hooks.example/\t", " https://hooks.example/",
        "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://0x7f.1/", "https://1.2.3/",
        "https://127.0.0.1.5/", "https://[::1/", "https://[v1.x]/", "https://[::ffff:127.0.0.1%25eth0/", "javascript:alert(1)",
        "https://hooks.example/" + "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_host_is_refused_with_its_place(url: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        read_url(url)
    assert (refused.value.code, refused.value.pointer) == ("invalidUrl", "/url")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.slack.com/services/T0/B0/x", Target("https", "hooks.slack.com", 443, "/services/T0/B0/x")),
        ("HTTPS://Hooks.Example.:8443?a=%20b", Target("https", "hooks.example", 8443, "/?a=%20b")),
        ("https://xn--h32b.example/a?b=c&d", Target("https", "xn--h32b.example", 443, "/a?b=c&d")),
        ("http://127.0.0.1:80/x", Target("http", "127.0.0.1", 80, "/x")),
        ("https://[2606:4700::1111]/x", Target("https", "2606:4700::1111", 443, "/x")),
    ],
)
def test_an_address_is_read_and_written_again(url: str, target: Target) -> None:
    assert read_url(url) == target
    assert read_url(target.url) == target


def test_the_operators_list_allows_hosts_and_networks_without_tls_too() -> None:
    allowed = read_allowed("127.0.0.1/32, Chat.Internal,10.1.0.0/16 ,fd00::/8,::ffff:192.168.7.0/120,")
    plain = Target("http", "chat.internal", 80, "/")
    other = Target("http", "other.internal", 80, "/")
    assert admitted(allowed, plain, [ip_address("10.9.0.1")]) == [ip_address("10.9.0.1")]
    inside = [
        ip_address(each) for each in ("127.0.0.1", "::ffff:127.0.0.1", "127.0.0.2", "10.1.2.3", "10.2.0.1", "fd12::1", "::1")
    ]
    assert [str(each) for each in admitted(allowed, other, inside)] == ["127.0.0.1", "::ffff:7f00:1", "10.1.2.3", "fd12::1"]
    assert admitted(allowed, other, [ip_address("8.8.8.8")]) == []  # without TLS only what is allowed
    secure = Target("https", "other.internal", 443, "/")
    assert admitted(allowed, secure, [ip_address("8.8.8.8"), ip_address("10.2.0.1")]) == [ip_address("8.8.8.8")]
    assert admitted(Allowed(), secure, [ip_address("127.0.0.1")]) == []


def test_a_list_that_cannot_be_understood_is_refused_with_the_entry() -> None:
    for text in ("10.0.0.0/33", "a b", "http://x", "10.0.0.1-10.0.0.9", "2130706433"):
        with pytest.raises(ValueError, match="neither a host nor a network"):
            read_allowed(f"chat.internal,{text}")
    assert read_allowed("") == Allowed()
    assert read_allowed("10.0.0.1").networks == (ipaddress.ip_network("10.0.0.1/32"),)

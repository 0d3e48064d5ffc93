"""Which addresses may be asked: public ones, and those that the operator's list allows. Pure.

What is checked is the address that a connection is made to, never the name alone: a name may lead anywhere, and soon elsewhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import urlsplit

from common.errors import Unprocessable

Address: TypeAlias = IPv4Address | IPv6Address

MOST_URL = 2000
_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_WRITTEN = re.compile(r"[!-~]+")

# https://www.iana.org/assignments/iana-ipv4-special-registry and multicast.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
# Of version 6 only what is given out as global unicast, without what in it means something else: Teredo and other protocols,
# documentation, 6to4, which carries another address in itself.
_GLOBAL_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"))
_NAT64 = IPv6Network("64:ff9b::/96")


def real(address: Address) -> Address:
    """Where an address leads: one of version 4 that is written in version 6 is that one."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could ask it as well."""
    address = real(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    if address.scope_id is not None:
        return False
    return address in _GLOBAL_6 and not any(address in network for network in _NOT_PUBLIC_6)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The operator's list: names of hosts and networks that may be asked although they are not public, without TLS too."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def names(self, host: str, address: Address) -> bool:
        """Whether the list has this host, or this address."""
        address = real(address)
        return host in self.hosts or any(address in network for network in self.networks)

    def admits(self, host: str, address: Address, *, plain: bool) -> bool:
        """Whether a connection may be made; `plain` is one without TLS."""
        return self.names(host, address) or (not plain and is_public(address))


def read_allowed(text: str) -> Allowed:
    """The list as the operator writes it: hosts and CIDRs separated by commas. Raises ValueError, naming the entry."""
    hosts: set[str] = set()
    networks: list[IPv4Network | IPv6Network] = []
    for entry in filter(None, (each.strip().lower() for each in text.split(","))):
        try:
            networks.append(ip_network(entry, strict=False))
        except ValueError:
            if not _is_name(entry):
                raise ValueError(f"{entry} is neither a host nor a network such as 10.1.0.0/16") from None
            hosts.add(entry)
    return Allowed(frozenset(hosts), tuple(networks))


@dataclass(frozen=True, slots=True)
class Target:
    """An address of HTTP: `path` with its query, as it is sent."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def plain(self) -> bool:
        """Whether it is asked without TLS."""
        return self.scheme == "http"

    @property
    def authority(self) -> str:
        """The host, with its port where it is an unusual one, as a header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """As it is written."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def literal(self) -> Address | None:
        """The address where the host is one itself."""
        return _literal(self.host)


def read_url(text: str, pointer: str = "/url") -> Target:
    """Raises Unprocessable for anything but an absolute address of a host, with a path and a query."""
    refusal = Unprocessable(
        "Write the address as the other side gives it: https://, a host, a path. A host outside ASCII is written in its xn-- "
        "form; a user, a password and what follows a # do not belong in it.",
        code="invalidUrl",
        pointer=pointer,
        extra={"most": MOST_URL},
    )
    if len(text) > MOST_URL or _WRITTEN.fullmatch(text) is None or "\\" in text:
        raise refusal
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        raise refusal from None
    if parts.scheme not in _PORTS or "@" in parts.netloc or "#" in text or port == 0:
        raise refusal
    literal = _literal(host)
    if (literal is None and not _is_name(host)) or ("[" in parts.netloc) != isinstance(literal, IPv6Address):
        raise refusal
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, path)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    """Whether it is a name, and no address in one of the writings that only some programs know: 2130706433, 0177.1, 0x7f.1."""
    labels = host.split(".")
    return len(host) <= 253 and all(map(_LABEL.fullmatch, labels)) and _NUMBER.fullmatch(labels[-1]) is None


def admitted(allowed: Allowed, target: Target, addresses: Sequence[Address]) -> list[Address]:
    """Those of a host's addresses that may be connected to."""
    return [address for address in addresses if allowed.admits(target.host, address, plain=target.plain)]

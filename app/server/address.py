"""The server's own addresses: the one on this machine, and the one for others."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import streamlit as st
from streamlit import config
from streamlit.web.server import server_util

_EVERY_INTERFACE = {"0.0.0.0", "::"}
_ELSEWHERE = ("192.0.2.1", 9)  # reserved for documentation: nothing is sent there


def own_url() -> str:
    """Return the address for a browser on this machine, without a slash at its end."""
    address = _listening_address()
    return _url("localhost" if address in _EVERY_INTERFACE else address)


def shared_url() -> str:
    """Return the address for other machines; "" if the server listens to this one alone."""
    address = _listening_address()
    if is_loopback(address):
        return ""
    if config.is_manually_set("browser.serverAddress"):
        return _url(st.get_option("browser.serverAddress"))
    return _url(_address_in_network() if address in _EVERY_INTERFACE else address)


def is_loopback(host: str) -> bool:
    """Return whether a host name or an address means the machine that asks."""
    try:
        parsed = ip_address(host)
    except ValueError:
        return host == "localhost"
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


def _listening_address() -> str:
    return str(st.get_option("server.address") or "0.0.0.0")


def _url(host: str) -> str:
    return server_util.get_url(f"[{host}]" if ":" in host else host)


def _address_in_network() -> str:
    """Return this machine's address in its network, or its name where it has no way out of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)  # only chooses the interface
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()

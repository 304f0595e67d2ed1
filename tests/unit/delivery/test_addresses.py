"""What may be connected to on somebody's word."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_service.delivery.addresses import embedded, first_refusal, literal, refusal

REFUSED = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",  # carrier-grade NAT
    "100.100.100.200",  # a cloud's metadata, in that network
    "169.254.169.254",  # most clouds' metadata
    "168.63.129.16",  # public by its number, and yet a cloud's own
    "192.0.0.192",
    "192.0.2.1",  # documentation
    "198.18.0.1",  # benchmarks
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",  # a cloud's metadata by IPv6
    "ff02::1",
    "2001:db8::1",
    "2001:20::1",
    "3fff::1",
    "fec0::1",
    "5f00::1",
    "100::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::7f00:1",  # ::127.0.0.1
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:a00:1::1",
]


@pytest.mark.parametrize("address", REFUSED)
def test_neighbours_and_clouds_own_machinery_are_refused(address):
    assert refusal(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::"]
)
def test_public_addresses_are_allowed(address):
    assert refusal(ip_address(address)) is None


def test_a_setting_may_allow_a_network_and_nothing_beside_it():
    networks = [ip_network("10.20.0.0/16")]
    assert refusal(ip_address("10.20.3.4"), networks) is None
    assert refusal(ip_address("::ffff:10.20.3.4"), networks) is None
    assert refusal(ip_address("10.21.3.4"), networks)
    assert refusal(ip_address("127.0.0.1"), networks)


def test_a_name_with_one_bad_address_leads_nowhere():
    assert first_refusal([ip_address("8.8.8.8"), ip_address("10.0.0.1")])
    assert first_refusal([ip_address("8.8.8.8")]) is None


@given(st.ip_addresses(v=4))
def test_an_address_cannot_hide_in_another(address):
    """Whatever way an IPv4 address is wrapped, it is judged as what it is."""
    number = int(address)
    wrapped = [
        ip_address(f"::ffff:{address}"),
        ip_address((0x64FF9B << 96) | number),
        ip_address((0x2002 << 112) | (number << 80)),
    ]
    for one in wrapped:
        assert embedded(one) == address
        assert (refusal(one) is None) == (refusal(address) is None)


def test_only_addresses_are_literal():
    assert literal("[::1]") == ip_address("::1")
    assert literal("10.0.0.1") == ip_address("10.0.0.1")
    assert literal("shop.example") is None
    assert literal("2130706433") is None  # a name to us; its resolver's answer is looked at

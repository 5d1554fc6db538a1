"""What one client can have of the network."""

import pytest

from pypi_repo.domain.accounts.addresses import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::7", "20010db800010002::/64"),
        ("2001:db8:1:2:ffff::8", "20010db800010002::/64"),
        ("2001:db8:1:3::7", "20010db800010003::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80000000000000::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert network_of(address) == network

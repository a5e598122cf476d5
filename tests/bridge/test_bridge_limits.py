from __future__ import annotations

from ipaddress import ip_network

import pytest

from simkit.bridge import limits
from simkit.bridge.limits import Limiter, Rate, source_of

SECOND = 1_000_000_000


def test_a_burst_is_taken_and_then_the_rate_holds() -> None:
    rate = Rate(2, burst=5)
    assert [rate.take(0) for _ in range(6)] == [True] * 5 + [False]
    assert not rate.take(SECOND // 2 - 1)
    assert rate.take(SECOND // 2)
    assert [rate.take(60 * SECOND) for _ in range(6)] == [True] * 5 + [False]


def test_sources_do_not_share_a_limit() -> None:
    limiter = Limiter(1, burst=1)
    assert limiter.take("a", 0)
    assert not limiter.has_room("a", 0)
    assert not limiter.take("a", 0)
    assert limiter.take("b", 0)
    assert limiter.has_room("a", SECOND)


def test_the_memory_of_sources_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MAX_SOURCES", 3)
    limiter = Limiter(0.001, burst=1)
    for number in range(10):
        assert limiter.take(str(number), number)
    assert len(limiter) == 3
    assert not limiter.has_room("9", 10)
    assert limiter.has_room("0", 10)


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("203.0.113.1", [], "203.0.113.1"),
        ("203.0.113.1", ["198.51.100.1"], "203.0.113.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3"], "10.0.0.3"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, "], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::/64"),
        ("2001:db8:0:1:2:3:4:5", [], "2001:db8:0:1::/64"),
        ("fe80::1%eth0", [], "fe80::/64"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("", [], "unknown"),
        ("testclient", ["198.51.100.1"], "unknown"),
    ],
)
def test_a_source_is_the_last_address_that_is_believed(
    peer: str, forwarded: list[str], source: str
) -> None:
    assert source_of(peer, forwarded, [ip_network("10.0.0.0/8")]) == source


def test_no_more_hops_are_looked_at_than_there_may_be() -> None:
    hops = ",".join(["10.0.0.1"] * 10_000)
    assert source_of("10.0.0.1", [f"198.51.100.1,{hops}"], [ip_network("10.0.0.0/8")]) == "10.0.0.1"

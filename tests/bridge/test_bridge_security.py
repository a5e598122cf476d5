from __future__ import annotations

import hashlib
import hmac

import pytest

from simkit.bridge.security import StreamTokens, Webhooks, bearer, is_same

NOW = 1_800_000_000_000


@pytest.fixture
def tokens() -> StreamTokens:
    return StreamTokens("key", ttl=60)


def test_a_token_is_good_for_its_call_once(tokens: StreamTokens) -> None:
    token = tokens.issue("CA1", NOW)
    assert tokens.waiting(NOW) == 1
    assert tokens.redeem(token, "CA2", NOW) == "the token does not belong to this call"
    assert tokens.redeem(token, "CA1", NOW + 60_000) == ""
    assert tokens.waiting(NOW) == 0
    assert tokens.redeem(token, "CA1", NOW + 60_000) == "the token was used before"
    assert tokens.redeem(token, "CA1", NOW + 60_001) == "the token has expired"


def test_another_process_with_the_same_key_takes_a_token(tokens: StreamTokens) -> None:
    token = tokens.issue("CA1", NOW)
    assert StreamTokens("key", ttl=60).redeem(token, "CA1", NOW - 5_000) == ""
    ahead = StreamTokens("key", ttl=60).redeem(token, "CA1", NOW - 5_001)
    assert ahead == "the token has expired"
    other = StreamTokens("another", ttl=60).redeem(token, "CA1", NOW)
    assert other == "the token does not belong to this call"


def test_the_time_in_a_token_cannot_be_changed(tokens: StreamTokens) -> None:
    issued, _, mac = tokens.issue("CA1", NOW).partition(".")
    for changed in (f"{int(issued) + 1}.{mac}", f"+{issued}.{mac}", f"0{issued}.{mac}", issued, ""):
        assert tokens.redeem(changed, "CA1", NOW) == "the token does not belong to this call"


@pytest.mark.parametrize(
    ("digits", "wrong"),
    [(15, "has expired"), (16, "does not belong to this call")],
)
def test_a_time_has_15_digits_at_most(tokens: StreamTokens, digits: int, wrong: str) -> None:
    issued = "9" * digits
    mac = hmac.new(b"key", f"stream CA1 {issued}".encode(), hashlib.sha256).hexdigest()
    assert tokens.redeem(f"{issued}.{mac}", "CA1", NOW) == f"the token {wrong}"


def test_a_token_without_a_time_was_issued_at_the_epoch() -> None:
    tokens = StreamTokens("key", ttl=60)
    token = tokens.issue("CA1", 0)
    assert tokens.redeem(f"x{token}", "CA1", 0) == "the token does not belong to this call"
    assert tokens.redeem(token, "CA1", 0) == ""


def test_a_token_is_an_hmac_over_call_and_time(tokens: StreamTokens) -> None:
    mac = hmac.new(b"key", f"stream CA1 {NOW}".encode(), hashlib.sha256).hexdigest()
    assert tokens.issue("CA1", NOW) == f"{NOW}.{mac}"


def test_tokens_that_have_expired_are_forgotten(tokens: StreamTokens) -> None:
    for number in range(100):
        token = tokens.issue(f"CA{number}", NOW + number * 1000)
        if number % 2:
            tokens.redeem(token, f"CA{number}", NOW + number * 1000)
    assert tokens.waiting(NOW + 99_000) == 30
    assert len(tokens._used) <= 31


# Webhooks


def test_a_retry_is_told_from_a_replay() -> None:
    webhooks = Webhooks(ttl=60, size=10)
    assert webhooks.judge("CA1", "sig", "a", NOW) == "new"
    webhooks.answered("CA1", "sig", "a", "token", NOW)
    assert webhooks.judge("CA1", "sig", "a", NOW) == "replay"
    assert webhooks.judge("CA1", "sig", "b", NOW + 60_000) == "retry"
    assert webhooks.token("CA1", "sig") == "token"
    assert webhooks.judge("CA1", "sig", "b", NOW) == "replay"
    assert webhooks.judge("CA1", "sig", "c", NOW + 60_001) == "replay"
    assert webhooks.judge("CA1", "another", "a", NOW) == "new"
    assert webhooks.judge("CA2", "sig", "a", NOW) == "new"


def test_nobody_retries_for_ever() -> None:
    webhooks = Webhooks(ttl=60, size=10)
    webhooks.answered("CA1", "sig", "", "token", NOW)
    judged = [webhooks.judge("CA1", "sig", str(number), NOW) for number in range(9)]
    assert judged == ["retry"] * 7 + ["replay"] * 2


def test_the_memory_of_webhooks_is_bounded() -> None:
    webhooks = Webhooks(ttl=60, size=100)
    for number in range(1000):
        webhooks.answered(f"CA{number}", "sig", "", "token", NOW)
    assert len(webhooks) == 100
    assert webhooks.judge("CA999", "sig", "", NOW) == "replay"


# Comparing


def test_an_empty_secret_is_never_right() -> None:
    assert is_same("secret", "secret")
    assert not is_same("", "")
    assert not is_same("s\u00e9cret", "secret")
    assert not is_same("\ud800", "secret")


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer a.b", "a.b"), ("bearer  x ", "x"), ("Basic x", ""), ("Bearer", ""), ("", "")],
)
def test_a_bearer_token_is_read(header: str, token: str) -> None:
    assert bearer(header) == token

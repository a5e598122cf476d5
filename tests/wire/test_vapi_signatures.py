"""Credentials of Vapi's servers, against the standard library by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from simkit.wire.vapi_signatures import SEED_DIALECT, Bearer, Hmac

URL, BODY, AT = "https://host/hook", b'{"a":"{timestamp}"}', 1_700_000_000


def headers_of(credential):
    return credential.headers("POST", URL, BODY, at=AT, key="msg-1")


def test_by_default_time_and_body_are_signed():
    right = hmac.new(b"key", b"1700000000." + BODY, hashlib.sha256).hexdigest()
    assert headers_of(Hmac("key")) == {"x-signature": right, "x-timestamp": "1700000000"}


def test_every_field_counts():
    credential = Hmac(
        base64.b64encode(b"key").decode(),
        algorithm="sha512",
        signature_header="webhook-signature",
        timestamp_header="webhook-timestamp",
        signature_prefix="v1,",
        payload_format="{svix-id}.{timestamp}.{method}.{url}.{body}",
        message_id_header="webhook-id",
        signature_encoding="base64",
        secret_is_base64=True,
    )
    payload = b"msg-1.1700000000.POST.https://host/hook." + BODY
    right = base64.b64encode(hmac.new(b"key", payload, hashlib.sha512).digest()).decode()
    assert headers_of(credential) == {
        "webhook-signature": f"v1,{right}",
        "webhook-timestamp": "1700000000",
        "webhook-id": "msg-1",
    }


def test_what_is_no_placeholder_stays():
    right = hmac.new(b"key", b"{x}{" + BODY, hashlib.sha1).hexdigest()
    credential = Hmac("key", algorithm="sha1", payload_format="{x}{{body}", include_timestamp=False)
    assert headers_of(credential) == {"x-signature": right}


def test_the_seed_dialect_signs_url_and_body():
    right = hmac.new(b"key", URL.encode() + BODY, hashlib.sha256).hexdigest()
    assert headers_of(Hmac("key", **SEED_DIALECT)) == {"x-vapi-signature": right}


def test_a_bearer_token_has_its_header():
    assert headers_of(Bearer("t")) == {"Authorization": "Bearer t"}
    assert headers_of(Bearer("t", "X-Vapi-Secret", "")) == {"X-Vapi-Secret": "t"}


@pytest.mark.parametrize(
    ("now", "is_valid"), [(AT, True), (AT + 300, True), (AT + 301, False), (AT - 301, False)]
)
def test_a_signature_is_good_within_its_window(now, is_valid):
    credential = Hmac("key")
    assert credential.is_valid(headers_of(credential), BODY, now=now) is is_valid


@pytest.mark.parametrize(
    "change",
    [
        {"x-signature": "0" * 64},
        {"x-signature": "ü"},
        {"x-timestamp": "1700000001"},
        {"x-timestamp": ""},
        {"x-timestamp": "9" * 5000},
    ],
)
def test_what_was_changed_is_refused(change):
    credential = Hmac("key")
    assert not credential.is_valid(headers_of(credential) | change, BODY, now=AT)
    assert not credential.is_valid(headers_of(credential), BODY + b" ", now=AT)


def test_without_headers_nothing_is_valid():
    assert not Hmac("key").is_valid({}, BODY, now=AT)


def test_a_time_that_is_signed_but_no_time_is_refused():
    credential = Hmac("key")
    payload = b"soon." + BODY
    forged = {
        "x-signature": hmac.new(b"key", payload, hashlib.sha256).hexdigest(),
        "x-timestamp": "soon",
    }
    assert not credential.is_valid(forged, BODY, now=AT)

"""Twilio's signature: published vectors, and agreement with Twilio's own validator."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from simkit.wire.signatures import as_signed, is_valid, sign

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
BODY_SHA256 = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
BODY_URL = f"{URL}&bodySHA256={BODY_SHA256}"


def call_from(number: str) -> dict[str, str]:
    call = {"CallSid": "CA1234567890ABCDE", "Digits": "1234", "To": "+18005551212"}
    return {**call, "From": number, "Caller": number}


PARAMS = call_from("+14158675309")
REPEATED = {"Sid": "CA123", "SidAccount": "AC123", "Digits": ["5678", "1234", "1234"]}
VECTORS = [
    (URL, PARAMS, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    (URL.replace(".com", ".com:443"), PARAMS, "kvajT1Ptam85bY51eRf/AJRuM3w="),
    ("http://mycompany.com:80/myapp.php?foo=1&bar=2", PARAMS, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ("http://mycompany.com:1234/myapp.php?foo=1&bar=2", PARAMS, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
    (URL, REPEATED, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    (BODY_URL, None, "a9nBmqA0ju/hNViExpshrM61xv4="),
    (URL, call_from("+12349013030"), "0/KCTR6DLpKmkAf8muzZqo1nDgQ="),
    (
        "https://example.com/myapp.php?foo=1&bar=2",
        call_from("+14158675310"),
        "L/OH5YylLD5NRKLltdqwSvS0BnU=",
    ),
    ("wss://mycompany.com/media", {}, "okykUWKkAOgQseVjzERZh4soLeU="),
]
every_vector = pytest.mark.parametrize(("url", "params", "signature"), VECTORS)

NAMES = st.text("abcXYZ019.-", min_size=1, max_size=12).map(lambda name: f"h{name}z")
QUERY = st.text("abcXYZ019=&+%20-._~/:@!$',;", min_size=1, max_size=20)
URLS = st.builds(
    lambda scheme, host, port, path, query: (
        f"{scheme}://{host}{port}/{path}" + (f"?{query}" if query else "")
    ),
    st.sampled_from(["http", "https"]),
    NAMES,
    st.sampled_from(["", ":443", ":80", ":8443", ":1"]),
    st.text("abcXYZ019%20-._~/:@!$',", max_size=20),
    st.one_of(st.just(""), QUERY),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
PARAMETERS = st.dictionaries(
    TEXT, st.one_of(TEXT, st.lists(TEXT, min_size=1, max_size=4)), max_size=6
)
TOKENS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=32)


class Form(dict):
    """What Django gives to the validator."""

    def getlist(self, name: str) -> list[str]:
        return [self[name]] if isinstance(self[name], str) else self[name]


def standard(url: str) -> str:
    return ":443" if url.startswith("https") else ":80"


@every_vector
def test_a_published_vector_is_reproduced(url, params, signature):
    assert sign(TOKEN, url, params) == signature
    assert is_valid(TOKEN, url, params, signature)


@pytest.mark.parametrize(
    ("seen", "signature"),
    [
        (URL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (URL.replace(".com", ".com:443"), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("http://mycompany.com/myapp.php?foo=1&bar=2", "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ],
)
def test_a_port_that_goes_without_saying_does_not_matter(seen, signature):
    assert is_valid(TOKEN, seen, PARAMS, signature)


@given(token=TOKENS, url=URLS, params=PARAMETERS)
@settings(deadline=None)
def test_twilios_validator_accepts_what_is_signed_here(token, url, params):
    assert RequestValidator(token).validate(url, Form(params), sign(token, url, params))


@given(token=TOKENS, url=URLS, params=PARAMETERS)
@settings(deadline=None)
def test_what_twilio_signs_is_accepted_here(token, url, params):
    signature = RequestValidator(token).compute_signature(url, Form(params))
    assert sign(token, url, params) == signature
    assert is_valid(token, url, params, signature)


@given(url=URLS, params=PARAMETERS, host=NAMES)
@settings(deadline=None)
def test_both_validators_agree_on_ports_put_in_and_left_out(url, params, host):
    head, _, tail = url.partition("://")
    netloc, _, path = tail.partition("/")
    bare = netloc.partition(":")[0]
    validator = RequestValidator(TOKEN)
    for signed in (bare, bare + standard(url), f"{bare}:8443", host):
        signature = sign(TOKEN, f"{head}://{signed}/{path}", params)
        for seen in (bare, bare + standard(url), netloc):
            address = f"{head}://{seen}/{path}"
            expected = validator.validate(address, Form(params), signature)
            assert is_valid(TOKEN, address, params, signature) == expected


@given(token=TOKENS, url=URLS, params=PARAMETERS, other=TOKENS)
@settings(deadline=None)
def test_another_token_makes_it_invalid(token, url, params, other):
    # An HMAC key is padded with zero bytes: only that makes two tokens the same.
    same = token.rstrip("\0") == other.rstrip("\0")
    assert is_valid(token, url, params, sign(other, url, params)) == same


@pytest.mark.parametrize(
    "url",
    [
        URL.replace("https", "http"),
        URL.replace("mycompany", "mycompany2"),
        URL.replace("foo=1", "foo=2"),
        URL + "&",
        URL.replace("php?", "php/?"),
        URL.replace("myapp", "Myapp"),
        "wss://mycompany.com/",
    ],
)
def test_another_url_makes_it_invalid(url):
    assert not is_valid(TOKEN, url, PARAMS, sign(TOKEN, URL, PARAMS))


@pytest.mark.parametrize(
    "params",
    [
        {**PARAMS, "From": "+14158675308"},
        {**PARAMS, "Digits": " 1234"},
        {**PARAMS, "Digits": ""},
        {**PARAMS, "Extra": "x"},
        {name: value for name, value in PARAMS.items() if name != "Digits"},
        {("digits" if name == "Digits" else name): value for name, value in PARAMS.items()},
        {**PARAMS, "Digits": ["1234", "5"]},
        {},
        None,
    ],
)
def test_other_parameters_make_it_invalid(params):
    assert not is_valid(TOKEN, URL, params, sign(TOKEN, URL, PARAMS))


@pytest.mark.parametrize(
    "signature", ["", " ", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "é", "\ud800", "A" * 9999]
)
def test_another_signature_is_invalid_and_never_an_error(signature):
    assert not is_valid(TOKEN, URL, PARAMS, signature)


def test_the_order_of_parameters_and_of_repeated_values_does_not_matter():
    backwards = dict(reversed(REPEATED.items()))
    shuffled = {**backwards, "Digits": ["1234", "5678"]}
    assert sign(TOKEN, URL, shuffled) == sign(TOKEN, URL, REPEATED)
    assert sign(TOKEN, URL, {"a": ["1"]}) == sign(TOKEN, URL, {"a": "1"})


def test_names_sort_by_case():
    upper_first = RequestValidator(TOKEN).compute_signature(URL, {"a": "1", "B": "2"})
    assert sign(TOKEN, URL, {"a": "1", "B": "2"}) == upper_first


def test_an_empty_value_adds_its_name():
    assert sign(TOKEN, URL, {"a": ""}) == sign(TOKEN, URL + "a")


def test_fragment_and_user_are_not_signed():
    assert sign(TOKEN, "https://user:pass@host/voice?a=1#rt=2000") == (
        sign(TOKEN, "https://host/voice?a=1")
    )
    assert sign(TOKEN, "https://a@b@host/") == sign(TOKEN, "https://host/")


@pytest.mark.parametrize("url", ["https://host/voice?", "HTTPS://host/voice"])
def test_a_url_is_signed_exactly_as_configured(url):
    signature = RequestValidator(TOKEN).compute_signature(url, PARAMS)
    assert sign(TOKEN, url, PARAMS) == signature


@pytest.mark.parametrize("host", ["[::1]", "[2001:db8::7]"])
def test_a_numeric_host_keeps_its_colons(host):
    signature = sign(TOKEN, f"https://{host}/voice")
    assert is_valid(TOKEN, f"https://{host}:443/voice", None, signature)
    assert not is_valid(TOKEN, f"https://{host[:-2]}]/voice", None, signature)


def test_a_socket_is_signed_over_its_own_scheme():
    signature = sign(TOKEN, "wss://mycompany.com/media")
    assert is_valid(TOKEN, "wss://mycompany.com:443/media", {}, signature)
    assert not is_valid(TOKEN, "https://mycompany.com/media", {}, signature)


# As Twilio signs a webhook or a stream


@pytest.mark.parametrize(
    ("configured", "signed"),
    [
        ("https://host/voice", "https://host/voice"),
        ("https://host:443/voice?a=1", "https://host/voice?a=1"),
        ("https://host:8443/voice", "https://host/voice"),
        ("http://host:80/voice", "http://host:80/voice"),
        ("http://host:8080/voice", "http://host:8080/voice"),
        ("https://user:secret@host:1/voice#ct=1000&rt=2000", "https://host/voice"),
        ("wss://host/media", "wss://host/media"),
        ("wss://host:8443/media", "wss://host/media"),
        ("wss://[2001:db8::7]:8443/media", "wss://[2001:db8::7]/media"),
        ("WSS://host:443/media", "WSS://host/media"),
        ("https://host", "https://host"),
    ],
)
def test_what_is_signed_has_no_user_no_fragment_and_over_tls_no_port(configured, signed):
    assert as_signed(configured) == signed


@pytest.mark.parametrize(
    ("configured", "signed"),
    [
        ("wss://host", "wss://host/"),
        ("wss://host/", "wss://host/"),
        ("wss://host/media", "wss://host/media/"),
        ("wss://host/media?a=1", "wss://host/media/?a=1"),
    ],
)
def test_a_slash_can_be_put_behind_the_path(configured, signed):
    assert as_signed(configured, slash=True) == signed


@given(
    url=URLS,
    scheme=st.sampled_from(["http", "https", "wss"]),
    user=st.sampled_from(["", "user:secret@"]),
    fragment=st.sampled_from(["", "#rt=2000"]),
    params=PARAMETERS,
)
@settings(deadline=None)
def test_twilios_validator_accepts_the_signature_of_every_webhook_and_upgrade(
    url, scheme, user, fragment, params
):
    seen = f"{scheme}://{url.partition('://')[2]}"
    configured = seen.replace("://", f"://{user}", 1) + fragment
    if scheme == "wss":
        params = {}
    signature = sign(TOKEN, as_signed(configured), params)
    assert RequestValidator(TOKEN).validate(seen, Form(params), signature)
    assert is_valid(TOKEN, seen, params, signature)

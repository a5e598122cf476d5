"""Connection overrides: what a fragment may say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.twilio.overrides import OverrideError, Overrides, of_url

URL = "https://host/voice?a=1"


def test_a_fragment_sets_timeouts_retries_and_policy():
    url, found = of_url(URL + "#ct=2000&rt=3500&tt=9000&rc=4&rp=4xx,rt&sni=n&e=dublin", Overrides())
    assert url == URL
    assert found == Overrides(2.0, 3.5, 9.0, 4, frozenset(("4xx", "rt")))


@pytest.mark.parametrize("fragment", ["", "#", "#top", "#/app/route"])
def test_an_ordinary_fragment_says_nothing(fragment):
    assert of_url(URL + fragment, Overrides()) == (URL, Overrides())


@pytest.mark.parametrize(
    ("fragment", "sentence"),
    [
        ("ct=99", "#ct: expected 100 to 10000, found '99'"),
        ("ct=10001", "#ct: expected 100 to 10000"),
        ("rt=15001", "#rt: expected 100 to 15000"),
        ("tt=-1", "#tt: expected 100 to 15000, found '-1'"),
        ("rc=6", "#rc: expected 0 to 5, found '6'"),
        ("rc=²", "#rc: expected 0 to 5"),
        ("rp=3xx", "#rp: expected some of 4xx, 5xx, ct, rt, all, found '3xx'"),
        ("e=mars", "#e: expected one of ashburn"),
        ("sni=maybe", "#sni: expected one of y, n"),
        ("ct=2000&xx=1", "unknown key 'xx'"),
        ("ct", None),
    ],
)
def test_what_twilio_would_not_take_is_refused(fragment, sentence):
    if sentence is None:
        assert of_url(f"{URL}#{fragment}", Overrides())[1] == Overrides()
        return
    with pytest.raises(OverrideError) as caught:
        of_url(f"{URL}#{fragment}", Overrides())
    assert sentence in str(caught.value)


@settings(max_examples=50)
@given(st.text(max_size=40))
def test_any_fragment_is_understood_or_refused(fragment):
    try:
        url, found = of_url(f"{URL}#{fragment}", Overrides())
    except OverrideError:
        return
    assert url == URL
    assert 0.1 <= found.connect <= 10
    assert 0 <= found.retries <= 5

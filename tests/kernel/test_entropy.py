from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simkit.kernel import Entropy

Purposes = st.lists(st.sampled_from(["ids", "link:a>b", "link:b>a", "random"]), max_size=30)


def draws(entropy, purpose, count=5):
    return [entropy.stream(purpose).random() for _ in range(count)]


def test_one_seed_gives_one_sequence():
    assert draws(Entropy(7), "ids") == draws(Entropy(7), "ids")


def test_another_seed_gives_another_sequence():
    assert draws(Entropy(7), "ids") != draws(Entropy(8), "ids")


def test_another_purpose_gives_another_sequence():
    entropy = Entropy(7)
    assert draws(entropy, "ids") != draws(entropy, "link:a>b")


def test_a_stream_goes_on_where_it_stopped():
    entropy = Entropy(7)
    assert draws(entropy, "ids", 2) + draws(entropy, "ids", 3) == draws(Entropy(7), "ids", 5)


@given(Purposes)
def test_draws_for_other_purposes_move_nothing(others):
    entropy = Entropy(3)
    drawn = []
    for purpose in others:
        entropy.stream(purpose).random()
        drawn.append(entropy.stream("mine").random())
    assert drawn == draws(Entropy(3), "mine", len(others))


@given(st.integers(), st.integers())
def test_seed_and_purpose_cannot_be_confused(one, other):
    first = Entropy(one).stream(f"{other} ids").random()
    second = Entropy(other).stream(f"{one} ids").random()
    assert (first == second) == (one == other)


def test_the_first_draw_is_the_same_on_every_machine_and_hash_seed():
    assert Entropy(7).stream("ids").getrandbits(64) == 14534892671677040693


def test_the_seed_defaults_to_zero():
    assert Entropy().seed == 0
    assert draws(Entropy(), "ids") == draws(Entropy(0), "ids")

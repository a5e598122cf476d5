"""Colours of the pages and of the picture can be read, and told from each other, by everybody."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest

from simkit.report.page import SHARED_STYLE
from simkit.report.picture import draw
from simkit.timeline import Timeline

_FOUND = re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\);", SHARED_STYLE.read_text())
THEMES = [{name: pair[number] for name, *pair in _FOUND} for number in (0, 1)]
GROUNDS = ("paper", "raised")
REPLIES, PARTS = ("r0", "r1", "r2", "r3"), ("detect", "react", "fly", "tail")
# Machado, Oliveira, Fernandes 2009: what is seen without the red, or the green, cones.
SIGHTS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def light_of(colour: str) -> np.ndarray:
    """Return how much red, green and blue light a colour is."""
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2."""
    low, high = sorted(float(light_of(it) @ [0.2126, 0.7152, 0.0722]) for it in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(light: np.ndarray) -> np.ndarray:
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.array(to_xyz) @ light.clip(0, 1) / [0.95047, 1.0, 1.08883])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", THEMES, ids=("light", "dark"))
def test_every_text_stands_out_from_its_ground(theme):
    for ink in ("ink", "dim", "accent", "bad", "good"):
        for ground in GROUNDS:
            assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)
    # Words in the colour of a part, and words upon bars.
    for name in (*PARTS, *REPLIES, "mouth", "unknown", "accent", "bad", "good"):
        assert contrast(theme[name], theme["paper"]) >= 4.5, name
    assert contrast(theme["faint"], theme["paper"]) >= 3  # arrows


@pytest.mark.parametrize("theme", THEMES, ids=("light", "dark"))
@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("group", [REPLIES, PARTS], ids=("replies", "parts"))
def test_the_colour_blind_tell_replies_and_parts_apart(theme, sight, group):
    seen = {name: lab(np.array(SIGHTS[sight]) @ light_of(theme[name])) for name in group}
    for one, other in combinations(group, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 20, (one, other)


def test_a_picture_has_the_colours_of_the_pages():
    timeline = Timeline(lambda: 10**9)
    timeline.record("ended", "twilio")
    light, _, dark = draw(timeline).partition("@media")
    for text, theme in ((light, THEMES[0]), (dark, THEMES[1])):
        for name, shown in re.findall(r"\.(mouth|r\d|unknown|dim|p\d)\{fill:(#\w+)\}", text):
            part = PARTS[int(name[1])] if name.startswith("p") else name
            assert shown == theme[part], name

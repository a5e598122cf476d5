from __future__ import annotations

import pytest

from simkit.bridge.metrics import MAX_SERIES, Metrics


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    parser = pytest.importorskip("prometheus_client.parser")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parser.text_string_to_metric_families(metrics.text())
        for sample in family.samples
    }


def test_the_official_parser_reads_what_was_counted() -> None:
    metrics = Metrics()
    metrics.count("frames", 3, leg="twilio", direction="in")
    metrics.count("frames", direction="in", leg="twilio")
    metrics.count("dropped", reason='a "quoted"\nreason\\')
    metrics.gauge("sessions", lambda: 7)
    found = samples(metrics)
    labels = frozenset({("leg", "twilio"), ("direction", "in")})
    assert found["simkit_bridge_frames_total", labels] == 4
    reason = frozenset({("reason", 'a "quoted"\nreason\\')})
    assert found["simkit_bridge_dropped_total", reason] == 1
    assert found["simkit_bridge_sessions", frozenset()] == 7


def test_histograms_are_cumulative() -> None:
    metrics = Metrics()
    for seconds in (0.004, 0.02, 0.4, 60.0):
        metrics.observe("clear_seconds", seconds)
    found = samples(metrics)
    name = "simkit_bridge_clear_seconds"
    assert found[f"{name}_bucket", frozenset({("le", "0.005")})] == 1
    assert found[f"{name}_bucket", frozenset({("le", "0.02")})] == 2
    assert found[f"{name}_bucket", frozenset({("le", "10.0")})] == 3
    assert found[f"{name}_bucket", frozenset({("le", "+Inf")})] == 4
    assert found[f"{name}_count", frozenset()] == 4
    assert found[f"{name}_sum", frozenset()] == pytest.approx(60.424)


def test_the_number_of_series_is_bounded() -> None:
    metrics = Metrics()
    for number in range(MAX_SERIES + 5):
        metrics.count("dropped", reason=str(number))
        metrics.observe("clear_seconds", 0.1, reason=str(number))
    assert metrics.value("lost_series") == MAX_SERIES + 10
    assert metrics.text().count("clear_seconds_count{") == MAX_SERIES // 2


def test_nothing_counted_is_an_empty_text() -> None:
    assert Metrics().text() == ""

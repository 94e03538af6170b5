"""What units count: the quantities by hand, r against NumPy, and a planted unit that is found."""

from __future__ import annotations

import numpy
import pytest
import torch

from gatefield.tasks import cell_probes


@pytest.mark.parametrize(
    ("count", "text", "expected"),
    [
        (cell_probes.place_in_line, "ab\nc\n\nd", [1, 2, 0, 1, 0, 0, 1]),
        (cell_probes.place_in_word, "to be", [1, 2, 0, 1, 2]),
        (cell_probes.inside_quotes, 'a"b"c', [0, 1, 1, 0, 0]),
        (cell_probes.open_brackets, "(a[b])]c", [1, 1, 2, 2, 1, 0, 0, 0]),
        (cell_probes.uppercase_run, "AB C:d", [1, 2, 2, 3, 3, 0]),
    ],
)
def test_quantities(count, text, expected):
    assert count(text) == expected


def test_correlation_is_that_of_numpy():
    generator = torch.Generator().manual_seed(0)
    h, quantity = torch.randn(50, 3, generator=generator), torch.randn(50, generator=generator)
    expected = [numpy.corrcoef(h[:, unit], quantity)[0, 1] for unit in range(3)]
    assert cell_probes.correlations(h, quantity).tolist() == pytest.approx(expected)
    assert cell_probes.correlations(torch.ones(50, 2), quantity).tolist() == [0, 0]


def test_finds_a_planted_unit(monkeypatch):
    text = 'He said "no" and left.\nShe said "yes (or so)".\n' * 20
    noise = torch.randn(len(text) + 1, 30, generator=torch.Generator().manual_seed(1))
    noise[1:, 17] = -torch.tensor(cell_probes.inside_quotes(text)) + 0.1 * noise[1:, 17]
    monkeypatch.setattr(cell_probes, "activities", lambda model, ids: noise)
    found = {probed.quantity: probed for probed in cell_probes.probe(None, torch.zeros(len(text) + 1), text)}  # type: ignore[arg-type]
    quotes = found["whether quotes are open"]
    assert quotes.unit == 17
    assert -1 <= quotes.correlation < -0.9
    assert torch.equal(quotes.activity, noise[1:, 17])
    # a unit chosen by chance does not keep its r on the other half
    assert abs(found["the place in the line"].correlation) < 0.6


def test_leaves_out_what_never_varies(monkeypatch):
    monkeypatch.setattr(cell_probes, "activities", lambda model, ids: torch.randn(len(ids), 2))
    found = cell_probes.probe(None, torch.zeros(41), "abcd efgh " * 4)  # type: ignore[arg-type]
    assert "how many brackets are open" not in [probed.quantity for probed in found]

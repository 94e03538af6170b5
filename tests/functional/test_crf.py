"""The linear chain against the enumeration of all tag sequences."""

from __future__ import annotations

import itertools

import pytest
import torch

from gatefield.core.errors import InputError
from gatefield.functional.crf import FORBIDDEN, LinearChain, bio_constraints, log_partition, marginals, score, viterbi

LENGTHS = [4, 1, 0, 3]


@pytest.fixture
def chain() -> LinearChain:
    source = torch.Generator().manual_seed(5)
    shapes = (4, 4, 3), (3, 3), (3,), (3,)
    emissions, *rest = (torch.randn(shape, generator=source, dtype=torch.float64) for shape in shapes)
    return LinearChain(2 * emissions, torch.tensor(LENGTHS), *rest)


def enumerated(chain: LinearChain, row: int) -> dict[tuple[int, ...], float]:
    """Tag sequence -> score, for all there are of one sentence, written out as in the paper."""
    e, A, begin, end = chain.emissions[row].numpy(), chain.transitions.numpy(), chain.begin.numpy(), chain.end.numpy()
    scores = {}
    for tags in itertools.product(range(e.shape[1]), repeat=LENGTHS[row]):
        total = begin[tags[0]] + end[tags[-1]] if tags else 0.0
        total += sum(e[t, tag] for t, tag in enumerate(tags))
        total += sum(A[one, other] for one, other in itertools.pairwise(tags))
        scores[tags] = total
    return scores


def test_partition_is_the_sum_over_all_sequences(chain):
    expected = [torch.tensor(list(enumerated(chain, row).values())).logsumexp(0) for row in range(4)]
    torch.testing.assert_close(log_partition(chain), torch.stack(expected), rtol=1e-12, atol=1e-12)


def test_scores_are_those_of_each_sequence(chain):
    for row, length in enumerate(LENGTHS):
        for tags, expected in enumerated(chain, row).items():
            given = torch.where(torch.arange(4) < chain.lengths[:, None], 0, -100)
            given[row, :length] = torch.tensor(tags, dtype=torch.int64)
            assert score(chain, given)[row].item() == pytest.approx(expected, abs=1e-12)


def test_viterbi_is_the_best_of_all_sequences(chain):
    tags, best = viterbi(chain)
    for row, length in enumerate(LENGTHS):
        scores = enumerated(chain, row)
        assert tuple(tags[row, :length].tolist()) == max(scores, key=scores.__getitem__)
        assert best[row].item() == pytest.approx(max(scores.values()), abs=1e-12)
        assert (tags[row, length:] == -100).all()


def test_marginals_are_sums_of_probabilities(chain):
    found = marginals(chain)
    for row, length in enumerate(LENGTHS):
        scores = enumerated(chain, row)
        p = torch.tensor(list(scores.values())).softmax(0)
        for t, tag in itertools.product(range(length), range(3)):
            expected = sum(p[i] for i, tags in enumerate(scores) if tags[t] == tag)
            torch.testing.assert_close(found[row, t, tag], expected, rtol=1e-12, atol=1e-12)
        assert not found[row, length:].any()


def test_marginals_in_inference_mode(chain):
    with torch.inference_mode():
        torch.testing.assert_close(marginals(chain).sum(2)[0], torch.ones(4, dtype=torch.float64))


def test_padding_is_not_read(chain):
    emissions = chain.emissions.clone()
    for row, length in enumerate(LENGTHS):
        emissions[row, length:] = torch.nan
    dirty = chain._replace(emissions=emissions)
    torch.testing.assert_close(log_partition(dirty), log_partition(chain))
    assert torch.equal(viterbi(dirty)[0], viterbi(chain)[0])


def test_gradients(chain):
    leaves = [part.clone().requires_grad_() for part in (chain.emissions, *chain[2:])]
    tags = torch.randint(3, (4, 4), generator=torch.Generator().manual_seed(0))

    def likelihood(emissions, *rest):
        given = LinearChain(emissions, chain.lengths, *rest)
        return score(given, tags) - log_partition(given)

    assert torch.autograd.gradcheck(likelihood, leaves)


def test_without_transitions_it_is_a_softmax_at_each_step(chain):
    loose = chain._replace(transitions=torch.zeros(3, 3), begin=torch.zeros(3), end=torch.zeros(3))
    within = torch.arange(4) < chain.lengths[:, None]
    expected = chain.emissions.logsumexp(2).masked_fill(~within, 0).sum(1)
    torch.testing.assert_close(log_partition(loose), expected)
    assert torch.equal(viterbi(loose)[0], chain.emissions.argmax(2).masked_fill(~within, -100))


def test_no_time_and_no_rows(chain):
    empty = chain._replace(emissions=chain.emissions[:, :0], lengths=torch.zeros(4, dtype=torch.int64))
    assert not log_partition(empty).any()
    assert viterbi(empty)[0].shape == (4, 0)
    none = chain._replace(emissions=chain.emissions[:0], lengths=chain.lengths[:0])
    assert log_partition(none).shape == viterbi(none)[1].shape == (0,)
    with pytest.raises(InputError, match="tags have shape"):
        score(chain, torch.zeros(4, 3, dtype=torch.int64))


def test_bio_constraints_are_those_of_the_scheme():
    tags = ["O", "B-place", "I-place", "B-name", "I-name"]
    follows, begins = bio_constraints(tags)

    def is_bio(sentence):
        before = "O"
        for tag in sentence:
            if tag.startswith("I-") and before not in (f"B-{tag[2:]}", tag):
                return False
            before = tag
        return True

    for numbers in itertools.product(range(5), repeat=3):
        allowed = begins[numbers[0]] and all(follows[one, other] for one, other in itertools.pairwise(numbers))
        assert bool(allowed) == is_bio([tags[number] for number in numbers])


def test_what_is_forbidden_has_no_chance(chain):
    follows, begins = bio_constraints(["O", "B-x", "I-x"])
    bound = chain._replace(
        transitions=chain.transitions.masked_fill(~follows, FORBIDDEN),
        begin=chain.begin.masked_fill(~begins, FORBIDDEN),
    )
    for row in (0, 1, 3):
        scores = enumerated(chain, row)  # without the bounds
        kept = [
            value
            for tags, value in scores.items()
            if begins[tags[0]] and all(follows[one, other] for one, other in itertools.pairwise(tags))
        ]
        torch.testing.assert_close(log_partition(bound)[row], torch.tensor(kept, dtype=torch.float64).logsumexp(0))
        assert viterbi(bound)[1][row].item() == pytest.approx(max(kept))


@pytest.mark.parametrize(
    ("tags", "message"), [(["O", "NOUN"], "'NOUN' is not BIO"), (["O", "I-x"], "'I-x' continues what never begins")]
)
def test_what_is_not_bio_is_named(tags, message):
    with pytest.raises(InputError, match=message) as caught:
        bio_constraints(tags)
    assert caught.value.hint

"""Beam search over a translator, against the usual loop over hypotheses.

    python bench/decoding.py            the table
    python bench/decoding.py --json     the same as one line for programs

The model: a GRU of 256 units with attention to 30 source states, a vocabulary of 5,000, random weights. The work: 64
sentences, beam 5, 30 symbols each; no end symbol, so that everyone takes as many steps. All use the same weights.
"usual loop" is what tutorials show: for every sentence, every step and every hypothesis one call of the decoder. "one
at a time" calls the decoder once a step with the hypotheses of one sentence. To save time these two do 8 and 32 of the
sentences; ours does all 64 in no more time. "model alone" is as many steps of the model, without a search. "bf16
output" is ours with the output layer's product in bfloat16, and "EncoderDecoder" ours over the library's own model of
that size, encoder included. "JoeyNMT" is the search and the decoder of joeynmt 2 with the weights of that model, where
it can be imported; the encoder is ours, and counts for both. Before anything is timed, hypotheses and scores of the
loop, of JoeyNMT and of the search are compared.

Exit status: 0 measured and within every limit, 1 a comparison failed before measuring or a limit was missed.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from alternate import alternate
from limits import Limit, judge
from torch import Tensor, nn

from gatefield.core.console import Console
from gatefield.decoding import Beam, Forbidden, Greedy, Hypothesis
from gatefield.layers.attention.general import General
from gatefield.models.language.encoder_decoder import EncoderDecoder
from gatefield.recurrent import to_torch

SENTENCES, WIDTH, LENGTH, VOCABULARY, HIDDEN, SOURCE = 64, 5, 30, 5000, 256, 30
BEGIN = 2
UNSAID = (BEGIN, 1, 3)  # begin, padding and end: everyone takes as many steps
Search = Callable[[Tensor], tuple[Tensor, Tensor]]
GOAL = 366  # sentences a second on two cores with AVX-512; reported, not judged: seconds depend on the machine


class State(NamedTuple):
    """Memory and its keys (n, source, hidden); hidden state (n, w, hidden)."""

    memory: Tensor
    keys: Tensor
    h: Tensor


class Translator(nn.Module):
    """The decoder of a translator as a stepper; all hypotheses of all sentences are one batch."""

    def __init__(self, output: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, HIDDEN)
        self.cell = nn.GRUCell(HIDDEN, HIDDEN)
        self.key, self.mix = nn.Linear(HIDDEN, HIDDEN, bias=False), nn.Linear(2 * HIDDEN, HIDDEN)
        self.output = nn.Linear(HIDDEN, VOCABULARY, dtype=output)

    def start(self, memory: Tensor) -> State:
        return State(memory, self.key(memory), memory.mean(1, keepdim=True))

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        scores, state = self.scores(tokens, state)
        return scores.log_softmax(2), state

    def scores(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        n, w = tokens.shape
        h = self.cell(self.embedding(tokens).flatten(0, 1), state.h.flatten(0, 1)).view(n, w, -1)
        context = (h @ state.keys.transpose(1, 2)).softmax(2) @ state.memory
        mixed = torch.tanh(self.mix(torch.cat([h, context], 2))).view(n * w, -1)
        scores = self.output(mixed.to(self.output.weight.dtype)).view(n, w, -1)
        return scores.float(), State(state.memory, state.keys, h)

    def reorder(self, state: State, sentences: Tensor, hypotheses: Tensor) -> State:
        memory, keys = state.memory, state.keys
        if len(sentences) < len(memory):
            memory, keys = memory[sentences], keys[sentences]
        return State(memory, keys, state.h[sentences[:, None], hypotheses])


def usual_loop(model: Translator, memory: Tensor) -> list[list[tuple[tuple[int, ...], float]]]:
    """One call of the decoder for every sentence, step and hypothesis."""
    results = []
    for sentence in memory:
        beam = [((), 0.0, model.start(sentence[None]))]
        for _ in range(LENGTH):
            candidates = []
            for tokens, score, state in beam:
                last = torch.tensor([[tokens[-1] if tokens else BEGIN]])
                log_probabilities, after = model.step(last, state)
                values, symbols = log_probabilities[0, 0].topk(WIDTH)
                for value, symbol in zip(values.tolist(), symbols.tolist()):
                    candidates.append(((*tokens, symbol), score + value, after))
            beam = sorted(candidates, key=lambda candidate: -candidate[1])[:WIDTH]
        results.append([(tokens, score) for tokens, score, _ in beam])
    return results


def searched(model: Translator, memory: Tensor) -> list[list[Hypothesis]]:
    return Beam(WIDTH, WIDTH).decode(model, model.start(memory), BEGIN, None, LENGTH)


def one_at_a_time(model: Translator, memory: Tensor) -> list[list[Hypothesis]]:
    return [searched(model, memory[k : k + 1])[0] for k in range(len(memory))]


def steps_alone(model: Translator, memory: Tensor) -> None:
    """What a search cannot save: all steps, with all hypotheses from the second one on."""
    tokens = torch.zeros(len(memory), 1, dtype=torch.int64)
    _, state = model.step(tokens, model.start(memory))
    tokens = tokens.expand(-1, WIDTH)
    state = model.reorder(state, torch.arange(len(memory)), tokens)
    for _ in range(LENGTH - 1):
        _, state = model.step(tokens, state)


def own_search(own: EncoderDecoder, source: Tensor) -> list[list[Hypothesis]]:
    """As JoeyNMT has it: the symbols UNSAID are never said."""
    return Beam(WIDTH).decode(own, own.start((source, None)), BEGIN, None, LENGTH, [Forbidden(UNSAID)])


def joey_search(own: EncoderDecoder) -> Search | None:
    """JoeyNMT's beam search over its own decoder with the weights of ``own``: symbols and scores. None if it is absent.

    Its decoder with attention after a GRU and without input feeding computes what ours does, but for the bias of the
    output, which is 0 here.
    """
    try:
        from joeynmt.decoders import RecurrentDecoder  # pyright: ignore[reportMissingImports]
        from joeynmt.embeddings import Embeddings  # pyright: ignore[reportMissingImports]
        from joeynmt.encoders import RecurrentEncoder  # pyright: ignore[reportMissingImports]
        from joeynmt.model import Model  # pyright: ignore[reportMissingImports]
        from joeynmt.search import beam_search  # pyright: ignore[reportMissingImports]
        from joeynmt.vocabulary import Vocabulary  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    names = ("unk", "pad", "bos", "eos")
    special = {f"{name}_token": f"<{name}>" for name in names} | {f"{name}_id": k for k, name in enumerate(names)}
    symbols = [f"<{name}>" for name in names] + [str(k) for k in range(len(names), VOCABULARY)]
    vocabulary = Vocabulary(symbols, SimpleNamespace(**special, lang_tags=[], sep_token=None))
    encoder = RecurrentEncoder(hidden_size=HIDDEN, emb_size=HIDDEN, bidirectional=False)
    sizes = {"emb_size": HIDDEN, "hidden_size": HIDDEN, "vocab_size": VOCABULARY}
    decoder = RecurrentDecoder(**sizes, encoder=encoder, attention="luong", input_feeding=False)
    embedding = Embeddings(HIDDEN, vocab_size=VOCABULARY, padding_idx=None)
    mine = own.decoder
    assert isinstance(mine.attention, General)
    assert mine.bridge is not None
    assert mine.readout is not None
    decoder.rnn.load_state_dict(to_torch(mine.recurrent).state_dict())
    for theirs, weights in (
        (decoder.attention.key_layer, mine.attention.W_a),
        (decoder.att_vector_layer, mine.readout),
        (decoder.bridge_layer, mine.bridge),
    ):
        theirs.load_state_dict(weights.state_dict())
    with torch.no_grad():
        decoder.output_layer.weight.copy_(mine.output.weight)
        embedding.lut.weight.copy_(mine.embedding.weight)
    model = Model(encoder, decoder, embedding, embedding, vocabulary, vocabulary).eval()

    def search(source: Tensor) -> tuple[Tensor, Tensor]:
        states, _ = own.encoder(own.embedding(source))
        mask = torch.ones(len(source), 1, SOURCE, dtype=torch.bool)
        options = {"return_prob": "hyp", "min_output_length": LENGTH}
        found, scores, _ = beam_search(model, WIDTH, states, states[:, -1], mask, LENGTH, alpha=0.0, **options)
        return found, scores[:, 0]

    return search


class Mismatch(Exception):
    """Searches that should find the same and do not."""


def require_equal(model: Translator, memory: Tensor) -> None:
    """The loop and the search find the same five hypotheses of the first sentences.

    Raises:
        Mismatch: other symbols, or a score that differs by more than 1e-3 in about 200.
    """
    pairs = zip(usual_loop(model, memory[:6]), searched(model, memory)[:6])
    for sentence, (theirs, mine) in enumerate(pairs):
        for (tokens, score), hypothesis in zip(theirs, mine, strict=True):
            if tokens != hypothesis.tokens or abs(score - hypothesis.score) > 1e-3:
                raise Mismatch(f"sentence {sentence}: {hypothesis.tokens} {hypothesis.score}, loop {tokens} {score}")


def require_equal_to_joey(own: EncoderDecoder, source: Tensor) -> None:
    """JoeyNMT and the search find the same best hypothesis of every sentence.

    In float64: some of the hypotheses of random weights differ by less than float32's rounding of their scores.

    Raises:
        Mismatch: other symbols, or a score that differs by more than 1e-6 in about 100.
    """
    torch.set_default_dtype(torch.float64)
    own = copy.deepcopy(own).double()
    search = joey_search(own)
    assert search is not None
    theirs, scores = search(source)
    for sentence, (symbols, score, (mine, *_)) in enumerate(
        zip(theirs.tolist(), scores.tolist(), own_search(own, source))
    ):
        if tuple(symbols) != mine.tokens or abs(score - mine.score) > 1e-6:
            raise Mismatch(f"sentence {sentence}: {mine.tokens} {mine.score}, JoeyNMT {symbols} {score}")
    torch.set_default_dtype(torch.float32)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count (default 7)")
    parser.add_argument("--json", action="store_true", help="print one JSON line on stdout, the table on stderr")
    options = parser.parse_args()
    console = Console()
    torch.manual_seed(0)
    model = Translator().eval()
    nn.init.normal_(model.output.weight, std=0.3)  # default weights are so small that all symbols are nearly equal
    rounded = Translator(torch.bfloat16).eval()
    rounded.load_state_dict(model.state_dict())
    cell: Any = {"name": "gru", "reset": "after", "update": "torch"}
    own = EncoderDecoder(VOCABULARY, VOCABULARY, HIDDEN, HIDDEN, bidirectional=False, cell=cell).eval()
    nn.init.normal_(own.decoder.output.weight, std=0.3)
    nn.init.zeros_(own.decoder.output.bias)  # JoeyNMT has none
    joey = joey_search(own)
    memory, source = torch.randn(SENTENCES, SOURCE, HIDDEN), torch.randint(VOCABULARY, (SENTENCES, SOURCE))
    with torch.no_grad():
        try:
            require_equal(model, memory)
            if joey is not None:
                require_equal_to_joey(own, source)
        except Mismatch as mismatch:
            console.warn(f"nothing is reported: {mismatch}")
            return 1
        contestants = {
            "beam": lambda: searched(model, memory),
            "beam, bf16 output": lambda: searched(rounded, memory),
            "beam, EncoderDecoder": lambda: own_search(own, source),
            "greedy": lambda: Greedy().decode(model, model.start(memory), BEGIN, None, LENGTH),
            "model alone": lambda: steps_alone(model, memory),
            "one at a time, 32": lambda: one_at_a_time(model, memory[:32]),
            "usual loop, 8": lambda: usual_loop(model, memory[:8]),
        }
        if joey is not None:
            contestants["JoeyNMT"] = lambda: joey(source)
        timings = alternate(contestants, options.rounds, console.say)
    limits = [
        Limit("beam", "usual loop, 8", 1.0),
        Limit("beam", "one at a time, 32", 1.0),
        Limit("beam", "model alone", 1.5),
        Limit("beam, EncoderDecoder", "usual loop, 8", 1.0),
        Limit("beam, EncoderDecoder", "JoeyNMT", 0.5),
    ]
    verdicts = judge(limits, timings, counts=True)
    done = {"one at a time, 32": 32, "usual loop, 8": 8}
    speeds = {name: done.get(name, SENTENCES) / timings.median(name) for name in contestants}
    if options.json:
        console.json({"bench": "decoding", "verdicts": [dataclasses.asdict(v) for v in verdicts], "speeds": speeds})
    else:
        lines = [f"{name:24}{speed:8.0f} sentences/s" for name, speed in speeds.items()]
        console.result(
            "\n".join([*map(str, verdicts), *lines, f"goal of the beam on two idle cores: {GOAL} sentences/s"])
        )
    return int(any(verdict.passed is False for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())

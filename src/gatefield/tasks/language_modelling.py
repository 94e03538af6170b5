"""Train a network to foretell a text symbol by symbol."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, Self

import torch
from torch import Tensor

from ..core.arguments import PositiveInt, Probability
from ..core.configurable import DEFAULTS, Spec, named
from ..core.errors import ArgumentError
from ..core.run_folder import RunFolder
from ..data.holding_out import cut_end
from ..data.reader import RunningTextReader
from ..data.streams import Streams
from ..data.text_codec import TextCodec
from ..data.tokens import Tokenizer
from ..functional.ngrams import NGrams
from ..models.language.language_model import LanguageModel
from ..models.model import Model
from ..render.page import Page
from ..training.settings import Training
from . import language_page
from .attacked.writing import Writing, given_passage, passages
from .exhibits import Text
from .explainable import Explainable, ExplainableInput
from .given_texts import given_texts
from .sequence_task import BATCH, SequenceTask, Share
from .task import Session

#: Steps that are read at once where nothing is learned, and how many logits may come of that: above some 32 MiB the
#: memory of a tensor is asked from the system anew each time, which costs more than computing it.
PIECE, LOGITS = 512, 1 << 22
#: Shorter rows would be charged for what a network cannot know at the beginning of a row.
ROW = 4096
#: How many symbols the longest n-gram model looks back.
HISTORY = 5


@torch.inference_mode()
def read(model: LanguageModel, ids: Tensor, session: Session) -> tuple[Tensor, Tensor]:
    """Let ``model`` read ``ids`` (time,) once from beginning to end.

    Returns:
        Log-probabilities of each symbol after the first, float64 (time - 1,), and of every symbol that may follow,
        float32 (vocabulary,); both on the CPU.
    """
    state, found, log_p = None, [], torch.empty(0)
    piece = max(1, min(PIECE, LOGITS // model.embedding.vocabulary))
    with session.console.progress("evaluate", len(ids) - 1, "symbol") as progress:
        for start in range(0, len(ids), piece):
            tokens, after = (ids[first : first + piece].to(session.device) for first in (start, start + 1))
            logits, state = model(tokens[None], state=state)
            log_p = logits[0].float().log_softmax(-1)
            found.append(log_p[: len(after)].gather(1, after[:, None])[:, 0].cpu().double())
            progress.advance(len(after))
    return torch.cat(found), log_p[-1].cpu()


class LanguageModelling(SequenceTask[str]):
    """Foretell each symbol of running text from all before it (catalogue 177, 178).

    The documents are read one after the other, a begin symbol before each. Training reads ``training.batch_size``
    places of the text side by side and carries the state from one mini-batch to the next, so that the network knows all
    that it read, while gradients reach ``steps`` symbols back (truncated back-propagation through time).

    Args:
        data: where the text comes from.
        model: the network; the data say its vocabulary.
        tokens: how the text is cut.
        minimum: tokens that occur less often in the training text are unknown.
        vocabulary: keep at most so many tokens, the most frequent.
        steps: symbols that the gradient reaches back.
        reset_rate: chance that a row of a mini-batch forgets what was read and starts from the initial state, which a
            network that always goes on would hardly ever meet; without it, fresh texts are read badly.
        validation, test: shares of the text held out, from its end; see `SequenceTask`.
        training: how to train; ``batch_size`` counts rows.
        baselines: measure n-gram models beside the network.

    Raises:
        ArgumentError: a batch of "all", which says no number of rows.

    Reference: S3 and S4; Williams and Peng (1990) for the truncation.
    """

    name = "language-modelling"
    reference = "catalogue 177, catalogue 178"
    _last: tuple[Sequence[str], Model, dict[str, Any]] | None = None  # the last measurement: the report wants it again

    def __init__(
        self,
        data: RunningTextReader,
        model: Spec[Model] = named("language-model"),
        tokens: Tokenizer = named("characters"),
        minimum: PositiveInt = 1,
        vocabulary: PositiveInt | None = None,
        steps: PositiveInt = 64,
        reset_rate: Probability = 0.01,
        validation: Share | None = None,
        test: Share | None = None,
        training: Training = DEFAULTS,
        baselines: bool = False,
    ) -> None:
        if training.batch_size == "all":
            message = "batch_size 'all' does not say in how many rows the text is read"
            raise ArgumentError(message, hint="give a number, 64 for example", path=("training", "batch_size"))
        self.data, self.spec, self.tokens, self.training = data, model, tokens, training
        self.minimum, self.vocabulary, self.steps = minimum, vocabulary, steps
        self.reset_rate = reset_rate
        self.validation, self.test, self.baselines = validation, test, baselines

    def hold_out(self, items: Sequence[str], share: float) -> tuple[Sequence[str], Sequence[str] | None]:
        rest, held_out = cut_end(items, share)
        return rest, held_out or None

    def learn(self, items: Sequence[str]) -> None:
        self.codec = TextCodec.fit(self.tokens, items, minimum=self.minimum, size=self.vocabulary, begin=True)

    def learned(self) -> dict[str, Any]:
        return {"codec": self.codec.content()}

    def take(self, learned: dict[str, Any]) -> None:
        self.codec = TextCodec.from_content(learned["codec"])

    def build(self) -> Model:
        model = self.spec.build(vocabulary=len(self.codec.vocabulary))
        if not isinstance(model, LanguageModel):
            message = f"the model '{model.name}' does not foretell symbols"
            raise ArgumentError(message, hint="choose language-model and vary its encoder", path=("model",))
        return model

    @property
    def network(self) -> LanguageModel:
        """The trained network, as what it is."""
        model = self.model
        assert isinstance(model, LanguageModel)
        return model

    @property
    def unit(self) -> str:
        """What a symbol is called."""
        return {"characters": "character", "words": "word", "whitespace": "word"}.get(self.tokens.name, "token")

    def ids(self, documents: Iterable[str]) -> Tensor:
        """The numbers of all symbols, int64 (time,), with the begin symbol before each document."""
        return self.codec.encode_all(documents).flat

    def batches(
        self, items: Sequence[str], batch_size: int | Literal["all"], shuffle: bool, session: Session
    ) -> Streams:
        ids, group, steps, reset_rate = self.ids(items), session.processes, self.steps, self.reset_rate
        assert batch_size != "all"
        if not shuffle:
            room = LOGITS // len(self.codec.vocabulary)
            batch_size = max(1, min(BATCH, len(ids) // ROW, room // 64))
            steps, reset_rate = max(1, min(PIECE, room // batch_size)), 0.0
        return Streams(
            ids, batch_size, steps, reset_rate=reset_rate, seed=session.seed, rank=group.rank, world=group.count
        )

    def measure(self, items: Sequence[str], session: Session) -> dict[str, Any]:
        network = self.network
        if self._last is None or self._last[0] is not items or self._last[1] is not network:
            found = self._measures(read(network, self.ids(items), session)[0], items)
            self._last = items, network, found
        return dict(self._last[2])

    def _measures(self, log_p: Tensor, items: Sequence[str]) -> dict[str, Any]:
        """Means over all symbols; bits a character are all bits over all characters of the text, however it is cut."""
        nats = -float(log_p.mean())
        return {
            "count": len(log_p),
            "loss": nats,
            "bits": nats / math.log(2),
            "perplexity": math.exp(min(nats, 700.0)),
            "bits_per_character": nats * len(log_p) / math.log(2) / sum(map(len, items)),
        }

    def measure_baselines(self, train: Sequence[str], items: Sequence[str]) -> dict[str, dict[str, Any]]:
        models = NGrams(self.ids(train), len(self.codec.vocabulary), HISTORY)
        found = models.log_probabilities(self.ids(items))[:, 1:]
        names = ["frequencies", *(f"last {n} {self.unit}{'s' * (n > 1)}" for n in range(1, HISTORY + 1))]
        return {name: self._measures(log_p, items) for name, log_p in zip(names, found)}

    def describe(self, metrics: dict[str, Any]) -> str:
        lines = [f"{metrics['split']}: {self._in_words(metrics)}; {metrics['count']} {self.unit}s"]
        lines += [f"{name}: {self._in_words(found)}" for name, found in metrics.get("baselines", {}).items()]
        return "\n".join(lines)

    def _in_words(self, metrics: dict[str, Any]) -> str:
        nats = f"{metrics['loss']:.4f} nats a {self.unit}"
        if self.unit == "character":
            return f"{nats} ({metrics['bits']:.4f} bits)"
        return f"perplexity {metrics['perplexity']:.2f} ({nats}, {metrics['bits_per_character']:.4f} bits a character)"

    def unknown(self, text: str) -> list[str]:
        """The tokens of ``text`` that are not in the vocabulary, each once, in their order."""
        vocabulary = self.codec.vocabulary
        return [token for token in dict.fromkeys(self.codec.tokenizer.tokens(text)) if token not in vocabulary]

    def predict(self, session: Session, inputs: Iterable[Any], top: int = 1) -> Iterator[dict[str, Any]]:
        """How probable each text is, as a document of its own, and the ``top`` likeliest symbols after it."""
        network, quiet = self.network, Session(processes=session.processes)
        for given in given_texts(inputs):
            ids = self.ids([given.text])
            said, following = read(network, ids, quiet)
            values, places = following.exp().topk(min(top, len(following)))
            symbols = self.codec.vocabulary.tokens(ids[1:].tolist())
            after = self.codec.vocabulary.tokens(places.tolist())
            nats = -float(said.mean()) if len(said) else 0.0
            yield {
                "input": given.name,
                "text": f"{nats:.4f} nats a {self.unit} over {len(said)}; then {after[0]!r} {float(values[0]):.1%}",
                "log_probability": float(said.sum()),
                "loss": nats,
                "perplexity": math.exp(min(nats, 700.0)),
                "symbols": [
                    {"symbol": symbol, "log_probability": value} for symbol, value in zip(symbols, said.tolist())
                ],
                "next": [{"label": label, "probability": p} for label, p in zip(after, values.tolist())],
                "unknown": self.unknown(given.text),
            }

    def given(self, files: Iterable[Any]) -> Iterator[str]:
        """The texts that a person gives."""
        return (given.text for given in given_texts(files))

    def reading(self, item: str, name: str | None = None) -> ExplainableInput:
        """A text for explainers, symbol by symbol; after each the network says which will follow."""
        ids = self.ids([item])[None].to(self.network.device)
        symbols = self.codec.vocabulary.tokens(ids[0].tolist())
        last = [len(symbols) - 1]
        inputs = ids, torch.tensor([len(symbols)])
        return ExplainableInput(name or item, inputs, Text(symbols), positions=symbols, asked=last)

    def explainable(self, files: Iterable[Any]) -> Explainable:
        """Texts for explainers: for the symbol that follows, or any that follows before, a number for every symbol."""
        inputs = (self.reading(given.text, given.name) for given in given_texts(files))
        symbols = self.codec.vocabulary.symbols
        return Explainable(self.network, symbols, lambda logits: logits.softmax(-1), inputs, noun="symbol")

    def attackable(self, files: Iterable[Any], count: int) -> Writing:
        """Passages for attacks; of the task's own data at most ``count``, spread over the part that is measured on.

        Raises:
            InputError: a text of too few symbols.
        """
        split, read = None, [given_passage(self.codec, given) for given in given_texts(files)]
        if not read:
            split, items = self.part(None)
            read = passages(self.ids(items), self.codec, split, count)
        return Writing.of(self.network, self.codec, self.unit, split, read)

    def compose(self, session: Session, folder: RunFolder, page: Page) -> None:
        language_page.compose(self, session, folder, page)

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        from ..data.readers.text_file import TextFile

        small = {"name": "language-model", "embedding": 4, "encoder": {"name": "recurrent", "hidden": [6]}}
        training = Training(epochs=2, batch_size=4)
        return cls(data=TextFile.sample(folder), model=small, steps=20, training=training, baselines=True)  # type: ignore[arg-type]

"""A picture in a sentence: the codes of a convolutional network, and a recurrent network that reads them out."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import torch
from torch import Tensor

from ...core.arguments import Interval, PositiveInt, Probability
from ...core.configurable import Spec, named
from ...core.errors import ArgumentError, InputError
from ...functional.layer_outputs import layer_outputs
from ...layers.attention.attention import Attention
from ...layers.recurrent_decoder import DecoderState, RecurrentDecoder
from ...recurrent import Cell
from ..model import Model, SequenceExample


class Captioner(Model):
    """A caption, word by word: p(y | picture) = prod_t p(y_t | y_<t, codes).

    The codes are the activations of a layer of a convolutional network, C channels at L places. The first state of the
    recurrent network is made of their mean, and with attention each step looks at the places as well. See
    `RecurrentDecoder` for the equations. Presets:

        show-and-tell           without attention
        show-attend-and-tell    with it

    Args:
        input_shape: of a picture (channels, height, width), or without a network that of its codes.
        vocabulary: symbols of the captions.
        network: whose codes are read. It is not trained; give it weights before. None: ``forward`` gets codes.
        layer: of the network, as `summarize` lists them; its outputs are the codes.
        embedding: features of a symbol.
        hidden: units of the recurrent network.
        cell: of the recurrent network.
        attention: the kind; None: no attention.
        order: attention after the recurrence (``luong``, faster to train) or before it (``bahdanau``, as in the paper).
        tied: the output layer shares the weights of the embedding.
        dropout: of embeddings and of what is read out.
        teacher_forcing: chance in [0, 1] that, in training, a step hears the right word and not the model's own; an
            attribute that a schedule may change during training.

    Raises:
        ArgumentError: a network without a layer or a layer without a network; other options that exclude one another.

    Source: Vinyals et al. (2015); Xu et al. (2015), deterministic "soft" attention; S4 "Image captioning" (catalogue
    196). Departs from the papers: Vinyals' picture is the first input and not the first state; Xu's gate of the
    context and penalty of the weights are left out.
    """

    name = "captioner"
    reference = "vinyals2015, xu2015"
    presets = {  # noqa: RUF012
        "show-and-tell": {"attention": None},
        "show-attend-and-tell": {"attention": {"name": "additive"}, "order": "bahdanau"},
    }

    def __init__(
        self,
        input_shape: tuple[PositiveInt, ...],
        vocabulary: PositiveInt,
        network: Spec[Model] | None = None,
        layer: str = "",
        embedding: PositiveInt = 256,
        hidden: PositiveInt = 256,
        cell: Spec[Cell] = named("lstm"),
        attention: Spec[Attention] | None = named("additive"),
        order: Literal["luong", "bahdanau"] = "luong",
        tied: bool = False,
        dropout: Probability = 0.0,
        teacher_forcing: Annotated[float, Interval("[0, 1]")] = 1.0,
    ) -> None:
        super().__init__()
        if (network is None) != (not layer):
            message = "a network and the layer whose outputs are the codes go together"
            raise ArgumentError(message, hint="give both, or neither where the input is codes", path=("layer",))
        self.layer, self.teacher_forcing = layer, teacher_forcing
        self.network, shape = None, list(input_shape)
        if network is not None:
            self.network = network.build(input_shape=input_shape, classes=1000).eval().requires_grad_(False)
            shape = list(self.codes(torch.zeros(1, *input_shape)).shape[1:])
        self.code_shape = shape
        self.decoder = RecurrentDecoder(
            vocabulary,
            embedding,
            cell,
            hidden,
            code_size=shape[0],
            memory_size=shape[0],
            attention=attention,
            order=order,
            tied=tied,
            dropout=dropout,
        )

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        def make(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
            words = torch.randint(1, 9, (4, 5), generator=generator)
            lengths = torch.tensor([3, 5, 1, 2])
            codes = torch.randn(4, 3, 2, 2, generator=generator)
            return codes, words.masked_fill(torch.arange(5) >= lengths[:, None], 0), lengths

        small = {"input_shape": (3, 2, 2), "vocabulary": 9, "embedding": 6, "hidden": 4}
        options = [{}, *cls.presets.values(), {"attention": "general", "order": "luong", "tied": True, "cell": "gru"}]
        return [SequenceExample({**small, **option}, make) for option in options]

    def train(self, mode: bool = True) -> Self:
        """Training is of the recurrent network alone: the other stays as it is."""
        super().train(mode)
        if self.network is not None:
            self.network.eval()
        return self

    def forward(self, images: Tensor, captions_in: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits of the next word.

        Args:
            images: (batch, channels, height, width); without a network the codes.
            captions_in: (batch, time) int64, the caption one step late: the begin symbol first.
            lengths: symbols of each caption; None: all.

        Returns:
            (batch, time, vocabulary), zero beyond a row's length.
        """
        rate = self.teacher_forcing if self.training else 1.0
        return self.decoder(captions_in, self.start(images), lengths, rate)[0]

    def free_run(self, images: Tensor, captions_in: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`forward` where each step hears what the model itself found most likely, ``captions_in`` at first only."""
        return self.decoder(captions_in, self.start(images), lengths, 0.0)[0]

    def alignment(self, images: Tensor, captions_in: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The weights of attention at every place, (batch, time, height, width), for each word of a given caption.

        Raises:
            ArgumentError: the model has no attention.
        """
        weights = self.decoder(captions_in, self.start(images), lengths)[1]
        if weights is None:
            hint = "build it with attention='additive', say"
            raise ArgumentError("this model has no attention", hint=hint, path=("attention",))
        return weights.unflatten(2, self.code_shape[1:] or [1])

    def codes(self, images: Tensor) -> Tensor:
        """The codes (batch, C, ...) of ``images``, which do not change in training and can be kept."""
        if self.network is None:
            return images
        with torch.no_grad():
            return layer_outputs(self.network, images, [self.layer])[self.layer]

    def start(self, images: Tensor) -> DecoderState:
        """The state before the first word of the captions of ``images`` (n, channels, height, width).

        Its ``attention``, after a step, are the weights of that step, (n, w, places).
        """
        codes = self.codes(images)
        if list(codes.shape[1:]) != self.code_shape:
            message = f"the codes have shape {tuple(codes.shape)}"
            raise InputError(message, hint=f"give (batch, {', '.join(map(str, self.code_shape))})")
        places = codes.flatten(2).transpose(1, 2) if codes.dim() > 2 else codes[:, None]
        memory = None if self.decoder.attention is None else self.decoder.attention.prepare(places)
        return self.decoder.begin(places.mean(1), memory)

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """log p (n, w, vocabulary) of what follows ``tokens`` (n, w) int64, and the state after them."""
        return self.decoder.step(tokens, state)

    def reorder(self, state: DecoderState, sentences: Tensor, hypotheses: Tensor) -> DecoderState:
        """The state of ``sentences`` (m,) and, of each, ``hypotheses`` (m, w'), both int64."""
        return state.reorder(sentences, hypotheses)

    def attention(self, state: DecoderState) -> tuple[Tensor, Tensor]:
        """Weights of the last step (n, w, places), and which places count, (n, places): all."""
        return state.looked()

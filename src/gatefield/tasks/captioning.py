"""Train a network to say what a picture shows, in a sentence."""

from __future__ import annotations

import functools
import math
import os
import pathlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Self

import torch
from torch import Tensor

from ..core.arguments import PositiveInt
from ..core.configurable import DEFAULTS, Spec, named
from ..core.errors import ArgumentError
from ..core.run_folder import RunFolder
from ..data import batching
from ..data.captioned_sequences import CaptionedSequences, indicated
from ..data.corpus import CaptionedImage
from ..data.image_set import ImageTensor
from ..data.length_buckets import LengthBuckets
from ..data.preparation import Preparation
from ..data.reader import CaptionReader, LabelledImages
from ..data.streamed_images import ImageFiles
from ..data.text_codec import TextCodec
from ..data.tokens import Tokenizer
from ..decoding import Decoder, Forbidden, Hypothesis
from ..functional.spread import spread_over
from ..models.language.captioner import Captioner
from ..models.model import Model
from ..render.page import Page
from ..training.distributed import Processes
from ..training.objectives.frames import Frames
from ..training.settings import Training
from ..training.weights import restore_tensors, state_tensors
from . import captioning_page
from .attacked.captions import Captions, Describer
from .captioning_metrics import bleu
from .explainable import Explainable
from .explained.captions import SeeingCaptioner, explainable_captions
from .fitting import fit_network
from .given_pictures import given_pictures
from .pretrained import from_pretrained
from .sequence_task import BATCH, SequenceTask, Share
from .task import Session

#: Bytes of pixels that are kept in memory; more are read from their files again and again.
IN_MEMORY = 1 << 30


class Said(NamedTuple):
    """A caption that the network made."""

    text: str
    hypotheses: list[Hypothesis]


class Captioning(SequenceTask[CaptionedImage]):
    """Say what a picture shows: a convolutional network whose codes a recurrent one reads out (catalogue 196).

    The convolutional network is not trained by the captions' likelihood. It comes with weights, or it learns first
    which words occur in the captions of a picture:  sum over words w of  -t_w log s(z_w) - (1 - t_w) log(1 - s(z_w)).

    Args:
        data: where pictures and captions come from.
        model: ``show-and-tell``, ``show-attend-and-tell`` or another captioner, with the network and its layer; the
            data say its vocabulary.
        channels: 1 for grey, 3 for colours.
        size: height and width that pictures are scaled to; one number for both.
        tokens: how captions are cut.
        minimum: tokens that occur less often in the training captions are unknown.
        weights: the folder of a run or model whose network the codes come from. Its outputs must be as many: give
            ``classes`` at the network.
        pretraining: how the network learns words first; None: it does not.
        decoder: chooses the words.
        validation, test: shares held out; see `SequenceTask`.
        training: how the recurrent network is trained.

    Raises:
        ArgumentError: the network is neither given weights nor pretrained.

    Reference: Vinyals et al. (2015); Xu et al. (2015); words first: Fang et al. (2015).
    """

    name = "captioning"
    reference = "vinyals2015, xu2015, fang2015"

    def __init__(
        self,
        data: CaptionReader,
        model: Spec[Model] = named("show-attend-and-tell"),
        channels: Literal[1, 3] = 3,
        size: PositiveInt | tuple[PositiveInt, PositiveInt] = 224,
        tokens: Tokenizer = named("words"),
        minimum: PositiveInt = 1,
        weights: str | None = None,
        pretraining: Training | None = None,
        decoder: Decoder = named("beam"),
        validation: Share | None = None,
        test: Share | None = None,
        training: Training = DEFAULTS,
    ) -> None:
        if weights is None and pretraining is None:
            message = "a network of random weights would be all that the captions come from"
            raise ArgumentError(message, hint="give weights, or pretraining: {epochs: 10}", path=("pretraining",))
        height, width = (size, size) if isinstance(size, int) else size
        self.shape = (channels, height, width)
        self.data, self.spec, self.tokens, self.minimum = data, model, tokens, minimum
        self.weights, self.pretraining, self.decoder, self.training = weights, pretraining, decoder, training
        self.validation, self.test = validation, test

    def same(self, item: CaptionedImage) -> int:
        return zlib.crc32(item.path.read_bytes())

    # --------------------------------------------------------------------------------------------------------- learning

    def learn(self, items: Sequence[CaptionedImage]) -> None:
        captions = [caption for item in items for caption in item.captions]
        self.codec = TextCodec.fit(self.tokens, captions, minimum=self.minimum, begin=True, end=True)
        self.longest = max(map(len, map(self.codec.encode, captions))) - 1
        self.preparation = Preparation.fit(self.images(items))

    def learned(self) -> dict[str, Any]:
        return {
            "codec": self.codec.content(),
            "longest": self.longest,
            "preparation": self.preparation.config(),
        }

    def take(self, learned: dict[str, Any]) -> None:
        self.codec, self.longest = TextCodec.from_content(learned["codec"]), learned["longest"]
        self.preparation = Preparation.from_config(learned["preparation"], ("preparation",))

    def build(self) -> Model:
        model = self.spec.build(input_shape=self.shape, vocabulary=len(self.codec.vocabulary))
        if not isinstance(model, Captioner):
            message = f"the model '{model.name}' makes no captions of pictures"
            raise ArgumentError(message, hint="choose show-and-tell or show-attend-and-tell", path=("model",))
        if model.network is None:
            message = "the captioner has no network that sees the pictures"
            hint = "model: {name: show-attend-and-tell, network: resnet18, layer: a layer of it}"
            raise ArgumentError(message, hint=hint, path=("model", "network"))
        if self.weights is not None:
            given = from_pretrained(self.weights)
            restore_tensors(model.network, state_tensors(given.model), f"the network in {self.weights}")
            if given.preparation is not None:
                self.preparation = Preparation(self.shape, given.preparation.mean, given.preparation.std)
        return model

    @property
    def captioner(self) -> Captioner:
        """The trained network, as what it is."""
        model = self.model
        assert isinstance(model, Captioner)
        return model

    def images(self, items: Sequence[CaptionedImage], labels: Tensor | None = None) -> LabelledImages:
        """The pictures of ``items``, in memory where they fit in."""
        labels = torch.zeros(len(items), dtype=torch.int64) if labels is None else labels
        paths = [item.path for item in items]
        root = pathlib.Path(os.path.commonpath([path.parent for path in paths])) if paths else pathlib.Path()
        files = ImageFiles(root, paths, labels, self.shape)
        if len(paths) * math.prod(self.shape) > IN_MEMORY:
            return files
        pixels = files.batch(torch.arange(len(paths)))
        return ImageTensor(pixels, labels, "pictures", [str(path) for path in paths])

    def batches(
        self, items: Sequence[CaptionedImage], batch_size: int | Literal["all"], shuffle: bool, session: Session
    ) -> LengthBuckets:
        captions, pictures = self._captions(items)
        sequences = CaptionedSequences(self.images(items), self.preparation, pictures, captions)
        group = session.processes
        return LengthBuckets(
            sequences, batch_size, seed=session.seed, shuffle=shuffle, rank=group.rank, world=group.count
        )

    def _captions(self, items: Sequence[CaptionedImage]) -> tuple[Any, Tensor]:
        """Every caption, and the place of its picture in ``items``."""
        captions = self.codec.encode_all(caption for item in items for caption in item.captions)
        counts = torch.tensor([len(item.captions) for item in items], dtype=torch.int64)
        return captions, torch.arange(len(items)).repeat_interleave(counts)

    def fit(self, session: Session, folder: RunFolder) -> None:
        if self.pretraining is not None:
            self._learn_words(self.pretraining, session)
        super().fit(session, folder)

    def _learn_words(self, training: Training, session: Session) -> None:
        """Teach the network which words occur in the captions of a picture; its first outputs stand for them."""
        model, parts, group = self._untrained, self.parts, session.processes
        assert isinstance(model, Captioner)
        assert model.network is not None
        network = model.network.requires_grad_(True)
        with torch.no_grad():
            outputs = network(torch.zeros(1, *self.shape)).shape[1]

        def batches(items: Sequence[CaptionedImage], size: int | Literal["all"], shuffle: bool) -> batching.Batches:
            captions, pictures = self._captions(items)
            images = self.images(items, indicated(captions, pictures, len(items), outputs))
            return batching.Batches(
                images,
                size,
                seed=session.seed,
                shuffle=shuffle,
                preparation=self.preparation,
                device=group.device,
                rank=group.rank,
                world=group.count,
            )

        session.console.say("the convolutional network learns the words of the captions")
        train = batches(parts.train, training.batch_size, True)
        validation = None if parts.validation is None else batches(parts.validation, BATCH, False)
        fit_network(network, Frames(), training, train, validation, session, fingerprint=train.images.fingerprint())
        network.eval().requires_grad_(False)
        session.console.say("the recurrent network learns the captions")

    # -------------------------------------------------------------------------------------------------------- answering

    @torch.inference_mode()
    def say(self, pictures: Tensor, session: Session) -> list[Said]:
        """A caption of each of ``pictures``, uint8 (count, channels, height, width)."""
        model, vocabulary = self.captioner, self.codec.vocabulary
        assert vocabulary.begin is not None
        silent = [number for number in (vocabulary.pad, vocabulary.unknown, vocabulary.begin) if number is not None]
        state = model.start(self.preparation(pictures, session.device))
        begin = torch.full((len(pictures),), vocabulary.begin, device=session.device)
        answers = self.decoder.decode(model, state, begin, vocabulary.end, self.longest, [Forbidden(silent)])
        return [Said(self.codec.decode(own[0].tokens), own) for own in answers]

    def say_all(self, items: Sequence[CaptionedImage], session: Session) -> list[Said]:
        """A caption of the picture of each of ``items``, in their order."""
        images, found = self.images(items), []
        with session.console.progress("caption", len(items), "picture") as progress:
            for chunk in torch.arange(len(items)).split(BATCH):
                found += self.say(images.batch(chunk), session)
                progress.advance(len(chunk))
        return found

    def measure(self, items: Sequence[CaptionedImage], session: Session) -> dict[str, Any]:
        return self.compared(items, self.say_all(items, session), session)

    @torch.inference_mode()
    def compared(self, items: Sequence[CaptionedImage], said: Sequence[Said], session: Session) -> dict[str, Any]:
        """Loss over all captions; and of what was said, how much agrees with any of them."""
        loss = count = 0.0
        objective = self.objective(self.model)
        for batch in self.batches(items, BATCH, False, Session(session.seed)).epoch(0):
            inputs, targets = (part.to(session.device) for part in batch.inputs), batch.targets
            assert isinstance(targets, Tensor)
            loss += batch.size * float(objective.loss(self.model(*inputs), targets.to(session.device)))
            count += batch.size
        plain = [[self._plain(caption) for caption in item.captions] for item in items]
        metrics = {
            "count": len(items),
            "captions": sum(len(item.captions) for item in items),
            "loss": loss / max(count, 1),
            "exact": sum(self._plain(own.text) in right for own, right in zip(said, plain)) / max(len(items), 1),
        }
        return metrics | bleu([own.text for own in said], [item.captions for item in items])

    def _plain(self, caption: str) -> list[str]:
        """The words of a caption, in lower case."""
        return [token.lower() for token in self.codec.tokenizer.tokens(caption)]

    def describe(self, metrics: dict[str, Any]) -> str:
        score = f", BLEU {metrics['bleu']:.2f}" if "bleu" in metrics else ""
        return (
            f"{metrics['split']}: {metrics['count']} pictures with {metrics['captions']} captions, "
            f"loss {metrics['loss']:.4f}{score}, {metrics['exact']:.2%} said just as one of the captions"
        )

    def predict(self, session: Session, inputs: Iterable[Any], top: int = 1) -> Iterator[dict[str, Any]]:
        """A caption of each picture; a folder stands for all pictures below it.

        Args:
            top: how many captions to give, at most; others than the best come of a decoder with so many hypotheses.
        """
        _ = self.model
        for picture in given_pictures(inputs):
            (said,) = self.say(picture.pixels(self.shape[0], self.shape[1:])[None], session)
            captions = [
                {"text": self.codec.decode(own.tokens), "log_probability": own.log_probability}
                for own in said.hypotheses[:top]
            ]
            yield {"input": picture.name, "text": said.text, "captions": captions}

    def explainable(self, files: Iterable[Any]) -> Explainable:
        """Pictures for explainers: for each word of the caption a number for every place."""
        session = Session(processes=Processes(device=self.model.device))
        return explainable_captions(
            self.captioner, self.codec, self.preparation, lambda picture: self.say(picture, session)[0], files
        )

    def attackable(self, files: Iterable[Any], count: int) -> Captions:
        """Pictures for attacks; of the task's own data at most ``count``, spread over the part that is measured on.

        Raises:
            DataError: a file that is no picture.
        """
        session = Session(processes=Processes(device=self.model.device))
        channels, *size = self.shape
        given, split, right = list(given_pictures(files)), None, None
        if given:
            names = [picture.name for picture in given]
            raw = torch.stack([picture.pixels(channels, (size[0], size[1])) for picture in given])
        else:
            split, part = self.part(None)
            items = [part[index] for index in spread_over(len(part), count).tolist()]
            names, right = [item.place for item in items], [item.captions for item in items]
            raw = self.images(items).batch(torch.arange(len(items)))
        describer = Describer(
            SeeingCaptioner(self.captioner),
            self.objective(self.captioner),
            self.codec,
            functools.partial(self.preparation, device=session.device),
            lambda pictures: [said.text for said in self.say(pictures, session)],
            self._plain,
            self.longest,
        )
        return Captions.of(describer, split, names, raw.to(session.device), right)

    def compose(self, session: Session, folder: RunFolder, page: Page) -> None:
        captioning_page.compose(self, session, folder, page)

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        from ..data.readers.coco_captions import CocoCaptions

        network = {"name": "mnist-cnn", "filters": [2], "kernel_size": 3, "classes": 20}
        model = {"name": "show-attend-and-tell", "network": network, "layer": "features.pooling1"}
        return cls(
            data=CocoCaptions.sample(folder),
            model={**model, "embedding": 4, "hidden": 4},  # type: ignore[arg-type]
            size=8,
            pretraining=Training(epochs=1),
            training=Training(epochs=2),
        )

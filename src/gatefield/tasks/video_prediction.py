"""Train a network to forecast the frames of a film."""

from __future__ import annotations

import dataclasses
import io
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, Self

import numpy
import torch
from torch import Tensor

from ..core.arguments import PositiveInt
from ..core.configurable import DEFAULTS, Spec, named
from ..core.errors import ArgumentError, DataError
from ..core.run_folder import RunFolder
from ..data.film import EXTENSIONS, Film, FilmReader, one_size, read_film
from ..data.film_windows import FilmWindows
from ..data.image_files import files_below
from ..data.length_buckets import LengthBuckets
from ..functional.spread import spread_over
from ..models.model import Model
from ..render.drawing import figure_png
from ..render.film import film_gif, film_strip
from ..render.page import Page
from ..training.settings import Training
from .attacked.films import SeenFrames
from .bucketing import bucketed
from .derived_arguments import require_derived
from .explainable import Explainable, ExplainableInput
from .explained.films import REMARK, ExplainableFilms, SeenFilm
from .film_errors import FilmErrors, baselines, batches
from .run_page import beside_table, circumstances, facts_of_training, learning
from .sequence_task import SequenceTask, Share
from .task import Session


class VideoPrediction(SequenceTask[Film]):
    """Forecast the frames of a film from those before them (catalogue 224).

    Measured by the cross-entropy of a frame in nats, the sum over its pixels, as Shi et al. (2015) do, and by its
    squared error. A film gives a window every ``horizon`` frames.

    Args:
        data: where the films come from; all of one size.
        model: the network, its pixels in [0, 1]: its output unit is "frames".
        past: frames that it sees.
        horizon: frames that it forecasts.
        validation, test: shares held out; see `SequenceTask`.
        training: how to train; ``batch_size`` counts windows.
        baselines: measure beside the network the last frame again, what became of pixels as bright as those of the
            last frame, and the mean of all frames.

    Reference: Shi et al. (2015), section 4.1.
    """

    name = "video-prediction"
    reference = "shi2015"

    def __init__(
        self,
        data: FilmReader = named("moving-digits"),
        model: Spec[Model] = named("field-forecaster"),
        past: PositiveInt = 5,
        horizon: PositiveInt = 5,
        validation: Share | None = None,
        test: Share | None = None,
        training: Training = DEFAULTS,
        baselines: bool = True,
    ) -> None:
        self.data, self.spec, self.past, self.horizon = data, model, past, horizon
        self.validation, self.test, self.training, self.baselines = validation, test, training, baselines
        self._size: tuple[int, ...] = ()
        require_derived(model, ("size", "horizon"), "forecast frames", "field-forecaster", "horizon")

    def same(self, item: Film) -> bytes:
        return item.frames.numpy().tobytes()

    def learn(self, items: Sequence[Film]) -> None:
        """The size of a frame."""
        parts = [part for part in (items, self.parts.validation, self.parts.test) if part is not None]
        one_size([film for part in parts for film in part])
        for part in parts:
            FilmWindows(part, self.past, self.horizon)  # a film too short says so here
        self._size = tuple(items[0].frames.shape[1:])

    def learned(self) -> dict[str, Any]:
        return {"size": list(self._size)}

    def take(self, learned: dict[str, Any]) -> None:
        self._size = tuple(learned["size"])

    def build(self) -> Model:
        model = self.spec.build(size=self._size, horizon=self.horizon)
        if model.output != "frames":
            message = f"the output unit '{model.output}' leaves [0, 1], where pixels are"
            raise ArgumentError(message, hint="set output: frames", path=("model", "output"))
        return model

    def batches(
        self, items: Sequence[Film], batch_size: int | Literal["all"], shuffle: bool, session: Session
    ) -> LengthBuckets:
        return bucketed(FilmWindows(items, self.past, self.horizon), batch_size, shuffle, session)

    @torch.inference_mode()
    def _logits(self, x: Tensor) -> Tensor:
        """What follows frames (windows, past, channels, height, width) in [0, 1], before the logistic, on the CPU."""
        return self.model(x.to(self.model.device)).float().cpu()

    def measure(self, items: Sequence[Film], session: Session) -> dict[str, Any]:
        errors = FilmErrors(self.horizon)
        with session.console.progress("evaluate", len(items), "film") as progress:
            for x, targets in batches(items, self.past, self.horizon):
                errors.add(self._logits(x), targets)
                progress.advance(len(x))
        return errors.metrics

    def measure_baselines(self, train: Sequence[Film], items: Sequence[Film]) -> dict[str, dict[str, Any]]:
        return baselines(train, items, self.past, self.horizon)

    def describe(self, metrics: dict[str, Any]) -> str:
        lines = [
            f"{metrics['split']}: {_in_words(metrics)}; {metrics['count']} frames",
            f"a forecast that is right: {metrics['least']:.2f} nats a frame",
        ]
        lines += [f"{name}: {_in_words(found)}" for name, found in metrics.get("baselines", {}).items()]
        return "\n".join(lines)

    def forecast(self, film: Film) -> Tensor:
        """The frames after the last one of ``film``, uint8 (horizon, channels, height, width).

        Raises:
            DataError: the film is too short, or of another size.
        """
        return _bytes(self._logits(self._seen(film))[0]).view(self.horizon, *self._size)

    def _seen(self, film: Film) -> Tensor:
        """The last frames of ``film`` in [0, 1], (1, past, channels, height, width).

        Raises:
            DataError: the film is too short, or of another size.
        """
        self._require_size(film)
        frames = film.frames
        if len(frames) < self.past:
            message = f"{film.place} has {len(frames)} frames, and the network looks at {self.past}"
            raise DataError(message, hint=f"give a film of at least {self.past} frames")
        return frames[None, -self.past :].float() / 255

    def _require_size(self, film: Film) -> None:
        """Raise unless the network reads frames of the size of those of ``film``.

        Raises:
            DataError: they are of another size.
        """
        if tuple(film.frames.shape[1:]) != self._size:
            have, want = (" x ".join(map(str, size)) for size in (film.frames.shape[2:], self._size[1:]))
            hint = f"scale the film to {want} pixels"
            raise DataError(f"{film.place} has frames of {have} pixels, the network reads {want}", hint=hint)

    def predict(self, session: Session, inputs: Iterable[Any], top: int = 1) -> Iterator[dict[str, Any]]:
        """What comes after each film: an animated picture, or an array of frames in a ``.npy`` file.

        A folder stands for the films below it. ``seen`` and ``frames`` of an answer are what was looked at and what is
        forecast: lists (time, channels, height, width) of levels from 0 to 255.
        """
        _ = self.model
        for film in self.given(inputs):
            seen, frames = film.frames[-self.past :], self.forecast(film)
            change = (frames[-1].float() - seen[-1].float()).abs().mean() / 255
            text = (
                f"{self.horizon} frames follow frame {len(film.frames)}; in the last of them the pixels have "
                f"changed by {change:.1%} in the mean"
            )
            yield {"input": film.place, "text": text, "seen": seen.tolist(), "frames": frames.tolist()}

    def given(self, files: Iterable[Any]) -> Iterator[Film]:
        """The films that a person gives, or those below a folder."""
        for given in files:
            for source in _films_in(given):
                yield read_film(source, self._size[0])

    def reading(self, item: Film) -> ExplainableInput:
        """The last frames of a film for explainers, and what the network makes of them.

        Raises:
            DataError: the film is too short, or of another size.
        """
        x = self._seen(item)
        forecast = self._logits(x)[0].sigmoid().view(self.horizon, *self._size)
        ahead = [f"+{step}" for step in range(1, self.horizon + 1)]
        film = SeenFilm(item.frames[-self.past :], forecast)
        return ExplainableInput(item.place, (x.to(self.model.device),), film, positions=ahead, remark=REMARK)

    def explainable(self, files: Iterable[Any]) -> Explainable:
        """Films for explainers: for a spot of each frame to come a number for each pixel that was seen.

        Without a film the first one of the part that is measured on is explained, its first frames.
        """
        model, films, remark = self.model, self.given(files := list(files)), REMARK
        if not files:
            name, (first, *_) = self.part(None)
            films = iter([first._replace(frames=first.frames[: self.past])])
            remark += f" No film was given: this is the first of the {name} part."
        volumes = (
            dataclasses.replace(each, inputs=(each.inputs[0].movedim(1, 2),), remark=remark)
            for each in map(self.reading, films)
        )
        return ExplainableFilms.of(model, self._size, volumes)

    def attackable(self, files: Iterable[Any], count: int) -> SeenFrames:
        """Windows of films for attacks; of the task's own data at most ``count``, spread over the part that is measured
        on.

        A film's last frames, as many as are forecast, are what came; what is attacked are those before them.

        Raises:
            DataError: a film that is too short, or of another size.
        """
        model, films = self.model, list(self.given(files))
        if films:
            for film in films:
                self._require_size(film)
            span = self.past + self.horizon
            windows = FilmWindows(
                [film._replace(frames=film.frames[-span:]) for film in films], self.past, self.horizon
            )
            return SeenFrames.of(model, None, [film.place for film in films], windows, torch.arange(len(films)))
        split, films = self.part(None)
        windows = FilmWindows(films, self.past, self.horizon)
        chosen = spread_over(len(windows.places), count)
        places = [windows.places[index] for index in chosen.tolist()]
        span = self.past + self.horizon
        names = [f"{films[number].place}, frames {begin + 1} to {begin + span}" for number, begin in places]
        return SeenFrames.of(model, split, names, windows, chosen)

    def draw(self, answer: dict[str, Any]) -> dict[str, bytes]:
        """An answer as files, ending -> content: an animation, a strip of frames, and the forecast as an array."""
        seen, frames = (torch.tensor(answer[key], dtype=torch.uint8) for key in ("seen", "frames"))
        array = io.BytesIO()
        numpy.save(array, frames.numpy(), allow_pickle=False)
        strip = film_strip(seen, frames[:0], {"forecast": frames})
        gif = film_gif([torch.cat([seen, frames])], [len(seen)])
        return {".gif": gif, ".png": figure_png(strip, dpi=160), ".npy": array.getvalue()}

    def compose(self, session: Session, folder: RunFolder, page: Page) -> None:
        name, items = self.part(None)
        metrics = self.measure(items, session)
        page.facts(
            {
                f"{name} nats a frame": f"{metrics['loss']:.2f}",
                f"{name} squared error": f"{metrics['squared_error']:.2f}",
                **facts_of_training(folder),
                "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            }
        )
        channels, height, width = self._size
        page.text(
            f"From {self.past} frames of {height} x {width} pixels the network forecasts {self.horizon}. Measured on "
            f"{metrics['count']:,} frames of {len(items):,} films of the {name} part. Cross-entropy and squared error "
            f"are sums over the {channels * height * width} pixels of a frame. Pixels are greys, so that a forecast "
            f"that is right still has {metrics['least']:.2f} nats a frame."
        )
        learning(page, folder, self.training.monitor)
        rows = {"this network": metrics, **self.beside}
        beside_table(
            page,
            {key: {"nats a frame": row["loss"], "squared error": row["squared_error"]} for key, row in rows.items()},
        )
        page.heading("Step by step")
        page.table(
            ("nats a frame", *(f"+{step['step']}" for step in metrics["steps"])),
            [(key, *(f"{step['loss']:.2f}" for step in row["steps"])) for key, row in rows.items()],
            caption="Frames after the last one that was seen",
        )
        self._show(page, items)
        circumstances(page, folder)

    def _show(self, page: Page, items: Sequence[Film]) -> None:
        """The windows that were forecast best, in the middle and worst: strips, and animations."""
        windows = FilmWindows(items, self.past, self.horizon)
        losses = []
        for x, targets in batches(items, self.past, self.horizon):
            logits = self._logits(x)
            each = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
            losses.append(each.sum((1, 2)) / self.horizon)
        loss = torch.cat(losses)
        order = loss.argsort(stable=True).tolist()
        page.heading("What comes, and what was forecast")
        gifs, captions = [], []
        shown = {"the best": order[0], "the middle one": order[len(order) // 2], "the worst": order[-1]}
        for title, index in shown.items():
            frames = windows.frames(torch.tensor([index]))[0]
            seen, came = frames[: self.past], frames[self.past :]
            logits = self._logits(seen[None].float() / 255)[0]
            foretold = _bytes(logits).view_as(came)
            number, begin = windows.places[index]
            where = f"{items[number].place}, frames {begin + 1} to {begin + len(frames)}"
            page.figure(
                film_strip(seen, came, {"forecast": foretold}),
                f"{where}, {title} of {len(order):,}: {float(loss[index]):.2f} nats a frame.",
                f"{self.past} frames, the {self.horizon} that came, and below them those that were forecast",
            )
            gifs.append(film_gif([frames, torch.cat([seen, foretold])], [len(frames), self.past]))
            captions.append(f"{title}\nleft what came, right the forecast, in orange")
        page.animations(gifs, captions)

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        from ..data.readers.moving_digits import MovingDigits

        small = {"name": "field-forecaster", "cell": "conv-lstm", "hidden": [2]}
        data = MovingDigits.sample(folder)
        return cls(data=data, model=small, past=3, horizon=2, training=Training(epochs=2))  # type: ignore[arg-type]


def _films_in(given: Any) -> list[Any]:
    """``given``, or the films below it if it is a folder."""
    if isinstance(given, bytes) or not pathlib.Path(given).expanduser().is_dir():
        return [given]
    files = [file for file in files_below(pathlib.Path(given).expanduser()) if file.suffix.lower() in EXTENSIONS]
    found = [file for file in files if file.is_file() and not file.is_symlink()]
    if not found:
        raise DataError(f"{given} holds no film", hint=f"known are: {', '.join(sorted(EXTENSIONS))}")
    return found


def _bytes(logits: Tensor) -> Tensor:
    """Levels of grey, uint8."""
    return (logits.sigmoid() * 255).round().to(torch.uint8)


def _in_words(metrics: dict[str, Any]) -> str:
    return f"{metrics['loss']:.2f} nats a frame, squared error {metrics['squared_error']:.2f}"

"""The report of a captioner: how it learned, what it says, and where it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..core.run_folder import RunFolder
from ..render.caption_attention import caption_attention
from ..render.page import Page
from .run_page import circumstances, facts_of_training, learning
from .task import Session

if TYPE_CHECKING:
    from .captioning import Captioning, Said

SHOWN, LOOKED = 12, 4


def compose(task: Captioning, session: Session, folder: RunFolder, page: Page) -> None:
    """Write the sections."""
    name, items = task.part(None)
    said = task.say_all(items, session)
    metrics = task.compared(items, said, session)
    page.facts(
        {
            **({f"{name} BLEU": f"{metrics['bleu']:.2f}"} if "bleu" in metrics else {}),
            f"{name} loss": metrics["loss"],
            "said as one of the captions": f"{metrics['exact']:.2%}",
            **facts_of_training(folder),
            "words known": len(task.codec.vocabulary),
            "parameters": sum(parameter.numel() for parameter in task.model.parameters()),
        }
    )
    learning(page, folder, task.training.monitor)
    page.heading("What it says")
    page.text(
        f"The first {min(SHOWN, len(items))} of the {len(items):,} pictures of the {name} part: what the network says "
        "of them, and below what people said."
    )
    pictures = task.images(items[:SHOWN]).batch(torch.arange(len(items[:SHOWN])))
    captions = [f"{own.text}\n{' · '.join(item.captions)}" for own, item in zip(said, items[:SHOWN])]
    page.pictures(pictures, captions)
    if task.captioner.decoder.attention is not None:
        _looks(task, page, pictures[:LOOKED], said[:LOOKED], session)
    circumstances(page, folder)


@torch.inference_mode()
def _looks(task: Captioning, page: Page, pictures: torch.Tensor, said: list[Said], session: Session) -> None:
    """The weights of attention while each word is said."""
    page.heading("Where it looks")
    page.text("For each word the picture again; orange is where the network looked when it said the word.")
    vocabulary = task.codec.vocabulary
    assert vocabulary.begin is not None
    for picture, own in zip(pictures, said):
        tokens = own.hypotheses[0].tokens
        given = torch.tensor([[vocabulary.begin, *tokens]], device=session.device)
        inputs = task.preparation(picture[None], session.device)
        weights = task.captioner.alignment(inputs, given)[0].cpu()
        ends = own.hypotheses[0].finished
        words = [*vocabulary.tokens(tokens), *(["(end)"] if ends else [])]
        page.figure(
            caption_attention(picture, words, weights[: len(words)]),
            own.text,
            f"a picture, and for each word of '{own.text}' the places that were looked at",
        )

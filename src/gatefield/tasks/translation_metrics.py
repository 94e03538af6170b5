"""How good translations are, and what simple methods reach (catalogue 193-195)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.extras import installed, require
from ..data.corpus import TextPair
from ..data.sequence_set import IGNORED
from .sequence_task import Batches
from .task import Session

#: Test texts that are compared with all training texts at once.
CHUNK = 256


def translation_metrics(translations: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Corpus measures, of cased text as it is written.

        exact    share of translations that are the reference, in [0, 1]
        bleu     of the corpus, in [0, 100] (Papineni et al. 2002), as sacrebleu counts it: 4-grams, tokenizer 13a
        chrf     F-score of character n-grams up to 6, in [0, 100] (Popović 2015)

    Without the package sacrebleu only ``exact`` is measured.
    """
    found = {"exact": sum(map(str.__eq__, translations, references)) / max(len(references), 1)}
    if references and can_score():
        sacrebleu = _package()
        found["bleu"] = sacrebleu.corpus_bleu(translations, [references], force=True).score
        found["chrf"] = sacrebleu.corpus_chrf(translations, [references]).score
    return found


@torch.inference_mode()
def mean_losses(model: nn.Module, batches: Batches, texts: int, session: Session) -> dict[str, float]:
    """Mean cross-entropy of a target symbol in nats, the right ones heard before it; and the model's own, if it can.

    ``batches`` hold so many ``texts``; targets are (batch, time), padded by `IGNORED`.
    """
    ways: dict[str, Callable[..., Tensor]] = {"loss": model}
    if hasattr(model, "free_run"):
        ways["free_running_loss"] = cast(Any, model).free_run
    sums, count = dict.fromkeys(ways, 0.0), 0
    with session.console.progress("evaluate", texts, "text") as progress:
        for batch in batches.epoch(0):
            inputs = [part.to(session.device) for part in batch.inputs]
            assert isinstance(batch.targets, Tensor)
            targets = batch.targets.to(session.device).flatten()
            for name, run in ways.items():
                logits = run(*inputs).float().flatten(0, 1)
                sums[name] += float(functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum"))
            count += batch.size
            progress.advance(len(batch.indices))
    return {name: total / count for name, total in sums.items()}


def can_score() -> bool:
    """Whether the package that measures BLEU and chrF is installed."""
    return installed("sacrebleu")


def _package() -> Any:
    return require("sacrebleu", extra="text", purpose="measuring BLEU")


def signature() -> str:
    """How BLEU is measured, as sacrebleu writes it beside the figure."""
    metric = _package().BLEU()
    metric.corpus_score(["a"], [["a"]])
    return str(metric.get_signature())


def baselines(train: Sequence[TextPair], items: Sequence[TextPair]) -> dict[str, dict[str, float]]:
    """The metrics on ``items`` of two translators that know no language.

    "copy of the source" repeats the text; "nearest training text" gives the translation of the training text whose
    bag of words is most similar: greatest cosine of tf-idf weights, the first of equals.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(token_pattern=r"\w+", sublinear_tf=True)
    try:
        known = vectorizer.fit_transform([pair.source for pair in train])
        asked = vectorizer.transform([pair.source for pair in items])
        nearest = []
        for start in range(0, len(items), CHUNK):
            similarity = (asked[start : start + CHUNK] @ known.T).toarray()
            nearest += similarity.argmax(1).tolist()
    except ValueError:  # no text has a word
        nearest = [0] * len(items)
    references = [pair.target for pair in items]
    return {
        "copy of the source": translation_metrics([pair.source for pair in items], references),
        "nearest training text": translation_metrics([train[place].target for place in nearest], references),
    }


def in_words(found: dict[str, Any]) -> str:
    """What `translation_metrics` found, in one line: BLEU and chrF in [0, 100], exact ones in percent."""
    scores = [f"{label} {found[key]:.2f}" for key, label in (("bleu", "BLEU"), ("chrf", "chrF")) if key in found]
    return ", ".join([*scores, f"exact {found['exact']:.1%}"])

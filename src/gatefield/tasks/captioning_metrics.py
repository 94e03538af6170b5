"""How much of what is said of pictures agrees with what people say."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.extras import installed


def bleu(said: Sequence[str], captions: Sequence[Sequence[str]]) -> dict[str, float]:
    """Corpus BLEU in [0, 100] of captions against all that people gave, upper and lower case alike.

    Nothing where the package sacrebleu, which computes it, is not installed.

    Reference: Papineni et al. (2002); Post (2018).
    """
    if not installed("sacrebleu") or not said:
        return {}
    import sacrebleu

    most = max(map(len, captions))
    columns = [[own[place] if place < len(own) else None for own in captions] for place in range(most)]
    return {"bleu": sacrebleu.corpus_bleu(list(said), columns, lowercase=True).score}  # type: ignore[arg-type]

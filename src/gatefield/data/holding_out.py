"""Hold out a part of a data set that comes without parts: the same whatever the seed of a run."""

from __future__ import annotations

import collections
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import torch

from ..core.seeding import generator

Item = TypeVar("Item")


def hold_out(
    items: Sequence[Item],
    share: float,
    *,
    same: Callable[[Item], Hashable],
    stratum: Callable[[Item], Hashable] = lambda item: None,
) -> tuple[list[Item], list[Item] | None]:
    """The rest and about ``share`` of ``items``, both in their order; None for the part where ``share`` is 0.

    Args:
        items: what is divided.
        share: in [0, 1).
        same: items of the same value stay together, so that nothing is tested that was trained on.
        stratum: ``share`` is taken of each stratum: of each class, for example. One of each is kept back.
    """
    if share == 0:
        return list(items), None
    strata: dict[Hashable, dict[Hashable, list[int]]] = {}
    home: dict[Hashable, Hashable] = {}
    for number, item in enumerate(items):
        key = same(item)
        place = home.setdefault(key, stratum(item))
        strata.setdefault(place, collections.defaultdict(list))[key].append(number)
    chosen: set[int] = set()
    random = generator(0, "hold-out")
    for groups in strata.values():
        members = list(groups.values())
        wanted = round(share * sum(map(len, members)))
        taken = 0
        for place in torch.randperm(len(members), generator=random).tolist()[: len(members) - 1]:
            if taken + len(members[place]) <= wanted:
                chosen.update(members[place])
                taken += len(members[place])
    rest = [item for number, item in enumerate(items) if number not in chosen]
    return rest, [items[number] for number in sorted(chosen)] or None


def cut_end(documents: Sequence[str], *shares: float) -> list[list[str]]:
    """``documents`` cut into consecutive parts by characters: what is left of the shares, then each share.

    Args:
        documents: in order; the one in which a cut falls is divided there.
        shares: of all characters, together below 1.
    """
    total = sum(map(len, documents))
    # rounded down, but for what binary fractions leave of a whole number
    ends = [int(round(total * (1 - sum(shares[number:])), 6)) for number in range(len(shares))] + [total]
    parts: list[list[str]] = [[] for _ in ends]
    position, number = 0, 0
    for document in documents:
        while document:
            while position >= ends[number]:
                number += 1
            room = ends[number] - position
            parts[number].append(document[:room])
            position += min(room, len(document))
            document = document[room:]
    return parts

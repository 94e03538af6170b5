"""List what can be named in a recipe."""

from __future__ import annotations

import click

from ...core.console import Console
from ..main import Verb
from ..options import json_option

FAMILIES = {
    "tasks": "gatefield.tasks.task:Task",
    "readers": "gatefield.data.reader:Reader",
    "models": "gatefield.models.model:Model",
    "layers": "gatefield.layers.layer:Layer",
    "encoders": "gatefield.layers.encoders.encoder:Encoder",
    "attention": "gatefield.layers.attention.attention:Attention",
    "cells": "gatefield.recurrent.cell:Cell",
    "tokenizers": "gatefield.data.tokens:Tokenizer",
    "decoders": "gatefield.decoding.decoder:Decoder",
    "ctc-decoders": "gatefield.decoding.ctc:CTCDecoder",
    "length-penalties": "gatefield.decoding.length_penalty:LengthPenalty",
    "explainers": "gatefield.explain.explainer:Explainer",
    "attacks": "gatefield.explain.attacks.attack:Attack",
    "attacks-on-symbols": "gatefield.explain.attacks.symbol_attack:SymbolAttack",
    "augmentations": "gatefield.data.augmentations.augmentation:Augmentation",
    "optimizers": "gatefield.training.update_rule:UpdateRule",
    "schedules": "gatefield.training.schedule:Schedule",
    "objectives": "gatefield.training.objective:Objective",
}


@click.command(cls=Verb)
@click.argument("family", required=False, type=click.Choice(["recipes", *FAMILIES]))
@json_option()
@click.pass_obj
def command(console: Console, family: str | None, as_json: bool) -> None:
    """List models, readers, recipes and everything else that has a name.

    \b
    gatefield list            everything
    gatefield list models     the models
    """
    found = {name: _summaries(name) for name in ([family] if family else ["recipes", *FAMILIES])}
    if as_json:
        console.json(found)
        return
    for title, members in found.items():
        width = max(map(len, members), default=0)
        console.result(f"{title}")
        for name, summary in members.items():
            console.result(f"  {name:{width}}  {summary}")


def _summaries(name: str) -> dict[str, str]:
    """Name -> first sentence of each member of a family."""
    if name == "recipes":
        from ...core.recipe import Recipe

        return {label: _first_comment(file.read_text()) for label, file in sorted(Recipe.shipped().items())}
    from ...core.discovery import family

    return {entry.name: entry.summary for _, entry in sorted(family(_base(name)).entries.items())}


def _base(name: str) -> type:
    import importlib

    module, _, cls = FAMILIES[name].partition(":")
    return getattr(importlib.import_module(module), cls)


def _first_comment(text: str) -> str:
    first = text.split("\n", 1)[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""

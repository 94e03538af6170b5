"""Ask a language model what it has learned."""

from __future__ import annotations

import click

from ...core.console import Console
from ...core.errors import InputError
from ..main import Verb
from ..options import device_option, json_option


@click.command(cls=Verb)
@click.argument("run", metavar="RUN")
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    metavar="N",
    default=2000,
    help="Let a model of characters write N of them, and look how many of its words there are.  [default: 2000]",
)
@device_option
@json_option()
@click.pass_obj
def command(console: Console, run: str, sample: int, device: str, as_json: bool) -> None:
    """Which of two ways to go on does the language model in RUN find likelier?

    Asks about English: verbs that agree with nouns far before them, words that only a far one tells, brackets that
    close, endings of words that do not exist. What is asked with tokens that the model does not know is left out.

    \b
    gatefield probe runs/shakespeare-1
    gatefield probe runs/agreement-1 --json
    """
    from ...tasks.language_modelling import LanguageModelling
    from ...tasks.probing import contrasts, known_words, probe_contrasts, sample_text
    from ...tasks.run import load

    loaded = load(run, device=device, console=console)
    task = loaded.task
    if not isinstance(task, LanguageModelling):
        hint = "give a run of the task language-modelling"
        raise InputError(f"{run} is a run of the task {type(task).name}, which models no language", hint=hint)
    findings = probe_contrasts(task.network, task.codec, contrasts())
    words = None
    if sample and task.tokens.name == "characters":
        words = known_words(sample_text(task.network, task.codec, sample), task.parts.train)
    if as_json:
        written = None if words is None else {"count": words[0], "known": words[1]}
        console.json({"contrasts": [finding._asdict() for finding in findings], "words": written})
        return
    for finding in findings:
        name = f"{finding.probe}, {finding.group}"
        console.result(f"{name:42}{finding.right:7.1%} of {finding.count:<5}{finding.margin:+8.2f} nats")
    if words is not None:
        console.result(f"{'words it writes that the text has':42}{words[1]:7.1%} of {words[0]}")
    if not findings:
        console.warn("the model knows none of the words and signs that it would be asked about")

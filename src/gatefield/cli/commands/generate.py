"""Let a trained language model write."""

from __future__ import annotations

from typing import Any

import click

from ...core.console import Console
from ...core.errors import InputError
from ..main import Verb
from ..options import device_option, json_option


@click.command(cls=Verb)
@click.argument("run", metavar="RUN")
@click.option("--prompt", default="", metavar="TEXT", help="What the text begins with.  [default: nothing]")
@click.option(
    "--length", type=click.IntRange(min=1), default=500, metavar="N", help="Most symbols to add.  [default: 500]"
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=0),
    metavar="T",
    help="Below 1 safer, above 1 wilder; 0 takes the likeliest symbol each time.  [default: 1]",
)
@click.option("--top-k", type=click.IntRange(min=1), metavar="K", help="Draw from the K likeliest symbols only.")
@click.option(
    "--top-p",
    type=click.FloatRange(min=0, max=1, min_open=True),
    metavar="P",
    help="Draw from the fewest symbols that have probability P together.",
)
@click.option("--seed", type=int, metavar="S", help="Another seed, another text.  [default: 0]")
@click.option("--count", type=click.IntRange(min=1), default=1, metavar="N", help="How many texts.  [default: 1]")
@click.option(
    "--beam", type=click.IntRange(min=1), metavar="W", help="Search for the likeliest text, W at a time, not by chance."
)
@click.option("--tree", metavar="FILE", help="Draw all that the beam followed, after few symbols, into a PNG file.")
@device_option
@json_option("One JSON object a text, with its log-probability.")
@click.pass_obj
def command(
    console: Console,
    run: str,
    prompt: str,
    length: int,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    seed: int | None,
    count: int,
    beam: int | None,
    tree: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Let the language model in RUN go on with a text; one text is printed while it is made.

    The text ends after N symbols, or where the network ends the document. With the same seed it is the same text.

    \b
    gatefield generate runs/shakespeare-1 --prompt "ROMEO:" --temperature 0.8
    gatefield generate runs/shakespeare-1 --count 3 --seed 7 --json
    gatefield generate runs/wikitext2-1 --prompt "The river" --length 50 --top-p 0.9
    gatefield generate runs/wikitext2-1 --prompt "The river" --length 20 --beam 8
    gatefield generate runs/shakespeare-1 --prompt "ROMEO" --length 8 --beam 4 --tree searched.png
    """
    chance = {"--temperature": temperature, "--top-k": top_k, "--top-p": top_p, "--seed": seed}
    if tree is not None and beam is None:
        raise InputError("only a beam grows a tree", hint="give --beam 4, for example, or leave --tree out")
    chosen = _decoder(chance, count, beam)
    from ...decoding.decoder import Decoder
    from ...tasks.explaining import place_for
    from ...tasks.generating import generate, search_tree
    from ...tasks.language_modelling import LanguageModelling
    from ...tasks.run import load

    decoder = Decoder.from_config(chosen, ("decoder",))
    picture = None if tree is None else place_for(tree, "tree.png", (".png",))
    loaded = load(run, device=device, console=console)
    task = loaded.task
    if not isinstance(task, LanguageModelling):
        hint = "give a run of the task language-modelling, or use 'gatefield predict'"
        raise InputError(f"{run} is a run of the task {type(task).name}, which does not write", hint=hint)
    unknown = task.unknown(prompt)
    if unknown:
        console.warn(f"the network does not know {', '.join(map(repr, unknown))}, and reads what is unknown instead")
    told = count == 1 and beam is None and not as_json

    def tell(piece: str) -> None:
        print(piece, end="", file=console.stdout, flush=True)

    if told:
        tell(prompt)
    if picture is not None:
        search_tree(task.network, task.codec, decoder, prompt, length).draw(picture)
    found = generate(task.network, task.codec, decoder, prompt, length, count, tell if told else None)
    if told:
        tell("\n")
        return
    for number, continuation in enumerate(found, 1):
        if as_json:
            console.json({"prompt": prompt, **continuation._asdict(), "unknown": unknown})
            continue
        if count > 1:
            console.say(f"--- {number} of {count}, log-probability {continuation.log_probability:.2f}")
        console.result(prompt + continuation.text)


def _decoder(chance: dict[str, Any], count: int, beam: int | None) -> dict[str, Any]:
    """The decoder that the options ask for, as a recipe has it.

    Raises:
        InputError: options that exclude each other.
    """
    given = [name for name, value in chance.items() if value is not None]
    if beam is not None:
        if given:
            message = f"--beam searches and {given[0]} draws"
            raise InputError(message, hint=f"leave one of the two out: --beam or {given[0]}")
        if count > beam:
            raise InputError(f"a beam of {beam} cannot find {count} texts", hint=f"give --beam {count} or more")
        return {"name": "beam", "width": beam, "hypotheses": count}
    if chance["--temperature"] == 0:
        if len(given) > 1 or count > 1:
            what = given[1] if len(given) > 1 else "--count"
            message = f"--temperature 0 leaves nothing to chance, so that {what} could change nothing"
            raise InputError(message, hint=f"leave {what} out, or raise the temperature")
        return {"name": "greedy"}
    names = {"--temperature": "temperature", "--top-k": "top_k", "--top-p": "nucleus", "--seed": "seed"}
    return {"name": "sampling"} | {names[option]: chance[option] for option in given}

"""Tagged sentences, translations and running text under attack, through the task, the page and the command line."""

from __future__ import annotations

import copy
import html
import json
import math
import pathlib

import numpy
import pytest
import torch
from command_line import gatefield, refused
from torch import Tensor
from torch.nn import functional

from gatefield import train
from gatefield.core.errors import InputError
from gatefield.data.readers.conll import Conll
from gatefield.data.readers.pair_lines import PairLines
from gatefield.data.readers.text_file import TextFile
from gatefield.data.tokenizers.characters import Characters
from gatefield.data.tokenizers.whitespace import Whitespace
from gatefield.data.tokens import Tokenizer
from gatefield.decoding import Beam
from gatefield.explain.attacks.hot_flip import HotFlip
from gatefield.explain.attacks.symbol_attack import random_replacements
from gatefield.functional.crf import LinearChain, marginals
from gatefield.functional.layer_outputs import evaluating
from gatefield.models.language.convolutional_seq2seq import ConvolutionalSeq2Seq
from gatefield.models.language.encoder_decoder import EncoderDecoder
from gatefield.models.language.transformer import Transformer
from gatefield.tasks.attacked.symbols import CANDIDATES, Symbols
from gatefield.tasks.attacked.tags import Tags
from gatefield.tasks.attacked.translations import Translations, words_lost
from gatefield.tasks.attacked.writing import PASSAGE, Writing
from gatefield.tasks.attacking import attack, attackable
from gatefield.tasks.attacking_page import describe, page
from gatefield.tasks.language_modelling import LanguageModelling, read
from gatefield.tasks.run import Run
from gatefield.tasks.tagging import Tagging
from gatefield.tasks.translation import Translation
from gatefield.training.optimizers.adam import Adam
from gatefield.training.settings import Training


def sentences(count: int, seed: int) -> list[tuple[list[str], list[str]]]:
    """Words and tags of a small grammar in which some words are nouns or verbs by what stands before them."""
    random = numpy.random.default_rng(seed)
    both, nouns, adjectives = ["fish", "watch", "play", "plan"], ["Dog", "boat"], ["old", "red", "quick"]
    found = []
    for _ in range(count):
        pairs: list[tuple[str, str]] = []
        for role in ("who", "does", "whom")[: random.integers(2, 4)]:
            if role == "does":
                pairs += [(str(random.choice(both)), "VERB")]
            elif random.random() < 0.4:
                pairs += [(str(random.choice(["they", "we"])), "PRON")]
            else:
                pairs += [("the", "DET"), *[(str(random.choice(adjectives)), "ADJ")] * random.integers(2)]
                pairs += [(str(random.choice(both + nouns)), "NOUN")]
        words, tags = zip(*pairs, (".", "PUNCT"))
        found.append((list(words), list(tags)))
    return found


def tagging(folder: pathlib.Path, **model) -> Run:
    """A tagger of the small grammar, trained."""
    for part, count in (("train", 150), ("test", 30)):
        lines = ["\n".join(map("\t".join, zip(*pair))) for pair in sentences(count, len(part))]
        (folder / part).write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    data = Conll(str(folder / "train"), test=str(folder / "test"), scheme="any")
    encoder = {"name": "recurrent", "cell": "gru", "hidden": [8], "bidirectional": True}
    training = Training(epochs=6, batch_size=8, optimizer=Adam(learning_rate=0.03))
    network = {"name": "tagger", "embedding": 6, "encoder": encoder, **model}
    task = Tagging(data, network, minimum=2, validation=0.1, training=training)  # type: ignore[arg-type]
    return train(task, out=folder / "run", report=False)


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    return tagging(tmp_path_factory.mktemp("tagger"))


@pytest.fixture(scope="module")
def spelled(tmp_path_factory):
    """A tagger that reads letters too, and weighs the tags of a sentence beside each other."""
    letters = {"embedding": 3, "encoder": {"name": "convolution", "kernel_sizes": [2, 3], "channels": 3}}
    return tagging(tmp_path_factory.mktemp("spelled"), characters=letters, output="crf")


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    """Of the small grammar, every word to its letters backwards, and adjectives behind nouns."""
    folder = tmp_path_factory.mktemp("translator")
    for part, count in (("train", 200), ("test", 20)):
        lines = []
        for words, tags in sentences(count, 10 + count):
            order = list(words)
            for place, tag in enumerate(tags):
                if tag == "ADJ":
                    order[place : place + 2] = order[place + 1], order[place]
            lines.append(f"{' '.join(words)}\t{' '.join(word[::-1] for word in order)}\n")
        (folder / part).write_text("".join(lines), encoding="utf-8")
    task = Translation(
        PairLines(str(folder / "train"), test=str(folder / "test")),
        {"name": "encoder-decoder", "embedding": 8, "hidden": 12},  # type: ignore[arg-type]
        validation=0.1,
        training=Training(epochs=8, batch_size=8, optimizer=Adam(learning_rate=0.02)),
    )
    return train(task, out=folder / "run", report=False)


def writing(folder: pathlib.Path, tokens: Tokenizer) -> Run:
    """A language model of the small grammar, trained."""
    text = "".join(f"{' '.join(words)}\n" for words, _ in sentences(300, 5))
    (folder / "text.txt").write_text(text, encoding="utf-8")
    task = LanguageModelling(
        TextFile(str(folder / "text.txt"), validation=0.2),
        {"name": "language-model", "embedding": 6, "encoder": {"name": "recurrent", "hidden": [12]}},  # type: ignore[arg-type]
        tokens,
        steps=20,
        training=Training(epochs=4, batch_size=8, optimizer=Adam(learning_rate=0.02)),
    )
    return train(task, out=folder / "run", report=False)


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    return writing(tmp_path_factory.mktemp("writer"), Characters())


@pytest.fixture(params=["tagger", "spelled", "translator", "writer"])
def run(request):
    return request.getfixturevalue(request.param)


def offered_by(run, files=()) -> Symbols:
    offered = attackable(run.task, list(files), 12)
    assert isinstance(offered, Symbols)
    return offered


def rows_of(offered: Symbols) -> tuple[Tensor, Tensor, Tensor]:
    """Symbols, lengths and numbers of all rows."""
    numbers = torch.arange(len(offered.rows))
    return *offered.rows.padded(numbers), numbers


def along(offered: Symbols, direction: Tensor, step: float) -> list[Tensor]:
    """The losses of all rows where the vectors of their symbols are moved forth and back along ``direction``."""
    victim, found = offered.victim, []
    for sign in (1, -1):
        hook = victim.embedding.register_forward_hook(lambda _module, _given, e, sign=sign: e + sign * step * direction)
        try:
            found.append(victim.losses(*rows_of(offered)))
        finally:
            hook.remove()
    return found


# ------------------------------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("which", ["translator", "writer"])
def test_the_gradient_is_that_of_the_loss(which, request):
    """Against a difference quotient along the gradient; of tags each step has a loss of its own, tested below."""
    offered = offered_by(request.getfixturevalue(which))
    with evaluating(offered.victim.model):
        slope = offered.victim.loss_gradient(*rows_of(offered))
        direction = slope / slope.norm()
        ahead, behind = along(offered, direction, 1e-2)
    quotient = (ahead.double() - behind.double()).sum() / 2e-2
    assert float(quotient) == pytest.approx(float(slope.norm()), rel=0.01)


@pytest.mark.parametrize("which", ["tagger", "spelled"])
def test_each_word_is_weighed_by_the_loss_of_the_others(which, request):
    """Against difference quotients of the cross-entropy of all other words, computed from what the tagger answers."""
    offered = offered_by(request.getfixturevalue(which))
    assert isinstance(offered, Tags)
    victim, (symbols, lengths, numbers) = copy.deepcopy(offered.victim), rows_of(offered)
    victim.model.double()
    slope = victim.loss_gradient(symbols, lengths, numbers)
    row = int(lengths.argmax())
    tags, length = offered.right[row], int(lengths[row])
    for step in range(length):
        found = []
        for sign in (1, -1):
            delta = torch.zeros(length, slope.shape[2], dtype=torch.float64)
            delta[step] = sign * 1e-4 * functional.normalize(slope[row, step], dim=0)
            hook = victim.embedding.register_forward_hook(lambda _module, _given, e, delta=delta: e + delta)
            try:
                p = offered_probabilities(victim.outputs(symbols[row : row + 1, :length], lengths[row : row + 1]))
            finally:
                hook.remove()
            losses = -p[0].double().gather(1, tags[:, None])[:, 0].log()
            found.append((losses.sum() - losses[step]) / (length - 1))
        assert float(found[0] - found[1]) / 2e-4 == pytest.approx(float(slope[row, step].norm()), rel=1e-4, abs=1e-8)


def offered_probabilities(outputs) -> Tensor:
    return marginals(outputs) if isinstance(outputs, LinearChain) else outputs.softmax(-1)


def test_losses_rise_at_least_as_much_as_by_chance(run):
    offered = offered_by(run)
    victim, (symbols, lengths, numbers) = offered.victim, rows_of(offered)
    found = HotFlip(2, candidates=CANDIDATES)(victim, symbols, lengths, numbers)
    assert found.count.sum() > 0
    after = victim.losses(found.applied(symbols), lengths, numbers).mean()
    for seed in range(3):
        random = random_replacements(victim, symbols, lengths, found, seed, offered.same_steps)
        assert after >= victim.losses(random.applied(symbols), lengths, numbers).mean()


def test_no_replacement_no_change(run):
    attacked = attack(run, method={"name": "hot-flip", "replacements": 0}, count=5)
    assert [list(row) for row in attacked.before] == attacked.after
    assert attacked.answers == attacked.answers_after == attacked.answers_of_noise
    assert torch.equal(attacked.errors, attacked.errors_after)
    assert torch.equal(attacked.errors, attacked.errors_of_noise)
    assert [point["replacements"] for point in attacked.to_dict()["curve"]] == [0]
    assert int(attacked.replaced.sum()) == 0


def test_replacements_are_counted_and_the_curve_ends_where_the_attack_does(run):
    attacked = attack(run, method={"name": "hot-flip", "replacements": 3}, count=4)
    for before, after, replaced in zip(attacked.before, attacked.after, attacked.replaced.tolist()):
        assert len(before) == len(after)
        assert sum(old != new for old, new in zip(before, after)) == replaced <= 3
    content = attacked.to_dict()
    assert content["mean_replacements"] == pytest.approx(float(attacked.replaced.double().mean()))
    curve = content["curve"]
    assert [point["replacements"] for point in curve] == [0, 1, 2, 3]
    assert curve[0]["error_attacked"] == curve[0]["error_of_noise"] == content["error"]
    assert curve[3]["error_attacked"] == content["error_attacked"]
    assert curve[3]["error_of_noise"] == content["error_of_noise"]
    assert json.dumps(content)
    assert attacked.inputs.quantity in describe(attacked)
    made = page(run, attacked).html()
    assert "Error by budget" in made
    assert attacked.inputs.note[:20] in made
    assert html.escape(attacked.exchanged(attacked.shown(1)[0])) in made


def test_what_is_fixed_stays_and_nothing_special_is_written(run):
    offered = offered_by(run)
    victim, (symbols, lengths, numbers) = offered.victim, rows_of(offered)
    changed = HotFlip(9)(victim, symbols, lengths, numbers).applied(symbols)
    different = changed != symbols
    assert different.any()
    names = [offered.spelling[number] for number in changed[different].tolist()]
    assert not set(names) & {"<pad>", "<unk>", "<s>", "</s>"}
    assert not (different & victim.fixed[symbols]).any()
    assert not (different & (torch.arange(symbols.shape[1]) >= lengths[:, None])).any()


# -------------------------------------------------------------------------------------------------------------- tags


@pytest.mark.parametrize("which", ["tagger", "spelled"])
def test_the_tags_are_those_that_the_task_finds_before_and_after(which, request):
    run = request.getfixturevalue(which)
    attacked = attack(run, count=12)
    offered = attacked.inputs
    assert isinstance(offered, Tags)
    items = {item.place: item for item in run.task.part(None)[1]}
    items = [items[name] for name in offered.names]
    changed = [item._replace(words=list(words)) for item, words in zip(items, attacked.after)]
    for sentences, said in ((items, attacked.answers), (changed, attacked.answers_after)):
        found, _ = run.task.answers(sentences, run.session)
        assert [[offered.tags[tag] for tag in row] for row in said] == found
    found, _ = run.task.answers(changed, run.session)
    for index, (item, tags) in enumerate(zip(items, found)):
        stands = [old == new for old, new in zip(item.words, attacked.after[index])]
        wrong = [one != other for one, other, kept in zip(item.tags, tags, stands) if kept]
        assert float(attacked.errors_after[index]) == pytest.approx(sum(wrong) / len(wrong))
    assert any(len(item.words) > 2 for item in items)


def test_a_sentence_keeps_a_word_to_be_told_of(tagger):
    attacked = attack(tagger, ["a"], {"name": "hot-flip", "replacements": 3})
    assert attacked.after == [["a"]]
    attacked = attack(tagger, ["the dog"], {"name": "hot-flip", "replacements": 3})
    assert int(attacked.replaced[0]) <= 1
    assert attacked.errors.isfinite().all()


def test_tags_of_ones_own_text_are_those_of_the_network(spelled):
    text = "The dog sees Xanadu ."
    attacked = attack(spelled, [text])
    (row,) = attacked.to_dict()["inputs"]
    assert row["tags"] == next(iter(spelled.task.predict(spelled.session, [text])))["tags"]
    assert row["error"] == 0
    assert row["input"] == text
    assert attacked.to_dict()["split"] is None
    assert "others than before" in describe(attacked)


def test_tags_that_the_network_does_not_know(tagger):
    known = tagger.task.tags
    tagger.task.tags = known[1:]
    try:
        with pytest.raises(InputError, match=f"the tag '{known[0]}', which the network does not know"):
            attackable(tagger.task, [], 100)
    finally:
        tagger.task.tags = known


# ------------------------------------------------------------------------------------------------------ translations


def test_translations_are_those_of_predict_before_and_after(translator):
    attacked = attack(translator, count=12)
    offered = attacked.inputs
    assert isinstance(offered, Translations)
    items = {item.place: item for item in translator.task.part(None)[1]}
    sources = [items[name].source for name in offered.names]
    assert [each["text"] for each in translator.predict(sources)] == attacked.answers
    codec, compared = translator.task.codecs.source, 0
    for index, after in enumerate(attacked.after):
        text = offered.text(after)
        if codec.vocabulary.tokens(codec.encode(text)) == list(after):  # else it would be cut in another way
            compared += 1
            assert next(iter(translator.predict([text])))["text"] == attacked.answers_after[index]
    assert compared
    expected = [words_lost(said, items[name].target) for said, name in zip(attacked.answers, offered.names)]
    assert attacked.errors.tolist() == pytest.approx(expected)


def test_words_lost():
    assert words_lost("a dog runs .", "A dog, runs.") == pytest.approx(2 / 5)
    assert words_lost("runs dog a", "a dog runs") == 0
    assert words_lost("the", "the the the the") == 0.75
    assert words_lost("", "") == 0
    assert words_lost("x", "") == 1


def test_the_loss_is_that_which_the_task_measures(translator):
    offered = offered_by(translator)
    items = {item.place: item for item in translator.task.part(None)[1]}
    for number, name in enumerate(offered.names):
        symbols, lengths = offered.rows.padded(torch.tensor([number]))
        found = float(offered.victim.losses(symbols, lengths, torch.tensor([number])))
        expected = translator.task.losses([items[name]], translator.session)["loss"]
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["backward", "transformer", "convolutional"])
def test_the_gradient_is_that_of_the_source_in_its_own_order(translator, kind):
    codecs, items = translator.task.codecs, translator.task.part(None)[1]
    sizes = {f"{side}_vocabulary": len(getattr(codecs, side).vocabulary) for side in ("source", "target")}
    torch.manual_seed(0)
    network = {
        "backward": lambda: EncoderDecoder(
            **sizes, embedding=4, hidden=5, bidirectional=False, reverse_source=True, attention=None
        ),
        "transformer": lambda: Transformer(**sizes, width=8, heads=2, levels=1, feedforward=6),
        "convolutional": lambda: ConvolutionalSeq2Seq(**sizes, embedding=4, width=6, levels=1),
    }[kind]().eval()
    offered = Translations.of(network, codecs, Beam(width=1), "test", items)
    rows = rows_of(offered)
    assert len(set(rows[1].tolist())) > 1
    slope = offered.victim.loss_gradient(*rows)
    place = torch.arange(slope.shape[1]) >= rows[1][:, None]
    assert not slope[place].any()
    generator = torch.Generator().manual_seed(0)
    direction = slope * torch.rand(slope.shape, generator=generator)  # rows and steps apart
    direction = direction / direction.norm()
    ahead, behind = along(offered, direction, 1e-2)
    assert float((ahead.double() - behind.double()).sum()) / 2e-2 == pytest.approx(
        float((slope * direction).sum()), rel=0.02
    )
    if kind == "backward":  # what reads the vectors in their own order is the network that turns its source round
        targets = codecs.target.encode_all(item.target for item in items)
        heard, ends = targets.without_last().padded(rows[2])
        with torch.no_grad():
            own, turned = (each(rows[0], rows[1], heard, ends) for each in (network, offered.victim.model))
        assert torch.equal(own, turned)


def test_towards_a_translation(translator):
    items = translator.task.part(None)[1]
    target = items[1].target
    offered = offered_by(translator, [items[0].source])
    towards = offered.towards(offered.wanted(target))
    victim, (symbols, lengths, numbers) = towards.victim, rows_of(towards)
    found = HotFlip(3, candidates=CANDIDATES)(victim, symbols, lengths, numbers, numbers)
    assert found.count.sum() > 0
    loss = [float(victim.losses(each, lengths, numbers)) for each in (symbols, found.applied(symbols))]
    assert loss[1] < loss[0]
    attacked = attack(translator, [items[0].source], {"name": "hot-flip", "replacements": 3}, target=target)
    (row,) = attacked.to_dict()["inputs"]
    assert row["reference"] == target
    assert row["error"] == pytest.approx(words_lost(row["translation"], target))
    assert attacked.curve is None
    for wrong in ("", "zxqw"):
        with pytest.raises(InputError, match="the translation"):
            attack(translator, [items[0].source], target=wrong)


def test_a_translation_of_ones_own_text(translator):
    text = translator.task.part(None)[1][0].source
    attacked = attack(translator, [text])
    (row,) = attacked.to_dict()["inputs"]
    assert row["translation"] == row["reference"] == next(iter(translator.predict([text])))["text"]
    assert row["error"] == 0
    assert row["error_attacked"] == pytest.approx(words_lost(row["translation_attacked"], row["reference"]))
    assert "Before and after" in page(translator, attacked).html()


# ------------------------------------------------------------------------------------------------------- running text


def test_passages_are_of_the_part_that_is_measured_on_and_only_their_first_half_changes(writer):
    attacked = attack(writer, count=3)
    offered = attacked.inputs
    assert isinstance(offered, Writing)
    ids = writer.task.ids(writer.task.part(None)[1])
    for index, (name, row) in enumerate(zip(offered.names, offered.rows)):  # type: ignore[call-overload]
        start = int(name.rsplit(" ", 1)[1])
        assert torch.equal(row, ids[start : start + PASSAGE])
        middle = (len(row) + 1) // 2
        assert list(attacked.before[index][middle:]) == attacked.after[index][middle:]
        said, _ = read(writer.task.network, row, writer.session)
        costs = -said[middle - 1 :] / math.log(2)
        torch.testing.assert_close(torch.tensor(attacked.answers[index]).double(), costs, atol=1e-4, rtol=1e-4)
        assert float(attacked.errors[index]) == pytest.approx(float(costs.mean()), rel=1e-4)
    distances = attacked.distances
    assert len(distances) == int(attacked.replaced.sum())
    assert distances.min() >= 1
    assert attacked.to_dict()["median_distance"] == float(distances.median())


def test_a_text_of_ones_own_is_foretold_from_its_first_half(writer):
    text = "the cat sat on the mat"
    attacked = attack(writer, [text, "xy"], {"name": "hot-flip", "replacements": 4})
    first, second = attacked.to_dict()["inputs"]
    assert first["text"][-11:] == text[-11:]
    assert first["text"] != text
    assert first["replaced"] == sum(old != new for old, new in zip(text, first["text"]))
    assert second["text"][1] == "y"
    assert second["replaced"] == 1
    assert "what follows" in page(writer, attacked).html()
    with pytest.raises(InputError, match="'z' has too few symbols") as caught:
        attack(writer, ["z"])
    assert "first half" in caught.value.hint
    with pytest.raises(InputError, match="cannot be told to answer 'q'"):
        attack(writer, [text], target="q")


def test_words_cost_nats(tmp_path_factory):
    run = writing(tmp_path_factory.mktemp("words"), Whitespace())
    attacked = attack(run, count=2)
    assert attacked.inputs.quantity == "nats a word"
    said, _ = read(run.task.network, attacked.inputs.rows[0], run.session)
    middle = (len(attacked.before[0]) + 1) // 2
    assert float(attacked.errors[0]) == pytest.approx(-float(said[middle - 1 :].mean()), rel=1e-4)
    assert " ".join(attacked.before[0]).startswith("the") or attacked.before[0][0] == "<s>"


# ------------------------------------------------------------------------------------------------------- command line


def test_the_command(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = gatefield("attack", run.folder.path, "--count", 3, "--json", "--out", "attack.html")
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert told["count"] == 3
    assert told["attack"]["name"] == "hot-flip"
    assert (tmp_path / "attack.html").stat().st_size > 5000
    outcome = gatefield("attack", run.folder.path, "--count", 2, "--set", "replacements=1", "--set", "similarity=0.9")
    assert outcome.code == 0, outcome.err
    assert "up to 1" in outcome.out
    assert "has no epsilon" in refused("attack", run.folder.path, "--epsilon", "2")
    assert "cannot change" in refused("attack", run.folder.path, "--method", "fgsm")

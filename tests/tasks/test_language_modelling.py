"""Language modelling: figures against other paths to the same number, texts against other decoders."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from gatefield import load, train
from gatefield.core.errors import ArgumentError
from gatefield.data.readers.text_file import TextFile
from gatefield.decoding import Beam, Forbidden, Greedy, Sampling, forced
from gatefield.models.language.language_model import ContinuousCache
from gatefield.tasks import language_modelling
from gatefield.tasks.generating import generate
from gatefield.tasks.language_modelling import LanguageModelling
from gatefield.tasks.run import Run
from gatefield.training.settings import Training

SMALL = {"name": "language-model", "embedding": 8, "encoder": {"name": "recurrent", "cell": "gru", "hidden": [16]}}


def task(path, **settings) -> LanguageModelling:
    given = {"model": SMALL, "steps": 16, "training": Training(epochs=2, batch_size=4), **settings}
    return LanguageModelling(data=TextFile(str(path), test=0.1), **given)


@pytest.fixture(scope="module")
def hello(tmp_path_factory) -> Run:
    """A character model of one word (catalogue 26), which it learns by heart; two documents."""
    folder = tmp_path_factory.mktemp("hello")
    for name in ("one", "two"):
        (folder / f"{name}.txt").write_text("hello " * 150)
    training = Training(epochs=10, batch_size=4, optimizer={"name": "adam", "learning_rate": 0.02})  # type: ignore[arg-type]
    return train(task(folder, training=training, baselines=True), out=folder / "run")


@pytest.fixture(scope="module")
def words(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("words")
    (folder / "text.txt").write_text("Well, it is so; it was so.\n" * 40)
    return train(task(folder / "text.txt", tokens={"name": "words"}), out=folder / "run", report=False)


def test_learns_hello_by_heart(hello):
    metrics = hello.evaluate()
    assert metrics["loss"] < 0.05
    assert [text.text for text in say(hello, Greedy(), "hell", length=9)] == ["o hello h"]


def say(run: Run, decoder, prompt: str, **options):
    return generate(run.task.network, run.task.codec, decoder, prompt, **options)


def test_measures_what_reading_symbol_by_symbol_gives(hello, monkeypatch):
    own = hello.task
    _, documents = own.part("train")
    documents = [documents[0][:70], documents[1][:41]]
    ids = own.ids(documents)
    assert len(ids) == 70 + 41 + 2
    with torch.inference_mode():
        state, total = own.network.start(torch.zeros(1, 0, dtype=torch.int64)), 0.0
        for symbol, after in itertools.pairwise(ids):
            log_p, state = own.network.step(symbol.view(1, 1), state)
            total -= float(log_p[0, 0, after])
    monkeypatch.setattr(language_modelling, "PIECE", 7)
    metrics = own.measure(documents, hello.session)
    assert metrics["count"] == len(ids) - 1
    assert metrics["loss"] == pytest.approx(total / metrics["count"], rel=1e-5)
    assert metrics["perplexity"] == pytest.approx(math.exp(metrics["loss"]))
    assert metrics["bits_per_character"] * math.log(2) * 111 == pytest.approx(total, rel=1e-5)


def test_reads_all_but_the_first_begin(hello):
    """The loss is a mean over the text itself and the begins of its further documents."""
    _, documents = hello.task.part("test")
    assert hello.evaluate()["count"] == sum(map(len, documents)) + len(documents) - 1


def test_holds_out_the_end_of_the_text(tmp_path):
    text = "".join(f"{number}," for number in range(400))
    (tmp_path / "text.txt").write_text(text)
    data = TextFile(str(tmp_path / "text.txt"), validation=0.0)
    own = LanguageModelling(data=data, model=SMALL, validation=0.2, test=0.1)  # type: ignore[arg-type]
    parts = own.parts
    assert "".join([*parts.train, *(parts.validation or ()), *(parts.test or ())]) == text
    assert sum(map(len, parts.test or ())) == round(0.1 * len(text))


def test_baselines_know_a_word_after_some_letters(hello):
    beside = hello.evaluate()["baselines"]
    assert list(beside)[:2] == ["frequencies", "last 1 character"]
    # after one letter 'l' may be followed by 'l' or 'o'; after two there is no doubt
    assert beside["last 1 character"]["loss"] > 0.2 > 0.05 > beside["last 2 characters"]["loss"]
    assert "baselines" not in hello.evaluate("train")
    assert load(hello.folder.path).evaluate() == hello.evaluate()


def test_predict_is_forced_scoring(hello):
    answer, _ = hello.predict(["hello helo", "hi"], top=3)
    ids = hello.task.codec.encode("hello helo")
    with torch.inference_mode():
        state = hello.task.network.start(torch.zeros(1, 0, dtype=torch.int64))
    ((expected,),) = forced(hello.task.network, state, [[ids[1:]]], ids[0], None)
    assert answer["log_probability"] == pytest.approx(expected.log_probability, rel=1e-5)
    assert [row["symbol"] for row in answer["symbols"]] == list("hello helo")
    found = [row["log_probability"] for row in answer["symbols"]]
    assert found == pytest.approx(expected.log_probabilities, abs=1e-5)
    assert min(range(10), key=found.__getitem__) == 9  # the missing 'l' is noticed
    assert len(answer["next"]) == 3
    assert answer["unknown"] == []
    assert next(hello.predict("hellö?!?"))["unknown"] == ["ö", "?", "!"]


def test_predict_of_an_empty_text_says_what_comes_first(hello):
    (answer,) = hello.predict([""])
    assert answer["log_probability"] == 0
    assert answer["next"][0]["label"] == "h"


@pytest.mark.parametrize("decoder", [Greedy(), Sampling(1.5, seed=4), Sampling(2.0, top_k=3), Sampling(nucleus=0.8)])
def test_fast_stream_says_what_the_model_says_step_by_step(words, decoder):
    own = words.task
    prefix = torch.tensor([own.codec.encode("Well, it")])
    with torch.inference_mode():
        state = own.network.start(prefix[:, :-1])
    vocabulary = own.codec.vocabulary
    silent = [Forbidden([vocabulary.pad, vocabulary.unknown])]
    ((expected,),) = decoder.decode(own.network, state, prefix[:, -1], vocabulary.begin, 30, silent)
    assert len(expected.tokens) > 1
    (found,) = say(words, decoder, "Well, it", length=30)
    assert found.text == own.codec.decode([*prefix[0].tolist(), *expected.tokens])[len("Well, it") :]
    assert found.log_probability == pytest.approx(expected.log_probability, rel=1e-4)


@pytest.mark.parametrize("run", ["hello", "words"])
def test_pieces_told_are_the_text(run, request):
    run = request.getfixturevalue(run)
    for seed in range(5):
        pieces: list[str] = []
        (found,) = say(run, Sampling(2.0, seed=seed), "he", length=40, hear=pieces.append)
        assert "".join(pieces) == found.text
        assert len(pieces) == found.symbols


def test_a_text_does_not_depend_on_how_many_are_drawn(hello):
    """Some of these end early, which leaves the others alone."""
    several = say(hello, Sampling(3.0, seed=2), "h", length=8, count=6)
    (first,) = say(hello, Sampling(3.0, seed=2), "h", length=8)
    assert first.text == several[0].text
    assert {text.finished for text in several} == {True, False}
    assert len({text.text for text in several}) == 6
    assert all("<" not in text.text for text in several)


def test_beam_finds_what_is_at_least_as_likely(words):
    (greedy,) = say(words, Greedy(), "it", length=12)
    best, second = say(words, Beam(width=8, hypotheses=2), "it", length=12, count=2)
    assert best.log_probability >= greedy.log_probability - 1e-6
    assert best.log_probability >= second.log_probability
    assert best.text != second.text


def test_refuses_texts_that_would_be_one(hello):
    with pytest.raises(ArgumentError, match="finds one text") as caught:
        say(hello, Greedy(), "h", count=2)
    assert caught.value.hint
    with pytest.raises(ArgumentError, match="the beam returns 1 of 2"):
        say(hello, Beam(), "h", count=2)


def test_refuses_what_cannot_be_trained(tmp_path):
    (tmp_path / "text.txt").write_text("some text, and more of it")
    with pytest.raises(ArgumentError, match="does not say in how many rows"):
        task(tmp_path / "text.txt", training=Training(batch_size="all"))
    with pytest.raises(ArgumentError, match="does not foretell") as caught:
        train(task(tmp_path / "text.txt", model={"name": "tagger", "classes": 3}), out=tmp_path / "run")
    assert "language-model" in (caught.value.hint or "")


def test_rare_words_are_unknown(tmp_path):
    (tmp_path / "text.txt").write_text("a b a b a c a b a b " * 5 + "rare " + "a b " * 20)
    run = train(
        task(tmp_path / "text.txt", tokens={"name": "whitespace"}, minimum=2), out=tmp_path / "run", report=False
    )
    assert run.task.unknown("a rare c d") == ["rare", "d"]
    assert next(run.predict("a rare"))["symbols"][1]["symbol"] == "<unk>"
    assert "perplexity" in run.task.describe(run.evaluate())


@pytest.mark.parametrize("decoder", [Greedy(), Sampling(1.0, seed=3), Beam(width=2)])
def test_a_cache_is_no_part_of_a_writer(words, monkeypatch, decoder):
    (plain,) = say(words, decoder, "Well", length=12)
    measured = words.evaluate("test")["loss"]
    monkeypatch.setattr(words.task.network, "cache", ContinuousCache(size=50, flatness=5.0, weight=0.9))
    monkeypatch.setattr(words.task, "_last", None)
    assert say(words, decoder, "Well", length=12) == [plain]
    assert words.evaluate("test")["loss"] != measured  # it is back for reading


def test_rows_start_anew_in_training_alone(hello):
    _, documents = hello.task.part("train")
    batches = hello.task.batches(documents, 4, True, hello.session)
    assert batches.reset_rate == 0.01
    assert any(batch.fresh.any() for batch in batches.epoch(0))
    assert all(batch.fresh is None for batch in hello.task.batches(documents, 4, False, hello.session).epoch(0))


@pytest.mark.parametrize("tied", [False, True])
def test_a_model_trained_by_samples_is_measured_by_the_whole_softmax(tmp_path, tied):
    """Words that follow each other in a circle are learned by heart, from 4 draws of 13 symbols at a time."""
    (tmp_path / "text.txt").write_text("a b c d e f g h i j " * 120)
    training = Training(epochs=12, batch_size=4, optimizer={"name": "adam", "learning_rate": 0.02})  # type: ignore[arg-type]
    model = {**SMALL, "embedding": 16, "tied": tied, "samples": 4}
    run = train(
        task(tmp_path / "text.txt", tokens={"name": "whitespace"}, model=model, training=training),
        out=tmp_path / "run",
        report=False,
    )
    assert run.evaluate()["perplexity"] < 1.2
    (said,) = say(run, Greedy(), "a b", length=4)
    assert said.text.split() == ["c", "d", "e", "f"]
    again = load(run.folder.path)
    assert again.evaluate() == run.evaluate()
    assert again.task.network.samples == 4


@pytest.mark.parametrize("room", [1, 300, 1 << 24])
def test_validation_meets_every_symbol_once_in_little_memory(hello, monkeypatch, room):
    monkeypatch.setattr(language_modelling, "LOGITS", room)
    monkeypatch.setattr(language_modelling, "ROW", 100)
    _, documents = hello.task.part("train")
    batches = hello.task.batches(documents, 128, False, hello.session)
    assert sum(batches.sizes(0)) == len(hello.task.ids(documents)) - 1
    sizes = {batch.inputs[0].numel() * len(hello.task.codec.vocabulary) for batch in batches.epoch(0)}
    assert max(sizes) <= max(room, len(hello.task.codec.vocabulary))

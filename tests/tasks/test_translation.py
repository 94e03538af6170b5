"""Translation: losses against reading symbol by symbol, quality against sacrebleu, options that do what they say."""

from __future__ import annotations

import io
import itertools
import json
import math

import pytest
import torch

from gatefield import load, train
from gatefield.core.console import Console
from gatefield.core.errors import ArgumentError, DataError, InputError
from gatefield.data.corpus import TextPair
from gatefield.data.readers.pair_lines import PairLines
from gatefield.decoding import Beam, Greedy, forced, search_margins
from gatefield.tasks import translation_metrics
from gatefield.tasks.run import Run
from gatefield.tasks.searching_trainer import SearchingTrainer
from gatefield.tasks.task import Session
from gatefield.tasks.translating import searching, translate
from gatefield.tasks.translation import Translation
from gatefield.training.schedule import Progress

NAMES = ("zero", "one", "two", "three")
SMALL = {"name": "encoder-decoder", "embedding": 12, "hidden": 24}
TRAINING = {
    "epochs": 14,
    "batch_size": 16,
    "optimizer": {"name": "adam", "learning_rate": 0.02},
    "schedule": "cosine",
}


def numbers(folder) -> PairLines:
    """Digits and their names, from one to four of them: every pair, so that it can be learned by heart."""
    rows = [row for length in (1, 2, 3, 4) for row in itertools.product(range(4), repeat=length)]
    lines = [f"{' '.join(map(str, row))}\t{' '.join(NAMES[digit] for digit in row)}\n" for row in rows]
    (folder / "train.txt").write_text("".join(lines), encoding="utf-8")
    (folder / "some.txt").write_text("".join(lines[::9]), encoding="utf-8")
    return PairLines(str(folder / "train.txt"), str(folder / "some.txt"), str(folder / "some.txt"))


def task(data: PairLines, **options) -> Translation:
    return Translation(**{"data": data, "model": SMALL, "training": TRAINING, **options})


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("numbers")
    return train(task(numbers(folder), baselines=True), out=folder / "run", report=False)


def warnings_of(console: Console) -> str:
    assert isinstance(console.stderr, io.StringIO)
    return console.stderr.getvalue()


def listening() -> Session:
    return Session(console=Console(quiet=True, stdout=io.StringIO(), stderr=io.StringIO()))


def test_learns_to_name_digits(run):
    metrics = run.evaluate()
    assert metrics["count"] == 38
    assert metrics["exact"] == 1
    assert metrics["bleu"] == pytest.approx(100)
    assert metrics["chrf"] == pytest.approx(100)
    assert [answer["text"] for answer in run.predict(["3 2", "0", "1 1 3"])] == ["three two", "zero", "one one three"]
    assert load(run.folder.path).evaluate() == metrics
    first, *rows = run.task.describe(metrics).splitlines()
    assert first.startswith(f"{metrics['split']}: 38 texts, BLEU 100.00, chrF 100.00, exact 100.0%; ")
    assert f"{metrics['loss']:.4f} nats a symbol" in first
    assert len(rows) == len(metrics.get("baselines", {}))


def test_loss_is_that_of_forced_scoring(run):
    """Read symbol by symbol, each pair alone and without padding."""
    own, total, count = run.task, 0.0, 0
    items = [TextPair("3 2", "three one", ""), TextPair("1", "two", ""), TextPair("2 2 0 1", "two unheard", "")]
    for item in items:
        source, target = own.codecs.source.encode(item.source), own.codecs.target.encode(item.target)
        with torch.inference_mode():
            state = own.network.start((torch.tensor([source]), torch.tensor([len(source)])))
        ((read,),) = forced(own.network, state, [[target[1:-1]]], target[0], target[-1])
        total -= read.log_probability
        count += len(target) - 1
    assert own.losses(items, run.session)["loss"] == pytest.approx(total / count, rel=1e-4)


def test_free_running_loss_hears_its_own_answers(run):
    own = run.task
    item = TextPair("3 0 1", "three two", "")
    source, target = own.codecs.source.encode(item.source), own.codecs.target.encode(item.target)
    total, symbol = 0.0, target[0]
    with torch.inference_mode():
        state = own.network.start((torch.tensor([source]), torch.tensor([len(source)])))
        for right in target[1:]:
            log_p, state = own.network.step(torch.tensor([[symbol]]), state)
            total -= float(log_p[0, 0, right])
            symbol = int(log_p[0, 0].argmax())
    assert own.losses([item], run.session)["free_running_loss"] == pytest.approx(total / (len(target) - 1), rel=1e-4)


def test_a_translation_does_not_depend_on_the_others(run):
    own = run.task
    texts = ["3 0", "1", "", "3 1 2 3 1", "7 nine", "2 3"]
    together = translate(own.network, own.codecs, Beam(3, 3), texts)
    for text, found in zip(texts, together):
        ((*alone,),) = translate(own.network, own.codecs, Beam(3, 3), [text])
        assert [translated.symbols for translated in alone] == [translated.symbols for translated in found]
        assert alone[0].score == pytest.approx(found[0].score, abs=1e-4)
        unsaid = {own.codecs.target.vocabulary.unknown, own.codecs.target.vocabulary.pad}
        assert not any(unsaid & set(translated.symbols) for translated in found)


def test_a_translation_may_not_be_longer_than_its_limit(run):
    own = run.task
    assert own.codecs.stretch == pytest.approx(1.5)  # "1" and its end, read; begin, "one" and the end, said
    with torch.no_grad():
        bias = own.model.decoder.output.bias
        kept = bias.clone()
        bias[own.codecs.target.vocabulary.end] = -1e9
        try:
            ((found,),) = translate(own.network, own.codecs, Greedy(), ["1 2 3"])
        finally:
            bias.copy_(kept)
    assert len(found.symbols) == own.codecs.limit(4) == 16
    assert not found.finished


def test_several_answers_best_first(run):
    (answer,) = run.predict(["3 2 8"], top=4)
    scores = [hypothesis["score"] for hypothesis in answer["hypotheses"]]
    assert len(scores) == 4
    assert scores == sorted(scores, reverse=True)
    assert answer["text"] == answer["hypotheses"][0]["text"]
    assert answer["unknown"] == ["8"]
    json.dumps(answer)


def test_a_file_stands_for_its_lines(run, tmp_path, monkeypatch):
    monkeypatch.setattr("gatefield.tasks.translation.BATCH", 2)
    (tmp_path / "digits.txt").write_text("1 2\n3\n2 2 2\n", encoding="utf-8")
    answers = list(run.predict([tmp_path / "digits.txt", b"0\n2"]))
    assert [answer["text"] for answer in answers] == ["one two", "three", "two two two", "zero", "two"]
    assert answers[1]["input"] == f"{tmp_path / 'digits.txt'}:2"


def test_alignment_is_that_of_the_whole_sequence(run):
    own = run.task
    found = own.looked("3 0 1", ["three", "zero", "one"])
    assert found.source == ["3", "0", "1", "</s>"]
    assert found.target == ["three", "zero", "one", "</s>"]
    source, target = (
        torch.tensor([codec.encode(text)]) for codec, text in zip(own.codecs[:2], ("3 0 1", "three zero one"))
    )
    with torch.inference_mode():
        whole = own.model.alignment(source, torch.tensor([4]), target[:, :-1])
    torch.testing.assert_close(found.weights, whole[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.weights.sum(1), torch.ones(4))


def test_quality_is_what_sacrebleu_says():
    sacrebleu = pytest.importorskip("sacrebleu")
    said = ["A dog runs over the grass.", "two men sit ."]
    right = ["A dog is running over the grass.", "Two men sit."]
    found = translation_metrics.translation_metrics(said, right)
    assert found["bleu"] == sacrebleu.BLEU(force=True).corpus_score(said, [right]).score
    assert found["chrf"] == sacrebleu.CHRF().corpus_score(said, [right]).score
    assert found["exact"] == 0
    assert "case:mixed" in translation_metrics.signature()


def test_bleu_is_a_geometric_mean_of_precisions():
    """Papineni et al. (2002) by hand: of 6, 5, 4 and 3 n-grams 5, 3, 1 and 0 are found; as long as the reference."""
    found = translation_metrics.translation_metrics(["the cat sat on the mat"], ["the cat sits on the mat"])
    precisions = (5 / 6, 3 / 5, 1 / 4, 0.5 / 3)  # none found counts as half of one
    assert found["bleu"] == pytest.approx(100 * math.prod(precisions) ** 0.25, rel=1e-6)


def test_without_sacrebleu_the_rest_is_measured(run, monkeypatch):
    monkeypatch.setattr(translation_metrics, "installed", lambda module: False)
    session = listening()
    found = run.task.measure(run.task.parts.test, session)
    assert {"exact", "loss", "count"} <= set(found)
    assert not {"bleu", "chrf"} & set(found)
    assert "pip install 'gatefield[text]'" in warnings_of(session.console)


def test_baselines(run):
    beside = run.evaluate()["baselines"]
    assert beside["copy of the source"]["exact"] == 0
    train_pairs = [TextPair("a red cat", "eine rote Katze", ""), TextPair("the dog", "der Hund", "")]
    items = [TextPair("cat", "Katze", ""), TextPair("dog dog !", "der Hund", ""), TextPair("der Hund", "der Hund", "")]
    found = translation_metrics.baselines(train_pairs, items)
    assert found["copy of the source"]["exact"] == pytest.approx(1 / 3)
    assert found["nearest training text"]["exact"] == pytest.approx(1 / 3)  # the last has no word in common
    assert translation_metrics.baselines([TextPair("!", "?", "")], [TextPair("!", "?", "")])[
        "nearest training text"
    ] == translation_metrics.translation_metrics(["?"], ["?"])


def test_a_schedule_of_teacher_forcing(tmp_path):
    own = task(numbers(tmp_path), teacher_forcing="cosine", model={**SMALL, "teacher_forcing": 0.8})
    own.prepare(Session())
    tell, rates = own.before_update(), []
    for epoch in (0, 5, 10):
        tell(Progress(epoch, 10))
        rates.append(own._untrained.teacher_forcing)
    assert rates == pytest.approx([0.8, 0.4, 0.0])


def test_models_that_always_hear_the_truth_refuse_a_schedule(tmp_path):
    small = {"name": "transformer", "width": 8, "heads": 2, "levels": 1, "feedforward": 8}
    own = task(numbers(tmp_path), model=small, teacher_forcing="cosine")
    with pytest.raises(ArgumentError, match=r"transformer.*always hears") as found:
        own.prepare(Session())
    assert found.value.hint


@pytest.mark.parametrize(
    "model",
    [
        {"name": "transformer", "width": 8, "heads": 2, "levels": 1, "feedforward": 8},
        {"name": "convolutional-seq2seq", "embedding": 6, "width": 8, "levels": 1},
        {"name": "cho2014", "embedding": 6, "hidden": 6},
        {"name": "sutskever2014", "embedding": 6, "hidden": 6, "levels": 2},
        {"name": "chung2016", "embedding": 6, "hidden": 6},
        {"name": "encoder-decoder", "embedding": 6, "hidden": 6, "attention": "subset"},
    ],
    ids=lambda model: model["name"],
)
def test_every_model_that_translates(model, tmp_path):
    own = task(numbers(tmp_path), model=model, training={"epochs": 1})
    trained = train(own, out=tmp_path / "run", report=False)
    metrics = trained.evaluate()
    assert 0 < metrics["loss"] < 5
    assert ("free_running_loss" in metrics) == (own.model.name == "encoder-decoder")
    if model["name"] in ("cho2014", "sutskever2014"):
        with pytest.raises(InputError, match="no attention"):
            own.looked("1 2", ["one"])
    else:
        assert own.looked("1 2", ["one"]).weights.shape == (2, 3)


def test_phrases_that_must_be_said(run):
    own = run.task
    (free, plain), (bound, other) = (
        [found[0] for found in translate(own.network, own.codecs, Beam(4), ["3 0", "1"], None, phrases)]
        for phrases in ((), ("one zero", "three"))
    )
    assert (free.text, plain.text) == ("three zero", "one")
    for found in (bound, other):
        assert "one zero" in found.text
        assert "three" in found.text
    (answer,) = own.predict(run.session, ["3 0"], top=3, must_contain=["two"])
    assert all("two" in hypothesis["symbols"] for hypothesis in answer["hypotheses"])
    with pytest.raises(ArgumentError, match="cannot be kept on the way"):
        translate(own.network, own.codecs, Greedy(), ["3"], None, ["two"])
    for phrase, message in (("two five", "'five', which the network does not know"), ("", "is empty")):
        with pytest.raises(InputError, match=message) as caught:
            translate(own.network, own.codecs, Beam(2), ["3"], None, [phrase])
        assert caught.value.hint


BSO = {"width": 3, "after": 8, "grow": 1, "score": "sum"}
SEARCH = {"name": "unnormalized-beam", "width": 2, "score": "sum"}


@pytest.fixture(scope="module")
def searching_run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("searching")
    return train(task(numbers(folder), beam_search_optimization=BSO, decoder=SEARCH), out=folder / "run", report=False)


def test_a_beam_search_takes_part_in_training(searching_run):
    metrics = searching_run.evaluate()
    assert metrics["exact"] > 0.9
    assert load(searching_run.folder.path).evaluate() == metrics
    assert [answer["text"] for answer in searching_run.predict(["3 2", "0"], top=2)] == ["three two", "zero"]
    (answer,) = searching_run.task.predict(
        searching_run.session, ["3"], decoder=searching(searching_run.task.decoder, None, 4)
    )
    assert len(answer["hypotheses"]) == 4


def test_margins_of_the_trainer_are_those_of_the_search(searching_run):
    own = searching_run.task
    items = [TextPair("3 2", "three one", ""), TextPair("1", "two", "")]
    (batch,) = own.batches(items, 2, False, Session()).epoch(0)
    begin, end = own.codecs.target.vocabulary.begin, own.codecs.target.vocabulary.end
    trainer = SearchingTrainer(own.model, own.beam_search_optimization, begin, end).eval()
    with torch.no_grad():
        found = trainer(*batch.inputs)
        for k, place in enumerate(batch.indices.tolist()):
            item = items[place]
            target = torch.tensor([own.codecs.target.encode(item.target)[1:]])
            source = torch.tensor([own.codecs.source.encode(item.source)])
            state = own.network.start((source, None))
            lengths = torch.tensor([target.shape[1]])
            alone = search_margins(own.network, state, begin, end, target, lengths, 3, "one", "sum")
            torch.testing.assert_close(found.gold[k, : target.shape[1]], alone.gold[0], atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(found.rival[k, : target.shape[1]], alone.rival[0], atol=1e-4, rtol=1e-4)
    trainer.tell(Progress(0, 12))
    assert trainer(*batch.inputs).gold.shape == batch.targets.shape
    trainer.train()
    assert trainer(*batch.inputs).shape[:2] == batch.targets.shape  # logits, in its first epochs
    trainer.tell(Progress(9, 12))
    assert trainer(*batch.inputs).gold.shape == batch.targets.shape
    assert trainer.training
    trainer.eval()


def test_beam_search_optimization_needs_scores_and_their_beam(tmp_path):
    with pytest.raises(ArgumentError, match="scores of its own and no probabilities") as caught:
        task(numbers(tmp_path), beam_search_optimization=BSO)
    assert "unnormalized-beam" in caught.value.hint
    with pytest.raises(ArgumentError, match="scores of its own"):
        task(numbers(tmp_path), beam_search_optimization=BSO, decoder="unnormalized-beam")  # of the last symbol
    small = {"name": "transformer", "width": 8, "heads": 2, "levels": 1, "feedforward": 8}
    own = task(numbers(tmp_path), model=small, decoder=SEARCH, beam_search_optimization=BSO)
    own.prepare(Session())
    with pytest.raises(ArgumentError, match="'transformer' does not tell the scores"):
        own.trainer(own._untrained)


def test_models_that_do_not_translate_are_refused(tmp_path):
    own = task(numbers(tmp_path), model={"name": "language-model", "embedding": 4})
    with pytest.raises(ArgumentError, match="'language-model' does not translate"):
        own.prepare(Session())


def test_label_smoothing_is_for_training_only(run, tmp_path):
    own = task(numbers(tmp_path), label_smoothing=0.2, training={"epochs": 1})
    own.prepare(Session())
    logits, targets = torch.randn(3, 4, 7), torch.randint(7, (3, 4))
    smooth = own.objective(own._untrained).loss(logits, targets)
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), label_smoothing=0.2)
    assert float(smooth) == pytest.approx(float(expected))
    items = run.task.parts.test
    before = run.task.losses(items, run.session)
    run.task.label_smoothing = 0.2
    try:
        assert run.task.losses(items, run.session) == before
    finally:
        run.task.label_smoothing = 0.0


def test_long_training_pairs_are_left_out_and_told(tmp_path):
    own, session = task(numbers(tmp_path), longest=4), listening()
    own.prepare(session)
    own.batches(own.parts.train, 8, False, session)
    assert warnings_of(session.console) == ""
    kept = own.batches(own.parts.train, 8, True, session)
    assert sum(kept.sizes(0)) == 4 * 2 + 16 * 3  # three digits need begin, three words and end
    assert "left out 320 training pairs of more than 4 symbols" in warnings_of(session.console)
    own.longest = 1
    with pytest.raises(DataError, match="every training pair has more than 1"):
        own.batches(own.parts.train, 8, True, session)


def test_a_shared_vocabulary(tmp_path):
    own = task(numbers(tmp_path), shared=True)
    own.prepare(Session())
    source, target, _ = own.codecs
    assert source is target
    assert {"1", "one"} <= set(source.vocabulary.symbols)
    own.take(json.loads(json.dumps(own.learned())))
    assert own.codecs.source.vocabulary == source.vocabulary
    with pytest.raises(ArgumentError, match="one tokenizer"):
        task(numbers(tmp_path), shared=True, target_tokens="characters")


def test_each_side_has_its_own_tokens(tmp_path):
    own = task(numbers(tmp_path), tokens={"name": "words"}, target_tokens="characters")
    own.prepare(Session())
    assert own.codecs.source.encode("1 2") == [*own.codecs.source.vocabulary.ids(["1", "2"]), 2]
    assert len(own.codecs.target.encode("one")) == 5
    assert "1" not in own.codecs.target.vocabulary


def test_pairs_of_one_source_are_never_parted():
    own = task(PairLines("nowhere.txt"))
    assert own.same(TextPair("Go.", "Geh.", "1")) == own.same(TextPair("Go.", "Los!", "2"))


def test_searching_widens_the_beam_only_where_it_must():
    decoder = Beam(5, length_penalty={"name": "gnmt", "alpha": 0.3})  # type: ignore[arg-type]
    assert searching(decoder, None, None) is decoder
    wider = searching(decoder, None, 8)
    assert isinstance(wider, Beam)
    assert (wider.width, wider.hypotheses) == (8, 8)
    assert wider.length_penalty.config() == decoder.length_penalty.config()
    greedy = searching(Greedy(), 1, None)
    assert isinstance(greedy, Beam)
    assert greedy.width == 1
    with pytest.raises(ArgumentError, match="a beam of 2 cannot find 3"):
        searching(decoder, 2, 3)


def test_the_tree_of_a_search_holds_what_it_found(run):
    """Every hypothesis of the beam is a path in its tree, with the same probability; so is what phrases demand."""
    own, target = run.task, run.task.codecs.target
    for text, phrases in (("3 0", ()), ("2 1 3", ("zero one",))):
        (found,) = translate(own.network, own.codecs, Beam(4, 4), [text], None, phrases)
        tree = own.searched(text, Beam(4, 4), phrases)
        said: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
        for node in tree.nodes[1:]:
            before, total = said[node.parent]
            said.append(((*before, node.token), total + node.log_probability))
        paths = dict(said)
        assert tree.chosen == (*found[0].symbols, target.vocabulary.end)
        for one in found:
            if one.finished:
                total = paths[(*one.symbols, target.vocabulary.end)]
                assert total == pytest.approx(one.log_probability, abs=1e-5)
        assert tree.figure().axes
    with pytest.raises(InputError, match="the decoder 'greedy' grows no tree") as caught:
        own.searched("3", Greedy())
    assert caught.value.hint


def test_the_report_shows_examples_and_where_it_looked(run):
    page = run.report().read_text(encoding="utf-8")
    for expected in ("Examples", "Where it looked", "three", "Short and long texts", "copy of the source", "BLEU"):
        assert expected in page
    assert page.count("How it searched") == 2  # the heading, and the list of headings
    assert page.count("weights of attention between") == 3


@pytest.mark.slow
def test_dates_are_learned(tmp_path):
    trained = train("dates", "training.epochs=3", out=tmp_path / "run", report=False)
    assert trained.evaluate()["exact"] > 0.5

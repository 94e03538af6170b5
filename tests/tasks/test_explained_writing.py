"""What networks write, explained: a word by the words of its source or the places of its picture, a digit by sound."""

from __future__ import annotations

import contextlib
import json
import random

import numpy
import pytest
import torch
from command_line import gatefield, refused
from scipy.io import wavfile

from gatefield import train
from gatefield.core.errors import ArgumentError, InputError
from gatefield.data.readers.pair_lines import PairLines
from gatefield.decoding import BestPath, Forbidden, Greedy
from gatefield.explain.integrated_gradients import IntegratedGradients
from gatefield.functional.ctc_paths import collapse
from gatefield.tasks.captioning import Captioning
from gatefield.tasks.explaining import explain, page, write
from gatefield.tasks.run import Run
from gatefield.tasks.transcription import Transcription
from gatefield.tasks.translation import Translation

WORDS = ["ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen"]
ADAM = {"epochs": 16, "batch_size": 16, "optimizer": {"name": "adam", "learning_rate": 0.01}, "schedule": "cosine"}
KINDS = {
    "attention": {"model": {"name": "encoder-decoder", "embedding": 4, "hidden": 6}},
    "reversed": {"model": {"name": "sutskever2014", "embedding": 4, "hidden": 6, "levels": 2}, "decoder": "greedy"},
    "transformer": {"model": {"name": "transformer", "width": 8, "heads": 2, "levels": 2, "feedforward": 12}},
    "convolutional": {"model": {"name": "convolutional-seq2seq", "embedding": 6, "width": 6, "levels": 2}},
    "shared": {
        "model": {"name": "bahdanau2015", "embedding": 4, "hidden": 6, "tied": True},
        "shared": True,
        "tokens": {"name": "words", "lowercase": True},
    },
}


def _copies(folder, count: int) -> PairLines:
    """Sentences of two to five words, none twice, that are their own translations."""
    source = random.Random(0)
    sentences = [" ".join(source.sample(WORDS, source.randint(2, 5))) for _ in range(count)]
    for name, own in (("train", sentences), ("test", sentences[: count // 8])):
        (folder / f"{name}.txt").write_text("".join(f"{one}\t{one}\n" for one in own), encoding="utf-8")
    return PairLines(str(folder / "train.txt"), str(folder / "test.txt"), str(folder / "test.txt"))


@pytest.fixture(scope="module")
def copier(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("copies")
    model = {"name": "encoder-decoder", "embedding": 16, "hidden": 24}
    run = train(Translation(_copies(folder, 320), model=model, training=ADAM), out=folder / "run", report=False)  # type: ignore[arg-type]
    assert run.evaluate()["exact"] > 0.9  # else there is nothing to explain
    return run


@pytest.fixture(scope="module")
def translators(tmp_path_factory) -> dict[str, Run]:
    """Translators of every kind that have hardly learned."""
    folder = tmp_path_factory.mktemp("kinds")
    data, short = _copies(folder, 32), {**ADAM, "epochs": 1}
    return {
        kind: train(Translation(data, training=short, **options), out=folder / kind, report=False)  # type: ignore[arg-type]
        for kind, options in KINDS.items()
    }


@pytest.fixture(scope="module")
def captioner(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "data").mkdir()
    run = train(Captioning.sample(folder / "data"), out=folder / "run", report=False)
    with torch.no_grad():  # a caption of several words, cut off at the longest that there may be
        run.task.model.decoder.output.bias[run.task.codec.vocabulary.end] -= 9
    return run


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory) -> Run:
    """A recognizer that has hardly learned, its blank made so likely that it hears symbols with blanks between."""
    folder = tmp_path_factory.mktemp("sounds")
    (folder / "data").mkdir()
    run = train(Transcription.sample(folder / "data"), out=folder / "run", report=False)
    rate, samples = zip(*(wavfile.read(file) for file in sorted((folder / "data").glob("*.wav"))))
    wavfile.write(_sound(run), rate[0], numpy.concatenate(samples[:3]))
    (recording,) = run.task.given([_sound(run)])
    with torch.no_grad():
        log_y, _ = run.task.model(run.task.features.frames(recording)[None])
        run.task.model.classifier.bias[0] += (log_y[0, :, 1:].amax(1) - log_y[0, :, 0]).median()
    return run


def _given(run: Run, files):
    """What the task offers, and its only input."""
    offered = run.task.explainable(files)
    (given,) = offered.inputs
    return offered, given


@contextlib.contextmanager
def _zeroed(layer):
    handle = layer.register_forward_hook(lambda _module, _inputs, output: torch.zeros_like(output))
    try:
        yield
    finally:
        handle.remove()


# --------------------------------------------------------------------------------------------------------- translations


def test_a_copied_word_is_due_to_the_word_it_copies(copier):
    """Nearly always: of words written where the source has them, at least 19 of 20."""
    source, found, count = random.Random(1), 0, 0
    for _ in range(12):
        words = source.sample(WORDS, source.randint(3, 5))
        for at, explanation in enumerate(explain(copier, [" ".join(words)])):
            if at < len(words) and explanation.answer.label == words[at]:
                count += 1
                found += int(explanation.maps[0].heat.argmax()) == at
    assert count >= 40
    assert found / count >= 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_explained_is_the_translation_that_is_predicted(translators, kind):
    """Its symbols, and the probability that reading it symbol by symbol gives to each."""
    run, text = translators[kind], "elk ant hen"
    (answer,) = run.predict([text])
    best, explanations = answer["hypotheses"][0], list(explain(run, [text], ["gradient"]))
    end = ["</s>"] if best["finished"] else []
    assert [each.answer.label for each in explanations] == [*best["symbols"], *end]
    assert explanations[0].input.positions == [*best["symbols"], *end]
    assert explanations[0].input.whole.endswith(answer["text"])
    vocabulary, network = run.task.codecs.target.vocabulary, run.task.network
    symbol = vocabulary.begin
    with torch.no_grad():
        state = network.start((torch.tensor([run.task.codecs.source.encode(text)]), None))
        for explanation in explanations:
            log_p, state = network.step(torch.tensor([[symbol]]), state)
            _, symbol = explanation.answer.place
            assert explanation.answer.probability == pytest.approx(float(log_p[0, 0, symbol].exp()), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_sum_to_the_score_less_that_of_no_text(translators, kind):
    """The oracle is the network, in one pass over what it wrote, its embedding of the source put to zero or not."""
    run, text = translators[kind], "elk ant hen"
    offered, given = _given(run, [text])
    source, lengths, *heard = given.inputs
    model, codec = run.task.model, run.task.codecs.source
    if kind == "reversed":
        assert source[0].tolist() == codec.encode(text)[::-1]
        source = source.flip(1)
    assert source[0].tolist() == codec.encode(text)
    embedding = model.embedding if hasattr(model, "embedding") else model.source_embedding
    with torch.no_grad():
        whole = model(source, lengths, *heard)
        assert torch.equal(offered.model(*given.inputs), whole)
        with _zeroed(embedding):
            nothing = model(source, lengths, *heard)
    for explanation in explain(run, [text]):
        place = explanation.answer.place
        difference = float(whole[0, *place] - nothing[0, *place])
        assert explanation.maps[0].heat.shape == source[0].shape
        assert float(explanation.maps[0].heat.sum()) == pytest.approx(difference, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_covered_is_the_symbol_above_the_number(translators, kind):
    run, text = translators[kind], "elk ant hen dog"
    _, given = _given(run, [text])
    _, lengths, *heard = given.inputs
    source = torch.tensor([run.task.codecs.source.encode(text)])
    explanations = list(explain(run, [text], ["occlusion"], target="ant"))
    tokens = explanations[0].to_dict()["tokens"]
    assert tokens == [*(["<s>"] if kind == "shared" else []), *text.split(), "</s>"]
    assert tokens == run.task.codecs.source.vocabulary.tokens(source[0].tolist())
    with torch.no_grad():
        whole = run.task.model(source, lengths, *heard)
        for index in range(len(tokens)):
            covered = source.clone()
            covered[0, index] = 0
            lost = whole - run.task.model(covered, lengths, *heard)
            for explanation in explanations:
                wanted = float(lost[0, *explanation.answer.place])
                assert float(explanation.maps[0].heat[index]) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("kind", ["attention", "transformer", "convolutional", "shared"])
def test_padding_changes_no_row(translators, kind):
    """Texts of different lengths together, each with what was written from it, against each alone."""
    offered = translators[kind].task.explainable(["bee", "elk ant hen dog"])
    rows = [given.inputs for given in offered.inputs]
    sides = [torch.nn.utils.rnn.pad_sequence([row[side][0] for row in rows], batch_first=True) for side in (0, 2)]
    lengths = [torch.cat([row[side] for row in rows]) for side in (1, 3)]
    target, method = (0, 5), IntegratedGradients(tolerance=None)
    together = method.attribute(offered.model, (sides[0], lengths[0], sides[1], lengths[1]), target)
    for row, found in zip(rows, together):
        alone = method.attribute(offered.model, row, target)[0]
        torch.testing.assert_close(found[: len(alone)], alone, rtol=1e-4, atol=1e-5)
        assert not found[len(alone) :].any()


def test_an_empty_text_and_unknown_words_are_explained(copier):
    (explanation, *_) = explain(copier, [""])
    assert explanation.to_dict()["tokens"] == ["</s>"]
    assert len(explanation.maps[0].heat) == 1
    (explanation, *_) = explain(copier, ["unheard ant"], ["occlusion"])
    assert explanation.to_dict()["tokens"] == ["<unk>", "ant", "</s>"]


def test_a_word_that_was_not_written_can_be_asked_about(copier):
    (mine,) = explain(copier, ["dog ant fox"], target="ant", position=3)
    assert (mine.answer.label, mine.answer.target) == ("fox", "ant")
    assert mine.answer.probability < 0.1
    assert mine.maps[0].heat[1] > mine.maps[0].heat[2]  # what speaks for "ant" is "ant"
    assert "It wrote 'fox'" in mine.answer.sentence
    assert "ant in place of fox" in page(copier, [mine]).html()
    (end,) = explain(copier, ["dog ant fox"], target="</s>", position=1)
    assert (end.answer.label, end.answer.target) == ("dog", "</s>")


def test_a_word_is_cut_as_inside_a_text(translators):
    for word in ("ANT", "ant"):
        (explanation,) = explain(translators["shared"], ["bee"], ["gradient"], target=word, position=1)
        assert explanation.answer.target == "ant"
    with pytest.raises(InputError, match="no symbol 'ANT'"):
        list(explain(translators["attention"], ["bee"], ["gradient"], target="ANT"))


def test_a_page_shows_what_was_written_by_what_was_read(copier, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = copier.folder.path
    outcome = gatefield("explain", path, "dog ant fox", "--json", "--out", "why.html")
    assert outcome.code == 0, outcome.err
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert [(row["position"], row["at"]) for row in rows] == [(1, "dog"), (2, "ant"), (3, "fox"), (4, "</s>")]
    for row in rows:
        assert row["tokens"] == ["dog", "ant", "fox", "</s>"]
        assert len(row["maps"][0]["heat"]) == 4
    text = (tmp_path / "why.html").read_text()
    assert text.count("<svg") == 2  # one map of all, and where the network looked
    assert "The network writes: dog ant fox" in text
    assert "A row for each symbol that was written" in text
    assert gatefield("explain", path, "dog ant fox", "--position", 2, "--out", "why.png").code == 0
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")
    assert gatefield("explain", path, "dog ant fox", "--out", "all.png").code == 0  # the map alone
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")


def test_positions_and_symbols_that_are_not_there(copier, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = copier.folder.path
    for wrong in (0, 5, -1):
        message = refused("explain", path, "dog ant fox", "--position", wrong)
        assert f"has no position {wrong}" in message
        assert "from 1, 'dog', to 4, '</s>'" in message
    message = refused("explain", path, "dog", "--target", "cow")
    assert "no symbol 'cow'" in message
    assert " cat," in message.split("hint:")[1]
    assert "nothing to explain" in refused("explain", path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_methods_of_places_map_what_reads_the_text(translators, kind):
    """By default, and never a layer that runs over what is written, whose steps are others."""
    run, text = translators[kind], "elk ant hen"
    length = len(run.task.codecs.source.encode(text))
    try:
        found = list(explain(run, [text], ["grad-cam"]))
    except InputError as error:  # all that is known of the text is the last state
        assert kind == "reversed"
        assert "do not depend" in error.message
        return
    for explanation in found:
        assert "encoder" in explanation.maps[0].layer
        assert len(explanation.maps[0].heat) == length


def test_a_layer_of_what_is_written_has_no_places_in_the_text(copier):
    """Its steps are as many here as the text has, and would look like it."""
    with pytest.raises(ArgumentError, match="which reads the input") as caught:
        list(explain(copier, ["dog ant fox"], ["grad-cam"], layer="decoder.recurrent"))
    assert "'encoder'" in caught.value.hint
    with pytest.raises(ArgumentError, match="no layer 'encodre'"):
        list(explain(copier, ["dog ant fox"], ["grad-cam"], layer="encodre"))


def test_a_network_comes_out_as_it_went_in(translators, captioner, recognizer):
    given = {"captioning": [_picture(captioner)], "transcription": [_sound(recognizer)], "translation": ["elk ant hen"]}
    for run in (*translators.values(), captioner, recognizer):
        model = run.task.model
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.train()
        modes = [module.training for module in model.modules()]
        try:
            list(explain(run, given[run.task.name], ["integrated-gradients", "gradient"], position=1))
            with pytest.raises(InputError):
                list(explain(run, given[run.task.name], position=99))
            assert [module.training for module in model.modules()] == modes
        finally:
            model.eval()
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
        assert all(parameter.grad is None for parameter in model.parameters())


# ------------------------------------------------------------------------------------------------------------- captions


def _picture(run: Run):
    return run.task.part(None)[1][0].path


def test_words_of_a_caption_are_explained_by_the_picture(captioner, tmp_path):
    """The oracle is the captioner itself, in one pass over what it said, the picture at the mean or covered."""
    picture, model = _picture(captioner), captioner.task.model
    offered, given = _given(captioner, [picture])
    images, said = given.inputs
    (answer,) = captioner.predict([picture])
    assert given.whole.endswith(answer["text"])
    with torch.no_grad():
        whole, nothing = model(images, said), model(torch.zeros_like(images), said)
        assert torch.equal(offered.model(images, said), whole)
        covered = images.clone()
        covered[..., :1, :1] = 0  # an eighth of each side
        lost = whole - model(covered, said)
    explanations = list(explain(captioner, [picture], ["integrated-gradients", "occlusion", "grad-cam"]))
    assert captioner.task.codec.decode(given.symbols) == answer["text"]
    for at, explanation in enumerate(explanations):
        step, word = explanation.answer.place
        assert (step, explanation.answer.label) == (at, given.positions[at])
        difference = float(whole[0, step, word] - nothing[0, step, word])
        assert explanation.answer.probability == pytest.approx(float(whole.softmax(-1)[0, step, word]), rel=1e-4)
        integrated, occluded, cam = explanation.maps
        assert float(integrated.heat.sum()) == pytest.approx(difference, rel=1e-3, abs=1e-3)
        assert float(occluded.heat[0, 0]) == pytest.approx(float(lost[0, step, word]), abs=1e-5)
        assert cam.layer == f"network.{captioner.task.model.layer}"
        assert cam.heat.shape == images.shape[2:]
    text = page(captioner, explanations).html()
    assert text.count('role="img"') + text.count("<img") == 4  # a grid for each method, and where the network looked
    write(captioner, list(explain(captioner, [picture], position=1)), tmp_path / "one.png")
    write(captioner, list(explain(captioner, [picture])), tmp_path / "all.png")
    for name in ("one", "all"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ArgumentError, match=r"which reads the input|no layer 'decoder\.output'"):
        list(explain(captioner, [picture], ["grad-cam"], layer="decoder.output"))


def test_a_caption_is_that_of_the_decoder_of_the_run(captioner):
    own, picture = captioner.task, _picture(captioner)
    _, given = _given(captioner, [picture])
    vocabulary, silent = own.codec.vocabulary, [0, own.codec.vocabulary.unknown, own.codec.vocabulary.begin]
    state = own.model.start(given.inputs[0])
    (greedy,) = Greedy().decode(
        own.model, state, torch.tensor([vocabulary.begin]), vocabulary.end, own.longest, [Forbidden(silent)]
    )
    kept, own.decoder = own.decoder, Greedy()
    try:
        _, found = _given(captioner, [picture])
    finally:
        own.decoder = kept
    assert tuple(found.symbols[: len(greedy[0].tokens)]) == greedy[0].tokens


# ---------------------------------------------------------------------------------------------------------- transcripts


def _sound(run: Run):
    return run.folder.path.parent / "long.wav"


def test_symbols_of_a_transcript_are_explained_at_their_frames(recognizer, tmp_path):
    own, sound = recognizer.task, _sound(recognizer)
    offered, given = _given(recognizer, [sound])
    with torch.no_grad():
        scores, (log_y, lengths) = offered.model(*given.inputs), own.model(*given.inputs)
        nothing = offered.model(torch.zeros_like(given.inputs[0]), given.inputs[1])
    torch.testing.assert_close(scores.log_softmax(-1), log_y)
    path = log_y[0, : int(lengths[0])].argmax(1)
    (answer,) = own.predict(recognizer.session, [sound], decoder=BestPath())
    explanations = list(explain(recognizer, [sound], ["integrated-gradients", "grad-cam"]))
    assert "".join(each.answer.label for each in explanations) == answer["text"]
    assert collapse(path.tolist()) == list(given.symbols)
    for explanation, symbol in zip(explanations, answer["symbols"]):
        step, label = explanation.answer.place
        assert path[step] == label
        second = explanation.input.exhibit.said[explanation.answer.position]
        assert symbol["start"] < second < symbol["stop"]
        probability = explanation.answer.probability
        assert probability == pytest.approx(float(log_y[0, step, label].exp()), rel=1e-4)
        around = [at for at in (step - 1, step + 1) if 0 <= at < len(path) and path[at] == label]
        assert all(log_y[0, at, label] <= log_y[0, step, label] for at in around)
        integrated, cam = explanation.maps
        difference = float(scores[0, step, label] - nothing[0, step, label])
        assert float(integrated.heat.sum()) == pytest.approx(difference, rel=1e-3, abs=1e-3)
        assert len(integrated.heat) == len(cam.heat) == given.inputs[0].shape[1]
        assert cam.layer.startswith("network.front")
    told = explanations[0].to_dict()
    assert (told["hop"], told["position"], told["at"]) == (own.features.hop, 1, answer["text"][0])
    text = page(recognizer, explanations).html()
    assert f"The network hears: {answer['text']}" in text
    assert "the best path" in text
    write(recognizer, list(explain(recognizer, [sound], position=1)), tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_a_tenth_of_a_second_is_covered_at_a_time(recognizer, tmp_path):
    """And all of a recording that is shorter. The oracle is the network, its first frames covered."""
    features, sound = recognizer.task.features, tmp_path / "short.wav"
    rate, samples = wavfile.read(_sound(recognizer))
    wavfile.write(sound, rate, samples[: round(rate * 0.06)])
    for files, window in (([_sound(recognizer)], round(0.1 / features.hop)), ([_sound(recognizer), sound], None)):
        offered = recognizer.task.explainable(files)
        given = next(offered.inputs)
        window = window or features.count(next(recognizer.task.given([sound])))
        covered = given.inputs[0].clone()
        covered[:, :window] = 0
        with torch.no_grad():
            lost = offered.model(*given.inputs) - offered.model(covered, given.inputs[1])
        first = next(explain(recognizer, files))
        assert first.maps[0].method == "occlusion"
        assert float(first.maps[0].heat[0]) == pytest.approx(float(lost[0, *first.answer.place]), abs=1e-5)


def test_long_transcripts_are_drawn_as_a_map(recognizer, monkeypatch):
    monkeypatch.setattr("gatefield.tasks.explained.transcripts.STRIPS", 0)
    explanations = list(explain(recognizer, [_sound(recognizer)], ["gradient"]))
    assert len(explanations) > 1
    assert "a row for each symbol" in page(recognizer, explanations).html()


def test_where_nothing_is_heard_nothing_is_explained(recognizer):
    model = recognizer.task.model
    with torch.no_grad():
        model.classifier.bias[0] += 50
    try:
        with pytest.raises(InputError, match="hears nothing") as caught:
            list(explain(recognizer, [_sound(recognizer)]))
        assert caught.value.hint
    finally:
        with torch.no_grad():
            model.classifier.bias[0] -= 50
    with pytest.raises(InputError, match="no symbol 'x'"):
        list(explain(recognizer, [_sound(recognizer)], target="x"))
    (blank,) = explain(recognizer, [_sound(recognizer)], ["gradient"], target="(blank)", position=1)
    assert blank.answer.place[1] == 0

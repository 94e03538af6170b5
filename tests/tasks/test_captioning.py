"""Captioning: what is measured against other paths to it, what the network learns first, and what is refused."""

from __future__ import annotations

import json
import pathlib

import pytest
import torch
from PIL import Image
from torch.nn import functional

from gatefield import load, train
from gatefield.core.errors import ArgumentError, DataError, WeightsError
from gatefield.data.captioned_sequences import CaptionedSequences, indicated
from gatefield.data.image_set import ImageTensor
from gatefield.data.preparation import Preparation
from gatefield.data.ragged import Ragged
from gatefield.data.readers.coco_captions import CocoCaptions
from gatefield.models.language.captioner import Captioner
from gatefield.models.vision.resnet import ResNet
from gatefield.tasks.captioning import Captioning
from gatefield.tasks.captioning_metrics import bleu
from gatefield.tasks.pretrained import Pretrained, save_pretrained
from gatefield.tasks.run import Run
from gatefield.tasks.task import Session
from gatefield.training.settings import Training

# padding tells its codes where they are: what "left" means cannot be seen in a bar alone
NETWORK = {"name": "resnet", "stem": "cifar", "blocks": [1, 1], "width": 0.5, "classes": 20}
MODEL = {"network": NETWORK, "layer": "stages.stage2", "embedding": 8, "hidden": 16}
ADAM = {"name": "adam", "learning_rate": 0.02}


def write_bars(folder: pathlib.Path) -> CocoCaptions:
    """Pictures of one bright bar, in the layout of COCO; captions say in which half it is, and sometimes only a bar."""
    (folder / "annotations").mkdir()
    for part, numbers in (("train2017", range(24)), ("val2017", range(24, 34))):
        (folder / part).mkdir()
        images, annotations = [], []
        for number in numbers:
            side = number % 2
            picture = torch.randint(0, 60, (12, 12), generator=torch.Generator().manual_seed(number))
            picture[2:10, 7 * side + number % 3 : 7 * side + 2 + number % 3] = 250
            Image.fromarray(picture.to(torch.uint8).numpy()).save(folder / part / f"{number}.png")
            images.append({"id": number, "file_name": f"{number}.png"})
            for caption in [f"a bar on the {'right' if side else 'left'}", "a bar"][: 1 + (number % 4 == 0)]:
                annotations.append({"id": len(annotations), "image_id": number, "caption": caption})
        content = json.dumps({"images": images, "annotations": annotations})
        (folder / "annotations" / f"captions_{part}.json").write_text(content)
    return CocoCaptions(str(folder))


def task(data: CocoCaptions, model=None, **options) -> Captioning:
    given = {"pretraining": Training(epochs=15, batch_size=8, optimizer=ADAM), "training": Training(epochs=1)}  # type: ignore[arg-type]
    model = {"name": "show-attend-and-tell", **MODEL} if model is None else model
    return Captioning(data, model, channels=1, size=12, **{**given, **options})


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> CocoCaptions:
    return write_bars(tmp_path_factory.mktemp("bars"))


@pytest.fixture(scope="module")
def bars(reader, tmp_path_factory) -> Run:
    own = task(reader, training=Training(epochs=30, batch_size=8, optimizer=ADAM))  # type: ignore[arg-type]
    return train(own, out=tmp_path_factory.mktemp("bars") / "run", report=False)


def test_learns_where_the_bar_is(bars):
    assert bars.evaluate()["exact"] == 1
    own = bars.task
    _, items = own.part("validation")
    said = own.say(own.images(items).batch(torch.arange(len(items))), bars.session)
    told = [(one.text, item.captions[0]) for one, item in zip(said, items) if one.text != "a bar"]
    assert told
    assert all(one == other for one, other in told)


def test_loss_is_a_mean_over_the_words_of_all_captions(bars):
    own = bars.task
    _, items = own.part("train")
    total = words = 0.0
    with torch.no_grad():
        for item in items:
            picture = own.preparation(own.preparation.from_file(item.path))
            for caption in item.captions:
                ids = torch.tensor([own.codec.encode(caption)])
                logits = own.model(picture, ids[:, :-1])
                total += float(functional.cross_entropy(logits[0], ids[0, 1:], reduction="sum"))
                words += ids.shape[1] - 1
    metrics = own.measure(items, bars.session)
    assert metrics["loss"] == pytest.approx(total / words, rel=1e-4)
    assert metrics["captions"] == sum(len(item.captions) for item in items)


def test_the_network_learns_words_first_and_then_stays(bars, tmp_path):
    own = bars.task
    assert isinstance(own, Captioning)
    _, items = own.part("validation")
    network = own.captioner.network
    with torch.no_grad():
        scores = network(own.preparation(own.images(items).batch(torch.arange(len(items)))))
    left, right = own.codec.vocabulary.ids(["left", "right"])
    assert [bool(row[right] > row[left]) for row in scores] == ["right" in item.captions[0] for item in items]
    assert not any(parameter.requires_grad for parameter in network.parameters())
    # as many epochs of words and fewer of captions: the same network
    shorter = train(task(own.data, training=Training(epochs=1)), out=tmp_path / "run", report=False)
    for name, value in shorter.task.model.network.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])


def test_a_loaded_run_says_the_same(tmp_path):
    (tmp_path / "data").mkdir()
    data = CocoCaptions.sample(tmp_path / "data")
    own = Captioning(data, {"name": "show-and-tell", **MODEL}, size=12, pretraining=Training(epochs=1))  # type: ignore[arg-type]
    run = train(own, out=tmp_path / "run")
    pictures = sorted((tmp_path / "data" / "val2017").iterdir())
    answers = list(run.predict([tmp_path / "data" / "val2017"]))
    assert [answer["input"] for answer in answers] == [str(picture) for picture in pictures]
    loaded = load(tmp_path / "run")
    assert list(loaded.predict(pictures)) == answers
    (from_bytes,) = loaded.predict([pictures[0].read_bytes()])
    assert from_bytes["text"] == answers[0]["text"]
    with pytest.raises(DataError, match=r"gone\.png"):
        list(loaded.predict(["gone.png"]))


def test_weights_of_another_run_and_their_preparation(reader, tmp_path):
    def resnet(classes: int) -> ResNet:
        return ResNet((1, 12, 12), classes, [1, 1], stem="cifar", width=0.5)

    network = resnet(20)
    preparation = Preparation((1, 12, 12), [33.0], [44.0])
    save_pretrained(Pretrained(network, preparation), tmp_path / "given")
    own = task(reader, weights=str(tmp_path / "given"), pretraining=None)
    own.prepare(Session())
    assert isinstance(own._untrained, Captioner)
    for name, value in network.state_dict().items():
        assert torch.equal(own._untrained.network.state_dict()[name], value)
    assert (own.preparation.mean, own.preparation.std) == ([33.0], [44.0])
    save_pretrained(resnet(7), tmp_path / "other")
    with pytest.raises(WeightsError, match=r"classifier\.output"):
        task(reader, weights=str(tmp_path / "other"), pretraining=None).prepare(Session())


def test_what_can_see_nothing_is_refused(reader):
    with pytest.raises(ArgumentError, match="random weights"):
        task(reader, pretraining=None)
    for model, message in (("show-and-tell", "no network that sees"), ("language-model", "makes no captions")):
        with pytest.raises(ArgumentError, match=message):
            task(reader, model).prepare(Session())


def test_bleu_is_that_of_sacrebleu_against_all_captions():
    sacrebleu = pytest.importorskip("sacrebleu")
    captions = [["a dog runs on the grass", "the dog runs fast"], ["two cats sit on a mat"]]
    said = ["A dog runs on the mat", "two cats sit on a mat"]
    # a caption that is missing must count as none, not as an empty one
    expected = sacrebleu.BLEU(lowercase=True).corpus_score(
        said, [["a dog runs on the grass", "two cats sit on a mat"], ["the dog runs fast", "two cats sit on a mat"]]
    )
    assert bleu(said, captions)["bleu"] == pytest.approx(expected.score)
    assert bleu([captions[0][1], captions[1][0]], captions)["bleu"] == pytest.approx(100)


def test_without_sacrebleu_there_is_no_bleu(monkeypatch):
    from gatefield.tasks import captioning_metrics

    monkeypatch.setattr(captioning_metrics, "installed", lambda name: False)
    assert bleu(["a dog"], [["a dog"]]) == {}


def test_captions_share_their_picture():
    images = ImageTensor(torch.arange(3 * 4, dtype=torch.uint8).view(3, 1, 2, 2), torch.zeros(3), "few")
    captions = Ragged.from_rows([[2, 5, 3], [2, 6, 7, 3], [2, 5, 7, 3]])
    preparation = Preparation((1, 2, 2), [0.0], [1.0])
    sequences = CaptionedSequences(images, preparation, torch.tensor([2, 2, 0]), captions)
    (pictures, before, lengths), after = sequences.batch(torch.tensor([1, 2, 0]))
    assert torch.equal(pictures, images.images[[2, 0, 2]].float())
    assert before.tolist() == [[2, 6, 7], [2, 5, 7], [2, 5, 0]]
    assert after.tolist() == [[6, 7, 3], [5, 7, 3], [5, 3, -100]]
    assert lengths.tolist() == [3, 3, 2]
    assert (
        sequences.fingerprint()
        != CaptionedSequences(images, preparation, torch.tensor([2, 1, 0]), captions).fingerprint()
    )
    found = indicated(captions, torch.tensor([2, 2, 0]), 3, 7)
    assert found.tolist() == [[0, 0, 1, 1, 0, 1, 0], [0] * 7, [0, 0, 1, 1, 0, 1, 1]]
    with pytest.raises(DataError, match="begin and end"):
        CaptionedSequences(images, preparation, torch.tensor([0]), Ragged.from_rows([[5]]))

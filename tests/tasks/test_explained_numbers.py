"""Runs on numbers explained: directions, music, memory and films, most of them by networks whose reasons are known."""

from __future__ import annotations

import json

import numpy
import pytest
import torch
from command_line import gatefield, refused

from gatefield import train
from gatefield.core.errors import InputError
from gatefield.data.corpus import Roll
from gatefield.data.film import Film
from gatefield.data.synthetic.copy_memory import copy_memory
from gatefield.explain.integrated_gradients import IntegratedGradients
from gatefield.render.piano_roll import key_name
from gatefield.tasks.dissecting import dissect
from gatefield.tasks.explained.odds import log_odds
from gatefield.tasks.explaining import explain, page, write
from gatefield.tasks.frame_prediction import FramePrediction
from gatefield.tasks.memory_problems import MemoryProblem
from gatefield.tasks.video_prediction import VideoPrediction
from gatefield.training.settings import Training

BLANKS, COPIED, SYMBOLS = 10, 10, 10
CHORDS = "60 64 67, 60 65 69, 59 62 67, 60 64 67"


def rectified(units: int) -> dict:
    return {"name": "recurrent", "cell": {"name": "elman", "activation": "relu"}, "hidden": [units]}


def short(cls, folder, **settings):
    """A run of ``cls`` that learned next to nothing."""
    folder.mkdir()
    return train(cls(training=Training(epochs=1), **settings), out=folder / "run", report=False)


@torch.no_grad()
def set_weights(run, **values) -> None:
    """W, U and b of the only cell, V and c of the full connection behind it; what is not given is zero."""
    model = run.task.model
    cell = model.encoder.layer.levels[0].directions[0].cell
    places = {"W": cell.W, "U": cell.U, "b": cell.b, "V": model.classifier.weight, "c": model.classifier.bias}
    for name, parameter in places.items():
        parameter.copy_(torch.as_tensor(values.get(name, 0.0), dtype=torch.float32).expand_as(parameter))


@pytest.fixture(scope="module")
def adder(tmp_path_factory):
    """a_t = max(n_t + m_t - 1, 0), which is the number where there is a mark, and s_t = s_(t-1) + a_(t-1)."""
    run = short(MemoryProblem, tmp_path_factory.mktemp("a") / "x", length=12, samples=8, encoder=rectified(2))
    set_weights(run, W=[[1, 1], [0, 0]], U=[[0, 0], [1, 1]], b=[-1, 0], V=[[1, 1]])
    return run


@pytest.fixture(scope="module")
def copier(tmp_path_factory):
    """A register that shifts: what was read 20 steps ago is what is said."""
    delay = BLANKS + COPIED
    units = SYMBOLS * (delay + 1)
    problem = {"problem": "copy", "length": BLANKS, "samples": 8, "encoder": rectified(units)}
    run = short(MemoryProblem, tmp_path_factory.mktemp("c") / "x", **problem)
    W, U, V = torch.zeros(units, SYMBOLS), torch.zeros(units, units), torch.zeros(SYMBOLS, units)
    W[:SYMBOLS] = torch.eye(SYMBOLS)
    U[SYMBOLS:, :-SYMBOLS] = torch.eye(units - SYMBOLS)
    V[:, -SYMBOLS:] = 5 * torch.eye(SYMBOLS)
    set_weights(run, W=W, U=U, V=V)
    return run


@pytest.fixture(scope="module")
def momentum(tmp_path_factory):
    """What went up goes up: the log-odds are twice the last change of the first of two series."""
    folder = tmp_path_factory.mktemp("momentum")
    source = torch.Generator().manual_seed(0)
    prices = (0.01 * torch.randn(200, 2, generator=source, dtype=torch.float64)).cumsum(0).exp()
    rows = [f"{day},{float(a)},{float(b)}" for day, (a, b) in enumerate(prices)]
    (folder / "prices.csv").write_text("\n".join(["day,gold,tin", *rows]) + "\n")
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f"task: direction-tagging\ndata: {{name: csv-series, path: {folder / 'prices.csv'}, columns: [gold, tin]}}\n"
        "model: {name: sequence-predictor, output: softmax, encoder: {name: recurrent, cell: {name: elman, "
        "activation: relu}, hidden: [2]}}\nlength: 20\ntraining: {epochs: 1}\n"
    )
    run = train(recipe, out=folder / "run", report=False)
    set_weights(run, W=[[1, 0], [-1, 0]], V=[[-1, 1], [1, -1]])
    return run


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    """A key is expected if it sounded in the last frame: log-odds 4 if so, and -2 else."""
    folder = tmp_path_factory.mktemp("echo")
    data = FramePrediction.sample(folder).data
    run = short(
        FramePrediction, folder / "x", data=data, model={"name": "sequence-predictor", "encoder": rectified(90)}
    )
    set_weights(run, W=torch.eye(90)[:, :88], V=6 * torch.eye(88, 90), c=-2.0)
    return run


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    return train(VideoPrediction.sample(folder), out=folder / "run", report=False)


def state_of(run) -> tuple:
    modules = [(module.training, len(module._forward_hooks)) for module in run.task.model.modules()]
    return modules, [parameter.grad for parameter in run.task.model.parameters()]


# ------------------------------------------------------------------------------------------------------------- log-odds


def test_log_odds_are_those_of_the_chances():
    z = torch.randn(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    p = z.softmax(-1)
    torch.testing.assert_close(log_odds(z), (p / (1 - p)).log())
    torch.testing.assert_close(log_odds(z + 7), log_odds(z))
    two = z[..., :2]
    torch.testing.assert_close(log_odds(two)[..., 0], two[..., 0] - two[..., 1])


# --------------------------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("number", [1, 2, 7])
def test_an_adder_owes_its_answer_to_the_marked_numbers(adder, number):
    before = state_of(adder)
    (explanation,) = explain(adder, [number], ["integrated-gradients", "occlusion"])
    assert state_of(adder) == before
    x = adder.task._drawn(number).inputs[0]
    wanted = x[:, 0] * x[:, 1]
    assert explanation.answer.label == f"{float(wanted.sum()):.4f}"
    assert explanation.answer.probability is None
    for each in explanation.maps:  # the way to each number has a bend, which quadrature misses by a little
        torch.testing.assert_close(each.heat, wanted, atol=3e-3, rtol=0)
        assert not each.heat[x[:, 1] == 0].any()
    told = explanation.to_dict()
    assert told["marked"] == x[:, 1].nonzero()[:, 0].tolist()
    assert len(told["tokens"]) == len(told["maps"][0]["heat"]) == 12
    assert told["tokens"][told["marked"][0]].endswith("*")
    assert "100% at the shaded steps" in page(adder, [explanation]).html()


def test_the_sum_is_the_only_thing_to_ask_an_adder(adder):
    (explanation,) = explain(adder, [3], target="the sum")
    assert explanation.answer.target == "the sum"
    with pytest.raises(InputError, match="no answer 'the summ'") as caught:
        next(explain(adder, [3], target="the summ"))
    assert "the sum" in caught.value.hint
    with pytest.raises(InputError, match="gives one answer"):
        next(explain(adder, [3], position=1))
    with pytest.raises(InputError, match="no whole number"):
        next(explain(adder, ["three"]))


def test_each_copied_symbol_is_due_to_the_one_heard(copier, tmp_path):
    explanations = list(explain(copier, [4], ["integrated-gradients", "occlusion"]))
    heard = copier.task._drawn(4).inputs[0].argmax(1)[:COPIED].tolist()
    assert [each.answer.label for each in explanations] == [str(symbol) for symbol in heard]
    for at, explanation in enumerate(explanations):
        for each in explanation.maps:
            alone = torch.zeros_like(each.heat).index_copy(0, torch.tensor([at]), each.heat[at : at + 1])
            torch.testing.assert_close(each.heat, alone)
        # 5 for the symbol heard, instead of 5 for a blank: the scores of ten classes tell the log-odds
        z = torch.zeros(2, SYMBOLS).index_put((torch.arange(2), torch.tensor([heard[at], 0])), torch.tensor(5.0))
        difference = log_odds(z)[:, heard[at]].diff().neg()
        torch.testing.assert_close(explanation.maps[0].heat[at : at + 1], difference, atol=1e-2, rtol=1e-3)
    text = page(copier, explanations).html()
    assert text.count("100% of all colour is there") == 2
    assert copy_memory(1, BLANKS).inputs.shape[1] == len(explanations[0].to_dict()["tokens"])
    (third,) = explain(copier, [4], ["occlusion"], position=3)
    write(copier, [third], tmp_path / "why.png")
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")
    (other,) = explain(copier, [4], position=3, target="0")
    assert other.maps[0].heat[2] < -4  # what was heard speaks against a blank
    assert f"Right is {heard[2]}." in other.answer.sentence
    with pytest.raises(InputError, match="no position 11") as caught:
        next(explain(copier, [4], position=11))
    assert "'symbol 1', to 10" in caught.value.hint


def test_the_order_of_symbols_is_explained_completely(tmp_path):
    settings = {"problem": "temporal-order", "length": 14, "samples": 8}
    run = short(MemoryProblem, tmp_path / "x", encoder={"name": "recurrent", "hidden": [6]}, **settings)
    (explanation,) = explain(run, [])  # sequence 1
    x = run.task._drawn(1).inputs
    place = run.task._classes.index(explanation.answer.target)
    nothing = torch.tensor([0.25, 0.25, 0.25, 0.25, 0, 0]).expand_as(x)
    with torch.no_grad():
        said, silent = (log_odds(run.task.model(each)[0][:, -1])[0, place] for each in (x, nothing))
    assert float(explanation.maps[0].heat.sum()) == pytest.approx(float(said - silent), abs=1e-3)
    (same,) = explain(run, [1])
    assert same.answer == explanation.answer
    told = explanation.to_dict()
    assert {told["tokens"][step] for step in told["marked"]} <= {"X", "Y"}
    assert len(told["marked"]) == 2
    with pytest.raises(InputError, match="no answer 'YZ'") as caught:
        next(explain(run, [1], target="YZ"))
    assert "XY" in caught.value.hint


# ----------------------------------------------------------------------------------------------------------- directions


def test_a_direction_is_due_to_the_last_change(momentum):
    """Integrated gradients know it exactly: the log-odds are 2 c of the last change c, in deviations from the mean."""
    task = momentum.task
    before = state_of(momentum)
    for position in (None, 1, 7):
        (explanation,) = explain(momentum, [], ["integrated-gradients"], target="up", position=position)
        at = 19 if position is None else position - 1
        c = task._scaled(task._newest(task.data.read(), "").changes)[at, 0]
        wanted = torch.zeros(20, 2)
        wanted[at, 0] = 2 * c
        torch.testing.assert_close(explanation.maps[0].heat, wanted, atol=1e-5, rtol=1e-4)
        assert explanation.answer.probability == pytest.approx(float(torch.sigmoid(2 * c)), rel=1e-5)
        assert explanation.answer.label == ("up" if c > 0 else "not up")
        if c > 0:
            assert explanation.to_dict()["maps"][0]["peak"] == {"step": str(180 + at), "series": "gold"}
    assert state_of(momentum) == before


def test_directions_read_forward_only_whatever_the_method(momentum, tmp_path):
    methods = ["grad-cam", "gradient", "smooth-grad", "occlusion", "integrated-gradients"]
    explanations = list(explain(momentum, [], methods, position=6))
    for each in explanations[0].maps:
        assert len(each.heat) == 20
        assert not each.heat[6:].any()
    assert explanations[0].to_dict()["steps"] == [str(day) for day in range(180, 200)]
    html = page(momentum, explanations).html()
    assert "2.5 percentage points" in html
    assert "The series then" in html  # what came of it is known
    write(momentum, explanations, tmp_path / "why.png")
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")


def test_a_series_of_ones_own_answers_as_predict_does(momentum, tmp_path):
    file = momentum.folder.path.parent / "prices.csv"
    (own,) = explain(momentum, [])
    (given,) = explain(momentum, [file])
    torch.testing.assert_close(own.maps[0].heat, given.maps[0].heat)
    (answer,) = momentum.predict([str(file)])
    assert answer["label"] == given.answer.label
    assert answer["top"][0]["probability"] == pytest.approx(given.answer.probability, rel=1e-5)
    assert answer["after"] == "199" == given.to_dict()["at"]
    with pytest.raises(InputError, match="no position 21") as caught:
        next(explain(momentum, [file], position=21))
    assert "from 1, '180', to 20, '199'" in caught.value.hint
    with pytest.raises(InputError, match="no direction 'upp'") as caught:
        next(explain(momentum, [file], target="upp"))
    assert "did you mean 'up'" in caught.value.hint


# ---------------------------------------------------------------------------------------------------------------- music


def test_a_key_that_goes_on_is_due_to_itself(echo):
    before = state_of(echo)
    (explanation,) = explain(echo, [CHORDS], target="E4")
    assert state_of(echo) == before
    assert explanation.answer.probability == pytest.approx(float(torch.tensor(4.0).sigmoid()))
    wanted = torch.zeros(4, 88)
    wanted[3, 64 - 21] = 6
    torch.testing.assert_close(explanation.maps[0].heat, wanted)
    assert explanation.to_dict()["maps"][0]["peak"] == {"frame": 4, "key": "E4"}
    (gone,) = explain(echo, [CHORDS], target="64", position=2)  # its number in MIDI
    assert gone.answer.probability == pytest.approx(float(torch.tensor(-2.0).sigmoid()))
    assert not gone.maps[0].heat.any()
    assert "It then did not sound." in gone.answer.sentence
    assert "nothing speaks for it" in page(echo, [gone]).html()


def test_music_is_read_forward_only(echo, tmp_path):
    methods = ["integrated-gradients", "occlusion", "gradient", "grad-cam"]
    (explanation,) = explain(echo, [CHORDS], methods, target="f4", position=2)
    for each in explanation.maps:
        assert each.heat.shape == ((4, 88) if each.method in ("integrated-gradients", "gradient") else (4,))
        assert not each.heat[2:].any()
    assert float(explanation.maps[1].heat[1]) == pytest.approx(6)  # covering a frame takes all its keys away
    assert float(explanation.maps[1].heat[0]) == 0
    told = explanation.to_dict()
    assert told["at"] == "after frame 2"
    assert len(told["maps"][1]["heat"]) == told["frames"] == 4
    with pytest.raises(InputError, match="there are 4"):
        write(echo, [explanation], tmp_path / "why.png")
    (one,) = explain(echo, [CHORDS])
    write(echo, [one], tmp_path / "why.png")
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")


def test_a_trained_network_over_music_is_explained_completely(tmp_path):
    run = train(FramePrediction.sample(tmp_path), out=tmp_path / "run", report=False)
    name, items = run.task.part(None)
    (explanation,) = explain(run, [])
    assert explanation.input.name == items[0].place
    assert f"first of the {name} part" in explanation.input.remark
    notes, key = items[0].notes[None].float(), explanation.answer.place[1]
    with torch.no_grad():
        said, silent = (run.task.model(x)[0][0, -1, key] for x in (notes, torch.zeros_like(notes)))
    assert float(explanation.maps[0].heat.sum()) == pytest.approx(float(said - silent), abs=1e-3)
    assert explanation.answer.label == key_name(key)


def test_keys_and_frames_that_are_not_there(echo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = echo.folder.path
    assert "no key 'H4'" in refused("explain", path, CHORDS, "--target", "H4")
    assert "no key '109'" in refused("explain", path, CHORDS, "--target", "109")
    assert "from 1, 'after frame 1', to 4, 'after frame 4'" in refused("explain", path, CHORDS, "--position", 5)
    assert "no key of a piano" in refused("explain", path, "60 200")
    assert not list(tmp_path.iterdir())
    outcome = gatefield("explain", path, CHORDS, "--target", "C#4", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["target"] == "C♯4"
    with pytest.raises(InputError, match="no frame"):
        echo.task.reading(Roll(torch.zeros(0, 88, dtype=torch.uint8), "empty"))


# ---------------------------------------------------------------------------------------------------------------- films


def test_a_film_is_explained_completely_frame_by_frame(films, tmp_path):
    task, before = films.task, state_of(films)
    explanations = list(explain(films, []))
    assert state_of(films) == before
    assert [each.to_dict()["at"] for each in explanations] == ["+1", "+2"]
    x = task.part(None)[1][0].frames[None, :3].float() / 255
    with torch.no_grad():
        bright, black = (task.model(each)[0].unflatten(1, x.shape[2:]) for each in (x, torch.zeros_like(x)))
    for at, explanation in enumerate(explanations):
        assert explanation.maps[0].heat.shape == (3, *x.shape[3:])
        row, column = map(int, explanation.answer.target.split(","))
        rows, columns = (slice(max(place - 1, 0), place + 2) for place in (row, column))
        spot = [film[at, :, rows, columns].mean() for film in (bright, black)]
        assert float(explanation.maps[0].heat.sum()) == pytest.approx(float(spot[0] - spot[1]), abs=1e-3)
        assert not explanation.maps[0].heat[x[0, :, 0] == 0].any()  # black is what is counted from
        around = torch.nn.functional.avg_pool2d(bright[at].sigmoid(), 3, 1, 1, count_include_pad=False)[0]
        assert float(around[row, column]) == pytest.approx(float(around.max()))
    html = page(films, explanations).html()
    assert html.count("<svg") == 1
    assert "first of the test part" in html
    write(films, explanations, tmp_path / "why.png")
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def film_file(films, tmp_path):
    frames = films.task.part(None)[1][1].frames[:3, 0]
    numpy.save(tmp_path / "film.npy", frames.numpy())
    return tmp_path / "film.npy"


def test_covering_pixels_is_forecasting_without_them(films, film_file):
    task = films.task
    method = {"name": "occlusion", "window": [1, 2, 2], "stride": [1, 2, 2]}
    (explanation,) = explain(films, [film_file], [method], target="7, 8", position=2)
    assert explanation.answer.target == "7,8"
    x = torch.from_numpy(numpy.load(film_file))[None, :, None].float() / 255

    def score(film):
        with torch.no_grad():
            return task.model(film)[0, 1].view(x.shape[3:])[6:9, 7:10].mean()

    for frame, row, column in ((2, 6, 8), (0, 4, 4), (1, 8, 0)):
        covered = x.clone()
        covered[0, frame, :, row : row + 2, column : column + 2] = 0
        lost = float(score(x) - score(covered))
        assert explanation.maps[0].heat[frame, row + 1, column].item() == pytest.approx(lost, abs=1e-5)


def test_a_forecaster_without_a_memory_owes_all_to_the_last_frame(tmp_path):
    run = train(VideoPrediction.sample(tmp_path), out=tmp_path / "run", report=False)
    with torch.no_grad():
        for parameter in run.task.model.encoder.parameters():
            parameter.zero_()  # its state stays zero
    explanations = list(explain(run, [], ["integrated-gradients", "gradient", "smooth-grad"]))
    for explanation in explanations:
        for each in explanation.maps:
            assert not each.heat[:-1].any()
            assert each.heat[-1].any()
        assert explanation.to_dict()["maps"][0]["peak"]["frame"] == 0
        assert explanation.to_dict()["frames"] == [-2, -1, 0]


def test_pixels_frames_and_layers_that_are_not_there(films, film_file, tmp_path, monkeypatch):
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    path = films.folder.path
    assert "no pixel '99,0'" in refused("explain", path, film_file, "--target", "99,0")
    assert "from 1, '+1', to 2, '+2'" in refused("explain", path, film_file, "--position", 3)
    numpy.save(tmp_path / "short.npy", numpy.load(film_file)[:2])
    assert "looks at 3" in refused("explain", path, tmp_path / "short.npy")
    assert "do not depend on" in refused("explain", path, film_file, "--method", "grad-cam")
    assert not list((tmp_path / "cwd").iterdir())
    outcome = gatefield("explain", path, film_file, "--compare", "--position", 1)
    assert outcome.code == 0, outcome.err
    assert "grad-cam is left out" in outcome.err


# ------------------------------------------------------------------------------------------------------------ dissected


def test_runs_on_numbers_are_dissected_over_inputs_of_ones_own(adder, momentum, echo, films, film_file, tmp_path):
    cases = [
        (adder, [5, 6], ["lags", "units"]),
        (momentum, [momentum.folder.path.parent / "prices.csv"], ["lags", "units"]),
        (echo, [CHORDS], ["lags", "units"]),
        (films, [film_file], ["gates", "lags"]),
    ]
    for number, (run, inputs, what) in enumerate(cases):
        dissection = dissect(run, what, out=tmp_path / f"{number}.html", inputs=inputs)
        assert set(dissection.findings) == set(what)
    # the adder's second unit holds the sum: it is highest at the last step, and has read the marked numbers
    findings = dissect(adder, ["units"], out=tmp_path / "units.html", inputs=[5]).findings["units"]
    x = adder.task._drawn(5).inputs[0]
    total = float((x[:, 0] * x[:, 1])[:-1].sum())
    assert findings["units"][1][0]["value"] == pytest.approx(total, abs=1e-5)
    chord = dissect(echo, ["units"], out=tmp_path / "chords.html", inputs=[CHORDS]).findings["units"]
    assert "C4·E4·G4" in {context["symbol"] for own in chord["units"].values() for context in own}


def test_integrated_gradients_of_what_a_task_offers_are_complete(copier, momentum, echo, films):
    """Whatever is offered, through any task: the sum is the score less that of the input of zeros, to 1e-3."""
    for run, inputs in ((copier, [3]), (momentum, []), (echo, [CHORDS]), (films, [])):
        offered = run.task.explainable(inputs)
        (given,) = offered.inputs
        arguments = given.inputs if isinstance(given.inputs, tuple) else (given.inputs,)
        with torch.no_grad():
            outputs = offered.model(*arguments)
            silent = offered.model(torch.zeros_like(arguments[0]), *arguments[1:])
        for answer in offered.answers(given, outputs, None, None):
            heat = IntegratedGradients().attribute(offered.model, given.inputs, answer.place)
            first, zero = (each[0] if type(each) is tuple else each for each in (outputs, silent))
            difference = float(first[0, *answer.place] - zero[0, *answer.place])
            assert float(heat.sum()) == pytest.approx(difference, abs=1e-3 * max(1, abs(difference)))


def test_the_readings_are_those_of_the_data(films):
    film = Film(films.task.part(None)[1][0].frames, "one")
    reading = films.task.reading(film)
    (x,) = reading.inputs
    assert torch.equal((x[0] * 255).round().to(torch.uint8), film.frames[-3:])
    assert (reading.name, list(reading.positions)) == ("one", ["+1", "+2"])

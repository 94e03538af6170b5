"""The report of a forecaster: what it expects, how good it was, and who was better."""

from __future__ import annotations

from typing import Any, Literal

from ..core.run_folder import RunFolder
from ..data.series import Series
from ..render.forecast import Panel, forecast_figure, horizon_figure
from ..render.page import Page
from .back_test import NETWORK, Tested
from .forecast_metrics import measure, number, rows
from .run_page import circumstances, facts_of_training, learning
from .trained_forecaster import Outlook, TrainedForecaster

Monitor = Literal["loss", "accuracy"]
PANELS = 4  # series that are drawn at most
PAST = 4  # horizons of the past that are drawn


def compose(
    page: Page,
    trained: TrainedForecaster,
    series: Series,
    split: str,
    tested: Tested,
    monitor: Monitor,
    folder: RunFolder,
) -> None:
    """Write the sections.

    Args:
        trained: the forecaster.
        series: the data.
        split, tested: the part that is measured on, and its back-test.
        monitor: the validation result that chose the best epoch.
        folder: the run.
    """
    metrics = measure(trained, tested)
    best = metrics["best"]
    title = "the network" if best == NETWORK else metrics["baselines"][best]["title"]
    page.facts(
        {
            f"{split} MASE": "not defined" if metrics["mase"] is None else f"{metrics['mase']:.3f}",
            f"{split} MAE": metrics["mae"],
            f"coverage, {trained.coverage:.0%} wanted": f"{metrics['coverage']:.1%}",
            "smallest error": title,
            **facts_of_training(folder),
            "parameters": sum(parameter.numel() for parameter in trained.model.parameters()),
        }
    )
    page.heading("What comes next")
    if lack := trained.frame.lack(series, trained.horizon):
        page.text(f"No forecast from the end of the series: {lack}. The back-test knew them.")
    else:
        outlook = trained.outlook()
        page.figure(
            outlook_figure(trained, outlook),
            f"The {len(outlook.stamps)} steps after {series.stamps[-1]}, with intervals meant to hold "
            f"{trained.coverage:.0%} of the values.",
            f"forecast of {len(outlook.stamps)} steps with its interval and the baselines",
        )
    page.heading("Back-test")
    page.text(
        f"Forecasts from {metrics['count']:,} origins of the {split} part; none saw anything after its origin. MASE is "
        f"the mean error divided by that of the seasonal naive forecast, {metrics['season']} steps ahead, in the "
        f"training part. Intervals are made of the newest errors that were known."
    )
    columns = ("forecaster", "MAE", "RMSE", "MASE", "coverage", "width of intervals")
    page.table(columns, [_row(name, one) for name, one in rows(metrics)])
    middle = len(tested.origins) // 2
    page.figure(
        _tested_figure(trained, series, tested, middle),
        f"The forecast from {series.stamp(int(tested.origins[middle]))}, an origin in the middle of the {split} part.",
        "a forecast of the back-test with what came",
    )
    key, name = ("mase", "MASE") if metrics["mase"] is not None else ("mae", "MAE")
    errors = {name_: [step[key] for step in one["steps"]] for name_, one in rows(metrics)}
    coverages = {name_: [step["coverage"] for step in one["steps"]] for name_, one in rows(metrics)}
    page.figure(
        horizon_figure(errors, coverages, trained.coverage, name),
        "How error and coverage change with the distance.",
        f"{name} and coverage for each step of the horizon",
    )
    steps = metrics["steps"]
    page.table(
        ("steps ahead", *columns[1:]),
        [_row(str(step["step"]), step) for step in steps],
        caption="The network, step by step",
    )
    solved = next((record for record in folder.read_metrics() if "beta" in record), None)
    if solved is None:
        learning(page, folder, monitor)
    else:
        page.heading("Learning")
        page.text(
            f"The network was solved for in one pass, with the regularization beta = {solved['beta']:g}. Its loss is "
            f"{solved['train_loss']:.4f} in the training part, {solved['validation_loss']:.4f} in the validation part."
        )
    if series.notes:
        page.heading("The data")
        page.text("\n\n".join(series.notes))
    circumstances(page, folder)


def outlook_figure(trained: TrainedForecaster, outlook: Outlook) -> Any:
    """The end of the series, its forecast, interval and baselines; the first series where there are many."""
    kept = min(len(outlook.series), PAST * len(outlook.stamps))
    stamps = [*outlook.series.stamps[-kept:], *outlook.stamps]
    panels = [
        Panel(
            name,
            outlook.series.values[-kept:, column].tolist(),
            **{
                key: getattr(outlook.forecasts[NETWORK], part)[:, column].tolist()
                for key, part in (("forecast", "point"), ("lower", "lower"), ("upper", "upper"))
            },
            baselines={
                trained.baselines.titles[key]: said.point[:, column].tolist()
                for key, said in outlook.forecasts.items()
                if key != NETWORK
            },
        )
        for column, name in enumerate(outlook.series.names[:PANELS])
    ]
    return forecast_figure(panels, stamps, f"{trained.coverage:.0%} interval")


def _tested_figure(trained: TrainedForecaster, series: Series, tested: Tested, place: int) -> Any:
    """One forecast of the back-test, with what came."""
    origin, horizon = int(tested.origins[place]), trained.horizon
    kept = min(origin, PAST * horizon)
    stamps = [series.stamp(step) for step in range(origin - kept, origin + horizon)]
    panels = []
    for column, name in enumerate(series.names[:PANELS]):
        at = {key: said.map(lambda part, c=column: part[place, :, c]) for key, said in tested.forecasts.items()}
        network = at.pop(NETWORK)
        panels.append(
            Panel(
                name,
                series.values[origin - kept : origin, column].tolist(),
                network.point.tolist(),
                network.lower.tolist(),
                network.upper.tolist(),
                {trained.baselines.titles[key]: said.point.tolist() for key, said in at.items()},
                tested.actual[place, :, column].tolist(),
            )
        )
    return forecast_figure(panels, stamps, f"{trained.coverage:.0%} interval")


def _row(title: str, one: dict[str, Any]) -> tuple[str, ...]:
    numbers = (number(one[key]) for key in ("mae", "rmse", "mase"))
    return (title, *numbers, f"{one['coverage']:.1%}", number(one["width"]))

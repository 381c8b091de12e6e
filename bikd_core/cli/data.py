"""`bikd data …`: what is done with data sets themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from bikd_core.cli.paths import expanded
from bikd_core.config import RunConfig
from bikd_core.places import Places

app = App(name="data", help="Make data sets small enough to carry to another machine.")


@app.command
def cut(
    folder: Annotated[Path, Parameter(converter=expanded, help="Receives the file.")],
    /,
    *,
    dataset: Annotated[str, Parameter(help="The data set.")] = "cifar10",
    imbalance_factor: Annotated[float, Parameter(help="Of the split.")] = 100,
    val_per_class: Annotated[int, Parameter(help="Images of each class in D_val.")] = 100,
    test_per_class: Annotated[int, Parameter(help="Test images of each class.")] = 500,
    split_seed: Annotated[int, Parameter(help="Of the split.")] = 0,
    data_dir: Annotated[
        Path | None,
        Parameter(converter=expanded, help="Folder that holds the data set; else BIKD_DATA."),
    ] = None,
) -> None:
    """Write one file with just the images of a split, without loss.

    With the folder as data folder, runs on that split, and on smaller ones inside it, are those of
    the whole data set; other splits are refused.
    """
    controls = {
        "dataset": dataset,
        "imbalance_factor": imbalance_factor,
        "val_per_class": val_per_class,
        "test_per_class": test_per_class,
        "split_seed": split_seed,
    }
    config = RunConfig.from_flat(controls).data
    from bikd_core.data.cut import make_cut  # imports torch

    made = make_cut(config, data_dir or Places.from_environment().data, folder)
    size = made.size_bytes / 1e6
    print(f"{made.path}: {made.num_images} images, {size:.1f} MB, split {made.fingerprint}")

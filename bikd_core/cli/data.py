"""`bikd data …`: what is done with data sets themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from bikd_core.cli.opening import opened_dataset
from bikd_core.cli.paths import expanded
from bikd_core.cli.shared import AsJson, DataDir
from bikd_core.config import FOLDER_PREFIX, RunConfig
from bikd_core.places import Places

app = App(name="data", help="Look at pictures of your own; make a data set small enough to carry.")


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


@app.command
def look(
    path: Annotated[
        Path,
        Parameter(
            converter=expanded,
            help="A folder with a folder for each class (or train, val and test above them), a zip "
            "of one, a CSV or Parquet table of paths and labels, or an .npz.",
        ),
    ],
    /,
    *,
    size: Annotated[
        int, Parameter(help="Height and width to which pictures are resized, 8 to 64.")
    ] = 32,
    most: Annotated[int, Parameter(help="Rows of each list that are printed.")] = 20,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Open pictures of your own and say what is in them, before anything trains.

    Counts from head to tail, files that cannot be read, and duplicates: first those that lie in two
    splits, since a test picture that was trained on makes a result worthless.
    """
    from bikd_core.cli.look import print_preview
    from bikd_core.data.own.preview import preview

    folder = data_dir or Places.from_environment().data
    dataset = opened_dataset(f"{FOLDER_PREFIX}{path}@{size}", folder)
    found = preview(dataset, folder)
    if as_json:
        print(json.dumps(found.as_data()))
    else:
        print_preview(found, most)

"""A run as one HTML file: the page's own figures, epoch by epoch, and nothing from outside."""

import base64
import json
import re
import zlib
from dataclasses import replace

import pytest

from app.lab.views import VIEWS, Moment
from app.lab.views.images.contents import gallery_at
from app.takeaway.bake import bake, epochs_of, size_of
from app.takeaway.file import as_html
from bikd_core.cli import main
from bikd_core.config import ConfigError
from bikd_core.runs.history import Histories
from tests.app.pictured import make_pictured_run
from tests.made_up import make_run


def snapshot_of(folder):
    return Histories(folder.path.parent, lambda run_id: False).snapshot(folder.run_id)


def unpacked(packed):
    return json.loads(zlib.decompress(packed))


@pytest.mark.parametrize("method", ["bikd", "kd"])
def test_each_figure_of_each_epoch_is_the_page_s(tmp_path, method):
    run = snapshot_of(make_run(tmp_path, done=3, method=method))
    baked = bake([run])
    assert baked.epochs == [1, 2, 3]
    drawn = 0
    for view in VIEWS:
        if view.name in ("Pictures", "One step"):
            continue
        for epoch in baked.epochs:
            moment = Moment(run, epoch, link=view.link() if view.link else None)
            for figure in (figure for row in view.rows for figure in row):
                if not figure.is_worth_drawing(moment):
                    assert figure.name not in baked.frames
                    continue
                page_s = json.loads(json.dumps(figure.draw(moment)._asdict()))
                assert unpacked(baked.frames[figure.name])[epoch - 1] == page_s
                drawn += 1
    assert drawn > 10


def test_a_pair_has_both_runs_on_the_same_axes_and_their_difference(tmp_path):
    runs = [snapshot_of(make_run(tmp_path, method=method)) for method in ("bikd", "kd")]
    baked = bake(runs)
    [accuracy] = [view for view in baked.views if view.name == "Accuracy"]
    assert accuracy.rows[0] == ("paired_accuracy",)
    assert ("accuracy_A", "accuracy_B") in accuracy.rows
    assert accuracy.rows[-1] == ("confusion_difference",)
    a, b = (unpacked(baked.frames[f"accuracy_{side}"])[0]["layout"] for side in "AB")
    assert a["yaxis"].get("range") == b["yaxis"].get("range")


def test_of_many_epochs_every_so_many_are_drawn_and_the_file_says_so(tmp_path):
    run = snapshot_of(make_run(tmp_path, done=40))
    whole = bake([run])
    few = bake([run], size_of([run], most_bytes=whole.num_bytes // 3))
    assert 1 < few.stride < 10
    assert few.epochs[0] == 1
    assert few.epochs[-1] == 40
    assert few.num_bytes < whole.num_bytes / 2
    assert f'"stride": {few.stride}' in as_html(few)
    size = size_of([run])
    assert size.stride == 1
    assert size.num_epochs == 40


@pytest.mark.parametrize(("last", "stride"), [(1, 1), (7, 3), (900, 7), (6, 6)])
def test_the_first_and_the_last_epoch_are_always_drawn(last, stride):
    epochs = epochs_of(last, stride)
    assert epochs[0] == 1
    assert epochs[-1] == last
    assert epochs == sorted(set(epochs))


def test_a_run_that_trains_or_has_no_epoch_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="still trains"):
        bake([replace(snapshot_of(make_run(tmp_path)), state="running")])
    with pytest.raises(ConfigError, match="has no epoch"):
        bake([snapshot_of(make_run(tmp_path, done=0, state="stopped"))])


def test_a_name_is_text_and_nothing_is_loaded_from_elsewhere(tmp_path):
    folder = make_run(tmp_path)
    folder.rename("</script><img src=http://x.test/a onerror=alert(1)>")
    text = as_html(bake([snapshot_of(folder)]))
    head, *_ = text.partition("<script>")
    assert "<img" not in head
    assert "&lt;img src=http" in head  # in the title
    _, _, data = text.partition("window.bikdData = ")
    assert "</script>" not in data.splitlines()[0]  # where the name is a string
    assert not re.search(r"<(script|link)[^>]*(src|href)=", text)


def test_scripts_are_the_page_s_own(tmp_path):
    text = as_html(bake([snapshot_of(make_run(tmp_path))]))
    [packed] = re.findall(r'"timeline\.js": "data:text/javascript;base64,([^"]+)"', text)
    assert "export default" in base64.b64decode(packed).decode()


def test_the_command_writes_a_file_and_refuses_options_of_the_zip(tmp_path, capfd):
    folder = make_run(tmp_path / "runs")
    runs, target = f"--runs-dir={tmp_path / 'runs'}", tmp_path / "run.html"
    assert main(["export", folder.run_id, runs, f"--html={target}"]) == 0
    assert folder.run_id in target.read_text(encoding="utf-8")
    assert "3 epochs" in capfd.readouterr().out
    assert main(["export", folder.run_id, runs, f"--html={target}", "--max-images=3"]) == 2
    assert "max_images is not possible with html" in capfd.readouterr().err
    assert main(["export", folder.run_id, runs, "--beside=other"]) == 2
    assert main(["export", folder.run_id, runs, "--pictures"]) == 2
    assert "pictures is not possible without html" in capfd.readouterr().err
    assert main(["export", folder.run_id, runs, f"--html={target}", "--beside=other"]) == 2


def data_in(text):
    """The data of a file, without the scripts."""
    return text.partition("window.bikdData = ")[2]


def test_pictures_travel_only_if_they_are_asked_for(tmp_path, manager):
    run = snapshot_of(make_pictured_run(tmp_path / "runs"))
    assert bake([run]).pictures is None
    assert "data:image" not in data_in(as_html(bake([run])))
    baked = bake([run], has_pictures=True)
    assert list(baked.pictures.galleries) == ["w_hard", "w_soft"]
    shown = [unpacked(packed) for packed in baked.pictures.galleries.values()]
    for order, epochs in zip(("hard", "soft"), shown, strict=True):
        for epoch, gallery in zip(baked.epochs, epochs, strict=True):
            expected = gallery_at(Moment(run, epoch), order, None)
            assert gallery["title"] == expected.title
            for (_, found), (_, pictures) in zip(
                gallery["sections"], expected.sections, strict=True
            ):
                named = [{**each, "image": baked.pictures.images[each["image"]]} for each in found]
                assert named == list(map(dict, pictures))
    assert len(set(baked.pictures.images)) == len(baked.pictures.images)
    assert all(image.startswith("data:image/png") for image in baked.pictures.images)
    assert data_in(as_html(baked)).count("data:image/png") == len(baked.pictures.images)


def test_pictures_that_are_not_there_are_named_before_anything_is_written(tmp_path, manager):
    run = snapshot_of(make_pictured_run(tmp_path / "runs", dataset="cifar10"))
    with pytest.raises(ConfigError, match="pictures is not possible: The pictures of CIFAR-10"):
        bake([run], has_pictures=True)
    with pytest.raises(ConfigError, match="pictures is not possible with beside"):
        bake([run, run], has_pictures=True)

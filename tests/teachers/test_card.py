import base64
import json
import logging
import subprocess
import sys
import zlib

import numpy as np
import pytest
from pydantic import ValidationError

from bikd_core.config import DataConfig, TrainingConfig
from bikd_core.teachers import card as teacher_cards
from bikd_core.teachers.card import (
    MAX_INDEX,
    TeacherCard,
    TeacherError,
    list_teachers,
    pack_indices,
    predicted_shares,
    read_card,
    unpack_indices,
)


def card(**changes):
    values = {
        "model": "digits_cnn_l",
        "num_classes": 2,
        "data": DataConfig(),
        "training": TrainingConfig(),
        "seen": pack_indices([0, 2, 9]),
        "train_fingerprint": "0123456789abcdef",
        "accuracy_per_class": (0.5, 0.75),
        "made_by": "a test",
        "versions": {"bikd": "0"},
    }
    return TeacherCard(**values | changes)


def stored(folder, name, content=None, *, has_tensors=True):
    folder.mkdir(exist_ok=True)
    text = card().model_dump_json() if content is None else content
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    if has_tensors:
        (folder / f"{name}.safetensors").touch()


@pytest.mark.parametrize("indices", [[], [0], [7, 8], [3, 3, 1], [0, 59_999], range(1000)])
def test_packed_indices_come_back_sorted_and_once(indices):
    assert unpack_indices(pack_indices(list(indices))).tolist() == sorted(set(indices))


def test_the_bitmap_by_hand():
    # Bits 0, 2 and 9, the first bit of a byte being the highest: 1010 0000, 0100 0000.
    assert zlib.decompress(base64.b64decode(pack_indices([9, 0, 2]))) == bytes([0b10100000, 0x40])


def test_the_bitmap_of_half_of_cifar_is_small():
    half = np.random.default_rng(0).permutation(50_000)[:25_000]
    assert len(pack_indices(half)) < 9_000


@pytest.mark.parametrize("indices", [[-1], [0, MAX_INDEX + 1]])
def test_indices_out_of_range_are_refused(indices):
    with pytest.raises(ValueError, match=f"lie in 0 … {MAX_INDEX}"):
        pack_indices(indices)


@pytest.mark.parametrize(
    "text",
    [
        "not base64!",
        "",
        base64.b64encode(b"plain").decode(),
        base64.b64encode(base64.b64decode(pack_indices(range(1000)))[:-3]).decode(),
        base64.b64encode(zlib.compress(bytes(MAX_INDEX))).decode(),
    ],
    ids=["no base64", "empty", "no zlib", "cut off", "bomb"],
)
def test_a_broken_bitmap_is_refused(text):
    with pytest.raises(ValueError, match="seen is not a packed bitmap"):
        unpack_indices(text)


@pytest.mark.parametrize(
    ("asked", "count"), [([], 0), ([1, 3, 10_000], 0), ([2, 3], 1), ([9, 2, 0], 3), ([2, 2], 2)]
)
def test_seen_images_are_counted(asked, count):
    assert card().num_seen(np.array(asked, dtype=np.int64)) == count


@pytest.mark.parametrize(("accuracies", "mean"), [((0.5, 0.75), 0.625), ((1.0, 0.0), 0.5)])
def test_accuracy_is_balanced(accuracies, mean):
    assert card(accuracy_per_class=accuracies).accuracy == mean


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "resnet18"}, "model"),
        ({"num_classes": 1}, "num_classes"),
        ({"accuracy_per_class": (0.5,)}, "1 values for 2 classes"),
        ({"accuracy_per_class": (0.5, float("nan"))}, "accuracy_per_class"),
        ({"predicted_share_per_class": (1.0,)}, "predicted_share_per_class must be 2 shares"),
        ({"predicted_share_per_class": (0.9, 0.2)}, "predicted_share_per_class must be 2 shares"),
        ({"predicted_share_per_class": (1.5, -0.5)}, "predicted_share_per_class"),
        ({"seen": "?"}, "seen is not a packed bitmap"),
        ({"without_fold": (6, 5)}, r"without_fold = \(6, 5\) is no fold"),
        ({"without_fold": (0, 5)}, r"without_fold = \(0, 5\) is no fold"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_an_impossible_card_is_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        card(**changes)


def test_a_card_survives_its_file(tmp_path):
    stored(tmp_path, "one")
    assert read_card(tmp_path / "one.json") == card()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"one.json is broken: file: Invalid JSON"),
        ("[]", r"one.json is broken: file: "),
        ("{}", r"one.json is broken: model: Field required"),
        (
            json.dumps(card().model_dump(mode="json") | {"data": {"dataset": "mnist"}}),
            r"one.json is broken: data.dataset: ",
        ),
    ],
)
def test_a_broken_card_is_one_clear_error(tmp_path, content, message):
    stored(tmp_path, "one", content)
    with pytest.raises(TeacherError, match=message) as caught:
        read_card(tmp_path / "one.json")
    assert "\n" not in str(caught.value)


def test_a_card_that_is_not_there_is_one_clear_error(tmp_path):
    with pytest.raises(TeacherError, match=r"no.json cannot be read: No such file"):
        read_card(tmp_path / "no.json")


def test_the_list_keeps_the_order_and_the_first_of_a_name(tmp_path):
    first, second, absent = tmp_path / "first", tmp_path / "second", tmp_path / "absent"
    stored(first, "b")
    stored(first, "a")
    stored(second, "a", card(made_by="another").model_dump_json())
    stored(second, "c")
    stored(second, "d", has_tensors=False)
    found = list_teachers([first, absent, second])
    assert [name for name, _ in found] == ["a", "b", "c"]
    assert all(of == card() for _, of in found)


def test_a_broken_card_does_not_hide_the_others_and_is_logged(tmp_path, caplog):
    stored(tmp_path, "bad", "{}")
    stored(tmp_path, "good")
    with caplog.at_level(logging.WARNING):
        assert [name for name, _ in list_teachers([tmp_path])] == ["good"]
    assert "bad.json is broken" in caplog.text


def test_a_card_is_read_once_and_again_when_it_has_changed(tmp_path, monkeypatch):
    reads = []
    monkeypatch.setattr(
        teacher_cards, "read_card", lambda path: reads.append(path.stem) or read_card(path)
    )
    stored(tmp_path, "a")
    stored(tmp_path, "b")
    for _ in range(3):
        assert list_teachers([tmp_path]) == [("a", card()), ("b", card())]
    assert reads == ["a", "b"]
    stored(tmp_path, "b", card(made_by="another").model_dump_json())
    assert dict(list_teachers([tmp_path]))["b"].made_by == "another"
    (tmp_path / "a.json").unlink()
    assert [name for name, _ in list_teachers([tmp_path])] == ["b"]
    assert reads == ["a", "b", "b"]


@pytest.mark.slow
def test_cards_are_listed_without_torch():
    code = "import sys, bikd_core.teachers.card; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_card_of_an_earlier_version_has_no_shares_of_predictions(tmp_path):
    values = json.loads(card().model_dump_json())
    del values["predicted_share_per_class"], values["without_fold"]
    (tmp_path / "old.json").write_text(json.dumps(values))
    assert read_card(tmp_path / "old.json") == card()
    assert read_card(tmp_path / "old.json").predicted_share_per_class is None


def test_shares_of_predictions_by_hand():
    assert predicted_shares(np.array([[3, 1], [2, 2]])) == (0.625, 0.375)

import shutil
import socket
import urllib.error

import numpy as np
import pytest
import torch

from bikd_core.config import SOURCE_FACTS
from bikd_core.data import published_source
from bikd_core.data.image_set import load_source
from bikd_core.data.pictures import missing_mb
from bikd_core.data.sources import DatasetUnavailable, source_of
from tests.data.conftest import NAMES, publish_at, torchvision_class


def assert_is(source, tiny):
    for part, rows in (
        (source.pool, slice(None, tiny.num_train)),
        (source.test, slice(tiny.num_train, None)),
    ):
        expected = torch.from_numpy(tiny.pictures[rows]).permute(0, 3, 1, 2)
        assert torch.equal(part.images, expected)
        assert part.images.dtype == torch.uint8
        assert part.images.is_contiguous()
        assert torch.equal(part.labels, torch.from_numpy(tiny.labels[rows]))
        assert part.original_indices.tolist() == list(range(len(tiny.labels)))[rows]
    assert source.class_names == tiny.facts.class_names


@pytest.mark.parametrize("dataset", NAMES)
def test_a_folder_that_holds_the_set_is_read_without_the_network(dataset, make_tiny):
    tiny = make_tiny(dataset)
    assert_is(load_source(dataset, tiny.unpacked), tiny)


@pytest.mark.parametrize("dataset", NAMES)
def test_a_set_that_is_missing_is_downloaded_with_progress_and_kept(
    dataset, make_tiny, serve, monkeypatch, tmp_path
):
    tiny = make_tiny(dataset)
    publish_at(monkeypatch, dataset, serve(tiny.archives))
    data_dir, sizes = tmp_path / "data", []
    source = load_source(dataset, data_dir, on_progress=lambda *pair: sizes.append(pair))
    assert_is(source, tiny)
    done, total = zip(*sizes, strict=True)
    assert list(done) == sorted(done)
    assert done[-1] == sum(file.stat().st_size for file in tiny.archives.iterdir())
    assert set(total) == {round(tiny.facts.download_mb * 1e6)}
    kept = {str(file.relative_to(data_dir)) for file in data_dir.rglob("*") if file.is_file()}
    assert kept == set(source_of(dataset).files)  # and no archive, nothing half-written
    publish_at(monkeypatch, dataset, "http://127.0.0.1:9/")
    assert_is(load_source(dataset, data_dir), tiny)


@pytest.mark.parametrize("dataset", ["kmnist", "cifar10"])
def test_archives_that_lie_in_the_folder_are_unpacked_without_the_network(
    dataset, make_tiny, tmp_path
):
    tiny = make_tiny(dataset)
    folder = (tmp_path / "data" / tiny.first_archive).parent
    shutil.copytree(tiny.archives, folder)
    assert_is(load_source(dataset, tmp_path / "data"), tiny)


@pytest.mark.parametrize("dataset", ["kmnist", "cifar100", "svhn"])
def test_a_truncated_archive_in_the_folder_is_named(dataset, make_tiny, tmp_path):
    tiny = make_tiny(dataset)
    archive = tmp_path / "data" / tiny.first_archive
    archive.parent.mkdir(parents=True)
    whole = (tiny.archives / archive.name).read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetUnavailable, match=f"{archive.name} is cut off .*: delete it"):
        load_source(dataset, tmp_path / "data")
    assert [f for f in (tmp_path / "data").rglob("*") if f.is_file()] == [archive]


@pytest.mark.parametrize("dataset", ["cifar10", "kmnist"])
def test_a_folder_that_lacks_a_file_is_told_which(dataset, make_tiny, monkeypatch):
    def fail(*_):
        raise OSError("Name or service not known")

    monkeypatch.setattr("bikd_core.data.published_source.install", fail)
    tiny, missing = make_tiny(dataset), source_of(dataset).files[2]
    (tiny.unpacked / missing).unlink()
    with pytest.raises(DatasetUnavailable, match=f"{tiny.facts.title} lacks {missing} in "):
        load_source(dataset, tiny.unpacked)


@pytest.mark.parametrize("dataset", NAMES)
def test_a_truncated_unpacked_file_is_refused(dataset, make_tiny):
    tiny = make_tiny(dataset)
    file = tiny.unpacked / source_of(dataset).files[0]
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DatasetUnavailable, match=f"{tiny.facts.title} .* is damaged, .* delete"):
        load_source(dataset, tiny.unpacked)


def test_an_empty_unpacked_file_is_refused(make_tiny):
    tiny = make_tiny("kmnist")
    (tiny.unpacked / source_of("kmnist").files[0]).write_bytes(b"")
    with pytest.raises(DatasetUnavailable, match="damaged"):
        load_source("kmnist", tiny.unpacked)


def test_files_with_other_labels_are_refused_even_without_a_published_checksum(make_tiny):
    tiny = make_tiny("fashion_mnist")
    labels = tiny.unpacked / "FashionMNIST/raw/t10k-labels-idx1-ubyte"
    raw = bytearray(labels.read_bytes())
    raw[8:] = bytes(len(raw) - 8)  # all of class 0
    labels.write_bytes(raw)
    with pytest.raises(DatasetUnavailable, match="damaged"):
        load_source("fashion_mnist", tiny.unpacked)


@pytest.mark.parametrize("dataset", NAMES)
def test_a_failed_connection_is_one_sentence_and_leaves_no_files(dataset, make_tiny, tmp_path):
    tiny = make_tiny(dataset)
    data_dir = tmp_path / "data"
    with pytest.raises(DatasetUnavailable) as caught:
        load_source(dataset, data_dir)
    message = str(caught.value)
    assert message.startswith(f"{tiny.facts.title} is not in {data_dir} and could not be")
    assert "BIKD_DATA" in message
    assert "\n" not in message
    assert list(data_dir.iterdir()) == []


def test_a_download_that_arrives_cut_off_leaves_nothing(make_tiny, serve, monkeypatch, tmp_path):
    tiny = make_tiny("cifar10")
    archive = tiny.archives / tiny.first_archive.name
    archive.write_bytes(archive.read_bytes()[:-10])
    publish_at(monkeypatch, "cifar10", serve(tiny.archives))
    with pytest.raises(DatasetUnavailable, match=r"cifar-10-python.tar.gz broke off .* try again"):
        load_source("cifar10", tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_the_progress_callback_can_end_the_download(make_tiny, serve, monkeypatch, tmp_path):
    tiny = make_tiny("kmnist")
    publish_at(monkeypatch, "kmnist", serve(tiny.archives))

    def stop(done: int, total: int) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        load_source("kmnist", tmp_path / "data", on_progress=stop)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_folder_that_cannot_be_created_is_reported_in_one_sentence(make_tiny, tmp_path):
    make_tiny("kmnist")
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetUnavailable, match=r"could not be downloaded there \(.*file") as told:
        load_source("kmnist", tmp_path / "file" / "data")
    assert "Errno" not in str(told.value)


def test_a_machine_without_a_network_is_told_so_without_a_number(monkeypatch, tmp_path):
    def refuse(*_):
        raise urllib.error.URLError(socket.gaierror(-2, "Name or service not known"))

    monkeypatch.setattr(published_source, "install", refuse)
    with pytest.raises(DatasetUnavailable, match=r"\(Name or service not known\)"):
        load_source("kmnist", tmp_path / "data")


def test_installed_is_what_has_all_files(tmp_path):
    assert missing_mb("kmnist", tmp_path / "data") == 21.2
    assert missing_mb("digits", tmp_path / "data") == 0
    for file in source_of("kmnist").files:
        (tmp_path / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / file).write_bytes(b"")
    assert missing_mb("kmnist", tmp_path / "data") == 0


def _pack(tiny, folder):
    folder.mkdir(parents=True)
    for file in tiny.archives.iterdir():
        shutil.copy(file, folder / file.name)


def test_a_set_of_a_package_of_the_operating_system_is_read_in_its_place(
    make_tiny, packages, tmp_path
):
    tiny = make_tiny("fashion_mnist")
    assert missing_mb("fashion_mnist", tmp_path / "data") > 0
    _pack(tiny, packages / "fashion-mnist")
    assert missing_mb("fashion_mnist", tmp_path / "data") == 0
    assert_is(load_source("fashion_mnist", tmp_path / "data"), tiny)
    assert not (tmp_path / "data").exists()


def test_a_damaged_package_is_named(make_tiny, packages, tmp_path):
    _pack(make_tiny("fashion_mnist"), packages / "fashion-mnist")
    for file in (packages / "fashion-mnist").iterdir():
        file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(DatasetUnavailable, match="fashion-mnist is damaged: install"):
        load_source("fashion_mnist", tmp_path / "data")


@pytest.mark.parametrize("dataset", ["fashion_mnist", "kmnist"])
def test_our_class_names_are_those_of_torchvision(dataset):
    assert list(torchvision_class(dataset).classes) == list(SOURCE_FACTS[dataset].class_names)


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "svhn"])
def test_checksums_are_those_of_torchvision(dataset):
    kind, source = torchvision_class(dataset), source_of(dataset)
    if dataset == "svhn":
        known = {name: md5 for _, name, md5 in (kind.split_list["train"], kind.split_list["test"])}
    else:
        files = kind.train_list + kind.test_list
        known = {f"{kind.base_folder}/{name}": md5 for name, md5 in files}
        assert source.other_files == (f"{kind.base_folder}/{kind.meta['filename']}",)
    assert {**source.train_files, **source.test_files} == known


@pytest.mark.parametrize("dataset", NAMES)
def test_torchvision_reads_the_same_images_in_the_same_order(dataset, make_tiny):
    tiny = make_tiny(dataset)
    kind, folder = torchvision_class(dataset), tiny.unpacked
    if dataset == "svhn":
        parts = [
            (part.data.transpose(0, 2, 3, 1), part.labels)
            for part in (kind(folder, split) for split in ("train", "test"))
        ]
    else:
        parts = [
            (np.asarray(part.data), part.targets)
            for part in (kind(folder, train) for train in (True, False))
        ]
    for (images, labels), ours in zip(parts, source_of(dataset).read(folder)[:2], strict=True):
        assert np.array_equal(images.reshape(ours.pictures.shape), ours.pictures)
        assert np.array_equal(labels, ours.labels)

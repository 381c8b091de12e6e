import argparse
import os
from pathlib import Path

import pytest
import safetensors.torch
import torch

from bikd_core.models import MODELS, build
from bikd_core.teachers.card import TeacherError
from bikd_core.teachers.parameter_files import load_parameters, read_parameters
from tests.repeated import first_quick


def built(name, num_classes=10, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return build(name, num_classes, MODELS[name].channels, MODELS[name].size, generator)


def assert_equal(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


WRAPPERS = {
    "bare": lambda state: state,
    "net": lambda state: {"net": state, "acc": 71.2, "epoch": 240},
    "model": lambda state: {"epoch": 240, "model": state, "best_acc": torch.tensor(79.4)},
    "state_dict": lambda state: {"state_dict": state, "optimizer": {"lr": [0.1]}},
    "parallel": lambda state: {f"module.{key}": value for key, value in state.items()},
    "model, parallel": lambda state: {"model": {f"module.{k}": v for k, v in state.items()}},
    "model_state_dict": lambda state: {"model_state_dict": state, "epoch": 3},
    "state_dict_ema": lambda state: {"arch": "resnet", "state_dict_ema": state},
    "nested twice": lambda state: {"state_dict": {"model": state}},
    "compiled": lambda state: {f"_orig_mod.{key}": value for key, value in state.items()},
    "parallel, compiled": lambda s: {f"module._orig_mod.{key}": value for key, value in s.items()},
    "a part": lambda state: {f"module.student.{key}": value for key, value in state.items()},
    "lightning": lambda s: {"state_dict": {f"model.{key}": value for key, value in s.items()}},
    "averaged": lambda state: (
        {f"module.{key}": value for key, value in state.items()} | {"n_averaged": torch.tensor(3)}
    ),
}


@pytest.mark.parametrize("wrapper", first_quick(list(WRAPPERS), 2))
@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "before torch 1.6"])
def test_a_published_file_is_read_wherever_it_keeps_its_parameters(tmp_path, wrapper, is_zip):
    state = built("resnet8x4", 100).state_dict()
    path = tmp_path / "published.pth"
    torch.save(WRAPPERS[wrapper](state), path, _use_new_zipfile_serialization=is_zip)
    assert_equal(read_parameters(path), state)


@pytest.mark.parametrize("name", ["digits_cnn_s", "resnet8"])
def test_safetensors_come_back_as_they_were(tmp_path, name):
    state = built(name).state_dict()
    safetensors.torch.save_file(state, tmp_path / "one.safetensors")
    assert_equal(read_parameters(tmp_path / "one.safetensors"), state)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_one_clear_error(tmp_path, suffix, share):
    state, path = built("digits_cnn_s").state_dict(), tmp_path / f"cut{suffix}"
    (torch.save if suffix == ".pth" else safetensors.torch.save_file)(state, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(TeacherError, match=rf"cut\{suffix} is cut off or damaged") as caught:
        read_parameters(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"<html>404</html>", b"hello world", bytes(500)])
def test_another_kind_of_file_is_one_clear_error(tmp_path, suffix, content):
    path = tmp_path / f"page{suffix}"
    path.write_bytes(content)
    with pytest.raises(TeacherError, match="is cut off or damaged"):
        read_parameters(path)


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_file_that_needs_code_is_refused_and_the_code_does_not_run(tmp_path):
    state = built("resnet8").state_dict()
    for extra, name in (
        (argparse.Namespace(lr=0.1), "argparse.Namespace"),
        (Evil(tmp_path / "ran"), r"\w+.mkdir"),
    ):
        torch.save({"model": state, "opt": extra}, tmp_path / "more.pth")
        with pytest.raises(
            TeacherError, match=rf"more than parameters \({name}.*save its state_dict"
        ):
            read_parameters(tmp_path / "more.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [[1, 2], {}, {"model": {}}, {"epoch": 3}, torch.zeros(3)])
def test_a_file_without_parameters_is_one_clear_error(tmp_path, content):
    torch.save(content, tmp_path / "none.pth")
    with pytest.raises(TeacherError, match=r"none.pth holds no parameters by name"):
        read_parameters(tmp_path / "none.pth")


@pytest.mark.parametrize("name", ["resnet8x4", "digits_mlp"])
def test_loaded_parameters_replace_all(name):
    source, target = built(name, seed=1), built(name, seed=2)
    load_parameters(target, source.state_dict(), Path("a.pth"), name)
    assert_equal(target.state_dict(), source.state_dict())


def test_a_file_from_before_batches_were_counted_loads():
    source, target = built("resnet8", seed=1), built("resnet8", seed=2)
    old = {k: v for k, v in source.state_dict().items() if "num_batches_tracked" not in k}
    load_parameters(target, old, Path("a.pth"), "resnet8")
    assert_equal(target.state_dict(), source.state_dict())


@pytest.mark.parametrize(
    ("found", "expected", "message"),
    [
        ("resnet8", "resnet14", r"a.pth is no resnet14: it has no layer1.1.conv1.weight"),
        ("resnet14", "resnet8", r"a.pth is no resnet8: that has no layer1.1.conv1.weight"),
        ("resnet32", "resnet32x4", r"is no resnet32x4: it has no layer1.0.downsample.0.weight"),
        ("digits_cnn_s", "digits_cnn_l", r"is no digits_cnn_l: it has no convs.2.weight"),
        ("digits_mlp", "digits_cnn_s", r"is no digits_cnn_s: it has no convs.0.weight"),
    ],
)
def test_another_architecture_is_refused_by_the_first_name_that_differs(found, expected, message):
    with pytest.raises(TeacherError, match=message):
        load_parameters(built(expected), built(found).state_dict(), Path("a.pth"), expected)


def test_another_width_is_refused_by_the_first_shape_that_differs():
    message = r"no grey_cnn_l: its convs.0.weight has shape \(8, 1, 3, 3\), not \(16, 1, 3, 3\)"
    with pytest.raises(TeacherError, match=message):
        load_parameters(
            built("grey_cnn_l"), built("grey_cnn_s").state_dict(), Path("a.pth"), "grey_cnn_l"
        )


@pytest.mark.parametrize(("found", "expected"), [(100, 10), (10, 100)])
@pytest.mark.parametrize("name", ["resnet8", "digits_cnn_s"])
def test_another_number_of_classes_is_refused_with_both(name, found, expected):
    message = f"a.pth tells {found} classes apart; the data set has {expected}"
    with pytest.raises(TeacherError, match=message):
        load_parameters(built(name, expected), built(name, found).state_dict(), Path("a.pth"), name)


HEADS = ("fc", "linear", "classifier", "head", "classifier.0", "head.fc")


def with_head(state, name):
    return {key.replace("fc.", f"{name}."): value for key, value in state.items()}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_last_layer_is_one_thing_whatever_people_call_it(head, prefix):
    source, target = built("resnet8", seed=1), built("resnet8", seed=2)
    theirs = {f"{prefix}{k}": v for k, v in with_head(source.state_dict(), head).items()}
    load_parameters(target, theirs, Path("a.pth"), "resnet8")
    assert_equal(target.state_dict(), source.state_dict())


def test_a_network_whose_own_last_layer_is_called_otherwise_takes_them_too():
    def net(head):
        return torch.nn.ModuleDict({"body": torch.nn.Linear(4, 3), head: torch.nn.Linear(3, 2)})

    for head in ("linear", "classifier", "head"):
        source, target = net("fc"), net(head)
        load_parameters(target, source.state_dict(), Path("a.pth"), "mine")
        assert torch.equal(target[head].weight, source["fc"].weight)
        assert torch.equal(target["body"].weight, source["body"].weight)


def test_the_number_of_classes_is_told_of_a_last_layer_of_any_name():
    state = with_head(built("resnet8", 100).state_dict(), "classifier")
    with pytest.raises(TeacherError, match=r"a.pth tells 100 classes apart; the data set has 10\."):
        load_parameters(built("resnet8"), state, Path("a.pth"), "resnet8")


def test_a_last_layer_of_another_width_is_another_layer():
    state = with_head(built("digits_mlp").state_dict(), "linear")
    state["linear.weight"] = torch.randn(10, 31)
    message = (
        "no digits_mlp: it has no fc.weight and fc.bias, that has no linear.weight, and 1 more"
    )
    with pytest.raises(TeacherError, match=message):
        load_parameters(built("digits_mlp"), state, Path("a.pth"), "digits_mlp")


def test_the_first_three_differences_are_named_and_the_others_counted():
    small, large = built("resnet8").state_dict(), built("resnet14").state_dict()
    names = [key for key in large if key not in small and "num_batches" not in key]
    with pytest.raises(TeacherError) as caught:
        load_parameters(built("resnet14"), small, Path("a.pth"), "resnet14")
    assert str(caught.value) == (
        f"a.pth is no resnet14: it has no {names[0]}, {names[1]} and {names[2]}, and "
        f"{len(names) - 3} more; it fits resnet8."
    )
    wide = built("digits_mlp").state_dict() | {"hidden.weight": torch.randn(32, 9)}
    wide["bn.weight"], wide["strange"] = torch.randn(3), torch.randn(3)
    with pytest.raises(TeacherError) as caught:
        load_parameters(built("digits_mlp"), wide, Path("a.pth"), "digits_mlp")
    assert str(caught.value) == (
        "a.pth is no digits_mlp: that has no strange, its hidden.weight has shape (32, 9), not "
        "(32, 64), its bn.weight has shape (3,), not (32,)."
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_parameters_that_are_not_finite_are_refused(value):
    state = built("digits_mlp").state_dict()
    state["bn.running_var"][3] = value
    with pytest.raises(TeacherError, match=r"its bn.running_var has values that are not finite"):
        load_parameters(built("digits_mlp"), state, Path("a.pth"), "digits_mlp")


@pytest.mark.parametrize("suffix", ["", ".pt", ".pth.tar", ".th", ".ckpt", ".bin", ".safetensors"])
@pytest.mark.parametrize("is_safetensors", [True, False])
def test_the_kind_of_a_file_is_told_by_its_content(tmp_path, suffix, is_safetensors):
    state, path = built("digits_mlp").state_dict(), tmp_path / f"teacher{suffix}"
    (safetensors.torch.save_file if is_safetensors else torch.save)(state, path)
    assert_equal(read_parameters(path), state)


@pytest.mark.parametrize("depth", first_quick([20, 32, 110]))
def test_a_published_option_a_resnet_loads_as_an_architecture_of_its_own(tmp_path, depth):
    source = built(f"resnet{depth}_a", seed=1)
    published = {
        f"module.{key.replace('fc.', 'linear.')}": value
        for key, value in source.state_dict().items()
        if "num_batches_tracked" not in key
    }
    torch.save({"state_dict": published, "best_prec1": 91.7}, tmp_path / "resnet-12fca82f.th")
    parameters = read_parameters(tmp_path / "resnet-12fca82f.th")
    target = built(f"resnet{depth}_a", seed=2)
    load_parameters(target, parameters, Path("a.th"), f"resnet{depth}_a")
    assert_equal(target.state_dict(), source.state_dict())
    message = rf"is no resnet{depth}: it has no layer2.0.*; it fits resnet{depth}_a\."
    with pytest.raises(TeacherError, match=message):
        load_parameters(built(f"resnet{depth}"), parameters, Path("a.th"), f"resnet{depth}")


def test_a_prefix_that_the_network_has_itself_stays():
    network = torch.nn.ModuleDict({"body": torch.nn.ModuleDict({"fc": torch.nn.Linear(3, 2)})})
    source = {f"module.{key}": value + 1 for key, value in network.state_dict().items()}
    load_parameters(network, source, Path("a.pth"), "body")
    assert_equal({f"module.{key}": value for key, value in network.state_dict().items()}, source)


def quantised(value):
    return torch.quantize_per_tensor(value.float(), 0.1, 0, torch.qint8)


BAD_KINDS = {
    "bool": lambda value: value > 0,
    "int64": lambda value: value.long(),
    "complex64": lambda value: value.to(torch.complex64),
    "float8_e4m3fn": lambda value: value.to(torch.float8_e4m3fn),
    "qint8": quantised,
    "float32, sparse": lambda value: value.to_sparse(),
    "without values": lambda value: value.to("meta"),
    "0 throughout": torch.zeros_like,
    "values that are not finite": lambda value: value.double() + 1e300,
}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", BAD_KINDS)
@pytest.mark.parametrize("key", ["hidden.weight", "fc.weight"])
def test_weights_that_are_no_plain_numbers_are_refused_by_name(tmp_path, kind, key):
    state = built("digits_mlp").state_dict()
    state[key] = BAD_KINDS[kind](state[key])
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(TeacherError, match=rf"its {key} .*{kind}"):
        load_parameters(
            built("digits_mlp"), read_parameters(tmp_path / "odd.pth"), Path("a"), "digits_mlp"
        )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_another_float_are_converted(dtype):
    source = {
        key: value.to(dtype) if value.is_floating_point() else value
        for key, value in built("digits_mlp", seed=1).state_dict().items()
    }
    target = built("digits_mlp", seed=2)
    load_parameters(target, source, Path("a.pth"), "digits_mlp")
    for key, value in target.state_dict().items():
        torch.testing.assert_close(value, source[key].to(value.dtype), rtol=0, atol=0)


def test_a_variance_is_not_negative():
    state = built("digits_mlp").state_dict()
    state["bn.running_var"][0] = -1
    with pytest.raises(TeacherError, match=r"bn\.running_var, a variance, has negative values"):
        load_parameters(built("digits_mlp"), state, Path("a.pth"), "digits_mlp")


def test_counts_of_batches_of_an_odd_kind_are_left_out():
    source = built("digits_mlp", seed=1).state_dict() | {"bn.num_batches_tracked": torch.ones(3)}
    target = built("digits_mlp", seed=2)
    load_parameters(target, source, Path("a.pth"), "digits_mlp")
    assert target.state_dict()["bn.num_batches_tracked"] == 0

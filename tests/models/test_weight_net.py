import pytest
import torch

from bikd_core.models import WeightNet


def net(num_layers, **options):
    return WeightNet(num_layers, torch.Generator().manual_seed(0), **options)


@pytest.mark.parametrize(("num_layers", "count"), [(1, 322), (2, 4482)])
def test_has_the_published_number_of_parameters(num_layers, count):
    assert sum(p.numel() for p in net(num_layers).parameters()) == count


@pytest.mark.parametrize("num_layers", [1, 2])
def test_weights_lie_between_0_and_1_and_need_not_sum_to_1(num_layers, device):
    losses = torch.tensor([[0.0, 0.0], [2.3, 0.1], [0.01, 12.0]], device=device)
    weights = net(num_layers).to(device)(losses)
    assert weights.shape == (3, 2)
    assert ((weights > 0) & (weights < 1)).all()
    assert (weights.sum(dim=1) - 1).abs().max() > 1e-3


@pytest.mark.parametrize(("bias", "expected"), [(0.0, 0.5), (1.0, 0.7310586)])
def test_value_by_hand(bias, expected):
    model = net(1, hidden=3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.layers[2].bias.fill_(bias)
    weights = model(torch.tensor([[1.0, 2.0]]))
    torch.testing.assert_close(weights, torch.full((1, 2), expected))


@pytest.mark.parametrize("options", [{"num_layers": 0}, {"num_layers": 1, "hidden": 0}])
def test_an_empty_net_is_refused(options):
    with pytest.raises(ValueError, match="both must be at least 1"):
        net(**options)


def test_one_output_gives_both_weights_a_weight_and_its_complement_or_one_weight():
    losses = torch.rand(6, 2)
    scale, convex, single = (net(1, form=form)(losses) for form in ("scale", "convex", "single"))
    assert torch.equal(scale[:, 0], scale[:, 1])
    torch.testing.assert_close(convex.sum(dim=1), torch.ones(6))
    torch.testing.assert_close(convex[:, 0], scale[:, 0])
    assert single.shape == (6, 1)


def test_without_a_teacher_only_the_students_loss_counts():
    model, losses = net(1, form="single"), torch.rand(6, 2)
    assert torch.equal(model(losses), model(losses * torch.tensor([1.0, 7.0])))
    assert torch.equal(model(losses), model(losses[:, :1]))


@pytest.mark.parametrize("form", ["free", "scale", "single"])
def test_relative_weights_are_exactly_1_at_first(form):
    raw = net(1, form=form, scale="relative")(9 * torch.rand(50, 2))
    assert torch.equal(raw, torch.ones_like(raw))


@pytest.mark.parametrize(("bias", "expected"), [(1.5, 4.0002), (-1.5, 0.24998), (99.0, 20.0855)])
def test_a_relative_weight_by_hand(bias, expected):
    model = net(1, hidden=3, scale="relative")
    with torch.no_grad():
        model.layers[2].bias.fill_(bias)
    # exp(3·tanh(1.5/3)) = 4.0002, and at most exp(3)
    torch.testing.assert_close(
        model(torch.tensor([[1.0, 2.0]])), torch.full((1, 2), expected), rtol=1e-4, atol=0
    )

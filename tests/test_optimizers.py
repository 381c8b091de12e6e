import pytest
import torch
from torch import nn

from bikd_core import optimizers

OPTIONS = {"SGD": {"lr": 0.1, "momentum": 0.9, "dampening": 0.2}, "Adam": {"lr": 0.01}}


def trained(kind, device):
    """Two parameters after six steps, between which the state goes into another optimiser."""
    draw = torch.Generator().manual_seed(0)
    parameters = [nn.Parameter(torch.randn(4, 3, generator=draw).to(device)) for _ in range(2)]
    optimizer = kind(parameters[:1], weight_decay=1e-3, **OPTIONS[kind.__name__])
    optimizer.add_param_group({"params": parameters[1:], "lr": 0.03})
    for _ in range(6):
        for parameter in parameters:
            parameter.grad = torch.randn(4, 3, generator=draw).to(device)
        optimizer.step()
        optimizer.zero_grad()
        assert all(parameter.grad is None for parameter in parameters)
        restored = kind(parameters[:1], **OPTIONS[kind.__name__])
        restored.add_param_group({"params": parameters[1:]})
        restored.load_state_dict(optimizer.state_dict())
        optimizer = restored
    return torch.cat([parameter.detach() for parameter in parameters])


@pytest.mark.parametrize("name", OPTIONS)
def test_steps_are_those_of_torch_to_the_last_bit(device, name):
    ours = trained(getattr(optimizers, name), device)
    assert torch.equal(ours, trained(getattr(torch.optim, name), device))
    assert not ours.requires_grad


def test_adam_of_each_is_adam_at_the_rate_of_each(device):
    draw = torch.Generator().manual_seed(0)
    start, slopes = torch.randn(3, 4, generator=draw), torch.randn(6, 3, 4, generator=draw)
    rates = torch.tensor([0.01, 0.3, 0.002], dtype=torch.float64)
    stacked = nn.Parameter(start.double().to(device))
    of_each = optimizers.AdamOfEach([stacked], lr=1.0, weight_decay=1e-3)
    of_each.param_groups[0]["lr"] = rates.to(device)
    alone = [nn.Parameter(start[number].double()) for number in range(3)]
    single = [
        torch.optim.Adam([one], lr=float(rate), weight_decay=1e-3)
        for one, rate in zip(alone, rates, strict=True)
    ]
    for slope in slopes.double():
        stacked.grad = slope.to(device)
        of_each.step()
        for number, one in enumerate(alone):
            one.grad = slope[number]
            single[number].step()
    torch.testing.assert_close(stacked.cpu(), torch.stack(alone), rtol=0, atol=1e-14)

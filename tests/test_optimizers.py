import pytest
import torch
from torch import nn

from bikd_core import optimizers

OPTIONS = {"SGD": {"lr": 0.1, "momentum": 0.9}, "Adam": {"lr": 0.01}}


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

import pytest
import torch

from bikd_core.bench import gpu_rates
from bikd_core.bench.gpu_rates import Rates, Work, floor_of, measure_rates, work_of

RATES = Rates({"float32": 100.0, "bfloat16": 400.0}, bytes_per_s=10.0, seconds_per_call=0.5)


@pytest.mark.parametrize(("rows", "inner", "columns"), [(2, 3, 5), (4, 1, 2)])
def test_the_work_of_a_matrix_product_is_what_one_counts_by_hand(rows, inner, columns):
    a, b = torch.ones(rows, inner), torch.ones(inner, columns)
    work = work_of(lambda: a @ b)
    assert work.flop == 2 * rows * inner * columns
    assert work.num_bytes == 4 * (rows * inner + inner * columns + rows * columns)
    assert work.num_calls == 1


def test_a_view_costs_nothing_and_a_change_in_place_does():
    x = torch.ones(6)
    assert work_of(lambda: x.view(2, 3).transpose(0, 1)) == Work(0, 0, 0)
    assert work_of(lambda: x.add_(1)).num_calls == 1


def test_a_backward_pass_counts_too():
    a = torch.ones(3, 4, requires_grad=True)
    b = torch.ones(4, 5)
    forward = work_of(lambda: a @ b)
    both = work_of(lambda: (a @ b).sum().backward())
    assert both.flop == 2 * forward.flop  # b needs no gradient


@pytest.mark.parametrize(("precision", "compute"), [("float32", 2.0), ("bfloat16", 0.5)])
def test_a_floor_is_the_work_over_the_rate(precision, compute):
    floors = floor_of(Work(flop=200, num_bytes=30, num_calls=4), RATES, precision)
    assert floors == {"compute_floor_s": compute, "memory_floor_s": 3.0, "call_floor_s": 2.0}


def test_rates_are_measured(monkeypatch):
    monkeypatch.setitem(gpu_rates.SIDE, "cpu", 16)
    monkeypatch.setitem(gpu_rates.COPIED_BYTES, "cpu", 1 << 10)
    monkeypatch.setattr(gpu_rates, "NUM_CALLS", 10)
    rates = measure_rates(torch.device("cpu"))
    assert set(rates.flop_per_s) == {"float32", "bfloat16"}
    assert min(*rates.flop_per_s.values(), rates.bytes_per_s, rates.seconds_per_call) > 0

"""Tests windows in executed steps and in noise levels, curves, and that a model call reads from the device once."""

import math

import pytest
import torch
from ipadapter.mini_host import CountedTensor
from sd_relight.lib_ipadapter.attend.timing import StepClock, Window, active_steps, curve_value, is_open

KARRAS = [14.6, 9.7, 6.3, 4.0, 2.5, 1.5, 0.86, 0.47, 0.24, 0.11, 0.03]


def steps_open(clock, window, sigmas):
    opened = []
    for step, sigma in enumerate(sigmas):
        clock.observe(torch.tensor([sigma, sigma]))
        if clock.gate(window):
            opened.append(step)
    return opened


@pytest.mark.parametrize(("start", "end", "steps"), [
    (0.0, 1.0, range(10)), (0.0, 0.5, range(5)), (0.5, 1.0, range(5, 10)), (0.3, 0.7, range(3, 7)), (0.0, 0.0, range(0)),
    (1.0, 1.0, range(0)), (0.25, 0.35, range(3, 4))])
def test_executed_steps(start, end, steps):
    clock = StepClock([*KARRAS[:10], 0.0])
    assert steps_open(clock, Window(start, end), KARRAS[:10]) == list(steps)
    assert list(active_steps(Window(start, end), 10)) == list(steps)


def test_img2img_counts_its_own_steps():
    """The trap of noise levels: half of the executed steps are active, though all sigmas are below σ(0.5)."""
    executed = KARRAS[6:]
    assert steps_open(StepClock(executed), Window(0.0, 0.5), executed) == [0, 1, 2]


def test_halves_share_no_step():
    for steps in range(1, 60):
        for split in (0.1, 1 / 3, 0.5, 0.77):
            first = {s for s in range(steps) if is_open(Window(0, split), s, steps)}
            second = {s for s in range(steps) if is_open(Window(split, 1), s, steps)}
            assert first | second == set(range(steps)) and not first & second


def test_samplers_that_look_between_two_steps():
    """A second-order sampler's midpoint belongs to the step that it serves."""
    clock = StepClock([8.0, 4.0, 2.0, 1.0])
    assert steps_open(clock, Window(0.0, 0.5), [8.0, 6.0, 4.0, 3.0, 2.0, 1.4, 1.0]) == [0, 1, 2, 3]


def test_sigmas_that_were_rounded():
    clock = StepClock([8.0, 4.0, 2.0, 1.0])
    assert steps_open(clock, Window(0.5, 1.0), [8.001, 4.0005, 1.9995, 0.9999]) == [2, 3]


def test_sigma_mode_is_comfys():
    def percent_to_sigma(p):
        return 1e9 if p <= 0 else 0.0 if p >= 1 else 10 * (1 - p)

    clock = StepClock([9.0, 7.0, 5.0, 3.0, 1.0], percent_to_sigma)
    assert steps_open(clock, Window(0.0, 0.5, "sigma"), [9.0, 7.0, 5.0, 3.0, 1.0]) == [0, 1, 2]
    assert steps_open(clock, Window(0.2, 0.6, "sigma"), [9.0, 7.0, 5.0, 3.0, 1.0]) == [1, 2]


def test_the_same_tensor_is_read_once():
    clock = StepClock([2.0, 1.0])
    sigma = CountedTensor([2.0])
    for _ in range(70):
        clock.observe(sigma)
    clock.observe(None)
    assert sigma.reads == 1


def test_without_any_knowledge_everything_is_open():
    assert StepClock().gate(Window(0.5, 0.6)) == 1.0 and StepClock().opens(Window(0.5, 0.6))


def test_a_schedule_without_steps_opens_nothing():
    assert not StepClock(()).opens(Window()) and not StepClock([0.0]).opens(Window(0, 0.5))


@pytest.mark.parametrize("curve", ["fade in", "fade out", "fade in-out"])
def test_a_window_of_one_step_has_the_full_weight(curve):
    assert StepClock([3.0, 2.0, 1.0]).opens(Window(0, 0.3, curve=curve))
    assert curve_value(Window(0, 0.3, curve=curve), 0, 3) == 1.0


@pytest.mark.parametrize(("curve", "values"), [
    ("constant", [1, 1, 1, 1, 1]), ("fade in", [math.sin(math.pi / 2 * x) for x in (0, 0.25, 0.5, 0.75, 1)]),
    ("fade out", [math.sin(math.pi / 2 * x) for x in (1, 0.75, 0.5, 0.25, 0)]),
    ("fade in-out", [math.sin(math.pi * x) for x in (0, 0.25, 0.5, 0.75, 1)])])
def test_curves(curve, values):
    got = [curve_value(Window(curve=curve), step, 5) for step in range(5)]
    assert got == pytest.approx(values, abs=1e-12)


def test_curves_run_inside_the_window():
    clock = StepClock(KARRAS[:10])
    gates = []
    for sigma in KARRAS[:10]:
        clock.observe(torch.tensor([sigma]))
        gates.append(round(clock.gate(Window(0.2, 0.5, curve="fade out")), 6))
    assert gates == [0, 0, 1, round(math.sin(math.pi / 4), 6), 0, 0, 0, 0, 0, 0]

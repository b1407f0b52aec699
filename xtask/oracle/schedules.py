"""testdata/schedules.json: the rate (and momentum) at every step of a run, in float64;
testdata/plateau.json: the rate after each epoch with given values.

From Keras 3.15.1 where it has the schedule, else from PyTorch 2.15, which counts its calls as Keras counts steps: from
0. Noam, warm-up–stable–decay, warm-ups before other schedules than Keras' cosine, and sequences are in neither: in
NumPy, from the equations of their papers.

`settings` are those that `make` is given here; lengths in them are steps. `pieces` are the schedules of a sequence.
"""

import warnings

import numpy as np
import torch
from keras.src.optimizers import schedules as k
from reference import keras, write
from torch.optim import lr_scheduler as t

RATE = 0.05
RUN = 100


def keras_rates(schedule, run):
    return [float(schedule(np.float64(step))) for step in range(run)], None


def torch_rates(make, run, rate):
    """The rate of each call to `optimizer.step`."""
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64)], lr=rate, momentum=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = make(optimizer)
        rates, momenta = [], []
        for _ in range(run):
            rates.append(float(optimizer.param_groups[0]["lr"]))
            momenta.append(float(optimizer.param_groups[0]["momentum"]))
            optimizer.step()
            scheduler.step()
    return rates, (momenta if any(m != 0.9 for m in momenta) else None)


def keras_case(name, cls, settings, run=RUN, rate=RATE, arguments=None):
    arguments = settings if arguments is None else arguments
    made = cls(rate, **arguments) if cls is not k.PiecewiseConstantDecay else cls(**arguments)
    return case(name, settings, keras_rates(made, run), run, rate)


def torch_case(name, make, settings, run=RUN, rate=RATE):
    return case(name, settings, torch_rates(make, run, rate), run, rate)


def numpy_case(name, rate_at, settings, run=RUN, rate=RATE):
    return case(name, settings, ([float(rate_at(n)) for n in range(run)], None), run, rate)


def case(name, settings, rates_and_momenta, run, rate, pieces=None):
    rates, momenta = rates_and_momenta
    pieces = [{"schedule": name.split("-")[0], "settings": settings}] if pieces is None else pieces
    return {"name": name, "pieces": pieces, "run": run, "learning_rate": rate, "rates": rates, "momenta": momenta}


def noam(d_model, warmup, rate):
    return lambda n: rate * d_model**-0.5 * min((n + 1) ** -0.5, (n + 1) * warmup**-1.5)


def stable_decay(run, warmup, start, decay, alpha, f, rate):
    def rate_at(n):
        if n < warmup:
            return rate * (start + (1 - start) * n / warmup)
        p = max(0.0, (n - (run - decay)) / decay)
        return rate * (alpha + (1 - alpha) * f(p))

    return rate_at


def cases():
    yield numpy_case("constant", lambda n: RATE, {})
    yield torch_case("constant-probe", lambda o: t.ConstantLR(o, 0.3, total_iters=1000), {"factor": 0.3})
    yield torch_case("step", lambda o: t.StepLR(o, 30), {"step_size": 30})
    yield torch_case("step-probe", lambda o: t.StepLR(o, 7, 0.6), {"step_size": 7, "gamma": 0.6})
    yield torch_case("multi_step", lambda o: t.MultiStepLR(o, [30, 80]), {"milestones": [30, 80]})
    yield torch_case("multi_step-probe", lambda o: t.MultiStepLR(o, [1, 11, 50], 0.7),
                     {"milestones": [1, 11, 50], "gamma": 0.7})
    for name, boundaries, values in [("piecewise_constant", [40, 70], [0.1, 0.05, 0.01]),
                                     ("piecewise_constant-probe", [0, 1, 99], [1.0, 0.2, 0.3, 0.05])]:
        yield keras_case(name, k.PiecewiseConstantDecay, {"boundaries": boundaries, "values": values})
    for name, cls in [("exponential", k.ExponentialDecay), ("inverse_time", k.InverseTimeDecay)]:
        yield keras_case(name, cls, {"decay_steps": 30, "decay_rate": 0.5})
        yield keras_case(f"{name}-probe", cls, {"decay_steps": 7, "decay_rate": 0.8, "staircase": True})
    yield keras_case("polynomial", k.PolynomialDecay, {}, arguments={"decay_steps": RUN})
    yield keras_case("polynomial-probe", k.PolynomialDecay,
                     {"decay_steps": 70, "end_learning_rate": 0.01, "power": 2.5})
    yield keras_case("polynomial-cycle", k.PolynomialDecay,
                     {"decay_steps": 23, "end_learning_rate": 0.002, "power": 0.7, "cycle": True})
    yield torch_case("linear", lambda o: t.LinearLR(o, total_iters=RUN), {})
    yield torch_case("linear-probe", lambda o: t.LinearLR(o, 0.9, 0.2, 60),
                     {"start_factor": 0.9, "end_factor": 0.2, "total_iters": 60})
    yield keras_case("cosine", k.CosineDecay, {}, arguments={"decay_steps": RUN})
    yield keras_case("cosine-probe", k.CosineDecay, {"decay_steps": 60, "alpha": 0.15})
    warm = k.CosineDecay(0.01, 70, alpha=0.1, warmup_target=RATE, warmup_steps=20)
    yield case("cosine-warmup", {"decay_steps": 70, "alpha": 0.1, "warmup": 20, "warmup_start": 0.01 / RATE},
               keras_rates(warm, RUN), RUN, RATE)
    yield keras_case("cosine_restarts", k.CosineDecayRestarts, {"first_decay_steps": 15})
    yield keras_case("cosine_restarts-probe", k.CosineDecayRestarts,
                     {"first_decay_steps": 13, "t_mul": 1.3, "m_mul": 0.8, "alpha": 0.05})
    yield keras_case("cosine_restarts-equal", k.CosineDecayRestarts,
                     {"first_decay_steps": 16, "t_mul": 1.0, "m_mul": 0.7, "alpha": 0.1})
    yield torch_case("one_cycle", lambda o: t.OneCycleLR(o, RATE, total_steps=RUN), {})
    probe = {"pct_start": 0.22, "anneal_strategy": "linear", "base_momentum": 0.7, "max_momentum": 0.9,
             "div_factor": 10.0, "final_div_factor": 50.0}
    yield torch_case("one_cycle-probe", lambda o: t.OneCycleLR(o, RATE, total_steps=RUN, **probe), probe)
    three = {"pct_start": 0.35, "three_phase": True, "div_factor": 5.0}
    yield torch_case("one_cycle-three", lambda o: t.OneCycleLR(o, RATE, total_steps=RUN, **three), three)
    steady = {"cycle_momentum": False}
    yield torch_case("one_cycle-steady", lambda o: t.OneCycleLR(o, RATE, total_steps=RUN, **steady), steady)
    yield torch_case("cyclic", lambda o: t.CyclicLR(o, RATE, 0.2), {"max_learning_rate": 0.2}, 4000)
    for mode in ["triangular", "triangular2", "exp_range"]:
        probe = {"step_size_up": 11, "step_size_down": 17, "mode": mode, "gamma": 0.97, "base_momentum": 0.6,
                 "max_momentum": 0.95}
        yield torch_case(f"cyclic-{mode}", lambda o: t.CyclicLR(o, RATE, 0.3, **probe),
                         {"max_learning_rate": 0.3, **probe})
    yield torch_case("cyclic-steady", lambda o: t.CyclicLR(o, RATE, 0.3, 20, cycle_momentum=False),
                     {"max_learning_rate": 0.3, "step_size_up": 20, "cycle_momentum": False})
    yield numpy_case("noam", noam(512, 4000, 1.0), {}, 4400, 1.0)
    yield numpy_case("noam-probe", noam(64, 30, 2.0), {"d_model": 64, "warmup_steps": 30}, RUN, 2.0)
    yield numpy_case("warmup_stable_decay", stable_decay(RUN, 5, 0, 20, 0, lambda p: 1 - np.sqrt(p), RATE), {})
    for decay, f in [("linear", lambda p: 1 - p), ("cosine", lambda p: 0.5 * (1 + np.cos(np.pi * p)))]:
        settings = {"warmup": 13, "warmup_start": 0.25, "decay_steps": 37, "decay": decay, "alpha": 0.1}
        yield numpy_case(f"warmup_stable_decay-{decay}", stable_decay(RUN, 13, 0.25, 37, 0.1, f, RATE), settings)
    # A warm-up leads to where the schedule begins, which then counts from 0.
    yield numpy_case("exponential-warmup", lambda n: RATE * (0.2 + 0.8 * n / 10 if n < 10 else 0.5 ** ((n - 10) / 9)),
                     {"decay_steps": 9, "decay_rate": 0.5, "warmup": 10, "warmup_start": 0.2})
    cycle = lambda o: t.OneCycleLR(o, RATE, total_steps=RUN - 20)
    rates, momenta = torch_rates(cycle, RUN - 20, RATE)
    rates, momenta = [rates[0] * n / 20 for n in range(20)] + rates, [0.95] * 20 + momenta
    yield case("one_cycle-warmup", {"warmup": 20}, (rates, momenta), RUN, RATE)
    # A sequence: each piece counts from its own start; after the last one its end is kept.
    pieces = [{"schedule": "linear", "settings": {"length": 20}},
              {"schedule": "step", "settings": {"length": 30, "step_size": 8, "gamma": 0.5}},
              {"schedule": "cosine", "settings": {"length": 40, "alpha": 0.1}}]
    part = [lambda n: 1 / 3 + (2 / 3) * n / 20, lambda n: 0.5 ** (n // 8),
            lambda n: 0.1 + 0.9 * 0.5 * (1 + np.cos(np.pi * min(n, 40) / 40))]
    rates = [RATE * float(part[0](n) if n < 20 else part[1](n - 20) if n < 50 else part[2](n - 50)) for n in range(RUN)]
    yield case("sequence", None, (rates, None), RUN, RATE, pieces)


class Model:
    """What ReduceLROnPlateau asks of a model."""

    def __init__(self, rate):
        self.optimizer = keras.optimizers.SGD(rate)
        self.metrics = []


def plateau_case(name, values, rate=0.1, mode="min", **settings):
    """The rate after each epoch with these values."""
    settings = {"factor": 0.1, "patience": 10, "min_delta": 1e-4, "cooldown": 0, "min_lr": 0.0} | settings
    callback = keras.callbacks.ReduceLROnPlateau(monitor="value", mode=mode, **settings)
    callback.set_model(Model(rate))
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"value": value})
        rates.append(float(callback.model.optimizer.learning_rate.value))
    return {"name": name, "mode": mode, **settings, "learning_rate": rate, "values": values, "rates": rates}


def plateaus():
    falling = [round(1 / (1 + n), 6) for n in range(12)]
    waves = [round(float(2 - n / 40 + np.sin(n)), 6) for n in range(60)]
    yield plateau_case("defaults", falling + [0.08] * 30)
    yield plateau_case("waves", waves, factor=0.5, patience=3, min_delta=0.01)
    yield plateau_case("cooldown", waves, factor=0.7, patience=2, cooldown=4, min_delta=0.05)
    yield plateau_case("least-rate", waves, factor=0.3, patience=1, min_lr=0.004)
    yield plateau_case("at-once", waves[:20], factor=0.8, patience=0, min_delta=0.0)
    yield plateau_case("greater", [-v for v in waves], mode="max", factor=0.6, patience=4, min_delta=0.02)


def make():
    write("plateau.json", "schedules.py", "keras.callbacks.ReduceLROnPlateau on given values", list(plateaus()))
    notes = f"Keras and PyTorch {torch.__version__.split('+')[0]}; see the script."
    write("schedules.json", "schedules.py", notes, list(cases()))

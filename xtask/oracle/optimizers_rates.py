"""testdata/optimizers/rates_*.json: rules under a rate that changes, in float64, by the libraries themselves.

At a constant rate it does not show whether α stands inside a momentum or outside, whether weights of an average follow
it, or whether it acts on decay. `rates` are the factors of the learning rate, one a step. The probe settings and the
ordinary series of optimizers.py, with every momentum that a rule has.
"""

import optimizers
import optimizers_more as more
import optimizers_rules as rules
from optimizers import ORDINARY, SHAPES, START
from reference import jnp, keras, np, numbers, write

import optax
import torch

RATES = [1.0, 1.0, 0.5, 0.5, 2.0, 1.0, 0.1, 1.5, 1.0, 0.25, 0.25, 3.0]
MOMENTUM = {"momentum": 0.8}


def walk_keras(build, s):
    optimizer = build(**s)
    variables = [keras.Variable(np.reshape(start, shape)) for start, shape in zip(START, SHAPES)]
    optimizer.build(variables)
    history = []
    for step, factor in zip(ORDINARY, RATES):
        optimizer.learning_rate = s["learning_rate"] * factor
        optimizer.apply([jnp.array(np.reshape(g, shape)) for g, shape in zip(step, SHAPES)])
        history.append([numbers(variable.value) for variable in variables])
    return history, []


def walk_torch(build, s):
    tensors = [torch.tensor(start).reshape(shape).requires_grad_() for start, shape in zip(START, SHAPES)]
    optimizer, theta, shown = build(tensors, s), [], []
    averaged = hasattr(optimizer, "eval")
    if averaged:
        optimizer.train()
    for step, factor in zip(ORDINARY, RATES):
        for group in optimizer.param_groups:
            group["lr"] = s["learning_rate"] * factor
        for tensor, g, shape in zip(tensors, step, SHAPES):
            tensor.grad = torch.tensor(g).reshape(shape)
        optimizer.step()
        theta.append([tensor.detach().flatten().tolist() for tensor in tensors])
        if averaged:
            kept = [tensor.detach().clone() for tensor in tensors]
            optimizer.eval()
            shown.append([tensor.detach().flatten().tolist() for tensor in tensors])
            optimizer.train()
            for tensor, old in zip(tensors, kept):
                tensor.data.copy_(old)
    return theta, shown


def walk_optax(build, s):
    # A table in float64: Optax gives a schedule the number of updates before.
    table = jnp.array(RATES) * s["learning_rate"]
    optimizer = build(s | {"learning_rate": lambda count: table[count]})
    return more.walk_optax(optimizer, ORDINARY), []


def walk_numpy(f, s):
    theta = [np.reshape(np.array(start), shape) for start, shape in zip(START, SHAPES)]
    states, history = [{} for _ in theta], []
    for t, (step, factor) in enumerate(zip(ORDINARY, RATES), 1):
        now = s | {"learning_rate": s["learning_rate"] * factor}
        if f is rules.adamw_paper:
            # The schedule's multiplier acts on decay, the rate itself does not.
            now["weight_decay"] = s["weight_decay"] * factor
        step = [np.reshape(np.array(g), shape) for g, shape in zip(step, SHAPES)]
        theta = [f(now, t, x, g, state) for x, g, state in zip(theta, step, states)]
        history.append([x.ravel().tolist() for x in theta])
    return history, []


def on_torch(build, words):
    extra = {} if build is torch.optim.SGD else {"foreach": False}
    return lambda tensors, s: build(tensors, **words(s), **extra)


def make():
    files = {}

    def add(library, rule, settings, walked):
        theta, shown = walked
        case = more.case(f"rates {rule}", rule, settings, ORDINARY, theta, shown) | {"rates": RATES}
        files.setdefault(library, []).append(case)

    with_momentum = lambda s: s | {name: MOMENTUM[name] for name in MOMENTUM if name in s}
    for rule, (build, _, probe, _) in optimizers.RULES.items():
        settings = with_momentum(probe)
        add("keras", rule, settings, walk_keras(build, settings))
        if rule == "sgd":
            settings = settings | {"nesterov": True, "weight_decay": 0.03}
            theta, _ = walk_keras(build, settings)
            files["keras"].append(more.case("rates nesterov", rule, settings, ORDINARY, theta) | {"rates": RATES})
    for rule, (build, _, probe, _) in more.KERAS.items():
        add("keras", rule, probe, walk_keras(build, probe))
    for rule, (build, words, _, probe, _) in more.TORCH.items():
        # Rprop's rate is its first step; a schedule does not act on it. PyTorch's ASGD makes the rate of a step at the
        # end of the one before, so that a change acts a step late; that is not copied (the page of asgd says so).
        if rule not in ("rprop", "asgd"):
            settings = with_momentum(probe) | {"weight_decay": 0.03}
            add("torch", rule, settings, walk_torch(on_torch(build, words), settings))
    for rule, (build, _, _, probe, _) in more.OPTAX.items():
        add("optax", rule, probe, walk_optax(build, probe))
    for rule, (build, _, probe, _) in rules.OPTAX.items():
        settings = with_momentum(probe)
        add("optax", rule, settings, walk_optax(lambda s: build(**rules.optax_words(s)), settings))
    for rule, (library, build, _, _, probe, _) in rules.PACKAGES.items():
        settings = probe | {"weight_decay": 0.03}
        add(library, rule, settings, walk_torch(build, settings))
    for rule, (f, _, probe, _) in rules.NUMPY.items():
        add("numpy", rule, probe, walk_numpy(f, probe))
    for library, made in files.items():
        write(f"optimizers/rates_{library}.json", "optimizers_rates.py",
              ["theta and evaluated are after the step: [step][tensor][element]; rates are factors, one a step."],
              made, more.LIBRARIES.get(library))


if __name__ == "__main__":
    make()

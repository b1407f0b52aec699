"""testdata/dialects.json: signatures of optimizers as their libraries print them, and where calls of them lead.

The very text of a call is run by its library (Keras 3.15.1 on JAX, PyTorch 2.15, Optax 0.2.8, all in float64) and read
by schuss. PyTorch's default type is float64, so that NAdam's `mu_product` is not rounded to 32 bits.
"""

import inspect
import json

from reference import TESTDATA, jax, jnp, keras, np, numbers, pretty, random

import optax
import torch

torch.set_default_dtype(torch.float64)

SHAPES = [[2, 3], [4]]
STEPS = 8
KEPT = [0, 1, 7]

NAMES = {
    "keras": ["SGD", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "Adagrad", "Adadelta", "Ftrl", "Lion", "Lamb",
              "Adafactor", "Muon", "ScheduleFreeAdamW"],
    "torch": ["SGD", "RMSprop", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Adagrad", "Adadelta", "ASGD", "Rprop",
              "Adafactor", "Muon", "LBFGS"],
    "optax": ["sgd", "rmsprop", "adam", "adamw", "adamax", "adamaxw", "adagrad", "adadelta", "lion", "lamb", "lars",
              "adabelief", "yogi", "nadam", "nadamw", "radam", "adan", "adafactor", "amsgrad"],
}

# By place and by name, every argument that a setting stands for.
CALLS = {
    "keras": [
        "SGD(0.1)", "SGD(0.1, 0.8)", "SGD(0.1, 0.8, True, 0.02)", "SGD(learning_rate=0.1, clipvalue=0.3)",
        "RMSprop()", "RMSprop(0.05, 0.7, 0.6, 1e-3, True)", "RMSprop(rho=0.7, epsilon=1e-2)",
        "Adam()", "Adam(0.05, 0.8, 0.95, 1e-3, True)", "Adam(0.05, global_clipnorm=0.5)", "Adam(clipnorm=0.4)",
        "AdamW()", "AdamW(0.05, 0.03, 0.8, 0.95, 1e-3)", "Adamax()", "Adamax(0.05, 0.8, 0.95, 1e-3)",
        "Nadam()", "Nadam(0.05, 0.8, 0.95, 1e-3)", "Adagrad()", "Adagrad(0.05, 0.3, 1e-3)",
        "Adadelta()", "Adadelta(0.5, 0.7, 1e-3)",
        "Ftrl()", "Ftrl(0.05, -0.5, 0.3, 0.2, 0.7, 0.3, 0.4)", "Lion()", "Lion(0.05, 0.8, 0.95, weight_decay=0.02)",
        "Lamb()", "Lamb(0.05, 0.8, 0.95, 1e-3)", "Adafactor()", "Adafactor(0.05, -0.7, 1e-4, 1e-2, 0.5)",
        "Muon()", "ScheduleFreeAdamW()", "ScheduleFreeAdamW(0.05, 0.8, 0.95, 1e-3, 3)",
    ],
    "torch": [
        "SGD(params)", "SGD(params, 0.1, 0.8, 0, 0.02, True)", "SGD(params, lr=0.1, momentum=0.8, dampening=0.3)",
        "RMSprop(params)", "RMSprop(params, 0.05, 0.7, 1e-3, 0.02, 0.6, True)",
        "Adam(params)", "Adam(params, 0.05, (0.8, 0.95), 1e-3, 0.02, True)",
        "Adam(params, 0.05, weight_decay=0.02, decoupled_weight_decay=True)",
        "AdamW(params)", "AdamW(params, 0.05, (0.8, 0.95), 1e-3, 0.03)", "AdamW(params, lr=3e-4, weight_decay=0.05)",
        "Adamax(params)", "Adamax(params, 0.05, (0.8, 0.95), 1e-3, 0.02)",
        "NAdam(params)", "NAdam(params, 0.05, (0.8, 0.95), 1e-3, 0.02, 0.3)",
        "NAdam(params, 0.05, weight_decay=0.02, decoupled_weight_decay=True)",
        "RAdam(params)", "RAdam(params, 0.05, (0.8, 0.95), 1e-3, 0.02)",
        "RAdam(params, 0.05, weight_decay=0.02, decoupled_weight_decay=True)",
        "Adagrad(params)", "Adagrad(params, 0.05, 0.3, 0.02, 0.2, 1e-3)",
        "Adadelta(params)", "Adadelta(params, 0.5, 0.7, 1e-3, 0.02)",
        "ASGD(params)", "ASGD(params, 0.05, 0.1, 0.6, 4, 0.02)",
        "Rprop(params)", "Rprop(params, 0.05, (0.3, 1.7), (0.03, 0.1))",
        "Adafactor(params, eps=(1e-5, 1e-3))", "Adafactor(params, 0.05, -0.7, (1e-4, 1e-2), 1.2)",
    ],
    "optax": [
        "sgd(0.1)", "sgd(0.1, 0.8)", "sgd(0.1, momentum=0.8, nesterov=True)",
        "rmsprop(0.05)", "rmsprop(0.05, 0.7, 1e-3)", "rmsprop(0.05, decay=0.7, eps=1e-3, eps_in_sqrt=False)",
        "rmsprop(0.05, eps=1e-3, centered=True, momentum=0.6)",
        "rmsprop(0.05, eps=1e-3, eps_in_sqrt=False, centered=True, momentum=0.6)",
        "adam(0.001)", "adam(0.05, 0.8, 0.95, 1e-3)", "chain(add_decayed_weights(0.02), adam(0.05))",
        "chain(clip(0.3), adam(0.05))", "chain(clip_by_global_norm(0.5), add_decayed_weights(0.02), sgd(0.1, 0.9))",
        "adamw(0.001)", "adamw(0.05, 0.8, 0.95, 1e-3, weight_decay=0.03)",
        "adamax(0.001)", "adamax(0.05, 0.8, 0.95, 1e-3)", "adamaxw(0.05, 0.8, 0.95, 1e-3, 0.03)",
        "adagrad(0.001)", "adagrad(0.05, 0.3, 1e-3)", "adadelta(1.0)", "adadelta(0.5, 0.7, 1e-3, 0.02)",
        "lion(0.001)", "lion(0.05, 0.8, 0.95, weight_decay=0.03)", "lamb(0.001)", "lamb(0.05, 0.8, 0.95, 1e-3)",
        "lars(0.1)", "lars(0.5, weight_decay=0.02, trust_coefficient=0.01, momentum=0.8)",
        "adabelief(0.001)", "adabelief(0.05, 0.8, 0.95, 1e-3, 1e-4)", "yogi(0.01)", "yogi(0.05, 0.8, 0.95, 1e-2)",
        "lamb(0.05, 0.8, 0.95, 1e-3, 1e-5, 0.03)", "rmsprop(0.05, 0.7, 1e-3, momentum=0.6, nesterov=True)",
        "rmsprop(0.05, 0.7, 1e-3, eps_in_sqrt=False, bias_correction=True)", "adam(0.05, eps=1e-3, nesterov=True)",
        "adamw(0.05, eps=1e-3, nesterov=True)", "nadam(0.001)", "nadam(0.05, 0.8, 0.95, 1e-3)",
        "nadamw(0.05, 0.8, 0.95, 1e-3, weight_decay=0.03)", "radam(0.001)", "radam(0.05, 0.8, 0.95, 1e-3, nesterov=True)",
        "adan(0.001)", "adan(0.05, 0.9, 0.8, 0.95, 1e-3, 1e-4, 0.02)",
        "adafactor(0.05, min_dim_size_to_factor=2)", "adafactor(0.05, decay_rate=0.7, clipping_threshold=0.8)",
        "amsgrad(0.05, 0.8, 0.95, 1e-3)",
    ],
}


def series():
    draw = random("dialects")
    start = [draw.uniform(-1, 1, shape) for shape in SHAPES]
    gradients = []
    for step in range(STEPS):
        sizes = [10.0 ** draw.integers(-5, 1, shape) for shape in SHAPES]
        gradients.append([draw.uniform(-1, 1, shape) * size for shape, size in zip(SHAPES, sizes)])
        gradients[-1][0][step % 2, step % 3] = 0.0
    return start, gradients


def walk_keras(call, start, gradients):
    optimizer = eval(call, vars(keras.optimizers))
    theta = [keras.Variable(x, name=f"tensor_{i}") for i, x in enumerate(start)]
    optimizer.build(theta)
    for step in gradients:
        optimizer.apply([jnp.array(g) for g in step], theta)
        yield [numbers(x.value) for x in theta]


def walk_torch(call, start, gradients):
    params = [torch.tensor(x, requires_grad=True) for x in start]
    optimizer = eval(call, vars(torch.optim) | {"params": params})
    for step in gradients:
        for p, g in zip(params, step):
            p.grad = torch.tensor(g)
        optimizer.step()
        yield [numbers(p.detach().numpy()) for p in params]


def walk_optax(call, start, gradients):
    optimizer = eval(call, vars(optax))
    theta = [jnp.array(x) for x in start]
    state = optimizer.init(theta)
    for step in gradients:
        updates, state = optimizer.update([jnp.array(g) for g in step], state, theta)
        theta = optax.apply_updates(theta, updates)
        yield [numbers(x) for x in theta]


LIBRARIES = {"keras": (keras.optimizers, walk_keras), "torch": (torch.optim, walk_torch), "optax": (optax, walk_optax)}


def signature(dialect, name):
    made = getattr(LIBRARIES[dialect][0], name)
    parts, by_name = [], False
    for p in inspect.signature(made).parameters.values():
        if p.name in ("self", "params") or p.kind == p.VAR_KEYWORD:
            continue
        if p.kind == p.KEYWORD_ONLY and not by_name:
            parts.append("*")
            by_name = True
        parts.append(p.name if p.default is p.empty else f"{p.name}={getattr(p.default, '__name__', repr(p.default))}")
    return f"{name}({', '.join(parts)})"


def make():
    start, gradients = series()
    signatures = {dialect: [signature(dialect, name) for name in names] for dialect, names in NAMES.items()}
    cases = []
    for dialect, calls in CALLS.items():
        for call in calls:
            steps = list(LIBRARIES[dialect][1](call, start, gradients))
            cases.append({"dialect": dialect, "call": call, "theta": [steps[i] for i in KEPT]})
    file = {
        "made_by": "xtask/oracle/dialects.py",
        "libraries": {"keras": keras.__version__, "torch": torch.__version__.split("+")[0], "optax": optax.__version__},
        "backend": f"jax {jax.__version__}, float64",
        "signatures": signatures,
        "shapes": SHAPES,
        "start": [numbers(x) for x in start],
        "gradients": [[numbers(x) for x in step] for step in gradients],
        "kept": KEPT,
        "cases": cases,
    }
    target = TESTDATA / "dialects.json"
    target.write_text(pretty(file) + "\n")
    print(f"dialects.json: {len(cases)} cases, {target.stat().st_size // 1024} kB")


if __name__ == "__main__":
    make()

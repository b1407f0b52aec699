"""testdata/around.json: what Keras 3.15.1 does around a rule in float64: decay, clipping, moving averages of weights.

Decay as L2 and its order with clipping are PyTorch's: the rule is given clip(g) + λ θ; repeated here in NumPy with
Keras' rule (Keras has no such mode of its own).
"""

from optimizers import ORDINARY, SHAPES, START
from reference import jnp, keras, np, numbers, write

NAMES = ["dense/kernel", "dense/bias"]
RULES = {
    "sgd": (keras.optimizers.SGD, {"learning_rate": 0.05, "momentum": 0.8, "nesterov": False}),
    "adam": (keras.optimizers.Adam,
             {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3, "amsgrad": False}),
}
VARIANTS = {
    "decoupled": {"weight_decay": 0.1},
    "decoupled-but": {"weight_decay": 0.1, "exclude_from_weight_decay": "bias$"},
    "clipvalue": {"clipvalue": 0.25},
    "clipnorm": {"clipnorm": 0.5, "weight_decay": 0.02},
    "clipnorm-far-off": {"clipnorm": 1e5},
    "global_clipnorm": {"global_clipnorm": 0.75},
    "global_clipnorm-far-off": {"global_clipnorm": 1e5, "weight_decay": 0.02},
    "ema": {"use_ema": True, "ema_momentum": 0.7},
    "ema-overwriting": {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 5},
}


def variables():
    pairs = zip(NAMES, START, SHAPES)
    return [keras.Variable(np.reshape(start, shape), name=name.split("/")[1]) for name, start, shape in pairs]


def steps(gradients):
    return [[jnp.array(np.reshape(g, shape)) for g, shape in zip(step, SHAPES)] for step in gradients]


def run(build, rule, around):
    given = dict(around)
    exclude = given.pop("exclude_from_weight_decay", None)
    optimizer = build(**rule, **given)
    if exclude:
        optimizer.exclude_from_weight_decay(var_names=[exclude])
    all_variables = variables()
    optimizer.build(all_variables)
    theta, averages = [], []
    for step in steps(ORDINARY):
        optimizer.apply(step)
        theta.append([numbers(v.value) for v in all_variables])
        if "use_ema" in around:
            averages.append([numbers(v.value) for v in optimizer._model_variables_moving_average])
    return theta, averages


def run_l2(build, rule, decay, bound):
    optimizer, all_variables = build(**rule), variables()
    optimizer.build(all_variables)
    theta = []
    for step in steps(ORDINARY):
        optimizer.apply([jnp.clip(g, -bound, bound) + decay * v.value for g, v in zip(step, all_variables)])
        theta.append([numbers(v.value) for v in all_variables])
    return theta, []


def case(rule, name, settings, theta, averages):
    return {"name": f"{rule}-{name}", "rule": rule, "settings": settings, "names": NAMES, "shapes": SHAPES, "start": START,
            "gradients": ORDINARY, "theta": theta, "averages": averages}


def make():
    cases = []
    for rule, (build, settings) in RULES.items():
        for name, around in VARIANTS.items():
            cases.append(case(rule, name, settings | around, *run(build, settings, around)))
        l2 = {"weight_decay": 0.1, "decay": "l2", "clipvalue": 0.5}
        cases.append(case(rule, "l2", settings | l2, *run_l2(build, settings, 0.1, 0.5)))
    write("around.json", "around.py",
          ["gradients, theta, averages: [step][tensor][element]; theta and averages are after the step."], cases)


if __name__ == "__main__":
    make()

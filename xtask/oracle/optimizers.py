"""testdata/optimizers/*.json: weights after each of 12 steps, by the optimizers of Keras 3.15.1 in float64.

Each variant runs at Keras' defaults and at a probe setting where every hyper-parameter is unusual and shows,
over two series of gradients: both have zeros, both signs, a step of 1e-20 and one of 1e3; in `huge` one step
is about 1e20. An element whose gradient is zero at first, or always, shows how a rule treats an empty state.
"""

from reference import jnp, keras, np, numbers, write

SHAPES = [[3], [2, 2]]
START = [[1.0, -0.5, 0.25], [0.125, 2.0, -1.5, 0.0]]
ORDINARY = [
    [[0.1, -0.2, 0.0], [0.3, -0.4, 0.5, 0.0]],
    [[-0.7, -0.1, 0.0], [0.2, 0.0, -0.6, 0.0]],
    [[0.05, 0.4, 1.5], [-0.9, 0.0, 0.25, 0.0]],
    [[1e-20, -3e-20, 2e-20], [-1e-20, 4e-20, 1e-20, 0.0]],
    [[0.3, 0.0, -0.8], [1.2, -0.15, -0.35, 0.0]],
    [[-2.0, 0.6, 0.01], [0.0, 0.75, 3.0, 0.0]],
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]],
    [[0.9, -1.1, 0.002], [-0.4, 0.08, 0.7, 0.0]],
    [[1e3, -2e3, 1.5e3], [-1e3, 3e3, -5e2, 0.0]],
    [[-0.6, 0.3, 0.45], [0.85, -0.05, 0.1, 0.0]],
    [[0.2, 0.9, -0.3], [-0.65, 1.4, -0.2, 0.0]],
    [[-0.15, -0.5, 0.6], [0.55, -0.3, 0.95, 0.0]],
]
HUGE = [list(step) for step in ORDINARY]
HUGE[5] = [[1e20, -2e20, 0.01], [0.0, 0.75, -3e20, 0.0]]

SGD = {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False}
ADAGRAD = {"learning_rate": 0.001, "initial_accumulator_value": 0.1, "epsilon": 1e-7}
RMSPROP = {"learning_rate": 0.001, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False}
ADADELTA = {"learning_rate": 0.001, "rho": 0.95, "epsilon": 1e-7}
ADAM = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False}
NADAM = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

# rule: Keras' class, its defaults, the probe setting, and the variants with what they change in each of the two.
RULES = {
    "sgd": (keras.optimizers.SGD, SGD, SGD | {"learning_rate": 0.05}, {
        "plain": ({}, {}),
        "momentum": ({"momentum": 0.9}, {"momentum": 0.8}),
        "nesterov": ({"momentum": 0.9, "nesterov": True}, {"momentum": 0.8, "nesterov": True}),
    }),
    "adagrad": (keras.optimizers.Adagrad, ADAGRAD,
                {"learning_rate": 0.05, "initial_accumulator_value": 0.3, "epsilon": 1e-3}, {
        "plain": ({}, {}),
        "empty": ({"initial_accumulator_value": 0.0}, {"initial_accumulator_value": 0.0}),
    }),
    "rmsprop": (keras.optimizers.RMSprop, RMSPROP,
                RMSPROP | {"learning_rate": 0.05, "rho": 0.7, "epsilon": 1e-3}, {
        "plain": ({}, {}),
        "momentum": ({"momentum": 0.9}, {"momentum": 0.8}),
        "little-momentum": ({"momentum": 0.05}, {"momentum": 0.05}),
        "centered": ({"centered": True}, {"centered": True}),
        "centered-momentum": ({"centered": True, "momentum": 0.9}, {"centered": True, "momentum": 0.8}),
    }),
    "adadelta": (keras.optimizers.Adadelta, ADADELTA, {"learning_rate": 0.5, "rho": 0.7, "epsilon": 1e-3},
                 {"plain": ({}, {})}),
    "adam": (keras.optimizers.Adam, ADAM,
             ADAM | {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}, {
        "plain": ({}, {}),
        "amsgrad": ({"amsgrad": True}, {"amsgrad": True}),
    }),
    "nadam": (keras.optimizers.Nadam, NADAM,
              {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}, {"plain": ({}, {})}),
}


def run(optimizer, gradients):
    variables = [keras.Variable(np.reshape(start, shape)) for start, shape in zip(START, SHAPES)]
    optimizer.build(variables)
    history = []
    for step in gradients:
        optimizer.apply([jnp.array(np.reshape(g, shape)) for g, shape in zip(step, SHAPES)])
        history.append([numbers(variable.value) for variable in variables])
    return history


def check_defaults():
    """The defaults written out above are the ones that Keras has."""
    for build, defaults, _, _ in RULES.values():
        config = build().get_config()
        assert all(np.isclose(config[key], value, rtol=1e-15) for key, value in defaults.items())


def make():
    check_defaults()
    for rule, (build, defaults, probe, variants) in RULES.items():
        cases = []
        for variant, changes in variants.items():
            for setting, base, change in zip(("default", "probe"), (defaults, probe), changes):
                for series, gradients in (("ordinary", ORDINARY), ("huge", HUGE)):
                    settings = base | change
                    cases.append({
                        "name": f"{variant}-{setting}-{series}",
                        "rule": rule,
                        "settings": settings,
                        "shapes": SHAPES,
                        "start": START,
                        "gradients": gradients,
                        "theta": run(build(**settings), gradients),
                    })
        write(f"optimizers/{rule}.json", "optimizers.py",
              ["gradients and theta: [step][tensor][element]; theta is after the step.",
               "The series `huge` squares 3e20: it overflows in 32 bits and is meant for 64."], cases)


if __name__ == "__main__":
    make()

"""testdata/training/dense.json: ten steps of whole small networks by Keras 3.15.1, in float64.

Dense layers 6-5-4-n on one batch of seven samples, used as it is for every step: the loss, the gradient of each
parameter at the start, and weights and loss after each step. Rates are large enough for ten steps to show.
"""

from reference import jax, jnp, keras, np, numbers, random, write

BATCH, INPUTS = 7, 6
LAYERS = [(5, "relu"), (4, "tanh")]
OPTIMIZERS = keras.optimizers
RULES = {
    "sgd": (OPTIMIZERS.SGD, {"learning_rate": 0.1, "momentum": 0.0, "nesterov": False}),
    "momentum": (OPTIMIZERS.SGD, {"learning_rate": 0.05, "momentum": 0.9, "nesterov": False}),
    "nag": (OPTIMIZERS.SGD, {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
    "adagrad": (OPTIMIZERS.Adagrad, {"learning_rate": 0.05, "initial_accumulator_value": 0.1, "epsilon": 1e-7}),
    "rmsprop": (OPTIMIZERS.RMSprop,
                {"learning_rate": 0.01, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False}),
    "adadelta": (OPTIMIZERS.Adadelta, {"learning_rate": 1.0, "rho": 0.95, "epsilon": 1e-3}),
    "adam": (OPTIMIZERS.Adam,
             {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False}),
    "nadam": (OPTIMIZERS.Nadam, {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}),
}
FEW = ["nag", "adam"]
LOSSES = keras.losses
# name: units and activation of the last layer, Keras' loss, its settings, L2, sample weights, targets, rules
MODELS = {
    "softmax": (3, "softmax", LOSSES.SparseCategoricalCrossentropy, {}, 0.0, False, "labels", list(RULES)),
    "softmax-l2-weighted": (3, "softmax", LOSSES.SparseCategoricalCrossentropy, {}, 0.01, True, "labels", list(RULES)),
    "sigmoid": (3, "sigmoid", LOSSES.BinaryCrossentropy, {}, 0.0, False, "bits", FEW),
    "mean_squared_error": (2, "linear", LOSSES.MeanSquaredError, {}, 0.0, False, "reals", FEW),
    "huber": (2, "linear", LOSSES.Huber, {"delta": 0.7}, 0.0, False, "reals", FEW),
    "hinge": (3, "tanh", LOSSES.Hinge, {}, 0.0, False, "signs", FEW),
}


def target_of(kind, rng, last):
    if kind == "labels":
        return rng.integers(0, last, BATCH)
    if kind == "bits":
        return rng.integers(0, 2, (BATCH, last)).astype(float)
    if kind == "signs":
        return rng.choice([-1.0, 1.0], (BATCH, last))
    return rng.normal(0, 1.5, (BATCH, last)).round(3)


def build(layers, l2):
    regularizer = keras.regularizers.L2(l2) if l2 else None
    return keras.Sequential([keras.Input((INPUTS,))] + [
        keras.layers.Dense(units, activation, kernel_regularizer=regularizer) for units, activation in layers])


def start_of(rng, model):
    """Glorot's spread, and biases that are not zero, in few digits."""
    return [(rng.uniform(-1, 1, v.shape) * (np.sqrt(6 / sum(v.shape)) if len(v.shape) == 2 else 0.2)).round(4)
            for v in model.trainable_variables]


def steps(model, value_and_gradient, start, rule, count=10):
    make_optimizer, settings = RULES[rule]
    optimizer = make_optimizer(**settings)
    model.set_weights(start)
    optimizer.build(model.trainable_variables)
    losses, weights = [], []
    for _ in range(count):
        _, gradients = value_and_gradient([v.value for v in model.trainable_variables])
        optimizer.apply(gradients, model.trainable_variables)
        weights.append([numbers(v.value) for v in model.trainable_variables])
        losses.append(float(value_and_gradient([v.value for v in model.trainable_variables])[0]))
    return {"rule": rule, "settings": settings, "losses": losses, "weights": weights}


def case_of(name, units, activation, make_loss, settings, l2, weighted, targets, rules):
    rng, layers = random(name), LAYERS + [(units, activation)]
    model, loss = build(layers, l2), make_loss(**settings)
    start = start_of(rng, model)
    inputs, target = rng.normal(0, 1, (BATCH, INPUTS)).round(3), target_of(targets, rng, units)
    weight = rng.uniform(0.2, 2, BATCH).round(3) if weighted else None

    def value(parameters):
        output, _, penalties = model.stateless_call(
            parameters, [v.value for v in model.non_trainable_variables], jnp.array(inputs), return_losses=True)
        return loss(target, output, sample_weight=weight) + sum(penalties)

    value_and_gradient = jax.value_and_grad(value)
    first, gradients = value_and_gradient([jnp.array(w) for w in start])
    return {
        "name": name,
        "layers": [{"units": units, "activation": activation} for units, activation in layers],
        "loss": keras.src.utils.naming.to_snake_case(make_loss.__name__),
        "loss_settings": settings,
        "kernel_l2": l2,
        "input_shape": list(inputs.shape),
        "input": numbers(inputs),
        "target": numbers(target),
        "sample_weight": None if weight is None else numbers(weight),
        "shapes": [list(w.shape) for w in start],
        "start": [numbers(w) for w in start],
        "loss_at_start": float(first),
        "gradients_at_start": [numbers(g) for g in gradients],
        "runs": [steps(model, value_and_gradient, start, rule) for rule in rules],
    }


def make():
    write("training/dense.json", "training.py",
          ["Parameters in order: kernel [inputs, units] and bias of each layer. Arrays are flat, row by row.",
           "runs: losses[step] and weights[step][parameter][element] after each step. Losses include the penalty kernel_l2 * sum of squared kernels.",
           "momentum and nag are SGD with momentum .9 without and with nesterov."],
          [case_of(name, *model) for name, model in MODELS.items()])


if __name__ == "__main__":
    make()

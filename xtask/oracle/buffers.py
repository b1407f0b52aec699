"""testdata/training/buffers.json: steps of small networks with BatchNormalization by Keras 3.15.1, in float64.

Each step is made on another batch, so that moving statistics move: the loss before the step, every weight and moving
statistic after it, and at the end the outputs at evaluation. In one network the layer is frozen (trainable = False):
it works with its moving statistics, and nothing of it changes.
"""

from reference import jax, jnp, keras, np, numbers, random, write

BATCH, STEPS = 7, 5
LAYERS = keras.layers
RULES = {
    "momentum": (keras.optimizers.SGD, {"learning_rate": 0.05, "momentum": 0.9, "nesterov": False}),
    "adam": (keras.optimizers.Adam, {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}),
}
# name: shape of a sample, layers with their settings, is the normalisation frozen?
MODELS = {
    "dense": ((6,), [("dense", {"units": 5, "use_bias": False}),
                     ("batch_normalization", {"momentum": 0.9}),
                     ("activation", {"activation": "tanh"}),
                     ("dense", {"units": 3, "activation": "softmax"})], False),
    "image": ((2, 3, 4), [("batch_normalization", {"center": False}),
                          ("flatten", {}),
                          ("dense", {"units": 5, "use_bias": False}),
                          ("batch_normalization", {"momentum": 0.5, "epsilon": 0.1, "scale": False}),
                          ("dense", {"units": 3, "activation": "softmax"})], False),
    "frozen": ((6,), [("dense", {"units": 5}),
                      ("batch_normalization", {"momentum": 0.9}),
                      ("activation", {"activation": "tanh"}),
                      ("dense", {"units": 3, "activation": "softmax"})], True),
}
KINDS = {"dense": LAYERS.Dense, "batch_normalization": LAYERS.BatchNormalization, "activation": LAYERS.Activation,
         "flatten": LAYERS.Flatten}


def build(shape, layers):
    """Layers are named as Keras does in a fresh session."""
    counts, made = {}, []
    for kind, settings in layers:
        n = counts.get(kind, 0)
        counts[kind] = n + 1
        made.append(KINDS[kind](**settings, name=kind if n == 0 else f"{kind}_{n}"))
    return keras.Sequential([keras.Input(shape)] + made)


def start_of(rng, variable):
    if variable.path.endswith("moving_variance"):
        return rng.uniform(0.5, 1.5, variable.shape).round(4)
    if variable.path.endswith("gamma"):
        return rng.uniform(0.8, 1.2, variable.shape).round(4)
    return rng.uniform(-0.5, 0.5, variable.shape).round(4)


def state_of(model):
    return {v.path.split("/", 1)[-1] if v.path.count("/") > 1 else v.path: numbers(v.value) for v in model.weights}


def case_of(name, shape, layers, frozen, rule):
    rng = random(name)
    model = build(shape, layers)
    for layer in model.layers:
        if isinstance(layer, LAYERS.BatchNormalization):
            layer.trainable = not frozen
    for v in model.weights:
        v.assign(start_of(rng, v))
    start = state_of(model)
    # Inputs whose mean and spread are far from 0 and 1, and from the moving statistics.
    x = (rng.normal(0.7, 2, (STEPS, BATCH) + shape)).round(3)
    y = rng.integers(0, 3, (STEPS, BATCH))
    loss_of = keras.losses.SparseCategoricalCrossentropy()

    def value(trainable, fixed, x, y):
        output, fixed = model.stateless_call(trainable, fixed, jnp.array(x), training=True)
        return loss_of(y, output), fixed

    gradient = jax.value_and_grad(value, has_aux=True)
    make_optimizer, settings = RULES[rule]
    optimizer = make_optimizer(**settings)
    optimizer.build(model.trainable_variables)
    losses, states = [], []
    for step in range(STEPS):
        before = [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables]
        (loss, fixed), gradients = gradient(*before, x[step], y[step])
        optimizer.apply(gradients, model.trainable_variables)
        for v, new in zip(model.non_trainable_variables, fixed):
            v.assign(new)
        losses.append(float(loss))
        states.append(state_of(model))
    return {
        "name": f"{name}-{rule}", "rule": rule, "settings": settings, "frozen": frozen, "sample": list(shape),
        "layers": [{"kind": kind, "settings": settings} for kind, settings in layers],
        "start": start, "inputs": [numbers(b) for b in x], "targets": y.tolist(),
        "losses": losses, "states": states,
        "outputs": numbers(model(jnp.array(x[0]), training=False)),
    }


def make():
    cases = [case_of(name, *model, rule) for name, model in MODELS.items() for rule in RULES]
    write("training/buffers.json", "buffers.py",
          ["start, states[step]: weights and moving statistics by name, before and after each step.",
           "losses[step] is of the weights before the step, on inputs[step] and targets[step].",
           "outputs are those at evaluation for inputs[0], at the end. frozen: trainable = False for normalisations."],
          cases)


if __name__ == "__main__":
    make()

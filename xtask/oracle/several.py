"""testdata/several.json: a model of two inputs and two outputs, each with a loss and a weight, in Keras 3.15.1 in float64.

Three steps of plain descent on one batch; before each the losses, and at the end every variable.
"""

from reference import jax, jnp, keras, np, numbers, random, write

LAYERS, LOSSES = keras.layers, keras.losses
RATE, STEPS, BATCH = 0.1, 3, 6


def model():
    a, b = keras.Input((4,), name="a"), keras.Input((2, 3), name="b")
    left = LAYERS.Dense(5, activation="tanh", name="left")(a)
    right = LAYERS.Dense(4, activation="relu", name="right")(LAYERS.Flatten()(b))
    both = LAYERS.Concatenate()([left, right])
    kinds = LAYERS.Dense(3, activation="softmax", name="kinds")(both)
    sizes = LAYERS.Dense(2, name="sizes")(both)
    return keras.Model([a, b], [kinds, sizes])


def make():
    rng = random("several")
    net = model()
    for v in net.variables:
        v.assign(rng.normal(0, 0.5, v.shape).round(4))
    names = [v.path for v in net.variables]
    start = [numbers(np.asarray(v)) for v in net.variables]
    a, b = rng.normal(0, 1, (BATCH, 4)).round(4), rng.normal(0, 1, (BATCH, 2, 3)).round(4)
    kind, size = rng.integers(0, 3, BATCH), rng.normal(0, 1, (BATCH, 2)).round(4)
    losses = [LOSSES.SparseCategoricalCrossentropy(), LOSSES.MeanSquaredError()]
    weights = [0.7, 1.9]

    def total(values):
        (p, q), _ = net.stateless_call(values, [], [jnp.asarray(a), jnp.asarray(b)], training=True)
        return weights[0] * losses[0](kind, p) + weights[1] * losses[1](size, q)

    values = [v.value for v in net.trainable_variables]
    seen = []
    for _ in range(STEPS):
        loss, gradients = jax.value_and_grad(total)(values)
        seen.append(float(loss))
        values = [v - RATE * g for v, g in zip(values, gradients)]
    write("several.json", "several.py", "inputs a and b, outputs kinds and sizes; losses before each step", [{
        "name": "two inputs, two outputs", "names": names, "start": start, "a": numbers(a), "b": numbers(b),
        "kind": [int(k) for k in kind], "size": numbers(size), "weights": weights, "rate": RATE, "losses": seen,
        "end": [numbers(np.asarray(v)) for v in values],
    }])

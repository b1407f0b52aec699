"""testdata/losses.json: value and gradient of each loss of Keras 3.15.1, in float64, gradients by jax.grad.

Rows of probabilities are rounded to four digits, so they don't sum to exactly 1 and Keras' division by the
row sum, which its gradient includes, shows. Nothing lies where Keras clips probabilities (1e-7).
"""

from reference import jax, jnp, keras, np, numbers, random, write

SHAPES = [(1, 1), (1, 17), (3, 1), (3, 31), (17, 3), (31, 3)]
LOSSES = keras.losses
# name: Keras' class, settings, what the predictions are, what the targets are
KINDS = {
    "mean_squared_error": (LOSSES.MeanSquaredError, {}, "reals", "reals"),
    "mean_absolute_error": (LOSSES.MeanAbsoluteError, {}, "reals", "reals"),
    "huber": (LOSSES.Huber, {"delta": 1.0}, "reals", "reals"),
    "huber-.7": (LOSSES.Huber, {"delta": 0.7}, "reals", "reals"),
    "hinge": (LOSSES.Hinge, {}, "reals", "signs"),
    "hinge-01": (LOSSES.Hinge, {}, "reals", "bits"),
    "squared_hinge": (LOSSES.SquaredHinge, {}, "reals", "signs"),
    "squared_hinge-01": (LOSSES.SquaredHinge, {}, "reals", "bits"),
    "binary_crossentropy": (LOSSES.BinaryCrossentropy, {"from_logits": False}, "probabilities", "bits"),
    "binary_crossentropy-logits": (LOSSES.BinaryCrossentropy, {"from_logits": True}, "reals", "bits"),
    "categorical_crossentropy": (LOSSES.CategoricalCrossentropy, {"from_logits": False}, "rows", "classes"),
    "categorical_crossentropy-logits": (LOSSES.CategoricalCrossentropy, {"from_logits": True}, "reals", "classes"),
    "sparse_categorical_crossentropy": (LOSSES.SparseCategoricalCrossentropy, {"from_logits": False}, "rows", "labels"),
    "sparse_categorical_crossentropy-logits":
        (LOSSES.SparseCategoricalCrossentropy, {"from_logits": True}, "reals", "labels"),
}


def prediction_of(kind, rng, shape):
    if kind == "reals":
        return rng.normal(0, 1.5, shape).round(4)
    if kind == "probabilities":
        return rng.uniform(0.01, 0.99, shape).round(4)
    rows = rng.uniform(0.05, 1, shape)
    return (rows / rows.sum(1, keepdims=True)).round(4)


def target_of(kind, rng, shape, soft):
    batch, last = shape
    if kind == "reals":
        return rng.normal(0, 1.5, shape).round(4)
    if kind == "signs":
        return rng.choice([-1.0, 1.0], shape)
    if kind == "bits":
        return rng.integers(0, 9, shape) / 8 if soft else rng.integers(0, 2, shape).astype(float)
    if kind == "labels":
        return rng.integers(0, last, batch)
    if soft:
        return rng.multinomial(16, np.full(last, 1 / last), batch) / 16
    return np.eye(last)[rng.integers(0, last, batch)]


def case_of(name, kind, prediction, target, weight):
    build, settings, _, _ = KINDS[kind]
    prediction = jnp.array(prediction)

    def value(prediction):
        return build(**settings)(target, prediction, sample_weight=weight)

    return {
        "name": name,
        "loss": kind.split("-")[0],
        "settings": {key: item for key, item in settings.items() if key != "from_logits"},
        "from_logits": settings.get("from_logits", False),
        "shape": list(prediction.shape),
        "prediction": numbers(prediction),
        "target": numbers(target),
        "sample_weight": None if weight is None else numbers(weight),
        "value": float(value(prediction)),
        "per_sample": numbers(build(**settings, reduction=None)(target, prediction)),
        "gradient": numbers(jax.grad(value)(prediction)),
    }


def extreme():
    """Logits so large that exp overflows or a probability rounds to 0."""
    far = 1e4
    rows = np.array([[far, -far, 0], [far, -far, 0], [-far, far, far], [far, far, far], [-far, -far, -far], [0, 0, far]])
    labels = np.array([0, 1, 0, 2, 1, 2])
    column = np.array([[far], [far], [-far], [-far], [far], [0.0]])
    bits = np.array([[1.0], [0.0], [1.0], [0.0], [0.5], [1.0]])
    return [
        case_of("sparse_categorical_crossentropy-logits-extreme", "sparse_categorical_crossentropy-logits", rows, labels, None),
        case_of("categorical_crossentropy-logits-extreme", "categorical_crossentropy-logits", rows, np.eye(3)[labels], None),
        case_of("binary_crossentropy-logits-extreme", "binary_crossentropy-logits", column, bits, None),
    ]


def make():
    cases = []
    for kind, (_, _, predictions, targets) in KINDS.items():
        for shape in SHAPES:
            if predictions == "rows" and shape[1] == 1:
                continue  # A single class has probability 1 after Keras' division, where it clips.
            for weighted in (False, True):
                name = f"{kind}-{shape[0]}x{shape[1]}" + ("-weighted" if weighted else "")
                rng = random(name)
                soft = weighted and not kind.startswith(("hinge", "squared_hinge"))
                prediction, target = prediction_of(predictions, rng, shape), target_of(targets, rng, shape, soft)
                weight = rng.uniform(0, 2, shape[0]).round(3) if weighted else None
                if weighted and shape[0] > 1:
                    weight[1] = 0.0
                cases.append(case_of(name, kind, prediction, target, weight))
    write("losses.json", "losses.py",
          ["value: sum of sample_weight * per_sample over the batch, divided by the number of samples (not by the sum of weights).",
           "per_sample: without weights. gradient: of value, by prediction. Arrays are flat, row by row; a sparse target has one label for each sample.",
           "Weighted cases of the cross-entropies have soft targets, the others hard ones. Hinge labels 0 and 1 count as -1 and 1 if the whole batch is 0 or 1."],
          cases + extreme())


if __name__ == "__main__":
    make()

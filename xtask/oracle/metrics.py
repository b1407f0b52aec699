"""testdata/metrics.json: results of the metrics of Keras 3.15.1, in float64, after each of three uneven batches.

The cases named *-ties hold equal largest scores, or probabilities of exactly one half.
"""

from reference import keras, np, numbers, random, write

METRICS = keras.metrics
BATCHES = (5, 5, 3)
CLASSES = 11
# name: Keras' class, settings
KINDS = {
    "sparse_categorical_accuracy": (METRICS.SparseCategoricalAccuracy, {}),
    "categorical_accuracy": (METRICS.CategoricalAccuracy, {}),
    "binary_accuracy": (METRICS.BinaryAccuracy, {"threshold": 0.5}),
    "binary_accuracy-.3": (METRICS.BinaryAccuracy, {"threshold": 0.3}),
    "sparse_top_k_categorical_accuracy-3": (METRICS.SparseTopKCategoricalAccuracy, {"k": 3}),
    "sparse_top_k_categorical_accuracy-5": (METRICS.SparseTopKCategoricalAccuracy, {"k": 5}),
    "mean_squared_error": (METRICS.MeanSquaredError, {}),
}


def batch_of(kind, rng, size, ties):
    if kind.startswith("binary"):
        shape = (size, 4)
        target = rng.integers(0, 2, shape).astype(float)
        prediction = rng.choice([0.25, 0.5, 0.75], shape) if ties else rng.uniform(0, 1, shape).round(3)
    elif kind.startswith("mean"):
        shape = (size, 4)
        target, prediction = rng.normal(0, 1, shape).round(3), rng.normal(0, 1, shape).round(3)
    else:
        shape = (size, CLASSES)
        labels = rng.integers(0, CLASSES, size)
        # Scores lean to the label, else chance alone would answer.
        scores = rng.normal(0, 1, shape) + 1.2 * np.eye(CLASSES)[labels]
        prediction = scores.round(0 if ties else 3) + 0.0
        target = np.eye(CLASSES)[labels] if kind.startswith("categorical") else labels
    return target, prediction


def case_of(kind, weighted, ties):
    build, settings = KINDS[kind]
    name = kind + ("-weighted" if weighted else "") + ("-ties" if ties else "")
    rng, metric, batches = random(name), build(**settings), []
    for size in BATCHES:
        target, prediction = batch_of(kind, rng, size, ties)
        weight = rng.uniform(0, 2, size).round(3) if weighted else None
        metric.update_state(target, prediction, sample_weight=weight)
        batches.append({
            "shape": list(prediction.shape),
            "target": numbers(target),
            "prediction": numbers(prediction),
            "sample_weight": None if weight is None else numbers(weight),
            "result": float(metric.result()),
        })
    return {"name": name, "metric": kind.split("-")[0], "settings": settings, "batches": batches}


def make():
    cases = [case_of(kind, weighted, ties) for kind in KINDS
             for weighted in (False, True) for ties in (False, True) if not (ties and kind.startswith("mean"))]
    write("metrics.json", "metrics.py",
          ["result: over all batches so far, weighted by sample and divided by the sum of the weights.",
           "Ties: the first of equal scores is the largest; in the top k, a label counts if fewer than k scores are greater than its own; one half is not above the threshold one half."],
          cases)


if __name__ == "__main__":
    make()

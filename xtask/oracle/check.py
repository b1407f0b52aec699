"""A second opinion on the files in testdata/: prints the largest difference of each, fails above its bound.

Update rules are repeated in NumPy, activations in 40 digits with mpmath; losses and the training of
small networks by Keras' TensorFlow backend, whose float64 needs no help (see reference.py), with TensorFlow's own
derivatives; metrics and the curves on the digits in NumPy. Needs SCHUSS_DATA_DIR like make.py.
"""

import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import mpmath as mp
import numpy as np
import tensorflow as tf

keras.config.set_floatx("float64")
mp.mp.dps = 40
TESTDATA = pathlib.Path(__file__).resolve().parents[2] / "testdata"


def cases(path):
    return json.loads((TESTDATA / path).read_text())["cases"]


def difference(a, b):
    """Relative for large numbers, absolute for small ones."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    assert a.shape == b.shape and np.isfinite(a).all() and np.isfinite(b).all()
    return float((np.abs(a - b) / np.maximum(1, np.abs(b))).max()) if a.size else 0.0


def report(name, differences, bound):
    worst = max(differences)
    print(f"{name}: {worst:.1e} (bound {bound:.0e})")
    assert worst <= bound, name


# ---- update rules: state is a dictionary, t counts from 1, the answer is what to subtract

def sgd(g, t, state, learning_rate, momentum, nesterov):
    if momentum == 0:
        return learning_rate * g
    v = state["v"] = momentum * state.get("v", 0) - learning_rate * g
    return learning_rate * g - momentum * v if nesterov else -v


def adagrad(g, t, state, learning_rate, initial_accumulator_value, epsilon):
    a = state["a"] = state.get("a", initial_accumulator_value) + g**2
    return learning_rate * g / np.sqrt(a + epsilon)


def rmsprop(g, t, state, learning_rate, rho, momentum, epsilon, centered):
    v = state["v"] = rho * state.get("v", 0) + (1 - rho) * g**2
    a = state["a"] = rho * state.get("a", 0) + (1 - rho) * g
    m = state["m"] = momentum * state.get("m", 0) + learning_rate * g / np.sqrt(v - (a**2 if centered else 0) + epsilon)
    return m


def adadelta(g, t, state, learning_rate, rho, epsilon):
    a = state["a"] = rho * state.get("a", 0) + (1 - rho) * g**2
    step = np.sqrt(state.get("d", 0) + epsilon) / np.sqrt(a + epsilon) * g
    state["d"] = rho * state.get("d", 0) + (1 - rho) * step**2
    return learning_rate * step


def adam(g, t, state, learning_rate, beta_1, beta_2, epsilon, amsgrad):
    m = state["m"] = beta_1 * state.get("m", 0) + (1 - beta_1) * g
    v = state["v"] = beta_2 * state.get("v", 0) + (1 - beta_2) * g**2
    if amsgrad:
        v = state["largest"] = np.maximum(state.get("largest", 0), v)
    return learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (np.sqrt(v) + epsilon)


def nadam(g, t, state, learning_rate, beta_1, beta_2, epsilon):
    now, then = (beta_1 * (1 - 0.5 * 0.96**k) for k in (t, t + 1))
    product = state["product"] = state.get("product", 1) * now
    m = state["m"] = beta_1 * state.get("m", 0) + (1 - beta_1) * g
    v = state["v"] = beta_2 * state.get("v", 0) + (1 - beta_2) * g**2
    m = then * m / (1 - product * then) + (1 - now) * g / (1 - product)
    return learning_rate * m / (np.sqrt(v / (1 - beta_2**t)) + epsilon)


RULES = {"sgd": sgd, "momentum": sgd, "nag": sgd, "adagrad": adagrad, "rmsprop": rmsprop, "adadelta": adadelta,
         "adam": adam, "nadam": nadam}


def check_optimizers():
    for path in sorted((TESTDATA / "optimizers").glob("*.json")):
        differences = []
        for case in cases(path):
            for i, theta in enumerate(map(np.array, case["start"])):
                state = {}
                for t, (gradients, expected) in enumerate(zip(case["gradients"], case["theta"]), 1):
                    theta = theta - RULES[case["rule"]](np.array(gradients[i]), t, state, **case["settings"])
                    differences.append(difference(theta, expected[i]))
        report(path.name, differences, 1e-12)


# ---- activations

def scale(x, alpha):
    return x if x > 0 else alpha * mp.expm1(x)


SELU = mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717")
ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, mp.mpf(0)),
    "relu6": lambda x: min(max(x, mp.mpf(0)), mp.mpf(6)),
    "leaky_relu": lambda x, negative_slope: x if x > 0 else x * mp.mpf(negative_slope),
    "elu": lambda x, alpha: scale(x, mp.mpf(alpha)),
    "selu": lambda x: SELU[0] * scale(x, SELU[1]),
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "tanh": mp.tanh,
    "gelu": lambda x, approximate: x / 2 * (1 + (mp.tanh(mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3))
                                                 if approximate else mp.erf(x / mp.sqrt(2)))),
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "exponential": mp.exp,
    "hard_sigmoid": lambda x: min(max(x / 6 + mp.mpf("0.5"), mp.mpf(0)), mp.mpf(1)),
    "mish": lambda x: x * mp.tanh(mp.log1p(mp.exp(x))),
}


def softmax(row):
    powers = [mp.exp(x - max(row)) for x in row]
    return [p / mp.fsum(powers) for p in powers]


def check_activations():
    values, gradients = [], []
    for case in cases("activations.json"):
        if case["activation"] == "softmax":
            rows = [np.reshape(case[key], case["shape"]) for key in ("input", "cotangent", "value", "gradient")]
            for x, c, value, gradient in zip(*rows):
                y = softmax([mp.mpf(float(z)) for z in x])
                inner = mp.fsum(a * float(b) for a, b in zip(y, c))
                values.append(difference(value, y))
                gradients.append(difference(gradient, [a * (float(b) - inner) for a, b in zip(y, c)]))
            continue
        function = lambda x: ACTIVATIONS[case["activation"]](x, **case["settings"])
        for x, c, value, gradient in zip(case["input"], case["cotangent"], case["value"], case["gradient"]):
            values.append(difference(value, function(mp.mpf(x))))
            if not case["name"].endswith("-kink"):
                # Steps of 1e-32 stay on one side of a kink 1e-30 away; hence the extra digits.
                with mp.workdps(120):
                    h = mp.mpf("1e-32")
                    slope = (function(mp.mpf(x) + h) - function(mp.mpf(x) - h)) / (2 * h)
                gradients.append(difference(gradient, c * slope))
    report("activations.json, values", values, 1e-14)
    report("activations.json, gradients", gradients, 1e-14)


# ---- losses, metrics, training

def loss_of(name, settings):
    # `get` finds every loss by its snake-case name, as a class.
    return keras.losses.get({"class_name": "".join(map(str.capitalize, name.split("_"))), "config": settings})


def check_losses():
    values, gradients = [], []
    for case in cases("losses.json"):
        settings = case["settings"] | ({"from_logits": case["from_logits"]} if "crossentropy" in case["loss"] else {})
        prediction = tf.constant(np.reshape(case["prediction"], case["shape"]))
        sparse = case["loss"].startswith("sparse")
        target = np.reshape(case["target"], case["shape"][:1] if sparse else case["shape"])
        weight = None if case["sample_weight"] is None else np.array(case["sample_weight"])
        with tf.GradientTape() as tape:
            tape.watch(prediction)
            value = loss_of(case["loss"], settings)(target, prediction, sample_weight=weight)
        per_sample = loss_of(case["loss"], settings | {"reduction": None})(target, prediction)
        values += [difference(case["value"], value), difference(case["per_sample"], per_sample)]
        gradients.append(difference(case["gradient"], np.ravel(tape.gradient(value, prediction))))
    report("losses.json, values", values, 1e-12)
    report("losses.json, gradients", gradients, 1e-12)


def scores(name, target, prediction, k=None, threshold=None):
    """One number for each sample."""
    if name == "mean_squared_error":
        return ((prediction - target) ** 2).mean(1)
    if name == "binary_accuracy":
        return ((prediction > threshold) == target).mean(1)
    label = target.argmax(1) if name == "categorical_accuracy" else target
    if k is None:
        return prediction.argmax(1) == label
    return (prediction > prediction[range(len(label)), label][:, None]).sum(1) < k


def check_metrics():
    """In NumPy: on TensorFlow, Keras' top-k accuracy refuses float64."""
    differences = []
    for case in cases("metrics.json"):
        total = count = 0
        for batch in case["batches"]:
            target = np.array(batch["target"])
            if not case["metric"].startswith("sparse"):
                target = target.reshape(batch["shape"])
            score = scores(case["metric"], target, np.reshape(batch["prediction"], batch["shape"]), **case["settings"])
            weight = np.ones(len(score)) if batch["sample_weight"] is None else np.array(batch["sample_weight"])
            total, count = total + (weight * score).sum(), count + weight.sum()
            differences.append(difference(batch["result"], total / count))
    report("metrics.json", differences, 1e-12)


def check_training():
    """The network in TensorFlow, the update rules in NumPy."""
    differences = []
    for case in cases("training/dense.json"):
        loss = loss_of(case["loss"], case["loss_settings"])
        inputs = np.reshape(case["input"], case["input_shape"])
        target = np.array(case["target"])
        if "sparse" not in case["loss"]:
            target = target.reshape(len(inputs), -1)
        weight = None if case["sample_weight"] is None else np.array(case["sample_weight"])

        def value_and_gradients(parameters):
            parameters = [tf.constant(p) for p in parameters]
            with tf.GradientTape() as tape:
                tape.watch(parameters)
                x = tf.constant(inputs)
                for kernel, bias, layer in zip(parameters[::2], parameters[1::2], case["layers"]):
                    x = keras.activations.get(layer["activation"])(x @ kernel + bias)
                value = loss(target, x, sample_weight=weight)
                value += case["kernel_l2"] * sum(tf.reduce_sum(kernel**2) for kernel in parameters[::2])
            return float(value), [g.numpy() for g in tape.gradient(value, parameters)]

        start = [np.reshape(w, shape) for w, shape in zip(case["start"], case["shapes"])]
        value, gradients = value_and_gradients(start)
        differences.append(difference(case["loss_at_start"], value))
        differences += [difference(a, b.ravel()) for a, b in zip(case["gradients_at_start"], gradients)]
        for run in case["runs"]:
            parameters, states = list(start), [{} for _ in start]
            for t, (expected_loss, expected) in enumerate(zip(run["losses"], run["weights"]), 1):
                _, gradients = value_and_gradients(parameters)
                parameters = [p - RULES[run["rule"]](g, t, state, **run["settings"])
                              for p, g, state in zip(parameters, gradients, states)]
                differences.append(difference(expected_loss, value_and_gradients(parameters)[0]))
                differences += [difference(a, b.ravel()) for a, b in zip(expected, parameters)]
    report("training/dense.json", differences, 1e-11)


def check_digits():
    """Forward, backward and updates in NumPy: nothing of Keras at all."""
    table = np.loadtxt(pathlib.Path(os.environ["SCHUSS_DATA_DIR"]) / "digits" / "digits.csv.gz", delimiter=",", skiprows=1)
    pixels, digits = table[:, :64] / 16, table[:, 64].astype(int)
    file = cases("training/digits_curves.json")
    shapes = [(64, 32), 32, (32, 10), 10]
    differences = []
    for case in file:
        parameters, states, t = [np.reshape(w, s) for w, s in zip(file[0]["start"], shapes)], [{} for _ in shapes], 0
        rule = RULES.get(case["name"], sgd)

        def forward(x, y):
            w, b, u, c = parameters
            hidden = np.maximum(x @ w + b, 0)
            logits = hidden @ u + c
            powers = np.exp(logits - logits.max(1, keepdims=True))
            probabilities = powers / powers.sum(1, keepdims=True)
            return hidden, probabilities, -np.log(probabilities[range(len(y)), y])

        for expected in case["epoch_losses"]:
            total = 0
            for i in range(0, 1437, case["batch_size"]):
                x, y = (a[:1437][i:i + case["batch_size"]] for a in (pixels, digits))
                hidden, p, losses = forward(x, y)
                total, t = total + losses.sum(), t + 1
                d = (p - np.eye(10)[y]) / len(y)
                back = (d @ parameters[2].T) * (hidden > 0)
                gradients = [x.T @ back, back.sum(0), hidden.T @ d, d.sum(0)]
                parameters = [q - rule(g, t, state, **case["settings"]) for q, g, state in zip(parameters, gradients, states)]
            differences.append(difference(expected, total / 1437))
        _, p, losses = forward(pixels[1437:], digits[1437:])
        differences += [difference(case["test_loss"], losses.mean()),
                        difference(case["test_accuracy"], (p.argmax(1) == digits[1437:]).mean())]
    report("training/digits_curves.json", differences, 1e-11)


check_optimizers()
check_activations()
check_losses()
check_metrics()
check_training()
check_digits()

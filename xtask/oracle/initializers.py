"""testdata/initializers.json: the distribution that each initializer of Keras 3.15.1 draws from.

Written down are the arguments that Keras passes to its random functions, caught on the way, not samples.
"""

from unittest import mock

from keras.src.initializers import random_initializers
from reference import keras, np, write

SHAPES = [[784, 512], [3, 5], [3, 3, 16, 32]]
RANDOM = ["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal"]
# Keras widens a truncated normal by this, so that what is left has the standard deviation asked for.
TRUNCATION = 0.87962566103423978


# Settings to probe: every one matters.
PROBES = [("random_normal", {}), ("random_normal", {"mean": 0.25, "stddev": 0.5}),
          ("truncated_normal", {}), ("truncated_normal", {"mean": -0.5, "stddev": 0.125}),
          ("random_uniform", {}), ("random_uniform", {"minval": 0.125, "maxval": 0.5}),
          ("variance_scaling", {})] + [
    ("variance_scaling", {"scale": 2.5, "mode": mode, "distribution": distribution})
    for mode in ("fan_in", "fan_out", "fan_avg")
    for distribution in ("truncated_normal", "untruncated_normal", "uniform")]


def probe_of(name, settings, shape):
    """The same for an initializer with settings; numbers lie around a mean."""
    caught = {}

    def draw(distribution):
        return lambda shape, **arguments: caught.update(arguments, distribution=distribution)

    words = "".join(word.capitalize() for word in name.split("_"))
    with mock.patch.multiple(random_initializers.random, uniform=draw("uniform"), normal=draw("normal"),
                             truncated_normal=draw("truncated_normal")):
        getattr(keras.initializers, words)(**settings)(shape)
    label = ",".join(f"{key}={value}" for key, value in settings.items())
    case = {"name": f"{name}({label})-{'x'.join(map(str, shape))}", "initializer": name, "settings": settings,
            "shape": shape, "distribution": caught["distribution"]}
    if caught["distribution"] == "uniform":
        low, high = caught["minval"], caught["maxval"]
        return case | {"mean": (low + high) / 2, "limit": (high - low) / 2}
    if caught["distribution"] == "normal":
        return case | {"mean": caught["mean"], "stddev": caught["stddev"]}
    return case | {"mean": caught["mean"], "stddev": caught["stddev"] * TRUNCATION, "limit": 2 * caught["stddev"]}


def orthogonal_of(gain, shape):
    """What every draw has: columns (rows, where there are fewer) of length gain at right angles."""
    w = np.asarray(keras.initializers.Orthogonal(gain, seed=1)(shape)).reshape(-1, shape[-1])
    product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    assert np.abs(product - gain**2 * np.eye(len(product))).max() < 1e-12
    return {"name": f"orthogonal({gain})-{'x'.join(map(str, shape))}", "initializer": "orthogonal",
            "settings": {"gain": gain}, "shape": shape, "distribution": "orthogonal", "gain": gain}


def case_of(name, shape):
    """The arguments of the one random draw that the initializer makes."""
    caught = {}

    def draw(distribution):
        return lambda shape, **arguments: caught.update(arguments, distribution=distribution)

    with mock.patch.multiple(random_initializers.random,
                             uniform=draw("uniform"), truncated_normal=draw("truncated_normal")):
        keras.initializers.get(name)(shape)
    fan_in, fan_out = random_initializers.compute_fans(shape)
    case = {"name": f"{name}-{'x'.join(map(str, shape))}", "initializer": name, "shape": shape,
            "fan_in": fan_in, "fan_out": fan_out, "distribution": caught["distribution"]}
    if caught["distribution"] == "uniform":
        assert caught["minval"] == -caught["maxval"]
        return case | {"limit": caught["maxval"]}
    return case | {"stddev": caught["stddev"] * TRUNCATION, "stddev_before_truncation": caught["stddev"],
                   "limit": 2 * caught["stddev"]}


def make():
    cases = [{"name": f"{name}-{'x'.join(map(str, shape))}", "initializer": name, "shape": shape,
              "distribution": "constant", "value": value}
             for name, value in (("zeros", 0.0), ("ones", 1.0)) for shape in SHAPES]
    cases += [case_of(name, shape) for name in RANDOM for shape in SHAPES]
    cases += [probe_of(name, settings, shape) for name, settings in PROBES for shape in SHAPES[::2]]
    cases += [orthogonal_of(gain, shape) for gain in (1.0, 1.5) for shape in ([64, 48], [5, 7], [3, 3, 4, 8], [2, 2, 16])]
    write("initializers.json", "initializers.py",
          ["uniform: in [-limit, limit). truncated_normal: mean 0, drawn with stddev_before_truncation = stddev / .87962566103423978 "
           "and cut at two of these (limit), which leaves the standard deviation stddev. With a mean, limits and deviations are "
           "around it. orthogonal: columns, or rows where they are fewer, of length gain at right angles."], cases)


if __name__ == "__main__":
    make()

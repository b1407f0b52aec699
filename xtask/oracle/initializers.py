"""testdata/initializers.json: the distribution that each initializer of Keras 3.15.1 draws from.

Written down are the arguments that Keras passes to its random functions, caught on the way, not samples.
"""

from unittest import mock

from keras.src.initializers import random_initializers
from reference import keras, write

SHAPES = [[784, 512], [3, 5], [3, 3, 16, 32]]
RANDOM = ["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal"]
# Keras widens a truncated normal by this, so that what is left has the standard deviation asked for.
TRUNCATION = 0.87962566103423978


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
    write("initializers.json", "initializers.py",
          ["uniform: in [-limit, limit). truncated_normal: mean 0, drawn with stddev_before_truncation = stddev / .87962566103423978 "
           "and cut at two of these (limit), which leaves the standard deviation stddev."], cases)


if __name__ == "__main__":
    make()

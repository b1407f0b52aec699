"""What every script here shares: Keras 3.15.1 on JAX 0.10.2, really in float64, and one way to write a file.

`set_floatx("float64")` with `jax_enable_x64` is not enough. On every backend but TensorFlow, Keras' type
promotion turns float64 into float32, so `tanh` answers in float32, and `mean` computes in float32 and answers
in float64, which hides it: each loss would be right to 8 digits only. The line that changes the promotion
table undoes that. With it, no hyper-parameter is rounded: learning rates are float64 variables, and the others
stay Python floats (check.py repeats every update rule in NumPy and finds the same numbers).
"""

import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"

import jax
import jax.numpy as jnp
import keras
import numpy as np
from keras.src.backend.common import dtypes

keras.config.set_floatx("float64")
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"

TESTDATA = pathlib.Path(__file__).resolve().parents[2] / "testdata"


def check_float64():
    """Fails if Keras would still round anything to float32."""
    third = jnp.array([1 / 3, 0.0])
    assert keras.ops.tanh(third).dtype == "float64"
    assert float(keras.ops.mean(third)) == 1 / 6
    assert float(keras.optimizers.SGD(0.1).learning_rate.value) == 0.1
    assert float(keras.ops.cast(0.1, "float64")) == 0.1
    assert float(keras.Variable(0.1).value) == 0.1


def numbers(array):
    """The array as a flat list, row by row."""
    array = np.asarray(array)
    assert array.dtype in (np.float64, np.int64), array.dtype
    return array.ravel().tolist()


def random(name):
    """A generator that depends on the name alone, so a new case changes no other one."""
    return np.random.default_rng(list(name.encode()))


def write(path, maker, notes, cases, library=None):
    """Writes one reference file. Python prints the shortest decimal that reads back as the same float64."""
    names = [case["name"] for case in cases]
    assert len(set(names)) == len(names), "case names must be unique"
    file = {
        "made_by": f"xtask/oracle/{maker}",
        "library": library[0] if library else "Keras",
        "version": library[1] if library else keras.__version__,
        "backend": "float64" if library else f"jax {jax.__version__}, float64",
        "notes": notes,
        "cases": cases,
    }
    target = TESTDATA / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(pretty(file) + "\n")
    print(f"{path}: {len(cases)} cases, {target.stat().st_size // 1024} kB")


def pretty(value, indent=""):
    """JSON with one line for a field, and one for each step of a longer history."""
    inner = indent + " "
    if isinstance(value, dict) and depth(value) > 1:
        lines = [f"{inner}{json.dumps(key)}: {pretty(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and depth(value) > 2:
        return "[\n" + ",\n".join(inner + pretty(item, inner) for item in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)


def depth(value):
    """How many lists and objects lie inside one another; an object in a list always counts as many."""
    if isinstance(value, dict):
        return 1 + max((depth(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(item) + (isinstance(item, dict)) for item in value), default=0)
    return 0

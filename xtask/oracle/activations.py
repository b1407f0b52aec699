"""testdata/activations.json: value of each activation of Keras 3.15.1 and its vector-Jacobian product, in float64.

Points where a derivative jumps have cases of their own, named *-kink: there the gradient is JAX's convention
and not mathematics, so a test may leave them out.
"""

from reference import jax, jnp, keras, numbers, random, write

HALF = [1e-30, 1e-6, 0.3, 0.5, 1.0, 2.5, 4.0, 20.0, 100.0]
INPUTS = [-x for x in reversed(HALF)] + [0.0] + HALF
# name: settings, points where the derivative jumps
KINDS = {
    "linear": ({}, []),
    "relu": ({}, [0.0]),
    "sigmoid": ({}, []),
    "tanh": ({}, []),
    "leaky_relu": ({"negative_slope": 0.2}, [0.0]),
    "elu": ({"alpha": 1.0}, []),
    "elu-.7": ({"alpha": 0.7}, [0.0]),
    "selu": ({}, [0.0]),
    "gelu": ({"approximate": False}, []),
    "gelu-approximate": ({"approximate": True}, []),
    "silu": ({}, []),
    "softplus": ({}, []),
    "softsign": ({}, []),
    "exponential": ({}, []),
    "relu6": ({}, [0.0, 6.0]),
    "hard_sigmoid": ({}, [-3.0, 3.0]),
    "mish": ({}, []),
}
ROWS = {
    "1x1": [[0.7]],
    "3x17": random("softmax").normal(0, 2, (3, 17)).round(3).tolist(),
    "far": [[-100.0, 20.0, 1.0, 0.0, 1e-30], [100.0, -100.0, 100.0, 0.0, 20.0], [1e4, -1e4, 0.0, 9999.0, 1e4], [1.0, 1.0, 1.0, 1.0, 1.0]],
}


def case_of(name, activation, settings, inputs):
    inputs = jnp.array(inputs)
    function = getattr(keras.activations, activation)
    value, pull_back = jax.vjp(lambda x: function(x, **settings), inputs)
    cotangent = random(name).normal(0, 1, inputs.shape).round(3)
    return {
        "name": name,
        "activation": activation,
        "settings": settings,
        "shape": list(inputs.shape),
        "input": numbers(inputs),
        "value": numbers(value),
        "cotangent": numbers(cotangent),
        "gradient": numbers(pull_back(jnp.array(cotangent))[0]),
    }


def make():
    cases = []
    for name, (settings, kinks) in KINDS.items():
        activation = name.split("-")[0]
        cases.append(case_of(name, activation, settings, [x for x in INPUTS if x not in kinks]))
        if kinks:
            cases.append(case_of(f"{name}-kink", activation, settings, kinks))
    cases += [case_of(f"softmax-{name}", "softmax", {}, rows) for name, rows in ROWS.items()]
    write("activations.json", "activations.py",
          ["gradient: the cotangent pulled back, so cotangent * derivative where the function is element-wise. Softmax goes over the last axis.",
           "Right to about 1e-15 of the largest term that the formula adds, so a saturated value needs an absolute tolerance, not a relative one."],
          cases)


if __name__ == "__main__":
    make()

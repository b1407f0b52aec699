"""testdata/optimizers/whole_muon_airbench.json: Muon as the record for CIFAR-10 has it, for kernels of convolutions, too.

The rule stands in a script (K. Jordan, cifar10-airbench, airbench94_muon.py) and in no package; here it is written from
its equations, in float64 and in that script's layout (outputs first). Of the parameters that it leaves to others, those of
rank 1 walk by Keras' Adam.
"""

from optimizers_more import case
from reference import keras, np, write

DRAW = np.random.default_rng(14)
SHAPES = [[3], [3, 4], [4, 2], [2, 2, 3, 5], [2, 1, 7]]
START = [DRAW.normal(size=np.prod(shape)).round(3).tolist() for shape in SHAPES]
SCALES = [1.0, 1.0, 0.1, 1e-20, 1.0, 30.0, 1.0, 1e-3]
SERIES = [[(scale * DRAW.normal(size=np.prod(shape)).round(3)).tolist() for shape in SHAPES] for scale in SCALES]
SERIES[1][3][:8] = [0.0] * 8
MUON = {"learning_rate": 0.24, "momentum": 0.6, "nesterov": True, "ns_steps": 3, "muon_a": 3.4445, "muon_b": -4.775,
        "muon_c": 2.0315, "adam_lr_ratio": 1.0, "adam_beta_1": 0.9, "adam_beta_2": 0.999, "epsilon": 1e-7}
PROBE = MUON | {"learning_rate": 0.07, "momentum": 0.85, "muon_a": 3.0, "muon_b": -4.0, "muon_c": 1.9,
                "adam_lr_ratio": 0.3, "adam_beta_1": 0.8, "adam_beta_2": 0.95, "epsilon": 1e-3}


def orthogonalised(g, s):
    """Of a matrix with a row for each output."""
    x = g / (np.sqrt((g * g).sum()) + 1e-7)
    turned = len(x) > x.shape[1]
    x = x.T if turned else x
    for _ in range(s["ns_steps"]):
        square = x @ x.T
        x = s["muon_a"] * x + (s["muon_b"] * square + s["muon_c"] * (square @ square)) @ x
    return x.T if turned else x


def walk_matrix(start, gradients, s):
    theta, buffer, history = np.moveaxis(start, -1, 0), 0.0, []
    for g in gradients:
        g = np.moveaxis(g, -1, 0)
        theta = theta * (1 - s.get("weight_decay", 0.0) * s["learning_rate"])
        buffer = s["momentum"] * buffer + g
        ahead = g + s["momentum"] * buffer if s["nesterov"] else buffer
        length = np.sqrt((theta * theta).sum())
        update = orthogonalised(ahead.reshape(len(ahead), -1), s).reshape(ahead.shape)
        theta = theta * np.sqrt(len(theta)) / length - s["learning_rate"] * update
        history.append(np.moveaxis(theta, 0, -1).flatten().tolist())
    return history


def walk(s):
    each = []
    for i, shape in enumerate(SHAPES):
        gradients = [np.array(step[i]).reshape(shape) for step in SERIES]
        if len(shape) > 1:
            each.append(walk_matrix(np.array(START[i]).reshape(shape), gradients, s))
            continue
        adam = keras.optimizers.AdamW(s["learning_rate"] * s["adam_lr_ratio"], beta_1=s["adam_beta_1"],
                                      beta_2=s["adam_beta_2"], epsilon=s["epsilon"],
                                      weight_decay=s.get("weight_decay", 0.0) / s["adam_lr_ratio"])
        variable = keras.Variable(START[i])
        steps = []
        for g in gradients:
            adam.apply([g], [variable])
            steps.append(keras.ops.convert_to_numpy(variable).tolist())
        each.append(steps)
    return [list(step) for step in zip(*each)]


def make():
    made = []
    for variant, change in {"plain": {}, "other": {"nesterov": False, "ns_steps": 4, "weight_decay": 0.1}}.items():
        for setting, base in (("default", MUON), ("probe", PROBE)):
            settings = base | change
            made.append(case(f"{variant}-{setting}", "muon:airbench", settings, SERIES, walk(settings)) |
                        {"shapes": SHAPES, "start": START})
    write("optimizers/whole_muon_airbench.json", "optimizers_airbench.py",
          ["theta is after the step: [step][tensor][element]."], made, ("airbench94_muon's rule in numpy", np.__version__))


if __name__ == "__main__":
    make()

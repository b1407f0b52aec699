"""testdata/optimizers/whole_*.json: rules on whole arrays, in float64, by Keras, PyTorch and Optax themselves.

Three tensors: 3, 3 x 4 (wide) and 4 x 2 (tall); 12 steps drawn once, with zeros, a step of 1e-20 and one of 1e3.
"""

import optimizers
import optimizers_more
from optimizers_more import LIBRARIES, case
from reference import jnp, keras, np, random, write

import optax
import torch

SHAPES = [[3], [3, 4], [4, 2]]
DRAW = random("whole")
START = [DRAW.normal(size=np.prod(shape)).round(3).tolist() for shape in SHAPES]
SCALES = [1, 1, 0.1, 1e-20, 1, 2, 0, 1, 1e3, 1, 0.5, 1]
SERIES = [[(scale * DRAW.normal(size=np.prod(shape)).round(3)).tolist() for shape in SHAPES] for scale in SCALES]
SERIES[1][1][:4] = [0.0] * 4
START[0][1] = 0.0

for module in (optimizers, optimizers_more):
    module.SHAPES, module.START = SHAPES, START

ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
FACTOR = {"learning_rate": 0.001, "beta_2_decay": -0.8, "epsilon_1": 1e-30, "epsilon_2": 1e-3, "clip_threshold": 1.0}
FACTOR_PROBE = {"learning_rate": 0.3, "beta_2_decay": -0.6, "epsilon_1": 1e-3, "epsilon_2": 0.7, "clip_threshold": 0.6}
MUON = {"learning_rate": 0.001, "momentum": 0.95, "nesterov": True, "ns_steps": 5, "muon_a": 3.4445, "muon_b": -4.775,
        "muon_c": 2.0315, "rms_rate": 0.2, "adam_lr_ratio": 1.0, "adam_beta_1": 0.9, "adam_beta_2": 0.999,
        "epsilon": 1e-7, "weight_decay": 0.004}
MUON_PROBE = {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True, "ns_steps": 5, "muon_a": 3.0, "muon_b": -4.0,
              "muon_c": 1.9, "rms_rate": 0.3, "adam_lr_ratio": 0.7, "adam_beta_1": 0.8, "adam_beta_2": 0.95,
              "epsilon": 1e-3, "weight_decay": 0.03}
KERAS = {
    "lamb": (keras.optimizers.Lamb, {"learning_rate": 0.001} | ADAM,
             {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3},
             {"plain": {}, "decay": {"weight_decay": 0.1}}),
    "adafactor": (keras.optimizers.Adafactor, FACTOR, FACTOR_PROBE, {"plain": {}, "decay": {"weight_decay": 0.1}}),
    "muon": (lambda **s: keras.optimizers.Muon(**s, adam_weight_decay=s["weight_decay"]), MUON, MUON_PROBE,
             {"plain": {}, "other": {"nesterov": False, "ns_steps": 3}}),
}


def torch_words(s):
    return {"lr": s["learning_rate"], "beta2_decay": s["beta_2_decay"], "eps": (s["epsilon_1"], s["epsilon_2"]),
            "d": s["clip_threshold"]}


EPSILON = float(torch.finfo(torch.float32).eps)
TORCH = {
    "adafactor:torch": (torch.optim.Adafactor, torch_words, FACTOR | {"learning_rate": 0.01, "epsilon_1": EPSILON},
                        FACTOR_PROBE | {"clip_threshold": 1.3}, {"plain": {}, "floor": {"epsilon_1": 0.5}}),
}
OPTAX = {
    "lars": (lambda s: optax.lars(s["learning_rate"], weight_decay=s.get("weight_decay", 0.0),
                                  trust_coefficient=s["trust_coefficient"], momentum=s["momentum"]),
             {"learning_rate": 0.1, "momentum": 0.9, "trust_coefficient": 0.001, "decay": "l2"},
             {"learning_rate": 0.5, "momentum": 0.8, "trust_coefficient": 0.2, "decay": "l2"},
             {"plain": {}, "decay": {"weight_decay": 0.1}}),
}


def keep(library, rule, defaults, probe, variants, walk):
    made = []
    for variant, change in variants.items():
        for setting, base in (("default", defaults), ("probe", probe)):
            settings = base | change
            made.append(case(f"{variant}-{setting}", rule, settings, SERIES, walk(settings)) |
                        {"shapes": SHAPES, "start": START})
    write(f"optimizers/whole_{rule.replace(':', '_')}.json", "optimizers_whole.py",
          ["theta is after the step: [step][tensor][element]."], made, LIBRARIES.get(library))


def make():
    for rule, (build, defaults, probe, variants) in KERAS.items():
        config = build(**defaults).get_config() if rule == "muon" else build().get_config()
        assert all(np.isclose(config[key], value, rtol=1e-15) for key, value in defaults.items()), rule
        keep("keras", rule, defaults, probe, variants, lambda s: optimizers.run(build(**s), SERIES))
    own = keras.optimizers.Muon().get_config()
    for key, value in MUON.items():
        assert own[key] == value, (key, own[key])
    for rule, (build, words, defaults, probe, variants) in TORCH.items():
        keep("torch", rule, defaults, probe, variants,
             lambda s: optimizers_more.walk_torch(build, words, s, SERIES)[0])
    for rule, (build, defaults, probe, variants) in OPTAX.items():
        keep("optax", rule, defaults, probe, variants, lambda s: optimizers_more.walk_optax(build(s), SERIES))


if __name__ == "__main__":
    make()

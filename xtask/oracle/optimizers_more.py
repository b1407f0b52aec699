"""testdata/optimizers/{keras,torch,optax}_*.json: trajectories of further rules and dialects, in float64.

Keras 3.15.1 (JAX backend), PyTorch 2.15.0 and Optax 0.2.8 themselves walk over the series of optimizers.py. Settings
are in schuss' words. PyTorch's default type is float64, so that NAdam's `mu_product` is not rounded to 32 bits.
"""

import inspect

from optimizers import HUGE, ORDINARY, SHAPES, START, run
from reference import jnp, keras, np, numbers, write

import optax
import torch

torch.set_default_dtype(torch.float64)

LIBRARIES = {"torch": ("PyTorch", torch.__version__.split("+")[0]), "optax": ("Optax", optax.__version__)}

ADAM = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
PROBE = {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}
L2 = {"decay": "l2"}

# name: what makes the library's optimizer from our settings; defaults; probe; variants (changes to both).
KERAS = {
    # The paper's constants, given to Keras' optimizer.
    "adadelta:paper": (keras.optimizers.Adadelta, {"learning_rate": 1.0, "rho": 0.95, "epsilon": 1e-6},
                       {"learning_rate": 0.5, "rho": 0.7, "epsilon": 1e-3}, {"plain": {}}),
    "adamw": (keras.optimizers.AdamW, ADAM | {"epsilon": 1e-7, "amsgrad": False, "weight_decay": 0.004},
              PROBE | {"amsgrad": False, "weight_decay": 0.03}, {"plain": {}, "amsgrad": {"amsgrad": True}}),
    "adamax": (keras.optimizers.Adamax, ADAM | {"epsilon": 1e-7}, PROBE, {"plain": {}}),
    "lion": (keras.optimizers.Lion, {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.99},
             {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95}, {"plain": {}}),
    "ftrl": (keras.optimizers.Ftrl,
             {"learning_rate": 0.001, "learning_rate_power": -0.5, "initial_accumulator_value": 0.1, "l1_regularization_strength": 0.0,
              "l2_regularization_strength": 0.0, "l2_shrinkage_regularization_strength": 0.0, "beta": 0.0},
             {"learning_rate": 0.05, "learning_rate_power": -0.7, "initial_accumulator_value": 0.3, "l1_regularization_strength": 0.0,
              "l2_regularization_strength": 0.0, "l2_shrinkage_regularization_strength": 0.0, "beta": 0.0},
             {"plain": {}, "root": {"learning_rate_power": -0.5}, "still": {"learning_rate_power": 0.0},
              "still-from-nothing": {"learning_rate_power": 0.0, "initial_accumulator_value": 0.0},
              "power-regular": {"learning_rate_power": -0.7, "l1_regularization_strength": 0.2,
                                "l2_regularization_strength": 0.7, "l2_shrinkage_regularization_strength": 0.3, "beta": 0.4},
              "regular": {"learning_rate_power": -0.5, "l1_regularization_strength": 0.2, "l2_regularization_strength": 0.7,
                                       "l2_shrinkage_regularization_strength": 0.3, "beta": 0.4}}),
    "schedule_free_adamw": (keras.optimizers.ScheduleFreeAdamW,
                            ADAM | {"learning_rate": 0.0025, "warmup_steps": 0}, PROBE | {"warmup_steps": 0},
                            {"plain": {}, "warmup": {"warmup_steps": 4}}),
}


def adam_words(s):
    words = {"lr": s["learning_rate"], "betas": (s["beta_1"], s["beta_2"]), "eps": s["epsilon"]}
    words |= {"amsgrad": s["amsgrad"]} if "amsgrad" in s else {}
    words |= {"momentum_decay": s["momentum_decay"]} if "momentum_decay" in s else {}
    return words | {"weight_decay": s.get("weight_decay", 0)}


def renamed(**names):
    def words(s):
        kept = {key: value for key, value in s.items() if key not in ("decay",)}
        return {names.get(key, key): value for key, value in kept.items()} | {"lr": s["learning_rate"]}
    return lambda s: {key: value for key, value in words(s).items() if key != "learning_rate"}


def rprop_words(s):
    return {"lr": s["learning_rate"], "etas": (s["eta_minus"], s["eta_plus"]),
            "step_sizes": (s["step_min"], s["step_max"])}


DECAYED = {"plain": {}, "decay": {"weight_decay": 0.03}}
SGD = {"learning_rate": 0.001, "momentum": 0.0, "dampening": 0.0, "nesterov": False} | L2
RMSPROP = {"learning_rate": 0.01, "rho": 0.99, "momentum": 0.0, "epsilon": 1e-8, "centered": False} | L2
TORCH = {
    "sgd:torch": (torch.optim.SGD, renamed(), SGD, SGD | {"learning_rate": 0.05}, DECAYED | {
        "momentum": {"momentum": 0.8}, "dampening": {"momentum": 0.8, "dampening": 0.3, "weight_decay": 0.02},
        "nesterov": {"momentum": 0.8, "nesterov": True}}),
    "rmsprop:torch": (torch.optim.RMSprop, renamed(rho="alpha", epsilon="eps"), RMSPROP,
                      RMSPROP | {"learning_rate": 0.05, "rho": 0.7, "epsilon": 1e-3}, DECAYED | {
        "momentum": {"momentum": 0.8}, "little-momentum": {"momentum": 0.05}, "centered": {"centered": True},
        "centered-momentum": {"centered": True, "momentum": 0.8}}),
    "adagrad:torch": (torch.optim.Adagrad, renamed(epsilon="eps"),
                      {"learning_rate": 0.01, "lr_decay": 0.0, "initial_accumulator_value": 0.0, "epsilon": 1e-10} | L2,
                      {"learning_rate": 0.05, "lr_decay": 0.0, "initial_accumulator_value": 0.0, "epsilon": 1e-3} | L2,
                      DECAYED | {"more": {"lr_decay": 0.3, "initial_accumulator_value": 0.2}}),
    "adadelta:torch": (torch.optim.Adadelta, renamed(epsilon="eps"),
                       {"learning_rate": 1.0, "rho": 0.9, "epsilon": 1e-6} | L2,
                       {"learning_rate": 0.5, "rho": 0.7, "epsilon": 1e-3} | L2, DECAYED),
    "adam:torch": (torch.optim.Adam, adam_words, ADAM | {"amsgrad": False} | L2, PROBE | {"amsgrad": False} | L2,
                   DECAYED | {"amsgrad": {"amsgrad": True}}),
    "adamw:torch": (torch.optim.AdamW, adam_words, ADAM | {"amsgrad": False, "weight_decay": 0.01},
                    PROBE | {"amsgrad": False, "weight_decay": 0.03}, {"plain": {}, "amsgrad": {"amsgrad": True}}),
    "adamax:torch": (torch.optim.Adamax, adam_words, ADAM | {"learning_rate": 0.002} | L2, PROBE | L2, DECAYED),
    "nadam:torch": (torch.optim.NAdam, adam_words, ADAM | {"learning_rate": 0.002, "momentum_decay": 0.004} | L2,
                    PROBE | {"momentum_decay": 0.3} | L2, DECAYED),
    # With β₂ = .9 ρ passes 5 between whole numbers.
    "radam": (torch.optim.RAdam, adam_words, ADAM | L2, PROBE | L2, DECAYED | {"early": {"beta_2": 0.9}}),
    "rprop": (torch.optim.Rprop, rprop_words,
              {"learning_rate": 0.01, "eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6, "step_max": 50.0},
              {"learning_rate": 0.05, "eta_minus": 0.3, "eta_plus": 1.7, "step_min": 0.03, "step_max": 0.1},
              {"plain": {}}),
    "asgd": (torch.optim.ASGD, renamed(), {"learning_rate": 0.01, "lambd": 1e-4, "alpha": 0.75, "t0": 1e6} | L2,
             {"learning_rate": 0.05, "lambd": 0.1, "alpha": 0.6, "t0": 4.0} | L2, DECAYED),
}


def optax_adam(s):
    build = optax.amsgrad if s["amsgrad"] else optax.adam
    return build(s["learning_rate"], b1=s["beta_1"], b2=s["beta_2"], eps=s["epsilon"])


OPTAX = {
    "adam:optax": (optax_adam, optax.adam, ADAM | {"amsgrad": False}, PROBE | {"amsgrad": False},
                   {"plain": {}, "amsgrad": {"amsgrad": True}}),
    "adamw:optax": (lambda s: optax.adamw(s["learning_rate"], b1=s["beta_1"], b2=s["beta_2"], eps=s["epsilon"],
                                          weight_decay=s["weight_decay"]),
                    optax.adamw, ADAM | {"weight_decay": 1e-4}, PROBE | {"weight_decay": 0.03}, {"plain": {}}),
    "lion:optax": (lambda s: optax.lion(s["learning_rate"], b1=s["beta_1"], b2=s["beta_2"],
                                        weight_decay=s["weight_decay"]),
                   optax.lion, {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.99, "weight_decay": 1e-3},
                   {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95, "weight_decay": 0.03}, {"plain": {}}),
    "adabelief": (lambda s: optax.adabelief(s["learning_rate"], b1=s["beta_1"], b2=s["beta_2"], eps=s["epsilon"],
                                            eps_root=s["epsilon_root"]),
                  optax.adabelief, ADAM | {"epsilon": 1e-16, "epsilon_root": 1e-16},
                  PROBE | {"epsilon_root": 1e-4}, {"plain": {}}),
    "yogi": (lambda s: optax.chain(
                 optax.scale_by_yogi(b1=s["beta_1"], b2=s["beta_2"], eps=s["epsilon"],
                                     initial_accumulator_value=s["initial_accumulator_value"]),
                 optax.scale_by_learning_rate(s["learning_rate"])),
             optax.yogi, ADAM | {"learning_rate": 0.01, "epsilon": 1e-3, "initial_accumulator_value": 1e-6},
             PROBE | {"epsilon": 1e-2, "initial_accumulator_value": 1e-2}, {"plain": {}}),
}


def walk_torch(build, words, settings, gradients):
    tensors = [torch.tensor(start).reshape(shape).requires_grad_() for start, shape in zip(START, SHAPES)]
    optimizer = build(tensors, **words(settings), **({"foreach": False} if build is not torch.optim.SGD else {}))
    theta, evaluated = [], []
    for step in gradients:
        for tensor, g, shape in zip(tensors, step, SHAPES):
            tensor.grad = torch.tensor(g).reshape(shape)
        optimizer.step()
        theta.append([tensor.detach().flatten().tolist() for tensor in tensors])
        if build is torch.optim.ASGD:
            evaluated.append([optimizer.state[tensor]["ax"].flatten().tolist() for tensor in tensors])
    return theta, evaluated


def walk_optax(optimizer, gradients):
    theta = [jnp.array(np.reshape(start, shape)) for start, shape in zip(START, SHAPES)]
    state, history = optimizer.init(theta), []
    for step in gradients:
        step = [jnp.array(np.reshape(g, shape)) for g, shape in zip(step, SHAPES)]
        updates, state = optimizer.update(step, state, theta)
        theta = optax.apply_updates(theta, updates)
        history.append([numbers(tensor) for tensor in theta])
    return history


def check_torch_defaults():
    """The defaults written out above are the ones that PyTorch has."""
    for build, words, defaults, _, _ in TORCH.values():
        own = {name: p.default for name, p in inspect.signature(build.__init__).parameters.items()}
        for name, value in words(defaults).items():
            assert name == "weight_decay" and "decay" in defaults or own[name] == value, (build, name, own[name])


def check_optax_defaults():
    short = {"beta_1": "b1", "beta_2": "b2", "epsilon": "eps", "epsilon_root": "eps_root"}
    for _, alias, defaults, _, _ in OPTAX.values():
        own = {name: p.default for name, p in inspect.signature(alias).parameters.items()}
        for name, value in defaults.items():
            name = short.get(name, name)
            assert name in ("learning_rate", "initial_accumulator_value", "amsgrad") or own[name] == value, (alias, name)


def case(name, rule, settings, gradients, theta, evaluated=()):
    return {"name": name, "rule": rule, "settings": settings, "shapes": SHAPES, "start": START,
            "gradients": gradients, "theta": theta, "evaluated": list(evaluated)}


def cases(rule, defaults, probe, variants, walk):
    out = []
    for variant, change in variants.items():
        for setting, base in (("default", defaults), ("probe", probe)):
            for series, gradients in (("ordinary", ORDINARY), ("huge", HUGE)):
                settings = base | change
                theta, evaluated = walk(settings, gradients)
                out.append(case(f"{variant}-{setting}-{series}", rule, settings, gradients, theta, evaluated))
    return out


def keep(library, rule, made):
    file = rule.replace(":", "_") if ":" in rule else f"{rule}_{library}"
    write(f"optimizers/{file}.json", "optimizers_more.py",
          ["theta and evaluated are after the step: [step][tensor][element]."], made, LIBRARIES.get(library))


def make():
    check_torch_defaults()
    check_optax_defaults()
    for rule, (build, defaults, probe, variants) in KERAS.items():
        config = build().get_config()
        own = ":paper" not in rule
        assert all(not own or np.isclose(config[key], value, rtol=1e-15) for key, value in defaults.items()), rule
        walk = lambda s, g: (run(build(**s), g), ())
        keep("keras", rule, cases(rule, defaults, probe, variants, walk))
    for rule, (build, words, defaults, probe, variants) in TORCH.items():
        keep("torch", rule, cases(rule, defaults, probe, variants, lambda s, g: walk_torch(build, words, s, g)))
    for rule, (build, _, defaults, probe, variants) in OPTAX.items():
        keep("optax", rule, cases(rule, defaults, probe, variants, lambda s, g: (walk_optax(build(s), g), ())))


if __name__ == "__main__":
    make()

"""testdata/optimizers/: trajectories of rules that neither Keras nor PyTorch has, and of further dialects, in float64.

Optax 0.2.8, schedulefree 1.4.1 (by the authors), pytorch_optimizer 4.1.0 and Keras 3.15.1 themselves walk over the
series of optimizers.py. Where no package has a form, the paper's lines are written down a second time in NumPy, apart
from the Rust: those files name NumPy as their library. Settings are in schuss' words.
"""

import inspect

import optimizers
from optimizers import HUGE, ORDINARY, SHAPES, START
from optimizers_more import ADAM, L2, LIBRARIES, PROBE, cases, keep, walk_optax
from reference import jnp, keras, np

import optax
import pytorch_optimizer
import schedulefree
import torch

LIBRARIES |= {
    "pytorch_optimizer": ("pytorch_optimizer", "4.1.0"),
    "schedulefree": ("schedulefree (the authors)", "1.4.1"),
    "numpy": ("NumPy from the paper", np.__version__),
}
DECAYED = {"plain": {}, "decay": {"weight_decay": 0.03}}


# ---- packages on PyTorch

def walk_package(build, settings, gradients, evaluated=False):
    tensors = [torch.tensor(start).reshape(shape).requires_grad_() for start, shape in zip(START, SHAPES)]
    optimizer = build(tensors, settings)
    theta, shown = [], []
    if evaluated:
        optimizer.train()
    for step in gradients:
        for tensor, g, shape in zip(tensors, step, SHAPES):
            tensor.grad = torch.tensor(g).reshape(shape)
        optimizer.step()
        theta.append([tensor.detach().flatten().tolist() for tensor in tensors])
        if evaluated:
            kept = [tensor.detach().clone() for tensor in tensors]
            optimizer.eval()
            shown.append([tensor.detach().flatten().tolist() for tensor in tensors])
            optimizer.train()
            # Back and forth rounds; the walk goes on from the very numbers.
            for tensor, old in zip(tensors, kept):
                tensor.data.copy_(old)
    return theta, shown


def adan(tensors, s):
    return pytorch_optimizer.Adan(tensors, lr=s["learning_rate"], betas=(s["beta_1"], s["beta_2"], s["beta_3"]),
                                  eps=s["epsilon"], weight_decay=s.get("weight_decay", 0.0), weight_decouple=True,
                                  foreach=False)


def qhm(tensors, s):
    return pytorch_optimizer.QHM(tensors, lr=s["learning_rate"], momentum=s["momentum"], nu=s["nu"],
                                 weight_decay=s.get("weight_decay", 0.0), weight_decouple=False)


def lion(tensors, s):
    return pytorch_optimizer.Lion(tensors, lr=s["learning_rate"], betas=(s["beta_1"], s["beta_2"]),
                                  weight_decay=s.get("weight_decay", 0.0), weight_decouple=True, foreach=False,
                                  cautious=True)


def schedule_free_sgd(tensors, s):
    return schedulefree.SGDScheduleFree(tensors, lr=s["learning_rate"], momentum=s["momentum"],
                                        weight_decay=s.get("weight_decay", 0), warmup_steps=s["warmup_steps"],
                                        r=s["r"], weight_lr_power=s["weight_lr_power"], foreach=False)


def schedule_free_adamw(tensors, s):
    return schedulefree.AdamWScheduleFree(tensors, lr=s["learning_rate"], betas=(s["beta_1"], s["beta_2"]),
                                          eps=s["epsilon"], weight_decay=s.get("weight_decay", 0),
                                          warmup_steps=s["warmup_steps"], r=s["r"],
                                          weight_lr_power=s["weight_lr_power"], foreach=False)


FREE = {"warmup_steps": 0, "r": 0.0, "weight_lr_power": 2.0}
FREE_PROBE = {"warmup_steps": 0, "r": 0.0, "weight_lr_power": 1.5}
FREE_VARIANTS = DECAYED | {"warmup": {"warmup_steps": 4, "r": 0.7, "weight_decay": 0.02}}
ADAN = {"learning_rate": 0.001, "beta_1": 0.98, "beta_2": 0.92, "beta_3": 0.99, "epsilon": 1e-8}
ADAN_PROBE = {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.7, "beta_3": 0.9, "epsilon": 1e-3}
LION = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.99}
LION_PROBE = {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95}
# rule: library, build, does it have weights to evaluate with, defaults, probe, variants, file
PACKAGES = {
    "adan": ("pytorch_optimizer", adan, False, ADAN, ADAN_PROBE, DECAYED),
    "qhm": ("pytorch_optimizer", qhm, False, {"learning_rate": 0.1, "momentum": 0.999, "nu": 0.7} | L2,
            {"learning_rate": 0.05, "momentum": 0.8, "nu": 0.6} | L2, DECAYED | {"all": {"nu": 1.0}}),
    "schedule_free_sgd": ("schedulefree", schedule_free_sgd, True, {"learning_rate": 1.0, "momentum": 0.9} | FREE | L2,
                          {"learning_rate": 0.05, "momentum": 0.7} | FREE_PROBE | L2, FREE_VARIANTS),
    "schedule_free_adamw:paper": ("schedulefree", schedule_free_adamw, True, ADAM | {"learning_rate": 0.0025} | FREE,
                                  PROBE | FREE_PROBE, FREE_VARIANTS),
}


# ---- Optax

def optax_words(s):
    short = {"beta_1": "b1", "beta_2": "b2", "beta_3": "b3", "epsilon": "eps", "epsilon_root": "eps_root", "rho": "decay"}
    return {short.get(name, name): value for name, value in s.items()}


RMSPROP = {"learning_rate": 0.001, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-8, "initial_scale": 0.0,
           "eps_in_sqrt": True, "centered": False, "nesterov": False, "bias_correction": False}
OPTAX = {
    "sgd:optax": (optax.sgd, {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False},
                  {"learning_rate": 0.05, "momentum": 0.0, "nesterov": False},
                  {"plain": {}, "momentum": {"momentum": 0.8}, "nesterov": {"momentum": 0.8, "nesterov": True}}),
    "rmsprop:optax": (optax.rmsprop, RMSPROP, RMSPROP | {"learning_rate": 0.05, "rho": 0.7, "epsilon": 1e-3}, {
        "plain": {}, "outside": {"eps_in_sqrt": False, "bias_correction": True},
        "momentum": {"momentum": 0.8, "initial_scale": 0.4}, "little-momentum": {"momentum": 0.05},
        "centered": {"centered": True, "initial_scale": 0.4, "bias_correction": True},
        "nesterov": {"centered": True, "initial_scale": 0.4, "momentum": 0.8, "nesterov": True, "eps_in_sqrt": False}}),
    "adamax:optax": (optax.adamax, ADAM, PROBE, {"plain": {}}),
    "nadam:optax": (optax.nadam, ADAM, PROBE, {"plain": {}}),
    "nadamw:optax": (optax.nadamw, ADAM | {"weight_decay": 1e-4}, PROBE | {"weight_decay": 0.03}, {"plain": {}}),
    "radam:optax": (optax.radam, ADAM | {"threshold": 5.0, "nesterov": False},
                    PROBE | {"threshold": 6.0, "nesterov": False}, {"plain": {}, "nesterov": {"nesterov": True}}),
    "adan:optax": (optax.adan, ADAN | {"epsilon_root": 1e-8}, ADAN_PROBE | {"epsilon_root": 1e-4},
                   {"plain": {}, "decay": {"weight_decay": 0.03}}),
}


# ---- once more in NumPy: f(s, t, theta, g, state) gives the new theta

def adam_averages(s, theta, g, state):
    m = state["m"] = s["beta_1"] * state.get("m", 0) + (1 - s["beta_1"]) * g
    v = state["v"] = s["beta_2"] * state.get("v", 0) + (1 - s["beta_2"]) * g**2
    return m, v


def adamw_paper(s, t, theta, g, state):
    """Algorithm 2 of arXiv 1711.05101, lines 6 to 12, at a schedule multiplier of 1."""
    m, v = adam_averages(s, theta, g, state)
    m_hat, v_hat = m / (1 - s["beta_1"] ** t), v / (1 - s["beta_2"] ** t)
    return theta - (s["learning_rate"] * m_hat / (np.sqrt(v_hat) + s["epsilon"]) + s["weight_decay"] * theta)


def adamax_paper(s, t, theta, g, state):
    """Algorithm 2 of arXiv 1412.6980."""
    m = state["m"] = s["beta_1"] * state.get("m", 0) + (1 - s["beta_1"]) * g
    u = state["u"] = np.maximum(s["beta_2"] * state.get("u", 0), np.abs(g))
    step = np.divide(m, u, out=np.zeros_like(m), where=u > 0)
    return theta - s["learning_rate"] / (1 - s["beta_1"] ** t) * step


def nadam_paper(s, t, theta, g, state):
    """Algorithm 2 of Dozat's workshop paper, with its schedule of the momentum."""
    now, then = (s["beta_1"] * (1 - 0.5 * 0.96 ** (k * s["momentum_decay"])) for k in (t, t + 1))
    product = state["product"] = state.get("product", 1.0) * now
    m = state["m"] = now * state.get("m", 0) + (1 - now) * g
    n = state["n"] = s["beta_2"] * state.get("n", 0) + (1 - s["beta_2"]) * g**2
    m_hat = then * m / (1 - product * then) + (1 - now) * g / (1 - product)
    n_hat = s["beta_2"] * n / (1 - s["beta_2"] ** t)
    return theta - s["learning_rate"] * m_hat / (np.sqrt(n_hat) + s["epsilon"])


def radam_paper(s, t, theta, g, state):
    """Algorithm 2 of arXiv 1908.03265."""
    m, v = adam_averages(s, theta, g, state)
    most = 2 / (1 - s["beta_2"]) - 1
    rho = most - 2 * t * s["beta_2"] ** t / (1 - s["beta_2"] ** t)
    m_hat = m / (1 - s["beta_1"] ** t)
    if rho <= 4:
        return theta - s["learning_rate"] * m_hat
    adaptive = np.sqrt(np.divide(1 - s["beta_2"] ** t, v, out=np.zeros_like(v), where=v > 0))
    r = np.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
    return theta - s["learning_rate"] * r * m_hat * adaptive


def yogi_paper(s, t, theta, g, state):
    """Algorithm 2 of Zaheer et al. 2018."""
    m = state["m"] = s["beta_1"] * state.get("m", 0) + (1 - s["beta_1"]) * g
    v = state.get("v", np.full_like(g, s["initial_accumulator_value"]))
    v = state["v"] = v - (1 - s["beta_2"]) * np.sign(v - g**2) * g**2
    return theta - s["learning_rate"] * m / (np.sqrt(v) + s["epsilon"])


def sophia_g(s, t, theta, g, state):
    """The authors' update (github.com/Liuhong99/Sophia), the curvature by the batch's own gradient every k steps."""
    m = state["m"] = s["beta_1"] * state.get("m", 0) + (1 - s["beta_1"]) * g
    h = state.get("h", np.zeros_like(g))
    ratio = np.minimum(np.abs(m) / (s["rho"] * s["batch"] * h + 1e-15), 1)
    if t % s["update_period"] == 0:
        state["h"] = s["beta_2"] * h + (1 - s["beta_2"]) * g**2
    theta = theta * (1 - s["learning_rate"] * s["weight_decay"])
    return theta - s["learning_rate"] * np.sign(m) * ratio


def ftrl_paper(s, t, theta, g, state):
    """Algorithm 1 of McMahan et al. 2013, whose w is computed from z before it is used, so here after the step."""
    n, z = state.get("n", np.zeros_like(g)), state.get("z", np.zeros_like(g))
    sigma = (np.sqrt(n + g**2) - np.sqrt(n)) / s["learning_rate"]
    z = state["z"] = z + g - sigma * theta
    n = state["n"] = n + g**2
    l1, l2 = s["l1_regularization_strength"], s["l2_regularization_strength"]
    w = -(z - np.sign(z) * l1) / ((s["beta"] + np.sqrt(n)) / s["learning_rate"] + l2)
    return np.where(np.abs(z) <= l1, 0.0, w)


def adamw_cautious(s, t, theta, g, state):
    """Algorithm 1 of arXiv 2411.16085 around PyTorch's AdamW, the count of elements as in the authors' code."""
    m, v = adam_averages(s, theta, g, state)
    u = m / (1 - s["beta_1"] ** t) / (np.sqrt(v / (1 - s["beta_2"] ** t)) + s["epsilon"])
    mask = (m * g > 0).astype(float)
    u = u * mask * (mask.size / (mask.sum() + 1))
    return theta * (1 - s["learning_rate"] * s["weight_decay"]) - s["learning_rate"] * u


NADAM = ADAM | {"learning_rate": 0.002, "momentum_decay": 0.004}
FTRL = {"learning_rate": 0.1, "beta": 1.0, "l1_regularization_strength": 0.0, "l2_regularization_strength": 0.0}
SOPHIA = {"learning_rate": 1e-4, "beta_1": 0.965, "beta_2": 0.99, "rho": 0.04, "batch": 5120.0, "update_period": 10,
          "weight_decay": 0.1}
SOPHIA_PROBE = SOPHIA | {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.7, "rho": 0.3, "batch": 2.0,
                         "weight_decay": 0.03}
NUMPY = {
    "adamw:paper": (adamw_paper, ADAM | {"weight_decay": 1e-5}, PROBE | {"weight_decay": 0.03}, {"plain": {}}),
    "adamax:paper": (adamax_paper, {"learning_rate": 0.002, "beta_1": 0.9, "beta_2": 0.999},
                     {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95}, {"plain": {}}),
    "nadam:paper": (nadam_paper, NADAM, PROBE | {"momentum_decay": 0.3}, {"plain": {}}),
    "radam:paper": (radam_paper, {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999},
                    {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95}, {"plain": {}, "early": {"beta_2": 0.8}}),
    "yogi:paper": (yogi_paper, ADAM | {"learning_rate": 0.01, "epsilon": 1e-3, "initial_accumulator_value": 1e-6},
                   PROBE | {"epsilon": 1e-2, "initial_accumulator_value": 1e-2},
                   {"plain": {}, "from-nothing": {"initial_accumulator_value": 0.0}}),
    "sophia_g": (sophia_g, SOPHIA, SOPHIA_PROBE, {"plain": {}, "often": {"update_period": 2}}),
    "ftrl:paper": (ftrl_paper, FTRL, FTRL | {"learning_rate": 0.05, "beta": 0.4},
                   {"plain": {}, "regular": {"l1_regularization_strength": 0.2, "l2_regularization_strength": 0.7}}),
}


def walk_numpy(f, settings, gradients):
    theta = [np.reshape(np.array(start), shape) for start, shape in zip(START, SHAPES)]
    states, history = [{} for _ in theta], []
    for t, step in enumerate(gradients, 1):
        step = [np.reshape(np.array(g), shape) for g, shape in zip(step, SHAPES)]
        theta = [f(settings, t, x, g, state) for x, g, state in zip(theta, step, states)]
        history.append([x.ravel().tolist() for x in theta])
    return history


def check_defaults():
    """The defaults written out above are the packages' own."""
    own = lambda build: {name: p.default for name, p in inspect.signature(build).parameters.items()}
    theirs = own(schedulefree.SGDScheduleFree.__init__)
    assert (theirs["lr"], theirs["momentum"], theirs["weight_lr_power"], theirs["r"]) == (1.0, 0.9, 2.0, 0.0)
    theirs = own(schedulefree.AdamWScheduleFree.__init__)
    assert (theirs["lr"], theirs["betas"], theirs["eps"]) == (0.0025, (0.9, 0.999), 1e-8)
    theirs = own(pytorch_optimizer.Adan.__init__)
    assert (theirs["lr"], theirs["betas"], theirs["eps"]) == (0.001, (0.98, 0.92, 0.99), 1e-8)
    for rule, (build, defaults, _, _) in OPTAX.items():
        theirs = own(build)
        for name, value in optax_words(defaults).items():
            # The rate has no default, a momentum of 0 is Optax' None, and a partial's signature hides what it fixes.
            if name in ("learning_rate", "momentum"):
                continue
            assert theirs[name] == value, (rule, name, theirs[name])


def make():
    check_defaults()
    for rule, (library, build, evaluated, defaults, probe, variants) in PACKAGES.items():
        walk = lambda s, g: walk_package(build, s, g, evaluated)
        keep(library, rule, cases(rule, defaults, probe, variants, walk))
    for rule, (build, defaults, probe, variants) in OPTAX.items():
        walk = lambda s, g: (walk_optax(build(**optax_words(s)), g), ())
        keep("optax", rule, cases(rule, defaults, probe, variants, walk))
    for rule, (f, defaults, probe, variants) in NUMPY.items():
        keep("numpy", rule, cases(rule, defaults, probe, variants, lambda s, g: (walk_numpy(f, s, g), ())))
    # Graves' constants, given to Keras' optimizer.
    paper = {"learning_rate": 1e-4, "rho": 0.95, "momentum": 0.9, "epsilon": 1e-4, "centered": True}
    probe = paper | {"learning_rate": 0.05, "rho": 0.7, "momentum": 0.8, "epsilon": 1e-3}
    walk = lambda s, g: (optimizers.run(keras.optimizers.RMSprop(**s), g), ())
    keep("keras", "rmsprop:paper", cases("rmsprop:paper", paper, probe, {"plain": {}, "still": {"momentum": 0.0}}, walk))
    # Cautious: an option of any rule, shown on two.
    cautious = {"cautious": {"cautious": True}, "cautious-decay": {"cautious": True, "weight_decay": 0.03}}
    made = cases("lion", LION, LION_PROBE, cautious, lambda s, g: walk_package(lion, s, g))
    keep("pytorch_optimizer", "lion", made)
    adamw = ADAM | {"amsgrad": False, "weight_decay": 0.01}
    made = cases("adamw:torch", adamw, PROBE | {"amsgrad": False, "weight_decay": 0.03}, {"cautious": {"cautious": True}},
                 lambda s, g: (walk_numpy(adamw_cautious, s, g), ()))
    keep("numpy", "adamw_torch", [case | {"rule": "adamw:torch"} for case in made])


if __name__ == "__main__":
    make()

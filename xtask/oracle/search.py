"""testdata/search.json: steps that take several gradients, on functions of a few numbers, in float64.

L-BFGS: PyTorch 2.15, with its line search and without. Lookahead: the package pytorch_optimizer around PyTorch's SGD and
Adam, and once more in NumPy (the script fails where the two part). SAM: in NumPy, from the paper (Foret et al. 2021,
algorithm 1); pytorch_optimizer, whose norm has 32 bits, must be within 1e-5. Functions are schuss' surfaces.
"""

import math
from importlib.metadata import version

import numpy as np
import pytorch_optimizer
import torch
from reference import random, write

torch.set_default_dtype(torch.float64)


def rosenbrock(t):
    return (1 - t[0]) ** 2 + 100 * (t[1] - t[0] * t[0]) ** 2


def beale(t):
    x, y = t[0], t[1]
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y ** 2) ** 2 + (2.625 - x + x * y ** 3) ** 2


def quadratic(t):
    return sum(0.5 * 10.0 ** i * t[i] * t[i] for i in range(len(t)))


SURFACES = {"rosenbrock": (rosenbrock, [-1.2, 1.0]), "beale": (beale, [1.0, 1.0]), "quadratic": (quadratic, [1.0, -2.0, 0.5])}
LBFGS = {"learning_rate": 1.0, "max_iter": 20, "max_eval": 0, "tolerance_grad": 1e-7, "tolerance_change": 1e-9,
         "history_size": 100, "line_search": "strong_wolfe"}
PROBE = {"learning_rate": 0.7, "max_iter": 4, "max_eval": 7, "tolerance_grad": 1e-3, "tolerance_change": 1e-4,
         "history_size": 2, "line_search": "strong_wolfe"}
FIXED = {"learning_rate": 0.1, "max_iter": 3, "history_size": 3, "line_search": "none"}


# Lengths at first that are far too small or too great, from several places: for every branch of the line search.
LENGTHS = [1e-3, 0.03, 0.3, 4.0, 30.0]
STARTS = {"rosenbrock": [[-1.2, 1.0], [3.0, -4.0], [-2.5, 7.0], [0.1, 0.9]],
          "beale": [[1.0, 1.0], [3.5, -1.5], [-2.0, 1.5], [0.5, -0.8]],
          "quadratic": [[1.0, -2.0, 0.5], [30.0, 1.0, -0.1, 0.02]]}


# Where to begin at random, and tolerances that end a step early.
AROUND = {"rosenbrock": ([0.0, 1.0], [2.5, 3.0]), "beale": ([0.5, 0.0], [3.0, 1.2]), "quadratic": ([0.0] * 3, [4.0] * 3)}
ENDS = {"loose": {"tolerance_grad": 0.5}, "coarse": {"tolerance_change": 0.05}, "coarser": {"tolerance_change": 0.3},
        "short": {"tolerance_change": 0.05, "learning_rate": 0.01, "line_search": "none"}}


def walk(surface, make, steps, start=None):
    function = SURFACES[surface][0]
    theta = torch.tensor(start or SURFACES[surface][1], requires_grad=True)
    optimizer = make([theta])

    def closure():
        optimizer.zero_grad()
        loss = function(theta)
        loss.backward()
        return loss

    all = []
    for _ in range(steps):
        if isinstance(optimizer, pytorch_optimizer.SAM):
            closure()
        optimizer.step(closure)
        all.append(theta.detach().numpy().tolist())
    return all


def lbfgs(s):
    line = None if s["line_search"] == "none" else s["line_search"]
    return lambda params: torch.optim.LBFGS(
        params, lr=s["learning_rate"], max_iter=s["max_iter"], max_eval=s["max_eval"] or None,
        tolerance_grad=s["tolerance_grad"], tolerance_change=s["tolerance_change"], history_size=s["history_size"],
        line_search_fn=line)


def gradient(surface, theta):
    t = torch.tensor(theta, requires_grad=True)
    SURFACES[surface][0](t).backward()
    return t.grad.numpy()


BASES = {
    "sgd": ({"learning_rate": 1e-4, "momentum": 0.8}, torch.optim.SGD, {"lr": 1e-4, "momentum": 0.8}),
    "adam:torch": ({"learning_rate": 0.02}, torch.optim.Adam, {"lr": 0.02}),
}


def numpy_base(name):
    state = {"t": 0, "m": 0.0, "v": 0.0}

    def sgd(theta, g):
        state["v"] = 0.8 * state["v"] - 1e-4 * g
        return theta + state["v"]

    def adam(theta, g):
        state["t"] += 1
        state["m"] = 0.9 * state["m"] + 0.1 * g
        state["v"] = 0.999 * state["v"] + 0.001 * g * g
        m, v = state["m"] / (1 - 0.9 ** state["t"]), state["v"] / (1 - 0.999 ** state["t"])
        return theta - 0.02 * m / (np.sqrt(v) + 1e-8)

    return sgd if name == "sgd" else adam


def sam(surface, base, rho, steps):
    theirs = walk(surface, lambda p: pytorch_optimizer.SAM(p, BASES[base][1], rho=rho, **BASES[base][2]), steps)
    theta, step, all = np.array(SURFACES[surface][1]), numpy_base(base), []
    for want in theirs:
        g = gradient(surface, theta)
        there = theta + rho * g / (math.sqrt(float(np.sum(g * g))) + 1e-12)
        theta = step(theta, gradient(surface, there))
        all.append(theta.tolist())
        assert np.allclose(theta, want, rtol=1e-5, atol=1e-5), (surface, base, theta, want)
    return all


def lookahead(surface, base, k, alpha, steps):
    def make(params):
        return pytorch_optimizer.Lookahead(BASES[base][1](params, **BASES[base][2]), k=k, alpha=alpha)

    theirs = walk(surface, make, steps)
    theta, step = np.array(SURFACES[surface][1]), numpy_base(base)
    slow, slows = theta, []
    for t, want in enumerate(theirs, 1):
        theta = step(theta, gradient(surface, theta))
        if t % k == 0:
            slow = slow + alpha * (theta - slow)
            theta = slow
        slows.append(slow.tolist())
        assert np.allclose(theta, want, rtol=1e-12, atol=1e-12), (surface, base, t, theta, want)
    return theirs, slows


def make():
    cases = []
    for surface in SURFACES:
        def case(name, optimizer, settings, theta, **more):
            cases.append({"name": f"{name}-{surface}", "optimizer": optimizer, "settings": settings, "surface": surface,
                          "start": SURFACES[surface][1], "theta": theta} | more)

        for name, s, steps in [("lbfgs", LBFGS, 4), ("lbfgs-probe", PROBE, 8), ("lbfgs-fixed", LBFGS | FIXED, 8)]:
            case(name, "lbfgs", s, walk(surface, lbfgs(s), steps))
        for i, start in enumerate(STARTS[surface]):
            for rate in LENGTHS:
                s = LBFGS | {"learning_rate": rate, "max_iter": 5}
                cases.append({"name": f"lbfgs-{rate}-{surface}-{i}", "optimizer": "lbfgs", "settings": s, "surface": surface,
                              "start": start, "theta": walk(surface, lbfgs(s), 3, start)})
        rng = random(f"search {surface}")
        for i in range(40):
            middle, width = AROUND[surface]
            start = (rng.normal(0, 0.5, len(middle)) * width + middle).round(3).tolist()
            s = LBFGS | {"learning_rate": float(f"{10 ** rng.uniform(-2.5, 1.7):.3g}"), "max_iter": 3}
            cases.append({"name": f"lbfgs-0-{surface}-{i}", "optimizer": "lbfgs", "settings": s, "surface": surface,
                          "start": start, "theta": walk(surface, lbfgs(s), 1, start)})
        for name, end in ENDS.items():
            case(f"lbfgs-{name}", "lbfgs", LBFGS | end, walk(surface, lbfgs(LBFGS | end), 4))
        # Where the gradient is small the first length is the rate.
        near = {"rosenbrock": [1.0, 1.0005], "beale": [2.99, 0.5], "quadratic": [0.1, -0.02, 0.001]}[surface]
        for line in ("none", "strong_wolfe"):
            s = LBFGS | {"line_search": line, "learning_rate": 0.01, "max_iter": 2}
            cases.append({"name": f"lbfgs-near-{surface}-{line}", "optimizer": "lbfgs", "settings": s, "surface": surface,
                          "start": near, "theta": walk(surface, lbfgs(s), 2, near)})
        for base, (settings, *_) in BASES.items():
            for rho in (0.05, 0.3):
                case(f"sam-{base}-{rho}", base, settings | {"sam_rho": rho}, sam(surface, base, rho, 12))
            for k, alpha in ((5, 0.5), (3, 0.8)):
                theta, slow = lookahead(surface, base, k, alpha, 12)
                case(f"lookahead-{base}-{k}", base, settings | {"lookahead_steps": k, "lookahead_alpha": alpha}, theta,
                     evaluated=slow)
    write("search.json", "search.py", "theta is after each step", cases,
          ("PyTorch", f"{torch.__version__.split('+')[0]}, pytorch_optimizer {version('pytorch_optimizer')}"))


if __name__ == "__main__":
    make()

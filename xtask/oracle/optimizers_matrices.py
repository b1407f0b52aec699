"""testdata/optimizers/whole_{shampoo,soap}.json: rules with matrices for rows and columns, in float64.

pytorch_optimizer 4.1.0 itself; its SOAP orthogonalises in float32, which is given float64 here and is otherwise its own
code. Shampoo with roots that are made now and then is written down in NumPy (the package does not move before it first
makes them). The gradients are of one size: what is nearly singular keeps no 11 digits in any library. Matrices lack at
most one direction at first: a basis of two that are missing is any library's own choice.
"""

import inspect
import textwrap

import optimizers
import optimizers_more
import optimizers_whole
from optimizers_more import LIBRARIES
from reference import np, random, write

import pytorch_optimizer
import torch

SHAPES = [[3], [3, 4], [4, 3]]
DRAW = random("matrices")
START = [DRAW.normal(size=np.prod(shape)).round(3).tolist() for shape in SHAPES]
SCALES = [1, 1, 0.5, 1, 2, 1, 0.7, 1, 1, 1.5, 1, 1, 0.8, 1]
SERIES = [[(scale * DRAW.normal(size=np.prod(shape)).round(3)).tolist() for shape in SHAPES] for scale in SCALES]

LIBRARIES |= {
    "pytorch_optimizer": ("pytorch_optimizer", "4.1.0"),
    "soap64": ("pytorch_optimizer, QR in float64", "4.1.0"),
    "numpy": ("NumPy from the paper", np.__version__),
}


def full_precision():
    source = textwrap.dedent(inspect.getsource(pytorch_optimizer.SOAP.get_orthogonal_matrix_qr))
    assert source.count("power_iter.to(torch.float32)") == 1
    scope = dict(vars(inspect.getmodule(pytorch_optimizer.SOAP)))
    exec(source.replace("power_iter.to(torch.float32)", "power_iter"), scope)
    pytorch_optimizer.SOAP.get_orthogonal_matrix_qr = scope["get_orthogonal_matrix_qr"]


def walk(build, s):
    tensors = [torch.tensor(start).reshape(shape).requires_grad_() for start, shape in zip(START, SHAPES)]
    optimizer, history = build(tensors, s), []
    for step in SERIES:
        for tensor, g, shape in zip(tensors, step, SHAPES):
            tensor.grad = torch.tensor(g).reshape(shape)
        optimizer.step()
        history.append([tensor.detach().flatten().tolist() for tensor in tensors])
    return history


def shampoo(tensors, s):
    return pytorch_optimizer.Shampoo(tensors, lr=s["learning_rate"], matrix_eps=s["matrix_epsilon"],
                                     weight_decay=s.get("weight_decay", 0.0), weight_decouple=False,
                                     preconditioning_compute_steps=s["update_period"])


def soap(tensors, s):
    return pytorch_optimizer.SOAP(tensors, lr=s["learning_rate"], betas=(s["beta_1"], s["beta_2"]),
                                  shampoo_beta=s["shampoo_beta"] or None, weight_decay=s["weight_decay"],
                                  precondition_frequency=s["precondition_frequency"],
                                  max_precondition_dim=s["max_precondition_dim"], eps=s["epsilon"])


def inverse_root(matrix, p):
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(values ** (-1 / p)) @ vectors.T


def walk_shampoo(s):
    """Algorithm 1 of arXiv 1802.09568; roots at the first step and then every so many, sides that are too long not."""
    theta = [np.reshape(start, shape) for start, shape in zip(np.array(START, dtype=object), SHAPES)]
    theta = [np.array(x, dtype=float) for x in theta]
    sums = [[s["matrix_epsilon"] * np.eye(n) if n <= s["max_precondition_dim"] else None for n in shape]
            for shape in SHAPES]
    roots, history = [[None] * len(shape) for shape in SHAPES], []
    for t, step in enumerate(SERIES, 1):
        for i, shape in enumerate(SHAPES):
            g = np.reshape(np.array(step[i]), shape)
            order = sum(x is not None for x in sums[i])
            squares = [np.outer(g, g)] if len(shape) == 1 else [g @ g.T, g.T @ g]
            for k, square in enumerate(squares):
                if sums[i][k] is None:
                    continue
                sums[i][k] = sums[i][k] + square
                if t == 1 or t % s["update_period"] == 0:
                    roots[i][k] = inverse_root(sums[i][k], 2 * order)
            g = g if roots[i][0] is None else roots[i][0] @ g
            g = g if len(shape) == 1 or roots[i][1] is None else g @ roots[i][1]
            theta[i] = theta[i] - s["learning_rate"] * g
        history.append([x.ravel().tolist() for x in theta])
    return history


SHAMPOO = {"learning_rate": 0.001, "matrix_epsilon": 1e-6, "update_period": 1, "max_precondition_dim": 1024, "decay": "l2"}
SHAMPOO_PROBE = SHAMPOO | {"learning_rate": 0.05, "matrix_epsilon": 0.3}
SOAP = {"learning_rate": 0.003, "beta_1": 0.95, "beta_2": 0.95, "shampoo_beta": 0.0, "epsilon": 1e-8,
        "precondition_frequency": 10, "max_precondition_dim": 1024, "weight_decay": 0.01}
SOAP_PROBE = SOAP | {"learning_rate": 0.02, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3, "weight_decay": 0.3}


def keep(library, file, rule, defaults, probe, variants, walk):
    made = []
    for variant, change in variants.items():
        for setting, base in (("default", defaults), ("probe", probe)):
            settings = base | change
            made.append({"name": f"{variant}-{setting}", "rule": rule, "settings": settings, "shapes": SHAPES,
                         "start": START, "gradients": SERIES, "theta": walk(settings)})
    write(f"optimizers/whole_{file}.json", "optimizers_matrices.py",
          ["theta is after the step: [step][tensor][element]."], made, LIBRARIES[library])


def make():
    full_precision()
    own = lambda build: {name: p.default for name, p in inspect.signature(build.__init__).parameters.items()}
    theirs = own(pytorch_optimizer.SOAP)
    assert (theirs["lr"], theirs["betas"], theirs["eps"], theirs["weight_decay"], theirs["precondition_frequency"]) == (
        0.003, (0.95, 0.95), 1e-8, 0.01, 10)
    theirs = own(pytorch_optimizer.Shampoo)
    assert (theirs["lr"], theirs["matrix_eps"]) == (0.001, 1e-6)
    keep("pytorch_optimizer", "shampoo", "shampoo", SHAMPOO, SHAMPOO_PROBE,
         {"plain": {}, "decay": {"weight_decay": 0.1}}, lambda s: walk(shampoo, s))
    keep("numpy", "shampoo_numpy", "shampoo", SHAMPOO, SHAMPOO_PROBE,
         # An old root of what was nearly singular multiplies rounding by ε^(-1/4): not with a small ε.
         {"seldom": {"update_period": 3, "matrix_epsilon": 0.2}, "short": {"max_precondition_dim": 3}}, walk_shampoo)
    keep("soap64", "soap", "soap", SOAP, SOAP_PROBE,
         {"plain": {}, "often": {"precondition_frequency": 3, "shampoo_beta": 0.8}, "short": {"max_precondition_dim": 3}},
         lambda s: walk(soap, s))


if __name__ == "__main__":
    make()

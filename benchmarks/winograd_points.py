"""Errors of F(4 x 4, 3 x 3) and F(3 x 3, 3 x 3) in f32 by their points: python3 winograd_points.py

Needs NumPy. Tiles of normal numbers, kernels of variance 1 / (9 channels); against sums in f64. Each line: the greatest and
the root mean square error, and those of the plain sum.
"""

import numpy as np


def matrices(m, r, points):
    """Toom and Cook's: y = A' ((G w) * (B x)) for finite points and infinity."""
    n = m + r - 1
    a, g, b = np.zeros((n, m)), np.zeros((n, r)), np.zeros((n, n))
    for i, x in enumerate(points):
        others = [y for j, y in enumerate(points) if j != i]
        a[i] = [x**j for j in range(m)]
        g[i] = [x**j / np.prod([x - y for y in others]) for j in range(r)]
        b[i, : n - 1] = np.poly(others)[::-1]
    a[-1, -1] = g[-1, -1] = 1
    b[-1] = np.poly(points)[::-1]
    return a, g, b


def errors(m, r, points, channels, tiles=200):
    draw = np.random.default_rng(0)
    n = m + r - 1
    x = draw.standard_normal((tiles, channels, n, n)).astype(np.float32)
    w = (draw.standard_normal((channels, r, r)) / np.sqrt(channels * r * r)).astype(np.float32)
    true, plain = np.zeros((tiles, m, m)), np.zeros((tiles, m, m), np.float32)
    for c in range(channels):
        for i in range(r):
            for j in range(r):
                seen = x[:, c, i : i + m, j : j + m]
                true += seen.astype(float) * float(w[c, i, j])
                plain += seen * w[c, i, j]

    def along(matrix, x):
        rows = []
        for row in matrix.astype(np.float32):
            total = np.zeros(x.shape[:-2] + x.shape[-1:], np.float32)
            for k, factor in enumerate(row):
                total += factor * x[..., k, :]
            rows.append(total)
        return np.stack(rows, -2)

    def both(matrix, x):
        return along(matrix, along(matrix, x).swapaxes(-1, -2)).swapaxes(-1, -2)

    a, g, b = matrices(m, r, points)
    u, v = both(g, w), both(b, x)
    total = np.zeros((tiles, n, n), np.float32)
    for c in range(channels):
        total += u[c] * v[:, c]
    found = both(a.T, total)
    return [f(abs(y - true)) for y in (found, plain) for f in (np.max, lambda e: np.sqrt((e**2).mean()))]


FOUR = [0, 1, -1, 2, -2], [0, 1, -1, 1 / 2, -2], [0, 2 / 3, -2 / 3, 3 / 2, -3 / 2]
THREE = [0, 1, -1, 1 / 2], [0, 2 / 3, -2 / 3, 3 / 2]
for what, m, r, sums, sets in [
    ("outputs", 4, 3, 16, FOUR),
    ("outputs", 4, 3, 64, FOUR),
    ("kernel", 3, 4, 256, FOUR),
    ("outputs by threes", 3, 3, 16, THREE),
    ("outputs by threes", 3, 3, 64, THREE),
    ("kernel by threes", 3, 3, 256, THREE),
]:
    for points in sets:
        most, square, plain, plain_square = errors(m, r, points, sums)
        near = ", ".join(f"{p:.3g}" for p in points)
        ratios = f"{most / plain:.1f} and {square / plain_square:.1f} times"
        print(f"{what} of {sums} at {near}, inf: {most:.1e} {square:.1e}; plain {plain:.1e} {plain_square:.1e}: {ratios}")

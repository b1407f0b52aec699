"""crates/schuss/data/quadratic_deep_*: the matrix and the points of DeepOBS' problem of that name, by NumPy.

The matrix has 90 eigenvalues uniform in (0, 1) and 10 in (30, 60), turned by a random rotation (Diaconis and
Shahshahani 1987, the subgroup algorithm), all from RandomState(42); its draws are made in the order in which DeepOBS'
TensorFlow version makes them (deepobs/tensorflow/testproblems/quadratic_deep.py and datasets/quadratic.py): a
rotation of two axes is extended by one axis at a time, with a reflection that sends the new axis to a random place.
Points are 1,000 draws from N(0, .6²) of 100 numbers each: seed 42 to train with, 43 to test with. DeepOBS measures in
whole batches of 128, in order, so its test part is the first 896.
Both are little-endian float32, which is what DeepOBS computes with.
"""

import gzip
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "crates" / "schuss" / "data"
SIZE, POINTS, TESTED, SPREAD = 100, 1000, 896, 0.6


def rotation(draw, size):
    angle = 2 * np.pi * draw.uniform()
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for axes in range(3, size + 1):
        to = draw.normal(size=axes)
        to /= np.linalg.norm(to)
        mirror = -to
        mirror[0] += 1
        mirror /= np.linalg.norm(mirror)
        wider = np.eye(axes)
        wider[1:, 1:] = turned
        turned = wider - 2 * np.outer(mirror, mirror @ wider)
    return -turned


def make():
    draw = np.random.RandomState(42)
    eigenvalues = np.concatenate([draw.uniform(0, 1, 90), draw.uniform(30, 60, 10)])
    turn = rotation(draw, SIZE)
    assert np.allclose(turn @ turn.T, np.eye(SIZE))
    matrix = turn.T @ np.diag(eigenvalues) @ turn
    points = [np.random.RandomState(seed).normal(0, SPREAD, (POINTS, SIZE)) for seed in (42, 43)]
    points = np.concatenate([points[0], points[1][:TESTED]]).astype("<f4")
    FOLDER.joinpath("quadratic_deep_matrix.f32").write_bytes(matrix.astype("<f4").tobytes())
    # No name and no time in the file, so that it is the same each time.
    FOLDER.joinpath("quadratic_deep_points.f32.gz").write_bytes(gzip.compress(points.tobytes(), 9, mtime=0))
    print("quadratic_deep: matrix and points")


if __name__ == "__main__":
    make()

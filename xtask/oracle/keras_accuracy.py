"""benchmarks/keras-accuracy.jsonl: test accuracy that Keras 3.15.1 reaches end to end, to know what to expect of us.

    SCHUSS_DATA_DIR=<folder with mnist/ and fashion-mnist/> python xtask/oracle/keras_accuracy.py [--seeds 10]

The network is 784-512-512-10, relu and softmax, by Adam at 1e-3, batches of 128, pixels divided by 255, five
epochs, all else Keras' default (float32, shuffled each epoch), on one thread. One line is added for each run;
runs already in the file are left out, so it can be stopped and started again.
"""

import argparse
import gzip
import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["NPROC"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import jax
import keras
import numpy as np

EPOCHS = 5
OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "benchmarks" / "keras-accuracy.jsonl"


def read(data, name):
    """An IDX file: two zeros, the element type, the number of sizes, the sizes, the bytes."""
    path = pathlib.Path(os.environ["SCHUSS_DATA_DIR"]) / data / f"{name}-ubyte.gz"
    raw = gzip.decompress(path.read_bytes())
    sizes = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(sizes)


def accuracy(data, seed):
    keras.utils.set_random_seed(seed)
    dense = keras.layers.Dense
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), dense(512, "relu"), dense(512, "relu"),
                              dense(10, "softmax")])
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    images, labels, test_images, test_labels = (
        read(data, name) for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"))
    model.fit(images / np.float32(255), labels, batch_size=128, epochs=EPOCHS, verbose=0)
    return model.evaluate(test_images / np.float32(255), test_labels, batch_size=128, verbose=0)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    OUTPUT.parent.mkdir(exist_ok=True)
    done = {(run["data"], run["seed"]) for run in map(json.loads, OUTPUT.read_text().splitlines())} if OUTPUT.exists() else set()
    for seed in range(seeds):
        for data in ("mnist", "fashion-mnist"):
            if (data, seed) in done:
                continue
            run = {"data": data, "model": "784-512-512-10", "seed": seed, "epochs": EPOCHS,
                   "test_accuracy": round(float(accuracy(data, seed)), 4),
                   "keras": keras.__version__, "backend": f"jax {jax.__version__}"}
            with OUTPUT.open("a") as file:
                file.write(json.dumps(run) + "\n")


if __name__ == "__main__":
    main()

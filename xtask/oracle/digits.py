"""testdata/training/digits_curves.json: loss curves of a small classifier on the digits, by Keras 3.15.1's own `fit`.

Reads digits/digits.csv.gz in the folder that SCHUSS_DATA_DIR names: 1797 rows of 64 pixels (0 to 16) and the
digit. Everything is in float64 and in the order of the file, so another program can follow step by step.
"""

import os
import pathlib

from reference import keras, np, numbers, random, write

TRAIN, BATCH, EPOCHS = 1437, 128, 3
OPTIMIZERS = keras.optimizers
# name: optimizer at Keras' default rate, batch size
RUNS = {
    "gradient_descent": (OPTIMIZERS.SGD, {}, TRAIN),
    "sgd": (OPTIMIZERS.SGD, {}, BATCH),
    "momentum": (OPTIMIZERS.SGD, {"momentum": 0.9}, BATCH),
    "nag": (OPTIMIZERS.SGD, {"momentum": 0.9, "nesterov": True}, BATCH),
    "adagrad": (OPTIMIZERS.Adagrad, {}, BATCH),
    "rmsprop": (OPTIMIZERS.RMSprop, {}, BATCH),
    "adadelta": (OPTIMIZERS.Adadelta, {}, BATCH),
    "adam": (OPTIMIZERS.Adam, {}, BATCH),
    "nadam": (OPTIMIZERS.Nadam, {}, BATCH),
}


def read():
    path = pathlib.Path(os.environ["SCHUSS_DATA_DIR"]) / "digits" / "digits.csv.gz"
    table = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.int64)
    assert table.shape == (1797, 65) and table[:, :64].max() == 16
    return table[:, :64] / 16, table[:, 64]


def start():
    rng = random("digits")
    glorot = lambda rows, columns: (rng.uniform(-1, 1, (rows, columns)) * np.sqrt(6 / (rows + columns))).round(6)
    return [glorot(64, 32), np.zeros(32), glorot(32, 10), np.zeros(10)]


def case_of(name, optimizer, batch_size, weights, pixels, digits):
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(10, "softmax")])
    model.set_weights(weights)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(pixels[:TRAIN], digits[:TRAIN], batch_size=batch_size, epochs=EPOCHS, shuffle=False, verbose=0)
    loss, accuracy = model.evaluate(pixels[TRAIN:], digits[TRAIN:], batch_size=len(digits), verbose=0)
    settings = {key: value for key, value in optimizer.get_config().items()
                if key in ("learning_rate", "momentum", "nesterov", "rho", "epsilon", "centered", "beta_1", "beta_2",
                           "amsgrad", "initial_accumulator_value")}
    return {"name": name, "rule": name, "settings": settings, "batch_size": batch_size,
            "epoch_losses": history.history["loss"], "epoch_accuracies": history.history["accuracy"],
            "test_loss": loss, "test_accuracy": accuracy}


def make():
    pixels, digits = read()
    weights = start()
    cases = [case_of(name, build(**settings), batch_size, weights, pixels, digits)
             for name, (build, settings, batch_size) in RUNS.items()]
    cases[0]["start"] = [numbers(w) for w in weights]
    write("training/digits_curves.json", "digits.py",
          [f"Model: 64 inputs, Dense 32 relu, Dense 10 softmax, sparse_categorical_crossentropy; pixels divided by 16; the first {TRAIN} rows "
           "in the order of the file, never shuffled, the last batch of each epoch shorter; the other 360 rows are the test.",
           "epoch_losses, epoch_accuracies: means over the samples of the epoch, each batch with the weights before its step.",
           "start, in the first case, holds for all: kernel [64, 32], bias, kernel [32, 10], bias, row by row."], cases)


if __name__ == "__main__":
    make()

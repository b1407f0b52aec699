"""Makes every reference file in testdata/ anew with Keras 3.15.1 (see requirements.txt and reference.py).

    pip install -r xtask/oracle/requirements.txt
    SCHUSS_DATA_DIR=<folder with digits/> python xtask/oracle/make.py [optimizers losses ...]
    python xtask/oracle/check.py

Takes about a minute. On another processor the last digit of some numbers may differ.
"""

import importlib
import sys

import reference

PARTS = ["optimizers", "optimizers_more", "optimizers_whole", "optimizers_rules", "optimizers_model",
         "optimizers_matrices", "optimizers_airbench", "optimizers_rates", "dialects", "search", "around", "schedules", "losses",
         "activations", "metrics", "initializers", "training", "buffers", "layers", "digits", "augmentation", "quadratic_deep",
         "models", "pictures", "several"]

reference.check_float64()
for part in sys.argv[1:] or PARTS:
    importlib.import_module(part).make()

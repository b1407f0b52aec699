"""testdata/models.json: the models known by name, built again in Keras 3.15.1 and run in float64.

A model's numbers are made by a formula from the names of its variables and their places, so that they need not be kept:
what is kept are the outputs at evaluation, the loss of a step of training, and after that step (plain descent) one
number for each variable, the sum of its elements times a wave. Layers carry the names that schuss gives them.
"""

from reference import jax, jnp, keras, np, numbers, write

LAYERS = keras.layers
RATE = 0.01


class Net:
    """Makes layers whose names count up as schuss' do."""

    def __init__(self, shape):
        self.counts = {}
        self.input = keras.Input(shape)
        self.x = self.input
        if len(shape) == 2:
            self.add("reshape", LAYERS.Reshape, tuple(shape) + (1,))

    def add(self, kind, layer, *args, at=None, **settings):
        n = self.counts.get(kind, 0)
        self.counts[kind] = n + 1
        made = layer(*args, **settings, name=kind if n == 0 else f"{kind}_{n}")
        self.x = made(self.x if at is None else at)
        return self.x

    def conv(self, filters, size, stride=1, padding="same", activation=None, bias=True, l2=0.0, at=None):
        return self.add("conv2d", LAYERS.Conv2D, filters, size, strides=stride, padding=padding, activation=activation,
                        use_bias=bias, kernel_regularizer=keras.regularizers.L2(l2 / 2) if l2 else None, at=at)

    def norm(self, at=None, **settings):
        return self.add("batch_normalization", LAYERS.BatchNormalization, at=at, **settings)

    def act(self, f, at=None):
        return self.add("activation", LAYERS.Activation, f, at=at)

    def pool(self, size=2, stride=None, padding="valid", kind="max"):
        layer = LAYERS.MaxPooling2D if kind == "max" else LAYERS.AveragePooling2D
        return self.add(f"{kind}_pooling2d", layer, size, strides=stride, padding=padding)

    def dense(self, units, activation, l2=0.0):
        return self.add("dense", LAYERS.Dense, units, activation=activation,
                        kernel_regularizer=keras.regularizers.L2(l2 / 2) if l2 else None)

    def flatten(self):
        return self.add("flatten", LAYERS.Flatten)

    def mean(self):
        return self.add("global_average_pooling2d", LAYERS.GlobalAveragePooling2D)


def lenet5(n):
    n.conv(6, 5, activation="tanh")
    n.pool(kind="average")
    n.conv(16, 5, padding="valid", activation="tanh")
    n.pool(kind="average")
    n.flatten()
    n.dense(120, "tanh")
    n.dense(84, "tanh")


def convnet(n):
    for filters in (32, 64):
        n.conv(filters, 3, padding="valid", activation="relu")
        n.pool()
    n.flatten()


def two_two(n):
    for filters in (32, 64):
        n.conv(filters, 5, activation="relu")
        n.pool(padding="same")
    n.flatten()
    n.dense(1024, "relu")


def three_three(n):
    for filters, size, padding in ((64, 5, "valid"), (96, 3, "valid"), (128, 3, "same")):
        n.conv(filters, size, padding=padding, activation="relu", l2=0.002)
        n.pool(3, 2, "same")
    n.flatten()
    n.dense(512, "relu", 0.002)
    n.dense(256, "relu", 0.002)


def vgg(n):
    for filters in (32, 64, 128):
        for _ in range(2):
            n.conv(filters, 3, bias=False)
            n.norm()
            n.act("relu")
        n.pool()
    n.flatten()
    n.dense(256, "relu")


def resnet(blocks):
    def make(n):
        n.conv(16, 3, bias=False)
        n.norm()
        x = n.act("relu")
        for stage in range(3):
            for block in range(blocks):
                filters, stride = 16 << stage, 2 if stage and not block else 1
                n.conv(filters, 3, stride, bias=False, at=x)
                n.norm()
                n.act("relu")
                n.conv(filters, 3, bias=False)
                branch = n.norm()
                if stride == 2:
                    n.conv(filters, 1, 2, bias=False, at=x)
                    x = n.norm()
                n.add("add", LAYERS.Add, at=[branch, x])
                x = n.act("relu")
        n.mean()
    return make


def wide(n):
    x = n.conv(16, 3, bias=False, l2=0.0005)
    for stage in range(3):
        for block in range(2):
            filters, stride = 64 << stage, 2 if stage and not block else 1
            n.norm(momentum=0.9, epsilon=1e-5, at=x)
            normal = n.act("relu")
            if not block:
                x = n.conv(filters, 1, stride, bias=False, l2=0.0005, at=normal)
            n.conv(filters, 3, stride, bias=False, l2=0.0005, at=normal)
            n.norm(momentum=0.9, epsilon=1e-5)
            n.act("relu")
            branch = n.conv(filters, 3, bias=False, l2=0.0005)
            x = n.add("add", LAYERS.Add, at=[branch, x])
    n.norm(momentum=0.9, epsilon=1e-5)
    n.act("relu")
    n.mean()


def mobilenet(n):
    def rest():
        n.norm()
        n.act("relu6")

    n.conv(32, 3, bias=False)
    rest()
    for stage, filters in enumerate((64, 128, 256)):
        for layer in range(2):
            n.add("depthwise_conv2d", LAYERS.DepthwiseConv2D, 3, strides=2 if stage and not layer else 1,
                  padding="same", use_bias=False)
            rest()
            n.conv(filters, 1, bias=False)
            rest()
    n.mean()


# name: shape of a sample, settings of schuss' model (random layers are switched off), layers, decay of the last layer
MODELS = {
    "lenet5": ((28, 28), {}, lenet5, 0.0),
    "convnet": ((28, 28), {"dropout": 0.0}, convnet, 0.0),
    "2c2d": ((28, 28), {}, two_two, 0.0),
    "3c3d": ((32, 32, 3), {}, three_three, 0.002),
    "vgg": ((16, 16, 3), {"dropout": 0.0}, vgg, 0.0),
    "resnet20": ((16, 16, 3), {}, resnet(3), 0.0),
    "resnet32": ((8, 8, 3), {}, resnet(5), 0.0),
    "wideresnet16-4": ((8, 8, 3), {}, wide, 0.0005),
    "mobilenet": ((16, 16, 3), {"dropout": 0.0}, mobilenet, 0.0),
}
BATCH, CLASSES = 3, 10


def noise(seed, count):
    """Numbers in [0, 1) that any language can make."""
    i = np.arange(count, dtype=np.float64)
    x = np.sin(i * 12.9898 + seed * 78.233) * 43758.5453
    return x - np.floor(x)


def seed_of(name):
    return sum((i + 1) * ord(c) for i, c in enumerate(name)) % 1000


def start_of(name, shape):
    x = 2 * noise(seed_of(name), int(np.prod(shape))).reshape(shape) - 1
    kind = name.rsplit("/", 1)[1]
    if kind == "kernel":
        inputs = np.prod(shape[:-1]) if "depthwise" not in name else shape[0] * shape[1]
        return x * np.sqrt(6 / inputs)
    return {"gamma": 0.5 + 0.15 * x, "moving_variance": 1 + 0.5 * x}.get(kind, 0.2 * x)


def wave(count):
    return np.cos(0.1 + 0.37 * np.arange(count, dtype=np.float64))


def case_of(name, shape, settings, layers, l2):
    net = Net(shape)
    layers(net)
    net.dense(CLASSES, "softmax", l2)
    model = keras.Model(net.input, net.x)
    for v in model.weights:
        v.assign(start_of(v.path, v.shape))
    x = noise(1, BATCH * int(np.prod(shape))).reshape((BATCH,) + shape)
    y = np.array([3, 7, 0])
    output = model(jnp.array(x), training=False)
    loss_of = keras.losses.SparseCategoricalCrossentropy()

    def value(trainable, fixed):
        output, fixed, penalties = model.stateless_call(trainable, fixed, jnp.array(x), training=True,
                                                        return_losses=True)
        return loss_of(y, output) + sum(penalties), fixed

    trainable = [v.value for v in model.trainable_variables]
    fixed = [v.value for v in model.non_trainable_variables]
    (loss, moved), gradients = jax.value_and_grad(value, has_aux=True)(trainable, fixed)
    after = {v.path: v.value - RATE * g for v, g in zip(model.trainable_variables, gradients)}
    after |= {v.path: m for v, m in zip(model.non_trainable_variables, moved)}
    return {
        "name": name, "sample": list(shape), "settings": settings, "parameters": int(model.count_params()),
        "trainable": int(sum(np.prod(v.shape) for v in model.trainable_variables)),
        "outputs": numbers(output), "loss": float(loss),
        "after": {path: float(np.dot(np.asarray(v).ravel(), wave(v.size))) for path, v in after.items()},
    }


def make():
    write("models.json", "models.py",
          ["Numbers before the step, the batch and its labels, and the wave, are those of models.py.",
           "parameters counts moving statistics too, trainable does not; outputs are those before the step.",
           f"loss is that of training (batch statistics, with decay); after: one number a variable, at a rate of {RATE}."],
          [case_of(name, *model) for name, model in MODELS.items()])


if __name__ == "__main__":
    make()

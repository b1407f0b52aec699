"""testdata/layers.json: outputs and gradients of layers of Keras 3.15.1 on random shapes, in float64.

Where PyTorch has the operation, it is computed there too (in float64, from PyTorch's own functions), and the script
fails if the two differ by more than 1e-11: such cases say so. Inputs, parameters and cotangents are not kept: number i
of array s is `draw(s, i)`, which is exact in float64 and easily computed again.
"""

import itertools

import torch
import torch.nn.functional as F
from reference import jax, jnp, keras, np, random, write

torch.set_default_dtype(torch.float64)
L = keras.layers
# Settings of ours that Keras spells otherwise.
CLASSES = {"conv1d": "Conv1D", "conv2d": "Conv2D", "conv3d": "Conv3D", "conv2d_transpose": "Conv2DTranspose",
           "elu": "ELU", "leaky_relu": "LeakyReLU", "prelu": "PReLU", "relu": "ReLU",
           "rms_normalization": "RMSNormalization"}


def draw(stream, count):
    """`count` numbers in [-1, 1) with 30 bits each: SplitMix64 of stream * 2^32 + i."""
    x = (np.uint64(stream) << np.uint64(32)) + np.arange(count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(34)).astype(np.float64) / 2.0**29 - 1.0


def class_of(name):
    if name in CLASSES:
        return getattr(L, CLASSES[name])
    words = "".join(w.capitalize() for w in name.split("_"))
    return getattr(L, words[:-2] + words[-2].upper() + "D" if words[-1] == "d" and words[-2].isdigit() else words)


def arguments(name, settings):
    """Our settings as Keras takes them."""
    out = {}
    for key, value in settings.items():
        if value in ("pool_size", "none"):
            value = None
        elif isinstance(value, list) and len(value) == 4:
            value = ((value[0], value[1]), (value[2], value[3]))
        elif isinstance(value, list):
            value = tuple(value)
        out[key] = value
    if name == "prelu" and "shared_axes" in out:
        out["shared_axes"] = list(out["shared_axes"])
    return out


def case_of(name, settings, shape, peer=None):
    """`shape` has the batch first; `peer` computes the same from torch tensors x and parameters by name."""
    layer = class_of(name)(**arguments(name, settings))
    layer.build(tuple([None] + list(shape[1:])))
    variables = layer.trainable_variables
    values = [draw(2 + i, int(np.prod(v.shape))).reshape(v.shape) for i, v in enumerate(variables)]
    x = draw(0, int(np.prod(shape))).reshape(shape)

    def function(x, *values):
        rest = [v.value for v in layer.non_trainable_variables]
        return layer.stateless_call(list(values), rest, x)[0]

    y, pull_back = jax.vjp(function, jnp.array(x), *[jnp.array(v) for v in values])
    assert y.dtype == "float64"
    c = draw(1, int(np.prod(y.shape))).reshape(y.shape)
    found = [np.asarray(y), *map(np.asarray, pull_back(jnp.array(c)))]
    if peer is not None:
        tensors = [torch.tensor(x, requires_grad=True), *[torch.tensor(v, requires_grad=True) for v in values]]
        other = peer(tensors[0], {v.name: t for v, t in zip(variables, tensors[1:])})
        other.backward(torch.tensor(c))
        for a, b in zip(found, [other.detach(), *[t.grad for t in tensors]]):
            assert a.shape == tuple(b.shape), (name, settings, a.shape, b.shape)
            assert np.abs(a - b.numpy()).max() < 1e-11, (name, settings, shape, np.abs(a - b.numpy()).max())
    short = lambda a: [float(f"{v:.10g}") for v in a.ravel()]
    label = ",".join(f"{k}={v}" for k, v in settings.items())
    return {"name": f"{name}({label}) on {list(shape)}", "layer": name, "settings": settings, "input": list(shape),
            "torch": peer is not None, "output": list(y.shape),
            "parameters": [[v.name, list(v.shape)] for v in variables],
            "y": short(found[0]), "dx": short(found[1]), "gradients": [short(a) for a in found[2:]]}


def channels_first(x):
    return x.movedim(-1, 1)


def channels_last(x):
    return x.movedim(1, -1)


def each(value, n):
    return list(value) if isinstance(value, (list, tuple)) else [value] * n


def padded(x, settings, size, strides, dilation, fill=0.0):
    """Channels first, with what `same` or `causal` puts around it."""
    n = len(size)
    sides = []
    for i in range(n):
        length, reach = x.shape[2 + i], (size[i] - 1) * dilation[i] + 1
        if settings.get("padding") == "same":
            outputs = -(-length // strides[i])
            total = max((outputs - 1) * strides[i] + reach - length, 0)
            sides.append((total // 2, total - total // 2))
        elif settings.get("padding") == "causal":
            sides.append((reach - 1, 0))
        else:
            sides.append((0, 0))
    return F.pad(x, [side for pair in reversed(sides) for side in pair], value=fill)


CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def torch_conv(settings, n):
    size, strides = each(settings["kernel_size"], n), each(settings.get("strides", 1), n)
    dilation, groups = each(settings.get("dilation_rate", 1), n), settings.get("groups", 1)

    def peer(x, w):
        x = padded(channels_first(x), settings, size, strides, dilation)
        kernel = w["kernel"].movedim((-1, -2), (0, 1)).contiguous()
        return channels_last(CONV[n](x, kernel, w.get("bias"), strides, 0, dilation, groups))

    return peer


def torch_separable(settings, depthwise_only):
    size, strides = each(settings["kernel_size"], 2), each(settings.get("strides", 1), 2)
    dilation = each(settings.get("dilation_rate", 1), 2)

    def peer(x, w):
        kernel = w["kernel" if depthwise_only else "depthwise_kernel"]
        channels, many = kernel.shape[2:]
        kernel = kernel.reshape(*size, channels * many).permute(2, 0, 1).unsqueeze(1).contiguous()
        x = padded(channels_first(x), settings, size, strides, dilation)
        bias = w.get("bias")
        y = F.conv2d(x, kernel, bias if depthwise_only else None, strides, 0, dilation, channels)
        if not depthwise_only:
            y = F.conv2d(y, w["pointwise_kernel"].permute(3, 2, 0, 1).contiguous(), bias)
        return channels_last(y)

    return peer


def torch_pool(settings, n, greatest):
    size = each(settings.get("pool_size", 2), n)
    strides = size if settings.get("strides", "pool_size") == "pool_size" else each(settings["strides"], n)
    pool = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d} if greatest else \
        {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}

    def peer(x, _):
        x = channels_first(x)
        if greatest:
            return channels_last(pool[n](padded(x, settings, size, strides, [1] * n, float("-inf")), size, strides))
        ones = padded(torch.ones_like(x), settings, size, strides, [1] * n)
        return channels_last(pool[n](padded(x, settings, size, strides, [1] * n), size, strides)
                             / pool[n](ones, size, strides))

    return peer


def torch_global(settings, n, greatest):
    axes = list(range(1, n + 1))
    keep = settings.get("keepdims", False)
    return lambda x, _: x.amax(axes, keepdim=keep) if greatest else x.mean(axes, keepdim=keep)


def torch_transpose(settings):
    # What has no padding there: without `same`, with no more than the stride behind.
    strides = each(settings.get("strides", 1), 2)
    size, dilation = each(settings["kernel_size"], 2), each(settings.get("dilation_rate", 1), 2)
    reach = [(size[i] - 1) * dilation[i] + 1 for i in range(2)]
    if settings.get("padding", "valid") != "valid":
        return None
    extra = settings.get("output_padding", "none")
    extra = [max(s - r, 0) for s, r in zip(strides, reach)] if extra == "none" else each(extra, 2)

    def peer(x, w):
        kernel = w["kernel"].permute(3, 2, 0, 1).contiguous()
        return channels_last(F.conv_transpose2d(channels_first(x), kernel, w.get("bias"), strides, 0, extra, 1, dilation))

    return peer


def shape(generator, n, low, high, channels):
    return [2, *generator.integers(low, high + 1, n).tolist(), channels]


def convolutions():
    cases = []
    for n in (1, 2, 3):
        name = f"conv{n}d"
        low, high = {1: (5, 11), 2: (4, 6), 3: (3, 4)}[n]
        paddings = ["valid", "same", "causal"] if n == 1 else ["valid", "same"]
        for number, padding in itertools.product(range({1: 8, 2: 22, 3: 6}[n]), paddings):
            generator = random(f"{name} {number} {padding}")
            groups = int(generator.choice([1, 1, 1, 2, 3]))
            channels, filters = groups * int(generator.integers(1, 3)), groups * int(generator.integers(1, 3))
            size = generator.integers(1, 4 if n < 3 else 3, n).tolist()
            steps = generator.integers(1, 4, n).tolist()
            stretched = number % 3 == 2
            x = shape(generator, n, low, high, channels)
            dilation = [min(d, (length - 1) // max(k - 1, 1)) or 1 for d, length, k in zip(steps, x[1:], size)]
            settings = {"filters": filters, "kernel_size": size, "padding": padding}
            settings |= {"dilation_rate": dilation} if stretched else {"strides": steps}
            settings |= ({"groups": groups} if groups > 1 else {}) | ({"use_bias": False} if number % 4 == 3 else {})
            # Keras' causal padding is that of one axis without strides and dilation together.
            cases.append(case_of(name, settings, x, torch_conv(settings, n)))
    for number in range(24):
        generator = random(f"conv2d_transpose {number}")
        size, steps = generator.integers(1, 4, 2).tolist(), generator.integers(1, 4, 2).tolist()
        settings = {"filters": int(generator.integers(1, 4)), "kernel_size": size,
                    "padding": ["valid", "same"][number % 2]}
        settings |= {"dilation_rate": steps} if number % 6 == 5 else {"strides": steps}
        if number % 3 == 1 and "strides" in settings:
            settings["output_padding"] = [int(generator.integers(0, s)) for s in steps]
        cases.append(case_of("conv2d_transpose", settings, shape(generator, 2, 2, 4, int(generator.integers(1, 4))),
                             torch_transpose(settings)))
    for number, name in itertools.product(range(12), ("depthwise_conv2d", "separable_conv2d")):
        generator = random(f"{name} {number}")
        steps = int(generator.integers(1, 3))
        settings = {} if name == "depthwise_conv2d" else {"filters": int(generator.integers(1, 4))}
        settings |= {"kernel_size": generator.integers(1, 4, 2).tolist(), "padding": ["valid", "same"][number % 2],
                     "depth_multiplier": int(generator.integers(1, 4))}
        settings |= {"dilation_rate": steps} if number % 3 == 2 else {"strides": steps}
        cases.append(case_of(name, settings, shape(generator, 2, 4, 6, int(generator.integers(1, 4))),
                             torch_separable(settings, name == "depthwise_conv2d")))
    return cases


def pools():
    cases = []
    for n, kind, number in itertools.product((1, 2, 3), ("max", "average"), range(8)):
        if n == 3 and number > 3:
            continue
        generator = random(f"{kind}_pooling{n}d {number}")
        settings = {"pool_size": generator.integers(1, 4, n).tolist(), "padding": ["valid", "same"][number % 2]}
        if number % 4 > 1:
            settings["strides"] = generator.integers(1, 4, n).tolist()
        x = shape(generator, n, 3, {1: 11, 2: 6, 3: 4}[n], int(generator.integers(1, 4)))
        cases.append(case_of(f"{kind}_pooling{n}d", settings, x, torch_pool(settings, n, kind == "max")))
    for n, kind, keep in itertools.product((1, 2, 3), ("max", "average"), (False, True)):
        generator = random(f"global_{kind}_pooling{n}d {keep}")
        x = shape(generator, n, 2, {1: 9, 2: 5, 3: 3}[n], 3)
        settings = {"keepdims": keep}
        cases.append(case_of(f"global_{kind}_pooling{n}d", settings, x, torch_global(settings, n, kind == "max")))
    return cases


def normalizations():
    cases = []

    def moments(x, axes, epsilon):
        center = x - x.mean(axes, keepdim=True)
        return center / torch.sqrt((center**2).mean(axes, keepdim=True) + epsilon)

    def beside(w, x, axes):
        return w.reshape([x.shape[i] if i in axes else 1 for i in range(x.ndim)])

    def layer(axes, epsilon, rms):
        def peer(x, w):
            own = [a % x.ndim for a in axes]
            if rms:
                return x / torch.sqrt((x**2).mean(own, keepdim=True) + epsilon) * beside(w["scale"], x, own)
            y = moments(x, own, epsilon)
            y = y * beside(w["gamma"], x, own) if "gamma" in w else y
            return y + beside(w["beta"], x, own) if "beta" in w else y

        return peer

    for axis, x in ((-1, [3, 7]), (-1, [2, 3, 4, 5]), ([1, 2], [2, 3, 4, 2]), ([1, 3], [2, 3, 2, 3]), (2, [2, 3, 5, 2]),
                    ([1, 2, 3], [2, 3, 2, 3]), ([-2, -1], [2, 3, 4])):
        axes = axis if isinstance(axis, list) else [axis]
        for epsilon in (1e-3, 0.1):
            settings = {"axis": axis, "epsilon": epsilon}
            cases.append(case_of("layer_normalization", settings, x, layer(axes, epsilon, False)))
        # Elsewhere than over the last axes, Keras' scale does not broadcast on JAX.
        if axis in (-1, [-2, -1], [1, 2, 3]):
            cases.append(case_of("rms_normalization", {"axis": axis, "epsilon": 1e-2}, x, layer(axes, 1e-2, True)))
    cases.append(case_of("rms_normalization", {}, [2, 5], layer([-1], 1e-6, True)))
    for switch in ("center", "scale"):
        cases.append(case_of("layer_normalization", {switch: False}, [3, 5], layer([-1], 1e-3, False)))

    def group(groups, epsilon):
        def peer(x, w):
            y = F.group_norm(channels_first(x), groups, w.get("gamma"), w.get("beta"), epsilon)
            return channels_last(y)

        return peer

    for groups, x in ((1, [2, 3, 4, 2]), (2, [2, 3, 2, 4]), (3, [3, 5, 6]), (-1, [2, 4, 3]), (2, [2, 6])):
        for epsilon in (1e-3, 0.1):
            settings = {"groups": groups, "epsilon": epsilon}
            cases.append(case_of("group_normalization", settings, x, group(x[-1] if groups < 0 else groups, epsilon)))
    return cases


def others():
    cases = []
    for padding, x in ((1, [2, 3, 2, 2]), ([2, 0], [1, 3, 4, 2]), ([1, 0, 2, 3], [2, 2, 3, 1])):
        top = each(padding, 2)
        sides = padding if isinstance(padding, list) and len(padding) == 4 else [top[0], top[0], top[1], top[1]]
        peer = lambda x, _, s=sides: F.pad(x, (0, 0, s[2], s[3], s[0], s[1]))
        cases.append(case_of("zero_padding2d", {"padding": padding}, x, peer))
        x = [x[0], x[1] + 4, x[2] + 6, x[3]]
        peer = lambda x, _, s=sides: x[:, s[0]:x.shape[1] - s[1], s[2]:x.shape[2] - s[3]]
        cases.append(case_of("cropping2d", {"cropping": padding}, x, peer))
    for size, how in itertools.product((2, [1, 3], [3, 2], [4, 5]), ("nearest", "bilinear")):
        def peer(x, _, size=each(size, 2), how=how):
            corners = {"align_corners": False} if how == "bilinear" else {}
            return channels_last(F.interpolate(channels_first(x), scale_factor=size, mode=how, **corners))

        for x in ([2, 2, 3, 2], [1, 4, 1, 1]):
            cases.append(case_of("up_sampling2d", {"size": size, "interpolation": how}, x, peer))
    rectifiers = [{}, {"max_value": 0.5}, {"negative_slope": 0.25}, {"threshold": 0.375},
                  {"max_value": 0.75, "negative_slope": 0.5, "threshold": 0.25}]
    cases += [case_of("relu", settings, [3, 11]) for settings in rectifiers]
    cases.append(case_of("leaky_relu", {}, [3, 11], lambda x, _: F.leaky_relu(x, 0.3)))
    cases.append(case_of("leaky_relu", {"negative_slope": 0.0625}, [2, 3, 2], lambda x, _: F.leaky_relu(x, 0.0625)))
    cases.append(case_of("elu", {}, [3, 7], lambda x, _: F.elu(x)))
    cases.append(case_of("elu", {"alpha": 0.5}, [3, 7], lambda x, _: F.elu(x, 0.5)))
    cases.append(case_of("softmax", {}, [3, 7], lambda x, _: x.softmax(-1)))
    cases.append(case_of("softmax", {}, [2, 3, 5], lambda x, _: x.softmax(-1)))
    cases.append(case_of("prelu", {}, [3, 5]))
    cases.append(case_of("prelu", {"shared_axes": [1, 2]}, [2, 3, 4, 3],
                         lambda x, w: channels_last(F.prelu(channels_first(x), w["alpha"].reshape(-1)))
                         + 0 * w["alpha"].sum()))
    cases.append(case_of("prelu", {"shared_axes": [2]}, [2, 3, 4]))
    return cases


def make():
    cases = convolutions() + pools() + normalizations() + others()
    unique = list({case["name"]: case for case in cases}.values())
    assert len(unique) >= 200, len(unique)
    write("layers.json", "layers.py",
          ["Number i of stream s is SplitMix64(s * 2^32 + i), its upper 30 bits / 2^29 - 1. The input is stream 0, the "
           "cotangent of the output stream 1, the parameters are streams 2 on, in their order, all row by row.",
           "y, dx and gradients: 10 digits. torch: PyTorch gives the same to 1e-11."], unique)


if __name__ == "__main__":
    make()

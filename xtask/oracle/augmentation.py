"""testdata/augmentation.json: pictures and what Keras 3.15.1 makes of them at given parameters, in float64.

`parameters` are those that the stage of schuss draws (its file says what they mean); here they are turned into what
Keras' layer draws. Pictures are whole numbers from 0 to 255. Keras' matrices of RandomTranslation and RandomZoom are
float32, so their parameters are numbers that float32 has. Where Keras has no such layer (padding, cutout,
tf.image.per_image_standardization), NumPy says it again from the definition.
"""

from reference import jnp, keras, np, numbers, random, write

LAYERS = keras.layers
SIZES = [(6, 5, 3), (5, 7, 1), (4, 4, 2)]


def picture(name, sizes):
    return random(name).integers(0, 256, sizes).astype(np.float64)


def case(name, stage, parameters, image, output):
    output = np.asarray(output, np.float64)
    assert output.shape[2] == image.shape[2] and np.isfinite(output).all()
    return {"name": name, "stage": stage, "parameters": [float(p) for p in parameters], "shape": list(image.shape),
            "image": numbers(image.astype(np.int64)), "output_shape": list(output.shape), "output": numbers(output)}


def by_layer(layer, image, transformation):
    return np.asarray(layer.transform_images(image[None], transformation, training=True))[0]


def flips():
    for sizes in SIZES:
        for mode, parameters in [("horizontal", [1, 0]), ("vertical", [0, 1]), ("horizontal_and_vertical", [1, 1])]:
            name = f"random_flip {mode} {sizes}"
            image = picture(name, sizes)
            layer = LAYERS.RandomFlip(mode)
            out = by_layer(layer, image, {"flips": np.array([[[[True]]]]), "input_shape": (1, *sizes)})
            yield case(name, f"random_flip(mode='{mode}')", parameters, image, out)
        # The same by turns.
        name = f"alternating_flip {sizes}"
        image = picture(name, sizes)
        flipped = {"flips": np.array([[[[True]]]]), "input_shape": (1, *sizes)}
        yield case(name, "alternating_flip", [1], image, by_layer(LAYERS.RandomFlip("horizontal"), image, flipped))


def crops():
    settings = [(4, 4, 0, "constant", 0.0, (1, 0)), (6, 5, 2, "constant", 0.0, (0, 4)), (6, 5, 2, "constant", 7.5, (3, 1)),
                (6, 5, 3, "reflect", 0.0, (0, 6)), (5, 3, 4, "reflect", 0.0, (9, 2)), (3, 5, 1, "constant", 255.0, (5, 2))]
    for height, width, padding, mode, value, (top, left) in settings:
        name = f"random_crop {height} {width} {padding} {mode} {value}"
        image = picture(name, (6, 5, 3))
        more = {"constant_values": value} if mode == "constant" else {}
        padded = np.pad(image, [(padding, padding), (padding, padding), (0, 0)], mode=mode, **more)
        out = by_layer(LAYERS.RandomCrop(height, width), padded, (top, left))
        words = f"random_crop(height={height}, width={width}, padding={padding}, fill_mode='{mode}', fill_value={value})"
        yield case(name, words, [top, left], image, out)


def samplings():
    for i, sizes in enumerate(SIZES):
        for mode in ["reflect", "wrap", "nearest", "constant"]:
            for interpolation in ["bilinear", "nearest"] if i == 0 or mode == "reflect" else ["bilinear"]:
                yield sizes, {"fill_mode": mode, "interpolation": interpolation, "fill_value": 12.5}


def words_of(name, first, sampling):
    settings = first + [f"{key}={value!r}" for key, value in sampling.items()]
    return f"{name}({', '.join(settings)})"


def translations():
    for i, (sizes, sampling) in enumerate(samplings()):
        down, right = [(0.375, -0.3125), (-0.8125, 0.96875), (0.0625, 0.71875)][i % 3]
        name = f"random_translation {sizes} {sampling}"
        image = picture(name, sizes)
        layer = LAYERS.RandomTranslation(1.0, 1.0, **sampling)
        moves = np.array([[right * sizes[1], down * sizes[0]]])
        out = by_layer(layer, image, {"translations": moves, "input_shape": (1, *sizes)})
        words = words_of("random_translation", ["height_factor=1.0", "width_factor=1.0"], sampling)
        yield case(name, words, [down, right], image, out)


def rotations():
    for i, (sizes, sampling) in enumerate(samplings()):
        turn = [0.1, -0.37, 0.77][i % 3]
        name = f"random_rotation {sizes} {sampling}"
        image = picture(name, sizes)
        layer = LAYERS.RandomRotation(1.0, **sampling)
        zero, one = np.zeros(1), np.ones(1)
        matrix = layer._compute_affine_matrix(0.5, 0.5, np.array([turn * 360]), zero, zero, one, zero, zero, sizes[0], sizes[1])
        out = by_layer(layer, image, {"rotation_matrix": matrix})
        yield case(name, words_of("random_rotation", ["factor=1.0"], sampling), [turn], image, out)


def zooms():
    for i, (sizes, sampling) in enumerate(samplings()):
        down, across = [(0.625, 1.28125), (1.8125, 0.71875), (1.40625, 1.09375)][i % 3]
        name = f"random_zoom {sizes} {sampling}"
        image = picture(name, sizes)
        layer = LAYERS.RandomZoom(0.9, 0.9, **sampling)
        drawn = {"height_zoom": np.array([[down]]), "width_zoom": np.array([[across]]), "input_shape": (1, *sizes)}
        out = by_layer(layer, image, drawn)
        words = words_of("random_zoom", ["height_factor=0.9", "width_factor=0.9"], sampling)
        yield case(name, words, [down, across], image, out)


def colours():
    for sizes in SIZES:
        for factor in [0.2, 1.75]:
            name = f"random_contrast {sizes} {factor}"
            image = picture(name, sizes)
            drawn = {"contrast_factor": np.full((1, 1, 1, 1), factor)}
            out = by_layer(LAYERS.RandomContrast(0.8), image, drawn)
            yield case(name, "random_contrast(factor=0.8)", [factor], image, out)
            mean = image.mean((0, 1))
            yield case(f"{name} not clipped", "random_contrast(factor=0.8, clip=false)", [factor], image,
                       (image - mean) * factor + mean)
        for delta in [-60.5, 100.25]:
            name = f"random_brightness {sizes} {delta}"
            image = picture(name, sizes)
            out = by_layer(LAYERS.RandomBrightness(0.5), image.copy(), {"rgb_delta": np.full((1, 1, 1, 1), delta)})
            yield case(name, "random_brightness(factor=0.5)", [delta], image, out)
            yield case(f"{name} not clipped", "random_brightness(factor=0.5, clip=false)", [delta], image, image + delta)
    for factor in [0.0, 0.45, 1.0, 1.5, 6.0]:
        name = f"random_saturation {factor}"
        image = picture(name, (6, 5, 3))
        # Grey pixels, black ones, and one of full saturation.
        image[0, 0], image[0, 1], image[0, 2] = 90.0, 0.0, [0.0, 200.0, 17.0]
        out = by_layer(LAYERS.RandomSaturation(0.5, value_range=(0, 1)), image / 255, {"factor": np.array([factor])})
        yield case(name, "random_saturation(factor=0.5)", [factor], image, out * 255)


def tones():
    for sizes, factors in [((6, 5, 3), (0.25, -0.5)), ((5, 7, 1), (-0.875, 0.0)), ((4, 4, 2), (0.0, 0.6))]:
        name = f"random_shear {sizes}"
        image = picture(name, sizes)
        layer = LAYERS.RandomShear(1.0, 1.0, fill_mode="constant", fill_value=30.0)
        out = by_layer(layer, image, {"shear_factor": np.array([factors]), "input_shape": (1, *sizes)})
        words = "random_shear(x_factor=1.0, y_factor=1.0, fill_mode='constant', fill_value=30.0)"
        yield case(name, words, factors, image, out)
        for factor in [0.0, 0.2, 1.0]:
            name = f"random_sharpness {sizes} {factor}"
            image = picture(name, sizes)
            out = by_layer(LAYERS.RandomSharpness(1.0), image, {"factor": np.array([factor])})
            yield case(name, "random_sharpness(factor=1.0)", [factor], image, out)
        for bits in [1, 3, 7]:
            name = f"random_posterization {sizes} {bits}"
            image = picture(name, sizes)
            out = by_layer(LAYERS.RandomPosterization(8), image, {"shift_factor": np.array([8 - bits], np.uint8)})
            yield case(name, "random_posterization(factor=8)", [bits], image, out)
        for addition, threshold in [(0.0, 0.0), (40.5, 128.0), (10.0, 200.25)]:
            name = f"solarization {sizes} {addition} {threshold}"
            image = picture(name, sizes)
            drawn = {"additions": np.full((1, 1, 1, 1), addition), "thresholds": np.full((1, 1, 1, 1), threshold)}
            out = by_layer(LAYERS.Solarization(0.5, 0.5), image, drawn)
            yield case(name, "solarization(addition_factor=0.5, threshold_factor=0.5)", [addition, threshold], image, out)
        for what, make in [("", lambda n: picture(n, sizes)), (" few", lambda n: picture(n, sizes) // 64 * 20 + 7),
                           (" one", lambda n: np.full(sizes, 33.0))]:
            name = f"auto_contrast {sizes}{what}"
            image = make(name)
            yield case(name, "auto_contrast", [], image, LAYERS.AutoContrast()(image[None])[0])
            name = f"equalization {sizes}{what}"
            # Of some values x Keras' x / 255 · 255 is below x on JAX, and the level that it looks up one too low.
            looked_up = np.asarray((jnp.arange(256.0) / 255.0 * 255).astype(int))
            exact = np.flatnonzero(looked_up == np.arange(256))
            image = exact[np.searchsorted(exact, make(name)).clip(0, len(exact) - 1)].astype(np.float64)
            yield case(name, "equalization", [], image, LAYERS.Equalization()(image[None], training=True)[0])
    for factor in [0.0, 0.4, 1.0]:
        name = f"random_color_degeneration {factor}"
        image = picture(name, (6, 5, 3))
        out = by_layer(LAYERS.RandomColorDegeneration(1.0), image, {"factor": np.full((1, 1, 1, 1), factor)})
        yield case(name, "random_color_degeneration(factor=1.0)", [factor], image, out)
    name = "rand_augment"
    image = picture(name, (6, 5, 3))
    layer = LAYERS.RandAugment(num_ops=3, factor=0.5)
    layer.build((None, 6, 5, 3))
    drawn = layer.get_random_transformation(image[None])
    # Brightness, then contrast, then brightness again, at values of our own.
    drawn["layer_idxes"] = np.array([3, 5, 3])
    drawn["transforms"]["random_brightness"] = {"rgb_delta": np.full((1, 1, 1, 1), 30.0)}
    drawn["transforms"]["random_contrast"] = {"contrast_factor": np.full((1, 1, 1, 1), 1.25)}
    yield case(name, "rand_augment(num_ops=3)", [3, 30.0, 0, 5, 1.25, 0, 3, 30.0, 0], image, by_layer(layer, image, drawn))


def rectangles():
    for sizes, (top, bottom, left, right), fill in [
        ((6, 5, 3), (1.2, 3.9, 0.0, 2.0), 40.0), ((5, 7, 1), (0.0, 5.0, 6.5, 7.0), 300.0), ((4, 4, 2), (2.0, 2.5, 1.1, 3.0), 0.0),
    ]:
        name = f"random_erasing {sizes}"
        image = picture(name, sizes)
        layer = LAYERS.RandomErasing(1.0, fill_value=fill)
        mask = layer._generate_batch_mask((1, *sizes), tuple(np.array([x]) for x in (left, right, top, bottom)))
        value = layer._get_fill_value(image[None], (1, *sizes), None)
        out = by_layer(layer, image, {"apply_erasing": np.array([True]), "batch_masks": mask, "fill_value": value})
        yield case(name, f"random_erasing(fill_value={fill})", [1, top, bottom, left, right], image, out)
    for size, (row, column) in [(2, (0, 0)), (3, (2, 4)), (4, (5, 1))]:
        name = f"cutout {size}"
        image = picture(name, (6, 5, 3))
        out = image.copy()
        first = [max(0, middle - size // 2) for middle in (row, column)]
        last = [middle - size // 2 + size for middle in (row, column)]
        out[first[0]:last[0], first[1]:last[1]] = 9.0
        yield case(name, f"cutout(size={size}, fill_value=9.0)", [row, column], image, out)


def mixtures():
    for sizes in SIZES:
        name = f"mix_up {sizes}"
        image, other = picture(name, sizes), picture(f"{name} other", sizes)
        drawn = {"mix_weight": np.array([0.3, 0.5]), "permutation_order": np.array([1, 0])}
        out = np.asarray(LAYERS.MixUp().transform_images(np.stack([image, other]), drawn))[0]
        yield {**case(name, "mix_up", [0.3], image, out), "other": numbers(other.astype(np.int64)), "share": 0.3}
        for top, bottom, left, right in [(0.5, 3.25, 1.0, 3.75), (0.0, 4.0, 0.0, 4.0), (1.75, 1.875, 2.0, 2.25)]:
            name = f"cut_mix {sizes} {top}"
            image, other = picture(name, sizes), picture(f"{name} other", sizes)
            layer = LAYERS.CutMix()
            corners = tuple(np.array([x, x]) for x in (left, right, top, bottom))
            masks, share = layer._generate_batch_mask((2, *sizes), corners)
            drawn = {"permutation_order": np.array([1, 0]), "batch_masks": masks, "mix_weight": share}
            out = np.asarray(layer.transform_images(np.stack([image, other]), drawn))[0]
            share = float(np.asarray(share).ravel()[0])
            yield {**case(name, "cut_mix", [top, bottom, left, right], image, out),
                   "other": numbers(other.astype(np.int64)), "share": share}


def always():
    for sizes in SIZES:
        for height, width in [(9, 4), (3, 11), (12, 12)]:
            for interpolation in ["bilinear", "nearest"]:
                name = f"resizing {sizes} {height} {width} {interpolation}"
                image = picture(name, sizes)
                out = LAYERS.Resizing(height, width, interpolation=interpolation)(image[None])[0]
                words = f"resizing(height={height}, width={width}, interpolation='{interpolation}')"
                yield case(name, words, [], image, out)
        for height, width in [(4, 2), (3, 4), (2, 3)]:
            name = f"center_crop {sizes} {height} {width}"
            image = picture(name, sizes)
            out = LAYERS.CenterCrop(height, width)(image[None])[0]
            yield case(name, f"center_crop(height={height}, width={width})", [], image, out)
        name = f"rescaling {sizes}"
        image = picture(name, sizes)
        out = LAYERS.Rescaling(1 / 127.5, -1.0)(image[None])[0]
        yield case(name, f"rescaling(scale={1 / 127.5}, offset=-1.0)", [], image, out)
        name = f"normalization {sizes}"
        image = picture(name, sizes)
        mean, variance = [120.5, 99.25, 7.0][: sizes[2]], [4000.5, 5600.0, 12.0][: sizes[2]]
        out = LAYERS.Normalization(mean=mean, variance=variance)(image[None])[0]
        yield case(name, f"normalization(mean={mean}, variance={variance})", [], image, out)
        for what, image in [("", picture(f"standardization {sizes}", sizes)), (" constant", np.full(sizes, 77.0))]:
            out = (image - image.mean()) / max(image.std(), 1 / image.size ** 0.5)
            yield case(f"per_image_standardization {sizes}{what}", "per_image_standardization", [], image, out)


def make():
    parts = [flips, crops, translations, rotations, zooms, colours, tones, rectangles, mixtures, always]
    cases = [c for part in parts for c in part()]
    notes = "What the parameters mean stands in each stage's file. Images are rows of pixels, channels last."
    write("augmentation.json", "augmentation.py", notes, cases)

"""testdata/pictures.json: small PNG and JPEG files of every kind, and the pixels that Pillow reads from them, turned as
their EXIF data say, in colour or grey, resized by its BILINEAR."""

import io

import numpy as np
import PIL
from PIL import Image, ImageOps

from reference import random, write


def smooth(name, height, width, channels):
    """Something like a photograph: JPEG does not keep noise."""
    rng = random(name)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    planes = [sum(rng.uniform(-90, 90) * np.sin(rng.uniform(1, 6) * x + rng.uniform(1, 6) * y + rng.uniform(0, 6))
                  for _ in range(3)) + 128 for _ in range(channels)]
    array = np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)
    return array[..., 0] if channels == 1 else array


def encoded(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def files():
    rgb = Image.fromarray(smooth("rgb", 19, 26, 3))
    grey = Image.fromarray(smooth("grey", 23, 17, 1))
    jpeg = {"quality": 95, "subsampling": 0}
    yield "png rgb", encoded(rgb, "PNG")
    yield "png grey", encoded(grey, "PNG")
    yield "png palette", encoded(rgb.quantize(16), "PNG")
    yield "png alpha", encoded(Image.fromarray(smooth("rgba", 11, 14, 4), "RGBA"), "PNG")
    yield "png grey and alpha", encoded(Image.fromarray(smooth("la", 9, 8, 2), "LA"), "PNG")
    yield "png one bit", encoded(grey.convert("1"), "PNG")
    yield "png interlaced", encoded(rgb, "PNG", exif=turned(3))
    yield "jpeg rgb", encoded(rgb, "JPEG", **jpeg)
    yield "jpeg grey", encoded(grey, "JPEG", quality=95)
    yield "jpeg progressive", encoded(rgb, "JPEG", progressive=True, **jpeg)
    yield "jpeg optimised, restarts", encoded(rgb, "JPEG", optimize=True, restart_marker_blocks=2, **jpeg)
    for orientation in range(2, 9):
        yield f"jpeg orientation {orientation}", encoded(rgb, "JPEG", exif=turned(orientation), **jpeg)


def make():
    cases = []
    for i, (name, data) in enumerate(files()):
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        grey = image.mode in ("L", "LA", "1")
        if image.mode in ("P", "RGBA"):
            image = image.convert("RGBA")
        rgb = Image.merge("RGB", image.split()[:3]) if image.mode == "RGBA" else image.convert("RGB")
        outputs = []
        for mode, (height, width) in [("RGB", rgb.size[::-1]), ("RGB", [(7, 9), (31, 12), (10, 40)][i % 3]), ("L", (8, 8))]:
            # Of pictures that are grey already, Pillow's own values; alpha is dropped.
            source = image.split()[0].convert("L") if grey and mode == "L" else rgb.convert(mode)
            out = np.asarray(source.resize((width, height), Image.Resampling.BILINEAR))
            outputs.append({"shape": list(out.shape), "pixels": out.tobytes().hex()})
        cases.append({"name": name, "grey": grey, "size": list(rgb.size[::-1]), "file": data.hex(), "outputs": outputs})
    notes = "`file` and `pixels` are bytes in hexadecimal digits; `size` is height and width once turned."
    write("pictures.json", "pictures.py", notes, cases, ("Pillow", PIL.__version__))

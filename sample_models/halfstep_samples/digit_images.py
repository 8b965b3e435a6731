"""What does a digit look like? Draws 28 x 28 grey images of handwritten-looking digits.

Every digit is a few strokes through a handful of points. An image is a glyph whose points were moved
a little, seen through a random affine map and a smooth warp, drawn with a random pen and disturbed by
stray marks and noise. Nothing is downloaded and no font is used: the same seed draws the same images.
"""

from dataclasses import dataclass

import numpy as np

IMAGE_SIZE = 28
CLASS_NAMES = [str(digit) for digit in range(10)]

_STEPS_PER_SPAN = 4  # straight pieces that stand for one curved span
_CHUNK = 256  # images drawn at once; bounds the memory of the distance table


@dataclass(frozen=True)
class Glyph:
    """One way to write a digit. Points lie in a box 4 wide and 6 high, y pointing down.

    `strokes` lists (kind, indices of points); a "line" joins its points with straight pieces, a
    "curve" is a Catmull-Rom spline through them. Strokes may share points, so they stay joined
    when the points are moved.
    """

    digit: int
    points: tuple
    strokes: tuple


def _glyph(digit, *strokes):
    """Builds a Glyph from (kind, (x, y)...) strokes; equal points become one shared point."""
    points, indexed = [], []
    for kind, *stroke_points in strokes:
        for point in stroke_points:
            if point not in points:
                points.append(point)
        indexed.append((kind, tuple(points.index(point) for point in stroke_points)))
    return Glyph(digit, tuple(points), tuple(indexed))


GLYPHS = [
    _glyph(0, ("curve", (2, 0), (.5, 1.2), (.2, 3), (.5, 4.8), (2, 6), (3.5, 4.8), (3.8, 3), (3.5, 1.2), (2, 0))),
    _glyph(1, ("line", (2, 0), (2, 6))),
    _glyph(1, ("line", (.9, 1.5), (2.2, 0), (2.2, 6))),
    _glyph(1, ("line", (.9, 1.3), (2.2, 0), (2.2, 6)), ("line", (1, 6), (3.4, 6))),
    _glyph(2, ("curve", (.4, 1.4), (1, .3), (2.2, 0), (3.4, .7), (3.4, 2), (2.2, 3.8), (.4, 6)),
           ("line", (.4, 6), (3.8, 6))),
    _glyph(2, ("curve", (.5, 1), (1.7, 0), (3.3, .8), (3, 2.8), (1.6, 5), (.5, 5.7), (.6, 4.7), (1.8, 5.1), (3.8, 6))),
    _glyph(3, ("curve", (.5, .8), (1.6, 0), (3.1, .4), (3.3, 1.8), (2.6, 2.7), (1.5, 2.9)),
           ("curve", (1.5, 2.9), (2.9, 3.2), (3.7, 4.4), (3, 5.7), (1.6, 6), (.3, 5.2))),
    _glyph(3, ("line", (.4, 0), (3.5, 0), (1.8, 2.4)),
           ("curve", (1.8, 2.4), (3.2, 2.9), (3.7, 4.3), (3, 5.7), (1.6, 6), (.3, 5.2))),
    _glyph(4, ("line", (.9, 0), (.4, 3.6), (3.8, 3.6)), ("line", (2.9, 1), (2.8, 6))),
    _glyph(4, ("line", (2.8, 6), (2.8, 0), (.2, 4.1), (3.9, 4.1))),
    _glyph(5, ("line", (3.5, 0), (.8, 0), (.6, 2.6)),
           ("curve", (.6, 2.6), (2.2, 2.1), (3.6, 3.2), (3.5, 4.9), (2, 6), (.3, 5.3))),
    _glyph(6, ("curve", (3.2, .2), (1.6, 1.2), (.5, 3.2), (.5, 5), (1.9, 6), (3.4, 5.2), (3.4, 3.7), (2.1, 2.9),
               (.6, 4))),
    _glyph(6, ("curve", (2.2, 0), (1, 2), (.4, 4.2), (1, 5.7), (2.4, 5.9), (3.3, 4.8), (2.6, 3.5), (1.2, 3.7),
               (.5, 4.6))),
    _glyph(7, ("line", (.3, 0), (3.7, 0), (1.5, 6))),
    _glyph(7, ("line", (.3, 0), (3.7, 0), (1.7, 6)), ("line", (1.2, 3.1), (3.6, 3.1))),
    _glyph(7, ("line", (.4, 1), (.4, .1), (3.6, 0)), ("curve", (3.6, 0), (2.4, 2.6), (1.9, 6))),
    _glyph(8, ("curve", (3.2, .7), (2, 0), (.8, .7), (1, 2), (2, 2.8), (3.3, 3.8), (3.3, 5.3), (2, 6), (.6, 5.3),
               (.7, 3.8), (2, 2.8), (3.1, 2), (3.2, .7))),
    _glyph(9, ("curve", (3.4, 1.8), (2.6, .2), (1, .3), (.4, 1.8), (1.2, 3.1), (2.6, 3), (3.4, 1.8)),
           ("line", (3.4, 1.8), (2.9, 6))),
    _glyph(9, ("curve", (3.4, 1.6), (2.4, 0), (.9, .4), (.5, 1.9), (1.4, 3), (2.7, 2.7), (3.4, 1.6)),
           ("curve", (3.4, 1.6), (3.5, 4), (2.6, 5.7), (.9, 5.7))),
]


def _stroke_basis(kind, indices, point_count):
    """[rows, point_count] matrix: rows of it times the glyph's points are the stroke's polyline."""
    identity = np.eye(point_count, dtype=np.float32)
    knots = [identity[index] for index in indices]
    if kind == "line":
        return np.stack(knots)
    closed = indices[0] == indices[-1]
    before = knots[-2] if closed else 2 * knots[0] - knots[1]
    after = knots[1] if closed else 2 * knots[-1] - knots[-2]
    padded = [before, *knots, after]
    rows = []
    for span in range(len(knots) - 1):
        a, b, c, d = padded[span:span + 4]
        for t in np.arange(_STEPS_PER_SPAN) / _STEPS_PER_SPAN:
            rows.append(b + .5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
    return np.stack(rows + [knots[-1]]).astype(np.float32)


def _segment_basis(glyph):
    """Two [segments, points] matrices that give the start and the end of every straight piece."""
    polylines = [_stroke_basis(kind, indices, len(glyph.points)) for kind, indices in glyph.strokes]
    return (np.concatenate([rows[:-1] for rows in polylines]), np.concatenate([rows[1:] for rows in polylines]))


def _distance_to_segments(pixels, starts, ends):
    """Smallest distance of every pixel [p, 2] to segments [n, s, 2] -> [n, p]."""
    along = ends - starts
    length_squared = (along ** 2).sum(-1) + 1e-6
    offset_x = pixels[None, :, None, 0] - starts[:, None, :, 0]
    offset_y = pixels[None, :, None, 1] - starts[:, None, :, 1]
    along_x, along_y = along[:, None, :, 0], along[:, None, :, 1]
    position = np.clip((offset_x * along_x + offset_y * along_y) / length_squared[:, None], 0, 1)
    offset_x -= position * along_x
    offset_y -= position * along_y
    return np.sqrt((offset_x ** 2 + offset_y ** 2).min(-1))


def _random_affine(random, count):
    """[count, 2, 2]: rotation, slant and unequal scaling from glyph units to pixels."""
    angle = random.normal(0, .17, count)
    slant = random.normal(-.08, .2, count)
    width = random.uniform(2.6, 4.4, count)
    height = random.uniform(2.5, 3.7, count)
    cosine, sine = np.cos(angle), np.sin(angle)
    rotation = np.stack([cosine, -sine, sine, cosine], -1).reshape(count, 2, 2)
    zero = np.zeros(count)
    shape = np.stack([width, slant * height, zero, height], -1).reshape(count, 2, 2)
    return (rotation @ shape).astype(np.float32)


def _warp(random, points):
    """Moves pixel points [n, s, 2] along two smooth random waves, up to about a pixel and a half."""
    count = len(points)
    wave = random.normal(0, .16, (count, 2, 2))
    phase = random.uniform(0, 2 * np.pi, (count, 1, 2))
    strength = random.uniform(0, 1.3, (count, 1, 1))
    return (points + strength * np.sin(points @ wave + phase)).astype(np.float32)


def _stray_marks(random, count):
    """Start and end of one short stray pen mark per image, [count, 1, 2] each, in pixels."""
    start = random.uniform(1, IMAGE_SIZE - 1, (count, 1, 2))
    return start.astype(np.float32), (start + random.normal(0, 4.5, (count, 1, 2))).astype(np.float32)


def _draw(random, glyph, count):
    """Draws `count` images of one glyph -> uint8 [count, 784]."""
    points = np.array(glyph.points, np.float32) - (2, 3)
    moved = points + random.normal(0, .24, (count, *points.shape))
    pixels = moved.astype(np.float32) @ _random_affine(random, count).transpose(0, 2, 1)
    centre = (IMAGE_SIZE - 1) / 2 + random.uniform(-2.5, 2.5, (count, 1, 2))
    pixels = _warp(random, pixels + centre)
    start_basis, end_basis = _segment_basis(glyph)
    starts, ends = start_basis @ pixels, end_basis @ pixels

    grid = np.stack(np.meshgrid(np.arange(IMAGE_SIZE), np.arange(IMAGE_SIZE)), -1).reshape(-1, 2).astype(np.float32)
    radius = random.uniform(.5, 1.5, (count, 1)).astype(np.float32)
    ink = random.uniform(.5, 1, (count, 1))
    image = ink * np.clip(radius + .5 - _distance_to_segments(grid, starts, ends), 0, 1)

    stray = np.clip(1.2 - _distance_to_segments(grid, *_stray_marks(random, count)), 0, 1)
    has_stray = random.random((count, 1)) < .6
    image = np.maximum(image, stray * has_stray * random.uniform(.3, 1, (count, 1)))
    noise = random.normal(0, 1, image.shape) * random.uniform(0, .2, (count, 1))
    return np.round(255 * np.clip(image + noise, 0, 1)).astype(np.uint8)


def draw_digits(count, seed):
    """Draws `count` images, digits in equal shares and shuffled, writing styles at random.

    Returns (images: float32 [count, 784], each value k / 255 for a whole k; labels: int64 [count]).
    """
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % 10)
    styles = random.random(count)
    images = np.empty((count, IMAGE_SIZE * IMAGE_SIZE), np.uint8)
    for digit in range(10):
        glyphs = [glyph for glyph in GLYPHS if glyph.digit == digit]
        style_of = (styles * len(glyphs)).astype(int)
        for style, glyph in enumerate(glyphs):
            rows = np.flatnonzero((labels == digit) & (style_of == style))
            for first in range(0, len(rows), _CHUNK):
                part = rows[first:first + _CHUNK]
                images[part] = _draw(random, glyph, len(part))
    return images.astype(np.float32) / np.float32(255), labels.astype(np.int64)

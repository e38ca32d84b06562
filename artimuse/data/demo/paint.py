"""A scene in pixels: sky, hills, ground, stray objects and a subject; then light, colour and blur over it all.

    paint(draw_scene(np.random.default_rng(0))).save("scene.jpg")

Drawn at twice the size and halved, which smooths the edges. Lengths are fractions of the frame until the
last moment, so a picture looks the same at any size, also to a model that squashes it to a square.
"""

from __future__ import annotations

import colorsys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from artimuse.data.demo.scene import Piece, Scene

Colour = tuple[int, int, int]

# Top and bottom of the sky, and the sun.
_SKY: dict[str, tuple[Colour, Colour, Colour]] = {
    "clear": ((96, 138, 184), (186, 206, 220), (250, 240, 205)),
    "sunset": ((104, 104, 150), (232, 176, 138), (250, 214, 160)),
    "cloudy": ((132, 146, 162), (196, 202, 206), (226, 226, 220)),
}
# Far hills, ground near the horizon, ground at the bottom.
_LAND: dict[str, tuple[Colour, Colour, Colour]] = {
    "meadow": ((98, 128, 118), (132, 156, 96), (86, 118, 70)),
    "desert": ((164, 122, 104), (206, 170, 122), (172, 130, 88)),
    "snowfield": ((130, 146, 168), (222, 228, 234), (186, 198, 212)),
    "coast": ((104, 132, 146), (208, 192, 154), (176, 154, 116)),
}
_WATER: Colour = (78, 124, 148)


def paint(scene: Scene) -> Image.Image:
    """The picture of a scene: RGB, `scene.width_px` x `scene.height_px`."""
    canvas = _Canvas(scene)
    canvas.background()
    for piece in sorted(scene.visible_pieces, key=lambda piece: piece.y):
        canvas.piece(piece)
    canvas.subject()
    return _finish(canvas.image.reduce(2), scene)


class _Canvas:
    """Draws in world coordinates on an image of twice the final size."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.rng = np.random.default_rng(scene.details)
        self.width, self.height = 2 * scene.width_px, 2 * scene.height_px
        self.image = Image.new("RGB", (self.width, self.height))
        self.draw = ImageDraw.Draw(self.image)

    def x(self, x: float) -> float:
        return (x - self.scene.left) / self.scene.span * self.width

    def y(self, y: float) -> float:
        return (y - self.scene.top) / self.scene.span * self.height

    def size(self, length: float) -> float:
        """A length that is the same in both directions: a fraction of the mean side."""
        return length / self.scene.span * (self.width * self.height) ** 0.5

    def background(self) -> None:
        scene, rng = self.scene, self.rng
        top, bottom, sun = _SKY[scene.sky]
        hill, near, far = _LAND[scene.setting]
        horizon = self.y(scene.horizon)
        self._gradient(0, horizon, top, bottom)
        self._disc(
            self.x(rng.uniform(-0.3, 1.3)), self.y(rng.uniform(0.1, 0.3)), self.size(0.05), sun
        )
        self._clouds(bottom)
        self._hills(_mix(hill, bottom, 0.35), 0.16)
        self._hills(hill, 0.09)
        self._gradient(horizon, self.height, near, far)
        if scene.setting == "coast":
            self.draw.rectangle((0, horizon, self.width, horizon + self.size(0.09)), fill=_WATER)
        self._texture(horizon)

    def _gradient(self, start: float, stop: float, first: Colour, last: Colour) -> None:
        strip = Image.new("RGB", (1, 2))
        strip.putpixel((0, 0), first)
        strip.putpixel((0, 1), last)
        height = max(1, round(stop) - round(start))
        # The two pixels' centres lie at 1/4 and 3/4 of the height: the box between them is the pure blend.
        self.image.paste(
            strip.resize((self.width, height), Image.Resampling.BILINEAR, (0, 0.5, 1, 1.5)),
            (0, round(start)),
        )

    def _clouds(self, bottom: Colour) -> None:
        for _ in range(9 if self.scene.sky == "cloudy" else 5):
            x, y = self.x(self.rng.uniform(-1, 2)), self.y(self.rng.uniform(0.02, 0.36))
            shade = _mix(bottom, (255, 255, 255), self.rng.uniform(0.3, 0.7))
            for step in range(3):
                half = self.size(self.rng.uniform(0.03, 0.06))
                at = x + (step - 1) * self.size(0.05)
                self.draw.ellipse(
                    (at - 1.5 * half, y - 0.6 * half, at + 1.5 * half, y + 0.6 * half), fill=shade
                )

    def _hills(self, colour: Colour, most: float) -> None:
        xs = np.arange(-1.0, 2.01, 0.125)
        ys = self.scene.horizon - self.rng.uniform(0.0, most, size=len(xs))
        outline = [(self.x(x), self.y(y)) for x, y in zip(xs, ys, strict=True)]
        floor = self.y(self.scene.horizon) + 1
        self.draw.polygon([(self.x(-1.0), floor), *outline, (self.x(2.0), floor)], fill=colour)

    def _texture(self, horizon: float) -> None:
        """Short strokes on the ground: something that blur takes away everywhere."""
        near = _LAND[self.scene.setting][1]
        dark, light = _mix(near, (0, 0, 0), 0.45), _mix(near, (255, 255, 255), 0.5)
        places = self.rng.uniform((-1.0, self.scene.horizon + 0.03), (2.0, 1.0), size=(150, 2))
        for number, (x, y) in enumerate(places):
            at, foot = self.x(x), max(self.y(y), horizon + 4)
            length = self.size(0.03 + 0.1 * (y - self.scene.horizon))
            thick = max(2, round(0.3 * length))
            flat = self.scene.setting != "meadow"
            end = (at + length, foot) if flat else (at + 0.3 * length, foot - length)
            self.draw.line((at, foot, *end), fill=dark if number % 2 else light, width=thick)

    def _disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        self.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def piece(self, piece: Piece) -> None:
        """A box, a ball, a cone or a sign in a loud colour."""
        x, y, size = self.x(piece.x), self.y(piece.y), self.size(piece.size)
        red, green, blue = colorsys.hls_to_rgb(piece.hue, 0.5, 0.6)
        colour = (round(255 * red), round(255 * green), round(255 * blue))
        half, edge = size / 2, _mix(colour, (0, 0, 0), 0.5)
        if piece.shape == 0:
            self.draw.rectangle(
                (x - half, y - size, x + half, y), fill=colour, outline=edge, width=3
            )
        elif piece.shape == 1:
            self.draw.ellipse((x - half, y - size, x + half, y), fill=colour, outline=edge, width=3)
        elif piece.shape == 2:
            self.draw.polygon(
                [(x - half, y), (x, y - size), (x + half, y)], fill=colour, outline=edge, width=3
            )
        else:
            self.draw.line((x, y, x, y - size), fill=edge, width=5)
            self.draw.rectangle(
                (x - half, y - size, x + half, y - 0.45 * size), fill=colour, outline=edge, width=3
            )

    def subject(self) -> None:
        """The subject, its foot a little below the horizon, with a soft shadow."""
        scene = self.scene
        x, foot = self.x(scene.subject_at), self.y(scene.horizon + 0.2)
        height = min(self.size(scene.subject_height), foot * 0.94)
        shadow = _mix(_LAND[scene.setting][2], (0, 0, 0), 0.4)
        self.draw.ellipse(
            (x - 0.4 * height, foot - 0.04 * height, x + 0.4 * height, foot + 0.05 * height),
            fill=shadow,
        )
        {"tree": self._tree, "house": self._house, "person": self._person, "tower": self._tower}[
            scene.subject
        ](x, foot, height)

    def _tree(self, x: float, foot: float, height: float) -> None:
        self.draw.rectangle(
            (x - 0.06 * height, foot - 0.5 * height, x + 0.06 * height, foot), fill=(92, 66, 48)
        )
        leaves = (58, 92, 58) if self.scene.sky != "sunset" else (140, 84, 46)
        for dx, dy, radius, light in (
            (-0.2, 0.5, 0.2, 0.0),
            (0.2, 0.5, 0.2, 0.0),
            (0.0, 0.74, 0.26, 0.0),
            (-0.06, 0.78, 0.15, 0.2),
            (0.16, 0.55, 0.1, 0.2),
        ):
            self._disc(
                x + dx * height,
                foot - dy * height,
                radius * height,
                _mix(leaves, (255, 255, 220), light),
            )

    def _house(self, x: float, foot: float, height: float) -> None:
        wide, wall = 0.42 * height, foot - 0.55 * height
        self.draw.rectangle((x - wide, wall, x + wide, foot), fill=(214, 200, 176))
        self.draw.polygon(
            [(x - 1.2 * wide, wall), (x, foot - height), (x + 1.2 * wide, wall)], fill=(146, 72, 58)
        )
        self.draw.rectangle(
            (x - 0.1 * height, foot - 0.3 * height, x + 0.1 * height, foot), fill=(88, 64, 52)
        )
        for side in (-0.28, 0.28):
            at = x + side * height
            self.draw.rectangle(
                (
                    at - 0.07 * height,
                    foot - 0.42 * height,
                    at + 0.07 * height,
                    foot - 0.26 * height,
                ),
                fill=(74, 96, 120),
            )

    def _person(self, x: float, foot: float, height: float) -> None:
        coat, trousers, skin = (160, 62, 60), (52, 60, 84), (214, 168, 136)
        for side in (-1, 1):
            self.draw.polygon(
                [
                    (x, foot - 0.45 * height),
                    (x + side * 0.17 * height, foot - 0.45 * height),
                    (x + side * 0.15 * height, foot),
                    (x + side * 0.04 * height, foot),
                ],
                fill=trousers,
            )
            self.draw.line(
                (
                    x + side * 0.14 * height,
                    foot - 0.72 * height,
                    x + side * 0.26 * height,
                    foot - 0.42 * height,
                ),
                fill=coat,
                width=max(3, round(0.09 * height)),
            )
        self.draw.polygon(
            [
                (x - 0.15 * height, foot - 0.78 * height),
                (x + 0.15 * height, foot - 0.78 * height),
                (x + 0.2 * height, foot - 0.38 * height),
                (x - 0.2 * height, foot - 0.38 * height),
            ],
            fill=coat,
        )
        self._disc(x, foot - 0.88 * height, 0.11 * height, skin)
        self.draw.pieslice(
            (x - 0.12 * height, foot - height, x + 0.12 * height, foot - 0.77 * height),
            180,
            360,
            fill=(70, 50, 44),
        )

    def _tower(self, x: float, foot: float, height: float) -> None:
        for step in range(4):
            low, high = step / 5, (step + 1) / 5
            wide_low, wide_high = 0.17 - 0.07 * low, 0.17 - 0.07 * high
            outline = [
                (x - wide_low * height, foot - low * height),
                (x + wide_low * height, foot - low * height),
                (x + wide_high * height, foot - high * height),
                (x - wide_high * height, foot - high * height),
            ]
            self.draw.polygon(outline, fill=(226, 222, 214) if step % 2 else (168, 70, 62))
        self.draw.rectangle(
            (x - 0.09 * height, foot - 0.9 * height, x + 0.09 * height, foot - 0.8 * height),
            fill=(246, 222, 140),
        )
        self.draw.polygon(
            [
                (x - 0.13 * height, foot - 0.9 * height),
                (x, foot - height),
                (x + 0.13 * height, foot - 0.9 * height),
            ],
            fill=(84, 60, 62),
        )


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _finish(image: Image.Image, scene: Scene) -> Image.Image:
    """What the photographer did: focus, colour, exposure. Blur scales with the picture's side."""
    if scene.blur > 0:
        image = image.filter(
            ImageFilter.GaussianBlur(0.045 * scene.blur * (scene.width_px * scene.height_px) ** 0.5)
        )
    pixels = np.asarray(image, dtype=np.float32) / 255.0
    grey = pixels.mean(axis=2, keepdims=True)
    # From nearly grey (-1) over as painted (0) to three times the saturation (1).
    strength = 1.0 + (2.2 * scene.vividness if scene.vividness > 0 else 0.9 * scene.vividness)
    pixels = np.clip(grey + strength * (pixels - grey), 0.0, 1.0)
    # Gamma, as it keeps black and white where they are: exposure then changes brightness more than contrast.
    pixels = pixels ** np.float32(2.0 ** (-1.5 * scene.exposure))
    return Image.fromarray((pixels * 255.0 + 0.5).astype(np.uint8))

"""A scene as plain numbers: what stands where, and the five factors that decide how good the picture is.

    scene = draw_scene(np.random.default_rng(0))
    better = replace(scene, exposure=0.0)

Everything that a picture shows is in its `Scene`; `paint.py` turns it into pixels, `quality.py` into a number
and `words.py` into text. World coordinates: x to the right and y down, the frame of an uncropped scene is
[0, 1] x [0, 1]; a window (left, top, span) shows the part [left, left + span] x [top, top + span].
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

SUBJECTS = ("tree", "house", "person", "tower")
SETTINGS = ("meadow", "desert", "snowfield", "coast")
SKIES = ("clear", "sunset", "cloudy")
MOST_PIECES = 8
VARIED = ("exposure", "blur", "vividness", "subject_at", "pieces")
"""What may vary within a natural series."""

# Every factor is drawn from one of three bands with a gap between them, so that the word for it ("dark") is
# never a matter of the third decimal. The bands of the two-sided factors lie symmetrically about their
# optimum: quality is then unrelated to mean brightness and to mean saturation.
_TWO_SIDED = ((-1.0, -0.45), (-0.25, 0.25), (0.45, 1.0))
_BLUR = ((0.0, 0.15), (0.3, 0.5), (0.65, 1.0))
_SUBJECT_X = ((0.12, 0.36), (0.44, 0.56), (0.64, 0.88))
_PIECES = ((0, 1), (3, 4), (6, 8))


@dataclass(frozen=True)
class Piece:
    """A stray object on the ground: foot (x, y) and size in world units, shape 0-3, hue in [0, 1)."""

    x: float
    y: float
    size: float
    shape: int
    hue: float


@dataclass(frozen=True)
class Scene:
    """All that a picture shows.

    exposure, vividness: -1 to 1, best at 0. blur: 0 (sharp) to 1. `details` seeds what does not matter to
    the quality (clouds, hills, texture), so that two pictures of a series share it.
    """

    width_px: int
    height_px: int
    subject: str
    setting: str
    sky: str
    subject_at: float
    subject_height: float
    horizon: float
    pieces: tuple[Piece, ...]
    exposure: float
    blur: float
    vividness: float
    details: int
    left: float = 0.0
    top: float = 0.0
    span: float = 1.0

    @property
    def subject_x(self) -> float:
        """Where the subject stands in the frame: 0 left edge, 1 right edge."""
        return (self.subject_at - self.left) / self.span

    @property
    def visible_pieces(self) -> tuple[Piece, ...]:
        """The stray objects whose foot is inside the frame; only these are drawn and counted."""

        def inside(piece: Piece) -> bool:
            x, y = (piece.x - self.left) / self.span, (piece.y - self.top) / self.span
            return 0.03 <= x <= 0.97 and y <= 1.0

        return tuple(piece for piece in self.pieces if inside(piece))

    def factors(self) -> dict[str, Any]:
        """The factors in the frame, as `drawn.jsonl` holds them (rounded to four decimals)."""
        return {
            "exposure": round(self.exposure, 4),
            "blur": round(self.blur, 4),
            "vividness": round(self.vividness, 4),
            "subject_x": round(self.subject_x, 4),
            "pieces": len(self.visible_pieces),
            "subject": self.subject,
            "setting": self.setting,
            "sky": self.sky,
        }


def draw_scene(rng: np.random.Generator) -> Scene:
    """A random scene; all factors independent of each other and of the subject, setting and sky."""
    width_px, height_px = _draw_size(rng)
    horizon = rng.uniform(0.5, 0.62)
    fewest, most = _PIECES[rng.integers(3)]
    return Scene(
        width_px=width_px,
        height_px=height_px,
        subject=SUBJECTS[rng.integers(len(SUBJECTS))],
        setting=SETTINGS[rng.integers(len(SETTINGS))],
        sky=SKIES[rng.integers(len(SKIES))],
        subject_at=_draw_from(_SUBJECT_X, rng),
        subject_height=rng.uniform(0.42, 0.54),
        horizon=horizon,
        pieces=tuple(_draw_piece(rng, horizon) for _ in range(rng.integers(fewest, most + 1))),
        exposure=_draw_from(_TWO_SIDED, rng),
        blur=_draw_from(_BLUR, rng),
        vividness=_draw_from(_TWO_SIDED, rng),
        details=int(rng.integers(2**31)),
    )


def draw_variations(rng: np.random.Generator, images: int, *, most_factors: int = 2) -> list[Scene]:
    """A `natural` series: one scene of which one to most_factors factors vary a little from shot to shot."""
    base = draw_scene(rng)
    varied = rng.choice(VARIED, size=rng.integers(1, most_factors + 1), replace=False)
    return [_vary(base, list(varied), rng) for _ in range(images)]


def draw_crops(rng: np.random.Generator, images: int) -> list[Scene]:
    """A `cropping` series: one scene through different windows, so that placement (and clutter) differ."""
    base = draw_scene(rng)
    # The world beyond the frame needs stray objects too, or every pan would show fewer of them.
    beyond = tuple(
        replace(piece, x=piece.x + shift) for piece in base.pieces[::2] for shift in (-0.9, 0.9)
    )
    base = replace(base, pieces=base.pieces + beyond)
    crops = []
    # Distinct target positions, spread over the frame: two crops that agree would be no question.
    for target in _spread(rng, images):
        span = rng.uniform(0.8, 1.0)
        foot = base.horizon + 0.2
        crops.append(
            replace(
                base,
                left=base.subject_at - target * span,
                top=foot - span * foot,
                span=span,
                width_px=round(base.width_px * (0.7 + 0.3 * span)),
                height_px=round(base.height_px * (0.7 + 0.3 * span)),
            )
        )
    return crops


def _draw_size(rng: np.random.Generator) -> tuple[int, int]:
    """Width and height: short side 130-220 px, aspect 4:5 to 3:2."""
    short = int(rng.integers(130, 221))
    long = round(short * rng.uniform(1.0, 1.45))
    return (long, short) if rng.random() < 0.7 else (short, min(long, round(short * 1.25)))


def _draw_from(bands: tuple[tuple[float, float], ...], rng: np.random.Generator) -> float:
    low, high = bands[rng.integers(len(bands))]
    return float(rng.uniform(low, high))


def _draw_piece(rng: np.random.Generator, horizon: float) -> Piece:
    return Piece(
        x=rng.uniform(0.05, 0.95),
        y=rng.uniform(horizon + 0.14, 0.97),
        size=rng.uniform(0.08, 0.12),
        shape=int(rng.integers(4)),
        hue=float(rng.random()),
    )


def _spread(rng: np.random.Generator, count: int) -> list[float]:
    """`count` positions in [.08, .92] in random order, no two closer than .12."""
    while True:
        positions = rng.uniform(0.08, 0.92, size=count)
        if np.diff(np.sort(positions)).min() >= 0.12:
            return [float(position) for position in positions]


def _vary(base: Scene, names: list[str], rng: np.random.Generator) -> Scene:
    """One shot of a series: the named factors moved by a quarter to two fifths of their range at most."""
    changes: dict[str, Any] = {}
    for name in names:
        if name == "pieces":
            kept = rng.random(len(base.pieces)) < 0.6
            added = tuple(_draw_piece(rng, base.horizon) for _ in range(rng.integers(0, 5)))
            pieces = (
                tuple(piece for piece, keep in zip(base.pieces, kept, strict=True) if keep) + added
            )
            changes[name] = pieces[:MOST_PIECES]
        elif name == "subject_at":
            changes[name] = float(np.clip(base.subject_at + rng.uniform(-0.22, 0.22), 0.1, 0.9))
        elif name == "blur":
            changes[name] = float(np.clip(base.blur + rng.uniform(-0.4, 0.4), 0.0, 1.0))
        else:
            changes[name] = float(np.clip(getattr(base, name) + rng.uniform(-0.5, 0.5), -1.0, 1.0))
    return replace(base, **changes)

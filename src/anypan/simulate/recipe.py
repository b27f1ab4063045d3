"""What the simulator may do to an image: the effects by name, the ranges that it draws from, and what it did."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from anypan.runtime.bounds import Bounds
from anypan.runtime.errors import UserError
from anypan.simulate.blur import KERNELS
from anypan.simulate.noise import NOISES

Range = tuple[float, float]


@dataclass(frozen=True)
class Effect:
    """Something that can be switched off by its name: ``share`` is the field of Simulation that is then 0."""

    what: str
    share: str


AUGMENTATIONS: dict[str, Effect] = {
    "zoom": Effect("magnify or reduce about the centre", "zoomed"),
    "turn": Effect("one of the eight positions of a square", "turned"),
    "texture": Effect("random fine texture on the ground, nearly common to the bands", "textured"),
    "bands generation": Effect("bands as random mixtures of the channels", "mixed"),
    "response curves": Effect("bands and PAN through response curves of known sensors, perturbed", "curved"),
    "high-pass filtering": Effect("slow variation of the ground taken out in part", "highpassed"),
    "colour jitter": Effect("a power between 0.6 and 2, band by band", "bent"),
    "gain fields": Effect("gain that changes slowly over the image, band by band", "uneven"),
    "foreign content": Effect("content that the other bands do not have, in some bands", "foreign"),
    "haze": Effect("the light of the air, a constant added to each band", "hazy"),
    "unseen bands": Effect("bands outside of the PAN's range", "unseen"),
    "hidden light": Effect("a part of the PAN that no band has", "hidden"),
    "foreign light": Effect("detail of the PAN that no mixture of the bands explains", "apart"),
    "local inversion": Effect("contrasts that turn from place to place, in some bands", "inverted"),
    "parted bands": Effect("a PAN of one band, and the others with it, against it or of their own", "parted"),
    "flat ground": Effect("smooth dark ground, as water, in a part of a patch", "flat"),
    "PAN curve": Effect("a slightly nonlinear PAN", "bent_pan"),
    "channel shuffling": Effect("bands in random order, the PAN's weights with them", "shuffled"),
}
"""What changes the ground and the instrument's bands: shape, colours, mixtures."""

DEGRADATIONS: dict[str, Effect] = {
    "reduced scenes": Effect(
        "MS exactly of the gain told, truth softer or sharper than the PAN, as when judging", "reduced"
    ),
    "coarse noise": Effect("noise of old instruments, most at low ratios", "grainy"),
    "wide gains": Effect("MS gains of resampled and of sharpened products", "wide"),
    "sharpening": Effect("PAN and MS sharpened on the ground", "restored"),
    "overstated gains": Effect("PAN alone sharpened, and the gain of the table told", "overstated"),
    "gain error": Effect("relative error of the gains told", "gain_error"),
    "decimation": Effect("cubic interpolation without a low-pass, PAN and MS", "aliased"),
    "anisotropy": Effect("MTF of other width along track than across", "anisotropic"),
    "detector": Effect("a detector's box within the MTF, of the same gain", "detector"),
    "motion": Effect("a straight smear of PAN, reference and MS", "smeared"),
    "fractional ratio": Effect("MS of no whole ratio, resampled to the nearest one", "fractional"),
    "phase": Effect("MS grid between the PAN's pixels, and told", "phased"),
    "misregistration": Effect("MS displaced, and not told", "misregistered"),
    "band misregistration": Effect("bands displaced against one another", "band_displacement"),
    "noise": Effect("shot and read noise", "noisy"),
    "family noise": Effect("noise of one of the families below, besides", "exotic"),
    "stripes": Effect("columns or rows of unequal gain and offset", "striped"),
    "saturation": Effect("the brightest pixels clipped", "saturated"),
    "compression": Effect("quantised cosine transforms of 8 x 8 blocks", "compressed"),
    "quantisation": Effect("whole numbers of 8 to 12 bits", "quantised"),
    **{f"{name} noise": Effect(f"noise of the family {name}, where a family is drawn", "families") for name in NOISES},
}
"""What instruments and archives do to the ground's image."""

EFFECTS = AUGMENTATIONS | DEGRADATIONS


GAIN, SHARE = Bounds(0.01, 0.95), Bounds(0, 1)
LIMITS: dict[str, Bounds] = {
    "ratios": Bounds(2, 6),
    "bands": Bounds(1, 64),
    "reductions": Bounds(1, 8),
    "bits": Bounds(1, 16),
    "pan_gain": GAIN,
    "reference_gain": GAIN,
    "ms_gain": GAIN,
    "wide_gain": GAIN,
    "overstated_gain": GAIN,
    "table_gain": GAIN,
    "aliased_reference": GAIN,
    "aliased_gain": GAIN,
    "reduced_pan": GAIN,
    "reduced_reference": GAIN,
    "reduced_displacement": Bounds(0, 8),
    "snr_reduced": Bounds(1, 10**6),
    "snr_grainy": Bounds(1, 10**6),
    "apart_part": Bounds(0.001, 4),
    "parted_correlation": Bounds(-1, 1),
    "dark": Bounds(0.001, 1),
    "anisotropy": Bounds(1, 4),
    "smear": Bounds(0, 8),
    "displacement": Bounds(0, 8),
    "snr_pan": Bounds(1, 10**6),
    "snr_ms": Bounds(1, 10**6),
    "exotic_level": Bounds(0, 1, above=True),
    "stripe_depth": Bounds(0, 1, above=True),
    "unsaturated": Bounds(0, 1),
    "quality": Bounds(1, 100),
    "zoom": Bounds(0.25, 4),
    "curve_shift": Bounds(0, 200),
    "keep": Bounds(0, 1),
    "haze": Bounds(0, 10),
}
"""What the numbers of a Simulation may be that are no shares; of a table of weights, its keys."""


@dataclass(frozen=True)
class Simulation:
    """Ranges that the simulator draws from; gains are responses at the Nyquist frequency of their grid.

    ``off`` holds names of AUGMENTATIONS and DEGRADATIONS. Raises UserError for unknown names, for shares beyond
    0..1 and for what is beyond its LIMITS.
    """

    ratios: dict[int, float] = field(default_factory=lambda: {4: 0.55, 2: 0.3, 3: 0.1, 6: 0.05})
    bands: dict[int, float] = field(default_factory=lambda: {3: 0.1, 4: 0.55, 6: 0.2, 8: 0.15})
    reductions: dict[int, float] = field(default_factory=lambda: {2: 0.75, 3: 0.15, 1: 0.1})
    kernels: dict[str, float] = field(default_factory=lambda: {"mtf": 1.0})  # names of blur.KERNELS
    off: tuple[str, ...] = ()

    pan_gain: Range = (0.08, 0.5)
    reference_gain: Range = (0.2, 0.42)
    ms_gain: Range = (0.18, 0.42)
    wide_gain: Range = (0.08, 0.85)  # of products restored on the ground or resampled lightly
    wide: float = 0.25  # share of scenes whose MS gain comes from the wide range
    gain_error: float = 0.03  # relative error, standard deviation, of the gains that the network is told
    restored: float = 0.3  # share of scenes sharpened on the ground, PAN and MS alike
    overstated: float = 0.25  # share of scenes whose PAN alone was sharpened, so that the gain told is too high
    overstated_gain: Range = (0.06, 0.22)  # true gain between the two files there
    table_gain: Range = (0.26, 0.34)  # and what is told
    aliased: float = 0.08  # share of batches decimated by cubic interpolation without a low-pass, PAN and MS
    aliased_reference: Range = (0.05, 0.35)  # gain of the MS product that was decimated, as it came
    aliased_gain: float = 0.78  # what is told there: the gain that is measured on such pairs
    reduced: float = 0.0  # share of scenes that are as when judging at reduced resolution
    reduced_pan: Range = (0.05, 0.17)
    reduced_reference: Range = (0.03, 0.6)  # whatever the PAN's
    reduced_displacement: float = 0.12  # PAN pixels, standard deviation, of the reference and MS against the PAN
    snr_reduced: Range = (60.0, 1500.0)  # of the reference
    anisotropic: float = 0.0  # share of scenes
    anisotropy: Range = (1.1, 1.8)  # of the widths squared, the one way or the other
    detector: float = 0.0  # share of scenes
    smeared: float = 0.0  # share of scenes
    smear: Range = (0.3, 1.5)  # PAN pixels
    fractional: float = 0.0  # share of batches
    phased: float = 0.5  # share of batches
    misregistered: float = 0.4  # share of scenes whose MS is displaced
    displacement: float = 0.2  # PAN pixels, standard deviation
    band_displacement: float = 0.06

    noisy: float = 1.0
    snr_pan: Range = (300.0, 3000.0)
    snr_ms: Range = (500.0, 5000.0)
    grainy: float = 0.0  # share of scenes of ratio 2, a fifth of it at higher ratios
    snr_grainy: Range = (25.0, 250.0)
    exotic: float = 0.0  # share of scenes with noise of a family besides, PAN and MS each
    families: dict[str, float] = field(default_factory=lambda: dict.fromkeys(NOISES, 1.0))
    exotic_level: Range = (0.002, 0.02)  # over the mean signal
    striped: float = 0.0
    stripe_depth: Range = (0.0005, 0.005)
    saturated: float = 0.0
    unsaturated: Range = (0.97, 0.999)  # share of a band's pixels below the ceiling
    compressed: float = 0.0
    quality: Range = (70.0, 97.0)  # of 1 to 100
    quantised: float = 0.0
    bits: dict[int, float] = field(default_factory=lambda: {8: 0.25, 10: 0.2, 11: 0.35, 12: 0.2})

    zoomed: float = 0.0
    zoom: Range = (0.75, 1.5)
    turned: float = 0.0  # the pool of tiles turns what it draws already
    textured: float = 1.0
    mixed: float = 1.0
    curved: float = 0.0
    curve_shift: float = 12.0  # nm, standard deviation
    highpassed: float = 0.0
    keep: Range = (0.1, 0.6)  # share of the slow variation that stays
    bent: float = 1.0
    uneven: float = 0.35
    foreign: float = 0.12  # share of the bands
    hazy: float = 0.6  # share of scenes
    haze: Range = (0.0, 1.5)  # of a band's mean
    unseen: float = 0.25  # share of the bands
    hidden: float = 0.35
    apart: float = 0.0  # share of scenes
    apart_part: Range = (0.1, 0.7)  # of the PAN's own detail
    inverted: float = 0.0  # share of the bands
    parted: float = 0.0  # share of scenes
    parted_correlation: Range = (-0.8, 1.0)
    flat: float = 0.0  # share of the patches
    dark: Range = (0.02, 0.5)  # of a band's mean
    bent_pan: float = 0.35
    shuffled: float = 0.0

    def __post_init__(self) -> None:
        _known("off", self.off, EFFECTS)
        _known("kernels", self.kernels, KERNELS)
        _known("families", self.families, NOISES)
        for name, bounds in LIMITS.items():
            bounds.check(f"{name} in [simulation]", getattr(self, name))
        for name in {effect.share for effect in EFFECTS.values()} - {"families"}:
            SHARE.check(f"{name} in [simulation]", getattr(self, name))

    def effective(self) -> Simulation:
        """The same with the share of everything that is off at 0."""
        families = {name: odds for name, odds in self.families.items() if f"{name} noise" not in self.off}
        zero: dict[str, Any] = {EFFECTS[name].share: 0.0 for name in self.off}
        zero |= {"families": families} | ({} if families else {"exotic": 0.0})
        return replace(self, **zero, off=())

    def always(self) -> list[str]:
        """The effects that befall every scene: those that a History leaves out."""
        drawn = self.effective()
        return [name for name, e in EFFECTS.items() if e.share != "families" and getattr(drawn, e.share) == 1]


def _known(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            raise UserError(
                f"The simulation's {what} names {name!r}, which is unknown: choose from {', '.join(known)}."
            )


@dataclass(frozen=True)
class History:
    """What was done to a batch of G scenes of one ratio and band count.

    ``own_ratio`` is that of the MS before it was resampled. ``pan_gain``, ``reference_gain`` (G,), ``ms_gain``,
    ``told`` (G, B); gains are nan where no MTF took part. ``shift`` (G, 2): untold displacement of the MS, PAN pixels.
    ``hits``: for each effect that befell a part of the scenes, which (G,) booleans.
    """

    ratio: int
    own_ratio: float
    bands: int
    reduction: int
    kernel: str
    phase: tuple[float, float]
    pan_gain: Tensor
    reference_gain: Tensor
    ms_gain: Tensor
    told: Tensor
    shift: Tensor
    hits: dict[str, Tensor]

    def names(self, scene: int) -> list[str]:
        """The effects that befell one scene."""
        return [name for name, hit in self.hits.items() if bool(hit[scene])]

    def lines(self, scene: int) -> list[str]:
        """One scene's history in words: instrument, gains, effects."""
        own = f" (own {self.own_ratio:.2f})" if self.own_ratio != self.ratio else ""
        first = f"ratio {self.ratio}{own}, {self.bands} bands, source reduced by {self.reduction}, kernel {self.kernel}"
        gains = ", ".join(
            f"{name} {_span(values[scene])}"
            for name, values in (("PAN", self.pan_gain), ("reference", self.reference_gain), ("MS", self.ms_gain))
            if bool(torch.isfinite(values[scene]).all())
        )
        shift = ", ".join(f"{value:+.2f}" for value in self.shift[scene].tolist())
        second = f"MTF gains {gains}, told {_span(self.told[scene])}".replace("gains ,", "gains")
        third = f"phase {self.phase[0]:+.2f}, {self.phase[1]:+.2f}, untold shift {shift}"
        if not self.shift[scene].any():
            third = third.partition(", untold")[0]
        return [first, second, third, ", ".join(self.names(scene)) or "nothing else"]


def _span(values: Tensor) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f}-{high:.2f}"

"""Effects of optics, sampling and processing on the ground; their stages draw them. Gains: at the Nyquist frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from anypan.runtime.bounds import Bounds
from anypan.simulate import blur
from anypan.simulate.effects.base import GAIN, PIXELS, SNR, Effect, Range, Share
from anypan.simulate.random import Random


@dataclass(frozen=True)
class ReducedScenes(Effect):
    """MS exactly of the gain given, truth softer or sharper than the PAN, as when judging."""

    name = "reduced scenes"

    pan_gain: Annotated[Range, GAIN] = (0.05, 0.17)
    reference_gain: Annotated[Range, GAIN] = (0.03, 0.6)  # whatever the PAN's
    displacement: Annotated[float, PIXELS] = 0.12  # standard deviation, of the reference and MS against the PAN
    snr: Annotated[Range, SNR] = (60.0, 1500.0)  # of the reference
    light: Annotated[float, Bounds(0, 1)] = 1.0  # what averaging leaves of the foreign light of the PAN
    sharpened: Share = 0.0  # of them: the truth was sharpened on the ground


@dataclass(frozen=True)
class WideGains(Effect):
    """MS gains of resampled and of sharpened products."""

    name = "wide gains"

    share: Share = 0.25
    ms_gain: Annotated[Range, GAIN] = (0.08, 0.85)


@dataclass(frozen=True)
class Sharpening(Effect):
    """PAN and MS sharpened on the ground."""

    name = "sharpening"

    share: Share = 0.3


@dataclass(frozen=True)
class OverstatedGains(Effect):
    """PAN alone sharpened, and the gain of the table given."""

    name = "overstated gains"

    share: Share = 0.25
    ms_gain: Annotated[Range, GAIN] = (0.06, 0.22)  # true gain between the two files
    table_gain: Annotated[Range, GAIN] = (0.26, 0.34)  # what is given


@dataclass(frozen=True)
class GainError(Effect):
    """Relative error of the gains given."""

    name = "gain error"

    share: Share = 1.0
    error: Annotated[float, Bounds(0, 1)] = 0.03  # standard deviation


@dataclass(frozen=True)
class Decimation(Effect):
    """Cubic interpolation without a low-pass, PAN and MS."""

    name, of = "decimation", "batches"

    share: Share = 0.08
    reference_gain: Annotated[Range, GAIN] = (0.05, 0.35)  # of the MS product that was decimated, as it came
    measured_gain: Annotated[float, GAIN] = 0.78  # given: what is measured on such pairs


@dataclass(frozen=True)
class Anisotropy(Effect):
    """MTF of other width along track than across."""

    name = "anisotropy"

    factor: Annotated[Range, Bounds(1, 4)] = (1.1, 1.8)  # of the widths squared, the one way or the other


@dataclass(frozen=True)
class Detector(Effect):
    """A detector's box within the MTF, of the same gain."""

    name = "detector"


@dataclass(frozen=True)
class Motion(Effect):
    """A straight smear of PAN, reference and MS."""

    name = "motion"

    length: Annotated[Range, PIXELS] = (0.3, 1.5)  # PAN pixels

    def apply(self, image: Tensor, rng: Random, reduction: int = 1) -> Tensor:
        """``reduction``: fine pixels of the image along a side of a PAN pixel."""
        low, high = self.length
        return blur.smear(image, rng, (reduction * low, reduction * high))


@dataclass(frozen=True)
class FractionalRatio(Effect):
    """MS of no whole ratio, resampled to the nearest one."""

    name, of = "fractional ratio", "batches"


@dataclass(frozen=True)
class Phase(Effect):
    """MS grid between the PAN's pixels, and given."""

    name, of = "phase", "batches"

    share: Share = 0.5


@dataclass(frozen=True)
class Misregistration(Effect):
    """MS displaced, and not given."""

    name = "misregistration"

    share: Share = 0.4
    displacement: Annotated[float, PIXELS] = 0.2  # standard deviation, PAN pixels


@dataclass(frozen=True)
class BandMisregistration(Effect):
    """Bands displaced against one another."""

    name, of = "band misregistration", "displaced scenes"

    share: Share = 1.0
    displacement: Annotated[float, PIXELS] = 0.06  # standard deviation, PAN pixels

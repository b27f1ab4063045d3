"""What the simulator may do to an image, by name: one small dataclass an effect, with its ranges and what it does.

An effect with a ``stage`` is applied there, in the order of the registry; the others are part of how a stage draws.
"""

from __future__ import annotations

from anypan.simulate.effects.archive import (
    CoarseNoise,
    Compression,
    FamilyNoise,
    Noise,
    Quantisation,
    Saturation,
    Stripes,
)
from anypan.simulate.effects.bands import (
    BandsGeneration,
    ChannelShuffling,
    ForeignLight,
    HiddenLight,
    PanCurve,
    PartedBands,
    ResponseCurves,
    SoftBands,
    UnseenBands,
)
from anypan.simulate.effects.base import Effect
from anypan.simulate.effects.ground import (
    ColourJitter,
    FlatGround,
    ForeignContent,
    GainFields,
    Haze,
    HighPassFiltering,
    LinearLight,
    LocalInversion,
    Texture,
    Turn,
    Zoom,
)
from anypan.simulate.effects.instrument import (
    Anisotropy,
    BandMisregistration,
    Decimation,
    Detector,
    FractionalRatio,
    GainError,
    Misregistration,
    Motion,
    OverstatedGains,
    Phase,
    ReducedScenes,
    Sharpening,
    WideGains,
)


def _by_name(*kinds: type[Effect]) -> dict[str, type[Effect]]:
    return {kind.name: kind for kind in kinds}


AUGMENTATIONS = _by_name(
    LinearLight,
    Zoom,
    Turn,
    Texture,
    BandsGeneration,
    ResponseCurves,
    HighPassFiltering,
    ColourJitter,
    GainFields,
    ForeignContent,
    LocalInversion,
    UnseenBands,
    PartedBands,
    SoftBands,
    FlatGround,
    Haze,
    HiddenLight,
    ForeignLight,
    PanCurve,
    ChannelShuffling,
)
"""What changes the ground and the instrument's bands: shape, colours, mixtures."""

DEGRADATIONS = _by_name(
    ReducedScenes,
    WideGains,
    Sharpening,
    OverstatedGains,
    GainError,
    Decimation,
    Anisotropy,
    Detector,
    Motion,
    FractionalRatio,
    Phase,
    Misregistration,
    BandMisregistration,
    Noise,
    CoarseNoise,
    FamilyNoise,
    Stripes,
    Saturation,
    Quantisation,
    Compression,
)
"""What instruments and archives do to the ground's image."""

EFFECTS = AUGMENTATIONS | DEGRADATIONS

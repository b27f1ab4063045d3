"""Laws of the MTF filters and of the map between the grids, and golden kernels of the reference toolbox."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anypan.optics.blocks import BlockSampling
from anypan.optics.mtf import DenseSampling, gaussian_taps, sigma_for
from anypan.optics.sampling import Physical
from anypan.optics.toolbox import Toolbox, toolbox_kernel

RATIOS = st.integers(2, 6)
PHASES = st.floats(-0.5, 0.5)


@given(st.floats(0.05, 0.5), RATIOS, st.floats(0, 0.99))
def test_physical_taps_sum_to_one_and_have_their_gain_at_the_ms_nyquist(gnyq, ratio, centre):
    radius = 3 * ratio + 1
    taps = gaussian_taps([gnyq], ratio, centre, radius)[0]
    offsets = torch.arange(-radius, radius + 2) - centre
    response = torch.sum(taps * torch.exp(-1j * math.pi / ratio * offsets)).abs()
    assert float(taps.sum()) == pytest.approx(1, abs=1e-12)
    assert float(response) == pytest.approx(gnyq, abs=2e-3)


@pytest.mark.parametrize(
    "gnyq, total, centre",
    [(0.11, 0.997705, 0.021167), (0.22, 0.998420, 0.030857), (0.30, 0.998740, 0.038807), (0.365, 0.998943, 0.046358)],
)
def test_toolbox_kernel_has_the_published_sum_and_centre(gnyq, total, centre):
    kernel = toolbox_kernel(gnyq, 4)
    assert float(kernel.sum()) == pytest.approx(total, abs=5e-7)
    assert float(kernel[20, 20]) == pytest.approx(centre, abs=5e-7)


def test_toolbox_kernels_equal_the_reference(shared):
    kernels = np.load(shared / "golden" / "mtf_kernels.npz")
    gains = {"QB": (0.34, 0.32, 0.30, 0.22), "WV3": (0.325, 0.355, 0.360, 0.350, 0.365, 0.360, 0.335, 0.315)}
    for sensor, values in gains.items():
        for band, gnyq in enumerate(values):
            assert np.allclose(toolbox_kernel(gnyq, 4), kernels[f"{sensor}_MS"][..., band], atol=1e-15)


def test_toolbox_expansion_and_decimation_equal_the_reference(shared):
    golden = np.load(shared / "golden" / "qb_rr.npz")
    lrms, reference = (torch.from_numpy(golden[k].astype(float)).permute(2, 0, 1) for k in ("I_MS_LR", "I_GT"))
    sampling = Toolbox(4, (0.5, 0.5))
    assert np.allclose(sampling.expand(lrms).permute(1, 2, 0), golden["EXP_toolbox"], rtol=1e-12)
    degraded = sampling.degrade(reference, (0.34, 0.32, 0.30, 0.22))
    assert np.allclose(degraded.permute(1, 2, 0), golden["MTF_GT_dec"], rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(RATIOS, PHASES, PHASES)
def test_a_plane_survives_degradation_and_expansion_wherever_the_ms_pixels_lie(ratio, dy, dx):
    size = 24 * ratio
    rows, cols = torch.meshgrid(*[torch.arange(size, dtype=torch.float64)] * 2, indexing="ij")
    plane = (3 + 0.5 * rows - 0.25 * cols)[None]
    sampling = Physical(ratio, (dy, dx))
    lrms = sampling.degrade(plane, [0.3])
    centre = 10
    expected = (
        plane[0, 0, 0] + 0.5 * (ratio * centre + (ratio - 1) / 2 + dy) - 0.25 * (ratio * 7 + (ratio - 1) / 2 + dx)
    )
    assert float(lrms[0, centre, 7]) == pytest.approx(float(expected), abs=1e-5)
    inner = slice(sampling.reach, -sampling.reach)
    assert torch.allclose(sampling.expand(lrms)[0, inner, inner], plane[0, inner, inner], atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(RATIOS, PHASES, PHASES, st.integers(0, 99))
def test_nothing_beyond_the_reach_matters_and_tiles_equal_the_whole(ratio, dy, dx, seed):
    sampling = Physical(ratio, (dy, dx))
    image = torch.rand(2, 40 * ratio, 44 * ratio, generator=torch.Generator().manual_seed(seed))

    def smooth(part):
        return sampling.expand(sampling.degrade(part, [0.25, 0.35]))

    reach, start, stop = sampling.reach, 16 * ratio, 24 * ratio
    window = (slice(None), slice(start - reach, stop + reach), slice(start - reach, stop + reach))
    core = smooth(image[window].clone())[:, reach:-reach, reach:-reach]
    assert torch.equal(core, smooth(image)[:, start:stop, start:stop])


def test_dense_matrices_equal_the_shifted_sums_away_from_the_border():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 96, 96, generator=generator)
    gains = torch.tensor([[0.2, 0.3, 0.4], [0.25, 0.3, 0.35]])
    sampling, dense = Physical(4, (0.3, -0.2)), DenseSampling(4, (96, 96), (0.3, -0.2))
    lrms, also = sampling.degrade(image, gains), dense.degrade(image, gains)
    assert torch.allclose(lrms[..., 4:-4, 4:-4], also[..., 4:-4, 4:-4], atol=1e-5)
    assert torch.allclose(sampling.expand(lrms), dense.expand(lrms), atol=1e-5)


@given(RATIOS, st.floats(-3, 3), PHASES, st.tuples(st.integers(1, 40), st.integers(1, 40)), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_block_products_equal_the_shifted_sums_borders_included(ratio, dy, dx, shape, seed):
    generator = torch.Generator().manual_seed(seed)
    lrms = torch.randn(2, 3, *shape, generator=generator)
    image = torch.randn(2, 3, shape[0] * ratio, shape[1] * ratio, generator=generator)
    gnyq = 0.1 + 0.6 * torch.rand(2, 3, generator=generator)
    sums, products = Physical(ratio, (dy, dx)), BlockSampling(ratio, (dy, dx))
    assert (products.expand(lrms) - sums.expand(lrms)).abs().max() < 5e-6
    assert (products.degrade(image, gnyq) - sums.degrade(image, gnyq)).abs().max() < 5e-6
    assert (products.degrade(image[:1, :1], [0.2]) - sums.degrade(image[:1, :1], [0.2])).abs().max() < 5e-6
    assert products.degrade(image[0, :1], [0.2, 0.3]).shape == (2, *shape)


def test_sigma_is_the_published_closed_form():
    assert float(sigma_for(torch.tensor(0.30), 4)) == pytest.approx(1.976, abs=5e-4)
    assert float(sigma_for(torch.tensor(0.11), 4)) == pytest.approx(2.675, abs=5e-4)

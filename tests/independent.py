"""Metrics once more, from their formulas alone and without the package: slow, plain, one loop for each sum.

The images are made by arithmetic that any language can repeat.
"""

import math

import numpy as np


def image(seed: int, bands: int = 4, size: int = 64) -> np.ndarray:
    """(bands, size, size) of whole numbers 200..1200: the steps of a linear congruential generator, added to waves."""
    state, out = seed, np.empty((bands, size, size))
    for b in range(bands):
        for r in range(size):
            for c in range(size):
                state = (1103515245 * state + 12345) % 2**31
                wave = math.sin(0.21 * r + 0.4 * b) * math.cos(0.17 * c - 0.3 * b)
                out[b, r, c] = math.floor(600 + 300 * wave + 200 * state / 2**31)
    return out


def fused(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(an estimate, its reference)."""
    reference = image(seed)
    return np.floor(0.9 * reference + 0.1 * image(seed + 1)) + 7, reference


def sam(one: np.ndarray, two: np.ndarray) -> float:
    angles = []
    for a, b in zip(one.reshape(len(one), -1).T, two.reshape(len(two), -1).T, strict=True):
        angles.append(math.acos(sum(a * b) / math.sqrt(sum(a * a) * sum(b * b))))
    return math.degrees(sum(angles) / len(angles))


def ergas(one: np.ndarray, two: np.ndarray, ratio: int) -> float:
    parts = [np.mean((a - b) ** 2) / np.mean(b) ** 2 for a, b in zip(one, two, strict=True)]
    return 100 / ratio * math.sqrt(sum(parts) / len(parts))


def psnr(one: np.ndarray, two: np.ndarray, peak: float) -> float:
    errors = [math.sqrt(np.mean((a - b) ** 2)) for a, b in zip(one, two, strict=True)]
    return sum(20 * math.log10(peak / error) for error in errors) / len(errors)


def cc(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one, two, strict=True)]))


def scc(one: np.ndarray, two: np.ndarray) -> float:
    a, b = (np.stack([sobel(band) for band in each]) for each in (one, two))
    return float((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()))


def sobel(band: np.ndarray) -> np.ndarray:
    frameless = np.zeros_like(band)
    frameless[1:-1, 1:-1] = band[1:-1, 1:-1]
    out = np.zeros_like(band)
    for r in range(1, band.shape[0] - 1):
        for c in range(1, band.shape[1] - 1):
            p = frameless[r - 1 : r + 2, c - 1 : c + 2]
            rows = p[2, 0] + 2 * p[2, 1] + p[2, 2] - p[0, 0] - 2 * p[0, 1] - p[0, 2]
            cols = p[0, 2] + 2 * p[1, 2] + p[2, 2] - p[0, 0] - 2 * p[1, 0] - p[2, 0]
            out[r, c] = math.hypot(rows, cols)
    return out


def conjugate(a: list[float]) -> list[float]:
    return [a[0], *(-each for each in a[1:])]


def product(a: list[float], b: list[float]) -> list[float]:
    """Cayley and Dickson: (p, q)(r, s) = (pr - s*q, sp + qr*)."""
    if len(a) == 1:
        return [a[0] * b[0]]
    half = len(a) // 2
    p, q, r, s = a[:half], a[half:], b[:half], b[half:]
    first = [m - n for m, n in zip(product(p, r), product(conjugate(s), q), strict=True)]
    second = [m + n for m, n in zip(product(s, p), product(q, conjugate(r)), strict=True)]
    return first + second


def q2n(one: np.ndarray, two: np.ndarray, block: int = 32) -> float:
    """Garzelli and Nencini, 2009: blocks standardised by the reference's mean and deviation, then one number each."""
    values = []
    for r in range(0, two.shape[1], block):
        for c in range(0, two.shape[2], block):
            a, b = (each[:, r : r + block, c : c + block].reshape(len(each), -1) for each in (one, two))
            mean, spread = b.mean(1, keepdims=True), b.std(1, ddof=1, keepdims=True)
            spread[spread == 0] = 2.0**-52  # as the reference toolbox has it: a flat block counts
            values.append(_q2n_block(1 + (a - mean) / spread, 1 + (b - mean) / spread))
    return float(np.mean(values))


def _q2n_block(a: np.ndarray, b: np.ndarray) -> float:
    size = len(a)  # a power of two
    count = a.shape[1]
    cross = np.zeros(size)
    for left, right in zip(b.T, a.T, strict=True):
        cross += np.array(product(list(left), conjugate(list(right)))) / count
    means = np.array(product(list(b.mean(1)), conjugate(list(a.mean(1)))))
    unbiased = count / (count - 1)
    covariance = unbiased * (cross - means)
    power_a, power_b = (a.mean(1) ** 2).sum(), (b.mean(1) ** 2).sum()
    variance = unbiased * ((a**2).sum(0).mean() - power_a + (b**2).sum(0).mean() - power_b)
    quality = covariance * 2 / variance * 2 / (power_a + power_b)
    return math.sqrt((quality**2).sum()) * math.sqrt(power_a * power_b)

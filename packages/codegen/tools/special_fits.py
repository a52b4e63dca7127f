"""What each polynomial of the special functions approximates, on which interval: economised Chebyshev series.

The target is interpolated at the zeros of a Chebyshev polynomial in 250-bit arithmetic, the series is cut where the
rest is below 2**-56 of the smallest value of the target, and is then written in powers of the variable.
"""

from __future__ import annotations

from dataclasses import dataclass

from mpmath import mp, mpf
from remez import Function

NODES = 72
BITS = 250
TOLERANCE = mpf(2) ** -56


@dataclass(frozen=True)
class Economised:
    """A table of float64 coefficients: P(v), lowest order first, close to `target` on [lo, hi]."""

    name: str
    target: Function
    interval: tuple[float, float] = (-1.0, 1.0)


def chebyshev_series(item: Economised) -> tuple[list[mpf], mpf]:
    """The coefficients of the interpolant in Chebyshev polynomials, and the smallest absolute value met."""
    lo, hi = map(mpf, item.interval)
    angles = [mp.pi * (k + mpf(1) / 2) / NODES for k in range(NODES)]
    values = [item.target((lo + hi) / 2 + (hi - lo) / 2 * mp.cos(angle)) for angle in angles]
    series = [
        2 * mp.fsum(y * mp.cos(j * angle) for y, angle in zip(values, angles, strict=True)) / NODES
        for j in range(NODES)
    ]
    series[0] /= 2
    return series, min(abs(y) for y in values)


def shortened(series: list[mpf], smallest: mpf) -> tuple[list[mpf], mpf]:
    """The series without its last terms as long as they add up to less than the tolerance; what was left out."""
    rest = mpf(0)
    while rest + abs(series[-1]) < TOLERANCE * smallest:
        rest += abs(series.pop())
    return series, rest / smallest


def in_powers(series: list[mpf], lo: mpf, hi: mpf) -> list[mpf]:
    """The same polynomial in powers of v."""
    scale, shift = 2 / (hi - lo), -(hi + lo) / (hi - lo)
    previous, current = [mpf(1)], [shift, scale]
    total = [mpf(0)] * len(series)
    for j, c in enumerate(series):
        terms = previous if j == 0 else current
        for k, t in enumerate(terms):
            total[k] += c * t
        if j > 0:
            raised = [mpf(0), *(2 * scale * t for t in current)]
            for k, t in enumerate(current):
                raised[k] += 2 * shift * t
            for k, t in enumerate(previous):
                raised[k] -= t
            previous, current = current, raised
    return total


def economise(item: Economised) -> tuple[list[float], float]:
    """The coefficients, and the error of the polynomial relative to the smallest value, as log2."""
    with mp.workprec(BITS):
        series, rest = shortened(*chebyshev_series(item))
        coefficients = in_powers(series, mpf(item.interval[0]), mpf(item.interval[1]))
        return [float(c) for c in coefficients], float(mp.log(rest, 2)) if rest else -mp.inf


# ---- gamma ----------------------------------------------------------------------------------------------------


def stirling_rest(z: mpf) -> mpf:
    """x (log Gamma(x) - (x - 1/2) (log x - 1) - (log(2 pi) - 1) / 2) with z = 1 / x**2."""
    x = 1 / mp.sqrt(z)
    with mp.workprec(BITS + 60):
        leading = (x - mpf(1) / 2) * (mp.log(x) - 1) + (mp.log(2 * mp.pi) - 1) / 2
        return x * (mp.loggamma(x) - leading)


def digamma_rest(z: mpf) -> mpf:
    """x**2 (log x - 1 / (2 x) - psi(x)) with z = 1 / x**2."""
    x = 1 / mp.sqrt(z)
    with mp.workprec(BITS + 60):
        return x * x * (mp.log(x) - 1 / (2 * x) - mp.digamma(x))


def digamma_zero() -> mpf:
    return mp.findroot(mp.digamma, mpf("1.4616321449683623"))


def gamma() -> list[Economised]:
    return [
        Economised("LGAMMA_ONE", lambda t: mp.loggamma(1 + t) / t if t else -mp.euler, (-0.5, 0.5)),
        Economised("LGAMMA_TWO", lambda v: mp.loggamma(v + 2.25) / (v + 0.25), (-0.75, 0.75)),
        Economised("LGAMMA_STIRLING", stirling_rest, (0, 1 / 64)),
        Economised("DIGAMMA_NEAR", lambda v: mp.digamma(v + 1.5) / (v + 1.5 - digamma_zero()), (-0.5, 0.5)),
        Economised("DIGAMMA_STIRLING", digamma_rest, (0, 1 / 64)),
    ]


# ---- Bessel functions -----------------------------------------------------------------------------------------


def scaled_i(order: int, x: mpf) -> mpf:
    return mp.exp(-x) * mp.besseli(order, x)


def modified_bessel() -> list[Economised]:
    return [
        Economised("I0E_NEAR", lambda v: scaled_i(0, 4 * v + 4)),
        Economised("I1E_NEAR", lambda v: scaled_i(1, 4 * v + 4) / (4 * v + 4)),
        Economised("I0E_FAR", lambda v: mp.sqrt(16 / (v + 1)) * scaled_i(0, 16 / (v + 1))),
        Economised("I1E_FAR", lambda v: mp.sqrt(16 / (v + 1)) * scaled_i(1, 16 / (v + 1))),
        Economised("I0_SMALL", lambda z: mp.besseli(0, mp.sqrt(z)), (0, 1)),
        Economised("I1_SMALL", lambda z: mp.besseli(1, mp.sqrt(z)) / mp.sqrt(z), (0, 1)),
        Economised("K0_NEAR", lambda z: k0_rest(mp.sqrt(z)), (0, 1)),
        Economised("K1_NEAR", lambda z: k1_rest(mp.sqrt(z)), (0, 1)),
        Economised("K0_FAR", lambda v: scaled_k(0, 2 / (v + 1))),
        Economised("K1_FAR", lambda v: scaled_k(1, 2 / (v + 1))),
    ]


def k0_rest(x: mpf) -> mpf:
    """K0(x) + log(x / 2) I0(x)."""
    return mp.besselk(0, x) + mp.log(x / 2) * mp.besseli(0, x)


def k1_rest(x: mpf) -> mpf:
    """(x K1(x) - x log(x / 2) I1(x) - 1) / x**2."""
    return (x * mp.besselk(1, x) - x * mp.log(x / 2) * mp.besseli(1, x) - 1) / (x * x)


def scaled_k(order: int, x: mpf) -> mpf:
    return mp.sqrt(x) * mp.exp(x) * mp.besselk(order, x)


def hankel(order: int, x: mpf) -> tuple[mpf, mpf]:
    """P and x Q with J = sqrt(2 / (pi x)) (P cos - Q sin), Y = sqrt(2 / (pi x)) (P sin + Q cos) of the phase."""
    phase = x - (2 * order + 1) * mp.pi / 4
    j, y, size = mp.besselj(order, x), mp.bessely(order, x), mp.sqrt(mp.pi * x / 2)
    return size * (j * mp.cos(phase) + y * mp.sin(phase)), x * size * (y * mp.cos(phase) - j * mp.sin(phase))


def between_zeros(function: Function, *zeros: mpf) -> Function:
    """The function of x as one of v = x**2 / 32 - 1, over (x**2 - zero) for all zeros."""

    def target(v: mpf) -> mpf:
        z = 32 * (v + 1)
        return function(mp.sqrt(z)) / mp.fprod(z - zero for zero in zeros)

    return target


def y_near(order: int, x: mpf) -> mpf:
    """x**order (Y(x) - 2/pi log(x / zero) J(x)) / (x**2 - zero**2), the zero being the first of Y."""
    zero = mp.besselyzero(order, 1)
    regular = mp.bessely(order, x) - 2 / mp.pi * mp.log(x / zero) * mp.besselj(order, x)
    return x**order * regular / (x * x - zero * zero)


def bessel() -> list[Economised]:
    with mp.workprec(BITS):
        j0, j1 = ([mp.besseljzero(order, n) ** 2 for n in (1, 2, 3)] for order in (0, 1))
        y0, y1 = ([mp.besselyzero(order, n) for n in (2, 3)] for order in (0, 1))
    fits = [
        Economised("J0_NEAR", between_zeros(lambda x: mp.besselj(0, x), *j0)),
        Economised("J1_NEAR", between_zeros(lambda x: mp.besselj(1, x) / x, *j1)),
        Economised("Y0_NEAR", lambda z: y_near(0, mp.sqrt(z)), (0, 9)),
        Economised(
            "Y0_MIDDLE", lambda v: mp.bessely(0, v + 5.5) / ((v + 5.5 - y0[0]) * (v + 5.5 - y0[1])), (-2.5, 2.5)
        ),
        Economised("Y1_NEAR", lambda z: y_near(1, mp.sqrt(z)), (0, 16)),
        Economised("Y1_MIDDLE", lambda v: mp.bessely(1, v + 6) / (v + 6 - y1[0]), (-2, 2)),
    ]
    for order in (0, 1):
        for part, letter in enumerate("PQ"):
            fits.append(
                Economised(
                    f"HANKEL_{letter}{order}",
                    lambda v, order=order, part=part: hankel(order, mp.sqrt(128 / (v + 1)))[part],
                )
            )
    return fits


# ---- Airy function --------------------------------------------------------------------------------------------


def airy_tail(zeta: mpf) -> mpf:
    """Ai(x) 2 sqrt(pi) x**(1/4) e**zeta with zeta = 2/3 x**(3/2)."""
    x = (mpf(3) / 2 * zeta) ** (mpf(2) / 3)
    return mp.airyai(x) * 2 * mp.sqrt(mp.pi) * mp.sqrt(mp.sqrt(x)) * mp.exp(zeta)


def airy_wave(zeta: mpf) -> tuple[mpf, mpf]:
    """P and zeta Q with Ai(-x) = (P sin - Q cos)(zeta + pi/4) / (sqrt(pi) x**(1/4)); Bi has cos and sin instead."""
    x = (mpf(3) / 2 * zeta) ** (mpf(2) / 3)
    size, phase = mp.sqrt(mp.pi) * mp.sqrt(mp.sqrt(x)), zeta + mp.pi / 4
    a, b = size * mp.airyai(-x), size * mp.airybi(-x)
    return a * mp.sin(phase) + b * mp.cos(phase), zeta * (b * mp.sin(phase) - a * mp.cos(phase))


def airy_slope_wave(zeta: mpf) -> tuple[mpf, mpf]:
    """P and zeta Q with Ai'(-x) = -(P cos + Q sin)(zeta + pi/4) x**(1/4) / sqrt(pi); Bi' has P sin - Q cos."""
    x = (mpf(3) / 2 * zeta) ** (mpf(2) / 3)
    size, phase = mp.sqrt(mp.pi) / mp.sqrt(mp.sqrt(x)), zeta + mp.pi / 4
    a, b = size * mp.airyai(-x, derivative=1), size * mp.airybi(-x, derivative=1)
    return b * mp.sin(phase) - a * mp.cos(phase), -zeta * (a * mp.sin(phase) + b * mp.cos(phase))


def airy_slope_tail(zeta: mpf) -> mpf:
    """-Ai'(x) 2 sqrt(pi) x**(-1/4) e**zeta with zeta = 2/3 x**(3/2)."""
    x = (mpf(3) / 2 * zeta) ** (mpf(2) / 3)
    return -mp.airyai(x, derivative=1) * 2 * mp.sqrt(mp.pi) / mp.sqrt(mp.sqrt(x)) * mp.exp(zeta)


def airy_slope() -> list[Economised]:
    with mp.workprec(BITS):
        zeros = [mp.airyaizero(n, derivative=1) for n in (1, 2, 3)]
    far, wave = mpf(4) / 3 * mp.sqrt(2), mpf(2) / 3 * 5 * mp.sqrt(5)
    return [
        Economised("SLOPE_SMALL", lambda v: mp.airyai(v + 0.75, derivative=1) * mp.exp(v + 0.75), (-1.25, 1.25)),
        Economised(
            "SLOPE_NEGATIVE",
            lambda v: mp.airyai(v - 2.75, derivative=1) / mp.fprod(v - 2.75 - zero for zero in zeros),
            (-2.25, 2.25),
        ),
        Economised("SLOPE_TAIL", lambda v: airy_slope_tail(2 * far / (v + 1))),
        Economised("SLOPE_WAVE_P", lambda v: airy_slope_wave(mp.sqrt(2 / (v + 1)) * wave)[0]),
        Economised("SLOPE_WAVE_Q", lambda v: airy_slope_wave(mp.sqrt(2 / (v + 1)) * wave)[1]),
    ]


def airy() -> list[Economised]:
    with mp.workprec(BITS):
        zeros = [mp.airyaizero(n) for n in (1, 2)]
    far, wave = mpf(4) / 3 * mp.sqrt(2), mpf(2) / 3 * 5 * mp.sqrt(5)
    return [
        Economised("AIRY_SMALL", lambda v: mp.airyai(v + 0.5) * mp.exp(v + 0.5), (-1.5, 1.5)),
        Economised(
            "AIRY_NEGATIVE",
            lambda v: mp.airyai(v - 3) / ((v - 3 - zeros[0]) * (v - 3 - zeros[1])),
            (-2, 2),
        ),
        Economised("AIRY_TAIL", lambda v: airy_tail(2 * far / (v + 1))),
        Economised("AIRY_WAVE_P", lambda v: airy_wave(mp.sqrt(2 / (v + 1)) * wave)[0]),
        Economised("AIRY_WAVE_Q", lambda v: airy_wave(mp.sqrt(2 / (v + 1)) * wave)[1]),
    ]


ECONOMISED = [*gamma(), *modified_bessel(), *bessel(), *airy(), *airy_slope()]

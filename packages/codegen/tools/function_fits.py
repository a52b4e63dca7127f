"""What each polynomial of the scalar functions approximates, on which interval, weighted how."""

from __future__ import annotations

from mpmath import mp, mpf
from remez import Fit, Function

LN2 = mp.log(2)
HALF_LN2 = LN2 / 2 * mpf("1.001")  # the reduction rounds x/ln2, so r may pass ln2/2 by a little
LOG_INTERVAL = (mp.sqrt(mpf(1) / 2) - 1, mp.sqrt(2) - 1)


def log_tail(f: mpf) -> mpf:
    """(log1p(f) - f + f^2/2) / f^3."""
    return (mp.log1p(f) - f + f * f / 2) / f**3 if f else mpf(1) / 3


def log_tail_weight(f: mpf) -> mpf:
    return f**3 / mp.log1p(f) if f else mpf(0)


def atanh_tail(z: mpf) -> mpf:
    """(2 atanh(s)/s - 2) / z with z = s^2."""
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) / s - 2) / z if z else mpf(2) / 3


def atanh_tail_weight(z: mpf) -> mpf:
    s = mp.sqrt(z)
    return z * s / (2 * mp.atanh(s)) if z else mpf(0)


def exponential() -> list[Fit]:
    fits = []
    for suffix, bits, degree in (("F32", 24, 6), ("F64", 53, 11)):
        interval = (-HALF_LN2, HALF_LN2)
        fits.append(Fit(f"EXP_{suffix}", mp.exp, interval, degree, bits, lambda r: mp.exp(-r), (1.0, 1.0)))
        fits.append(
            Fit(f"EXP2_{suffix}", lambda r: mpf(2) ** r, (-0.5, 0.5), degree, bits, lambda r: mpf(2) ** -r, (1.0,))
        )
        fits.append(
            Fit(
                f"EXPM1_{suffix}",
                lambda r: (mp.expm1(r) - r) / r**2 if r else mpf(0.5),
                interval,
                degree - 1,
                bits,
                lambda r: r**2 / mp.expm1(r) if r else mpf(0),
            )
        )
    slope = Fit(
        "EXP_SLOPE_F64",
        lambda r: mp.expm1(-r) / r if r else mpf(-1),
        (-HALF_LN2, HALF_LN2),
        10,
        53,
        lambda r: abs(r) * mp.exp(r),
    )
    return [*fits, slope]


def logarithmic() -> list[Fit]:
    largest = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)
    return [
        Fit("LOG_F32", log_tail, LOG_INTERVAL, 8, 24, log_tail_weight),
        Fit("LOG_F64", atanh_tail, (0, largest**2), 6, 53, atanh_tail_weight),
    ]


def odd_tail(function: Function, z: mpf, series: mpf) -> mpf:
    """(function(x) - x) / x**3 with z = x**2; `series` is its value at 0."""
    x = mp.sqrt(z)
    return (function(x) - x) / x**3 if z else series


def odd_weight(function: Function, z: mpf) -> mpf:
    """Turns an error of the odd tail into a relative error of the function."""
    x = mp.sqrt(z)
    return x**3 / function(x) if z else mpf(0)


def odd_fit(name: str, function: Function, series: mpf, limit: mpf | float, degree: int, bits: int) -> Fit:
    """P with function(x) = x + x**3 P(x**2) on |x| <= limit."""
    return Fit(
        name,
        lambda z: odd_tail(function, z, series),
        (0, mpf(limit) ** 2),
        degree,
        bits,
        lambda z: odd_weight(function, z),
    )


def hyperbolic() -> list[Fit]:
    fits = [odd_fit("TANH_F64", mp.tanh, -mpf(1) / 3, 0.56, 9, 53)]
    for suffix, bits, degree in (("F32", 24, 2), ("F64", 53, 4)):
        fits.append(odd_fit(f"SINH_{suffix}", mp.sinh, mpf(1) / 6, HALF_LN2, degree, bits))
        fits.append(
            Fit(
                f"COSH_{suffix}",
                lambda z: (mp.cosh(mp.sqrt(z)) - 1) / z if z else mpf(0.5),
                (0, HALF_LN2**2),
                degree,
                bits,
                lambda z: z,
            )
        )
    return fits


def erfcx_excess(shift: float, centre: float) -> Function:
    """(1 + 1.25 x) exp(x^2) erfc(x) - 1, which lies in [-0.3, 0.01] for x >= 0, in t = 1 / (x + shift) - centre."""

    def excess(t: mpf) -> mpf:
        x = 1 / (t + centre) - shift
        return (1 + mpf(1.25) * x) * mp.exp(x * x) * mp.erfc(x) - 1

    return excess


def error() -> list[Fit]:
    two_over_root_pi = 2 / mp.sqrt(mp.pi)
    fits = []
    for suffix, bits, limit, low_degree, end, high_degree in (
        ("F32", 24, 0.9, 5, 3.95, 7),
        ("F64", 53, 1.0, 11, 5.95, 17),
    ):
        fits.append(
            Fit(
                f"ERF_SMALL_{suffix}",
                lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1 if z else two_over_root_pi - 1,
                (0, mpf(limit) ** 2),
                low_degree,
                bits,
                lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)) if z else 1 / two_over_root_pi,
            )
        )
        fits.append(
            Fit(
                f"ERF_LARGE_{suffix}",
                lambda x: -mp.log(mp.erfc(x)) / x,
                (limit, end),
                high_degree,
                bits,
                lambda x: x * mp.erfc(x) / mp.erf(x),
            )
        )
    return fits


def complementary_error_fit(name: str, bits: int, degree: int, shift: float, centre: float, end: float) -> Fit:
    """Centred, so that Horner's scheme adds small terms to larger ones."""
    excess = erfcx_excess(shift, centre)
    interval = (1 / (mpf(end) + shift) - centre, 1 / mpf(shift) - centre)
    return Fit(name, excess, interval, degree, bits, lambda t: 1 / (1 + excess(t)))


def complementary_error() -> list[Fit]:
    return [
        complementary_error_fit("ERFC_F32", 24, 9, shift=2.5, centre=0.25, end=10.1),
        complementary_error_fit("ERFC_F64", 53, 23, shift=3.5, centre=0.15625, end=27.3),
    ]


def trigonometric() -> list[Fit]:
    limit = mp.pi / 4 * mpf("1.01")  # the quotient by pi/2 is rounded, so the remainder may pass pi/4 by a little
    fits = []
    for suffix, bits, sin_degree, asin_degree, atan_degree in (("F32", 24, 2, 4, 8), ("F64", 53, 5, 11, 19)):
        fits.append(odd_fit(f"SIN_{suffix}", mp.sin, -mpf(1) / 6, limit, sin_degree, bits))
        fits.append(
            Fit(
                f"COS_{suffix}",
                lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2 if z else mpf(1) / 24,
                (0, limit**2),
                sin_degree,
                bits,
                lambda z: z**2 / mp.cos(mp.sqrt(z)),
            )
        )
        fits.append(odd_fit(f"ASIN_{suffix}", mp.asin, mpf(1) / 6, 0.5, asin_degree, bits))
        fits.append(odd_fit(f"ATAN_{suffix}", mp.atan, -mpf(1) / 3, 1, atan_degree, bits))
    return fits


def atanh_third_order(z: mpf) -> mpf:
    """((atanh(s)/s - 1)/z - 1/3)/z with z = s^2."""
    s = mp.sqrt(z)
    return ((mp.atanh(s) / s - 1) / z - mpf(1) / 3) / z if z else mpf(1) / 5


def power() -> list[Fit]:
    largest = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)
    fits = []
    for suffix, bits, degree, root_degree in (("F32", 24, 2, 7), ("F64", 53, 6, 18)):
        fits.append(Fit(f"POW_LOG_{suffix}", atanh_third_order, (0, largest**2), degree, bits, lambda z: z**2))
        fits.append(
            Fit(
                f"CBRT_{suffix}",
                lambda f: (mp.cbrt(1 + f) - 1) / f if f else mpf(1) / 3,
                LOG_INTERVAL,
                root_degree,
                bits,
                lambda f: f / mp.cbrt(1 + f),
            )
        )
    return fits


FITS = [*exponential(), *logarithmic(), *hyperbolic(), *error(), *complementary_error(), *trigonometric(), *power()]

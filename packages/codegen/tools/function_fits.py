"""What each polynomial of the scalar functions approximates, on which interval, weighted how."""

from __future__ import annotations

from mpmath import mp, mpf
from remez import Fit

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
    return fits


def logarithmic() -> list[Fit]:
    largest = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)
    return [
        Fit("LOG_F32", log_tail, LOG_INTERVAL, 8, 24, log_tail_weight),
        Fit("LOG_F64", atanh_tail, (0, largest**2), 6, 53, lambda z: z * mp.sqrt(z) / (2 * mp.atanh(mp.sqrt(z))) if z else mpf(0)),
    ]


FITS = [*exponential(), *logarithmic()]

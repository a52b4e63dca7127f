"""Which bit has flipped, from two CRCs: a checksum is linear, so their difference depends on the bit's place alone.

A bit that is followed by m others leaves the difference step^(m+1)(1), where `step` shifts the register once. The place
is a discrete logarithm, which baby and giant steps find in about the square root of the number of bits.
"""

from __future__ import annotations

from functools import cache

_POLYNOMIAL = 0xEDB88320  # of zlib's CRC-32, the lowest power in the highest bit
_BABY_STEPS = 1 << 16
_ONE = 1 << 31


def _step(register: int) -> int:
    return register >> 1 ^ (_POLYNOMIAL if register & 1 else 0)


def _product(a: int, b: int) -> int:
    """In the field of 2^32 elements that the polynomial makes."""
    result = 0
    for i in range(31, -1, -1):
        if b >> i & 1:
            result ^= a
        a = _step(a)
    return result


def _power(base: int, exponent: int) -> int:
    result = _ONE
    while exponent:
        if exponent & 1:
            result = _product(result, base)
        base = _product(base, base)
        exponent >>= 1
    return result


@cache
def _baby_steps() -> dict[int, int]:
    table, register = {}, _ONE
    for exponent in range(_BABY_STEPS):
        table[register] = exponent
        register = _step(register)
    return table


def flipped_bit(difference: int, bits: int) -> int | None:
    """The place of the only bit that differs, counted as CRC-32 takes them in: bit 0 of byte 0 first.

    Args:
        difference: CRC-32 of the data as it is, exclusive-or that of the data as it was.
        bits: how many there are.

    Returns:
        None if no single bit explains the difference.
    """
    back = _power(_step(_ONE), 2**32 - 1 - _BABY_STEPS)
    for giant in range((bits + 31) // _BABY_STEPS + 1):
        baby = _baby_steps().get(difference)
        if baby is not None:
            place = bits + 31 - (giant * _BABY_STEPS + baby)
            return place if 0 <= place < bits else None
        difference = _product(difference, back)
    return None

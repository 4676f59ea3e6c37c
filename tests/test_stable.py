"""The scalar functions against fifty digits of mpmath."""

from fractions import Fraction

import mpmath
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from oddsmith.core.stable import (
    exact_dot,
    log1pexp,
    logsumexp,
    relative_entropy_term,
    sigmoid,
    softmax,
)

margins = st.floats(-1e4, 1e4)
# Not smaller than 1e-12, where the squares stay normal numbers.
small = st.floats(-1.0, 4.0).filter(lambda u: u == 0 or abs(u) > 1e-12)


def close(ours: float, exact: mpmath.mpf, ulps: float = 8.0) -> bool:
    """Within some units of the last place; below 1e-300 exp has no digits left."""
    return abs(mpmath.mpf(float(ours)) - exact) <= ulps * 2.3e-16 * abs(exact) + 1e-300


@given(margins)
def test_sigmoid(z):
    with mpmath.workdps(50):
        assert close(sigmoid(np.array(z)), 1 / (1 + mpmath.exp(-mpmath.mpf(z))))


@given(margins)
def test_log1pexp(z):
    with mpmath.workdps(50):
        # With fifty digits log1p is exact for exp(z) down to 1e-4343.
        assert close(log1pexp(np.array(z)), mpmath.log1p(mpmath.exp(mpmath.mpf(z))))


@given(st.lists(margins, min_size=2, max_size=6))
def test_logsumexp_and_softmax(z):
    with mpmath.workdps(50):
        terms = [mpmath.exp(mpmath.mpf(v) - max(z)) for v in z]
        whole = mpmath.fsum(terms)
        total = mpmath.log(whole) + max(z)
        # z_max + log1p(...) may cancel: the error is relative to its terms.
        ours = logsumexp(np.array(z))
        # The argument of an exponential is itself a rounded difference.
        ulps = 16 + 2 * (max(z) - min(z))
        assert abs(mpmath.mpf(float(ours)) - total) <= ulps * 2.3e-16 * (abs(max(z)) + abs(total))
        for probability, term in zip(softmax(np.array(z)), terms, strict=True):
            assert close(probability, term / whole, ulps=ulps)


@given(small)
def test_relative_entropy_term(u):
    with mpmath.workdps(50):
        v = mpmath.mpf(u)
        exact = (1 + v) * mpmath.log1p(v) - v if u > -1 else mpmath.mpf(1)
        # The direct formula loses three digits at its border, u = 1e-3.
        assert close(relative_entropy_term(np.array(u)), exact, ulps=2e4)
        assert relative_entropy_term(np.array(u)) >= 0


def test_margins_of_a_thousand_are_finite():
    z = np.array([-1e3, 1e3, -8e307, 8e307])
    for function in (sigmoid, log1pexp):
        assert np.isfinite(function(z)).all()
    assert np.isfinite(softmax(z)).all()
    assert logsumexp(z) == 8e307


floats = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e140, max_value=1e140)
# Products of numbers below 1e-140 lose their low half to underflow.
sized = floats.filter(lambda x: x == 0 or abs(x) > 1e-140)


@given(st.lists(st.tuples(sized, sized), min_size=1, max_size=8), sized)
def test_exact_dot_rounds_once(pairs, start):
    a, b = np.array(pairs).T
    exact = Fraction(start) + sum(Fraction(x) * Fraction(y) for x, y in pairs)
    assert exact_dot(a, b, start) == float(exact)

"""SciPy and scikit-learn on tensors, through the array API."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("scipy")
pytest.importorskip("sklearn")

# SciPy reads SCIPY_ARRAY_API when it is imported, so each test has a process of its own.
PRELUDE = """
import os
os.environ["SCIPY_ARRAY_API"] = "1"
import numpy as np
import tensorwright as tw
rng = np.random.default_rng(0)
data, target = rng.standard_normal((20, 4)), rng.standard_normal(20)
features, values = tw.tensor(data), tw.tensor(target)

def check(function, tensors, arrays):
    ours, reference = function(*tensors), function(*arrays)
    assert isinstance(ours, tw.Tensor) or np.ndim(reference) == 0, type(ours)
    np.testing.assert_allclose(np.asarray(ours), reference, rtol=1e-9, atol=1e-12)
"""


def run(code: str) -> None:
    program = PRELUDE + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_scipy() -> None:
    run("""
        from scipy import fft, special, stats
        check(lambda x: special.logsumexp(x, axis=1), [features], [data])
        check(lambda x: stats.zscore(x, axis=0), [features], [data])
        check(lambda x: stats.ttest_1samp(x, 0.1).pvalue, [features], [data])
        check(lambda x: special.softmax(x, axis=0), [features], [data])
        check(lambda x: fft.rfft(x, axis=0), [features], [data])
    """)


def test_scikit_learn() -> None:
    run("""
        import sklearn
        from sklearn.decomposition import PCA
        from sklearn.linear_model import Ridge
        from sklearn.metrics import r2_score
        from sklearn.preprocessing import StandardScaler
        with sklearn.config_context(array_api_dispatch=True):
            check(lambda x: StandardScaler().fit_transform(x), [features], [data])
            check(lambda x: PCA(2, svd_solver="full").fit_transform(x), [features], [data])
            check(lambda x, y: Ridge(solver="svd").fit(x, y).coef_, [features, values], [data, target])
            check(r2_score, [values, values * 1.1], [target, target * 1.1])
    """)

"""Searches for the variances of a linear mixed model by other packages."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from ...errors import DesignError
from ...kernels.mixed.blocks import RandomBlock
from ...quiet import quiet
from ...types import Floats


def by_statsmodels(
    x: Floats, y: Floats, blocks: list[RandomBlock], reml: bool
) -> tuple[Floats, bool]:
    """Search with statsmodels: one correlated bar, or any number of uncorrelated ones."""
    from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

    if len(y) > 5000:
        raise DesignError("engine='statsmodels' is for up to 5,000 rows")
    with quiet():
        if len(blocks) == 1:
            block = blocks[0]
            model = MixedLM(y, x, groups=block.codes, exog_re=block.columns)
            fit = model.fit(reml=reml, method="powell", xtol=1e-8, ftol=1e-12)
            relative = np.atleast_2d(np.asarray(fit.cov_re)) / fit.scale
            factor = linalg.cholesky(relative + 1e-14 * np.eye(len(relative)), lower=True)
            theta = factor[np.tril_indices(len(factor))]
        else:
            if any(block.columns.shape[1] > 1 for block in blocks):
                raise DesignError(
                    "engine='statsmodels' fits several random parts only without correlations"
                )
            names = [f"g{i}" for i in range(len(blocks))]
            matrices = [[block.matrix.toarray()] for block in blocks]
            columns = [[[str(i) for i in range(block.n_levels)]] for block in blocks]
            spec = VCSpec(names, columns, matrices)
            model = MixedLM(y, x, groups=np.zeros(len(y)), exog_vc=spec)
            fit = model.fit(reml=reml, method="powell", xtol=1e-8, ftol=1e-12)
            theta = np.sqrt(np.maximum(np.asarray(fit.vcomp), 0) / fit.scale)
    return np.asarray(theta, dtype=np.float64), bool(fit.converged)

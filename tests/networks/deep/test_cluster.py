"""Networks that a dask cluster trains are those that are trained here."""

from __future__ import annotations

import warnings

import pandas as pd
import pytest

from muvistats import DesignError
from muvistats.deep import compare_architectures


@pytest.mark.parametrize("threads", [1, 2])
def test_a_cluster_trains_the_same_networks(
    small_study, tiny_protocol, tmp_path, one_backend, threads
):
    distributed = pytest.importorskip("distributed")
    settings = {
        "dimension": ["arousal"],
        "configurations": ["pair"],
        "protocol": tiny_protocol(max_epochs=1),
        "backend": one_backend,
        "linear": False,
        "progress": False,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of distributed itself, as ports that are taken
        with (
            distributed.LocalCluster(
                n_workers=1, threads_per_worker=threads, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            if threads > 1:
                with pytest.raises(DesignError, match="threads_per_worker=1"):
                    compare_architectures(small_study, client=client, cache=False, **settings)
                return
            there = compare_architectures(
                small_study, client=client, cache=tmp_path / "there", **settings
            )
    here = compare_architectures(small_study, n_jobs=1, cache=tmp_path / "here", **settings)
    pd.testing.assert_frame_equal(pd.DataFrame(there), pd.DataFrame(here), check_exact=True)

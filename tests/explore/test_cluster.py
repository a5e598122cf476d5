"""A campaign on a Dask cluster comes to what it comes to on this machine."""

from __future__ import annotations

import os
import signal

import pytest

from simkit.explore import Campaign, Cluster, Crew, CrewError, Tally
from simkit.scenarios import Job

pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own

CAMPAIGN = Campaign(["cold-start"], first_seed=0, seeds=4, app="lossy_bridge:app")
LOSSY = """
from simkit.bridge import Bridge, Config
from tests.zoo.bridges import DropsUntilReady

app = Bridge(Config.from_env(), make_core=DropsUntilReady).app()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    from distributed import LocalCluster

    folder = tmp_path_factory.mktemp("apps")
    (folder / "lossy_bridge.py").write_text(LOSSY)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        with LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
        ) as made:
            yield made


def tally(verdicts) -> Tally:
    found = Tally()
    for verdict in verdicts:
        found.add(verdict)
    return found


def test_the_verdicts_are_the_same_in_any_order(cluster):
    with Cluster(cluster.scheduler_address) as there:
        assert there.workers == 2
        far = tally(there.run(CAMPAIGN.jobs(), share=2))
    with Crew(1) as here:
        near = tally(here.run(CAMPAIGN.jobs()))
    assert far.runs == near.runs == len(CAMPAIGN)
    assert far.of("failed") > 0
    assert (far.digest, far.results, far.first) == (near.digest, near.results, near.first)


def test_the_share_of_a_worker_that_is_lost_is_run_again(cluster):
    jobs = [Job("cold-start", seed=seed) for seed in range(6)]
    with Cluster(cluster.scheduler_address) as there:
        verdicts = there.run(jobs)
        first = next(verdicts)
        os.kill(next(iter(cluster.workers.values())).process.pid, signal.SIGKILL)
        rest = list(verdicts)
    assert sorted(verdict.job.seed for verdict in [first, *rest]) == list(range(6))
    assert {verdict.result for verdict in [first, *rest]} == {"passed"}


def test_nobody_at_an_address_is_told(monkeypatch):
    monkeypatch.setattr("simkit.explore.cluster._CONNECT_SECONDS", 0.2)
    with pytest.raises(CrewError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:1: "):
        Cluster("tcp://127.0.0.1:1")

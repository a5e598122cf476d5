"""Explore: many runs of scenarios, over processes and machines.

A :class:`Crew` of worker processes runs jobs, each isolated from the others. A campaign is every
scenario with every variant and many seeds, on a crew or on a Dask cluster.
"""

from .campaign import Campaign, CampaignError, Failure, Ledger, Tally
from .cluster import Cluster
from .crew import Crew, CrewError, processors

__all__ = [
    "Campaign",
    "CampaignError",
    "Cluster",
    "Crew",
    "CrewError",
    "Failure",
    "Ledger",
    "Tally",
    "processors",
]

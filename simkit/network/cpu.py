"""Processors: how much virtual time the programs of a host take, apart from waiting."""

from __future__ import annotations

from contextvars import Context

from .hosts import Host, current_host
from .internet import Network
from .knobs import checked, delay


class Processors:
    """What callbacks, writes and work of threads cost, host by host; without an entry, nothing.

    Args:
        network: whose hosts they are.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._costs: dict[Host, dict[str, int]] = {}

    def set(self, host: Host, per_callback: float, per_write: float, per_work: float) -> None:
        """Set the costs of one host, in seconds.

        Raises:
            ValueError: one of them is no number of seconds, 0 or more.
        """
        self._costs[host] = {
            point: checked(
                f"cpu of {host.name}", f"per_{point}", "in seconds, 0 or more", delay, value
            )
            for point, value in (
                ("callback", per_callback),
                ("write", per_write),
                ("work", per_work),
            )
        }

    def charge_ns(self, point: str, context: Context) -> int:
        """Return what one ``callback``, ``write`` or piece of ``work`` in a context costs."""
        host = context.get(current_host, None)
        costs = self._costs.get(host or self._network.home)
        return costs[point] if costs is not None else 0

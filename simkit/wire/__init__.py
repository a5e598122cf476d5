"""The wire: words and frames that cross it.

Typed messages of Twilio Media Streams, of Vapi's transport and of the seed dialect; Twilio's
request signature; and the small WebSocket and HTTP endpoints the fakes stand on. Plain asyncio
and bytes: nothing here knows whether the network is real.
"""

from . import seed_dialect, signatures, twilio, vapi
from .errors import WireError

__all__ = ["WireError", "seed_dialect", "signatures", "twilio", "vapi"]

"""Every bug there is."""

from tests.zoo import bridges, doors, endings, interruptions, sound
from tests.zoo.bug import BUGS, SCENARIO, Bug

__all__ = ["BUGS", "SCENARIO", "Bug", "bridges", "doors", "endings", "interruptions", "sound"]

"""What a loop can do for a program outside of a simulation, and refuses inside one."""

from __future__ import annotations

from typing import Any, NoReturn

from ..kernel import Loop, OutsideWorldError


class RefusingLoop(Loop):
    """A loop that says why it takes no descriptors of the operating system."""

    async def connect_read_pipe(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: descriptors of the operating system become ready in real time."""
        raise not_simulated("connect_read_pipe", "descriptors become ready in real time")

    async def connect_write_pipe(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: descriptors of the operating system become ready in real time."""
        raise not_simulated("connect_write_pipe", "descriptors become ready in real time")

    def remove_reader(self, fd: Any) -> bool:
        """Return False: nothing watches a descriptor."""
        return False

    def remove_writer(self, fd: Any) -> bool:
        """Return False: nothing watches a descriptor."""
        return False


def not_simulated(name: str, why: str) -> OutsideWorldError:
    """Make the error that refuses the loop's method ``name``."""
    return OutsideWorldError(
        f"loop.{name} is not possible in a simulation: {why}, so the run could not be repeated"
    )

"""What a loop can do for a program outside of a simulation, and refuses inside one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVarTuple

from ..kernel import Loop, OutsideWorldError

Ts = TypeVarTuple("Ts")

_DESCRIPTORS = "descriptors become ready in real time"
_CHILDREN = "a child process runs on the machine's clock"


class RefusingLoop(Loop):
    """A loop that says why it takes neither descriptors nor processes of the operating system."""

    async def connect_read_pipe(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: descriptors of the operating system become ready in real time."""
        raise _not_simulated("connect_read_pipe", _DESCRIPTORS)

    async def connect_write_pipe(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: descriptors of the operating system become ready in real time."""
        raise _not_simulated("connect_write_pipe", _DESCRIPTORS)

    def add_reader(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> NoReturn:
        """Refuse: descriptors of the operating system become ready in real time."""
        raise _not_simulated("add_reader", _DESCRIPTORS)

    def add_writer(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> NoReturn:
        """Refuse: descriptors of the operating system become ready in real time."""
        raise _not_simulated("add_writer", _DESCRIPTORS)

    def remove_reader(self, fd: Any) -> bool:
        """Return False: nothing watches a descriptor."""
        return False

    def remove_writer(self, fd: Any) -> bool:
        """Return False: nothing watches a descriptor."""
        return False

    async def subprocess_shell(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: a process of the operating system has its own clock."""
        raise _not_simulated("subprocess_shell", _CHILDREN)

    async def subprocess_exec(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: a process of the operating system has its own clock."""
        raise _not_simulated("subprocess_exec", _CHILDREN)


def _not_simulated(name: str, why: str) -> OutsideWorldError:
    return OutsideWorldError(
        f"loop.{name} is not possible in a simulation: {why}, so the run could not be repeated"
    )

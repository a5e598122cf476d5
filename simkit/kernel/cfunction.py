"""Redirect a function of the C standard modules at its source.

``from time import monotonic``, ``def f(clock=time.time)`` or pydantic's
``default_factory=time.time`` keep a reference to the built-in function object, out of reach for
anyone who replaces ``time.monotonic`` by attribute. So the function object itself is changed: it
holds a pointer to a C function and the ``self`` that function is called with. With
``PyObject_CallNoArgs`` and its kin as the C function, and a Python function as ``self``, every
reference calls that Python function, as fast as CPython calls any, and exceptions pass.

A class method such as ``datetime.now`` makes a new function object for each class it is looked up
on. There the ``PyMethodDef`` that all of them share is pointed to a callback. An exception cannot
cross it: it is printed, and the caller gets a ``SystemError``.

CPython 3.11 to 3.13 lay out these structures alike.
"""

from __future__ import annotations

import ctypes
import functools
import traceback
from collections.abc import Callable
from typing import Any

_HEAD = object.__basicsize__
_POINTER = ctypes.sizeof(ctypes.c_void_p)

_METH_VARARGS = 0x0001
_METH_VARARGS_KEYWORDS = 0x0003
_METH_NOARGS = 0x0004
_METH_O = 0x0008
_METH_CLASS = 0x0010
_METH_FASTCALL = 0x0080
_METH_FASTCALL_KEYWORDS = 0x0082

_python = ctypes.pythonapi

_CALLERS = {
    _METH_NOARGS: _python.PyObject_CallNoArgs,
    _METH_O: _python.PyObject_CallOneArg,
    _METH_VARARGS: _python.PyObject_CallObject,
    _METH_VARARGS_KEYWORDS: _python.PyObject_Call,
    _METH_FASTCALL_KEYWORDS: _python.PyObject_Vectorcall,
}
"""For each calling convention, the C function that passes a call on to its ``self``."""

_ClassCallback = ctypes.PYFUNCTYPE(
    ctypes.c_void_p,  # a new reference, or NULL
    ctypes.py_object,  # the class
    ctypes.POINTER(ctypes.py_object),  # the arguments, values of keywords last
    ctypes.c_ssize_t,  # how many came by position
    ctypes.c_void_p,  # the keywords' names as a tuple, or NULL
)


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("ml_name", ctypes.c_char_p),
        ("ml_meth", ctypes.c_void_p),
        ("ml_flags", ctypes.c_int),
        ("ml_doc", ctypes.c_char_p),
    )


class _FunctionObject(ctypes.Structure):
    """What follows the head of a built-in function object."""

    _fields_ = (
        ("m_ml", ctypes.c_void_p),
        ("m_self", ctypes.c_void_p),
        ("m_module", ctypes.c_void_p),
        ("m_weakreflist", ctypes.c_void_p),
        ("vectorcall", ctypes.c_void_p),
    )


_SORTED = _FunctionObject.from_address(id(sorted) + _HEAD)
"""A function object that is called by ``METH_FASTCALL_KEYWORDS``."""


class CFunction:
    """One C function that can be redirected to Python and back.

    Args:
        function: a built-in function such as ``time.time``, or a class method descriptor such
            as ``datetime.datetime.__dict__["now"]``.

    ``original`` calls the C function itself, whether it is redirected or not; that of a class
    method takes the class first.

    Raises:
        RuntimeError: the interpreter lays out its functions in a way not known here.
    """

    def __init__(self, function: Any) -> None:
        self._is_method = hasattr(function, "__objclass__")
        self._function = function
        offset = _HEAD + 3 * _POINTER if self._is_method else _HEAD
        address = ctypes.c_void_p.from_address(id(function) + offset).value or 0
        self._definition = _MethodDef.from_address(address)
        flags = self._definition.ml_flags
        name = function.__name__
        known = (
            {_METH_NOARGS | _METH_CLASS, _METH_FASTCALL_KEYWORDS | _METH_CLASS}
            if self._is_method
            else {*_CALLERS, _METH_FASTCALL}
        )
        if self._definition.ml_name != name.encode() or flags not in known:
            raise RuntimeError(
                f"cannot redirect {name}: this interpreter's function layout is not known "
                "(CPython 3.11 to 3.13 are)"
            )
        # A copy of the definition, kept alive here, for what is pointed elsewhere.
        self._copy = _MethodDef.from_buffer_copy(self._definition)
        self._kept: list[Any] = []
        if self._is_method:
            self.original: Callable[..., Any] = _class_method(function.__objclass__, self._copy)
        else:
            self._object = _FunctionObject.from_address(id(function) + _HEAD)
            self._c_object = (self._object.m_ml, self._object.m_self)
            self._c_vectorcall = self._object.vectorcall
            self.original = _builtin(self._definition, function.__self__)

    def redirect(self, replacement: Callable[..., Any]) -> None:
        """Send every call, through whichever reference, to ``replacement``."""
        # Whatever was pointed to is kept for ever: a call of another thread may be on its way.
        if self._is_method:
            callback = _ClassCallback(functools.partial(_pass_on, replacement))
            self._kept.append(callback)
            self._definition.ml_meth = ctypes.cast(callback, ctypes.c_void_p).value
        else:
            self.restore()
            # The garbage collector counts m_self as a reference: let it be one.
            _python.Py_IncRef(ctypes.py_object(replacement))
            self._kept.append(replacement)
            if self._copy.ml_flags == _METH_FASTCALL:
                # Nothing in C calls an object that way. With keywords, there is something.
                self._copy.ml_flags = _METH_FASTCALL_KEYWORDS
            if self._copy.ml_flags == _METH_FASTCALL_KEYWORDS:
                self._object.vectorcall = _SORTED.vectorcall
            caller = _CALLERS[self._copy.ml_flags]
            self._copy.ml_meth = ctypes.cast(caller, ctypes.c_void_p).value
            self._object.m_self = id(replacement)
            self._object.m_ml = ctypes.addressof(self._copy)

    def restore(self) -> None:
        """Point the function at its own C code again."""
        if self._is_method:
            self._definition.ml_meth = self._copy.ml_meth
        elif self._object.m_ml != self._c_object[0]:
            self._object.m_ml, self._object.m_self = self._c_object
            self._object.vectorcall = self._c_vectorcall
            _python.Py_DecRef(ctypes.py_object(self._kept[-1]))


def _builtin(definition: _MethodDef, module: Any) -> Callable[..., Any]:
    """Return a function object of its own for a C function."""
    make = _python.PyCMethod_New
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p]
    made: Callable[..., Any] = make(ctypes.addressof(definition), module, None, None)
    return made


def _class_method(owner: type, definition: _MethodDef) -> Callable[..., Any]:
    """Return a function that takes the class, then the arguments of a C class method."""
    make = _python.PyDescr_NewClassMethod
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.py_object, ctypes.c_void_p]
    descriptor = make(owner, ctypes.addressof(definition))

    def original(cls: type, *args: Any, **options: Any) -> Any:
        return descriptor.__get__(None, cls)(*args, **options)

    return original


def _pass_on(
    replacement: Callable[..., Any], cls: type, args: Any, positional: int, names: int | None
) -> int | None:
    """Call a replacement with what C was called with; None stands for NULL."""
    if not args:
        # Nothing was passed. Of a function that takes no arguments, what follows is undefined.
        positional, names = 0, None
    try:
        keywords: tuple[str, ...] = ()
        if names:
            keywords = ctypes.cast(names, ctypes.py_object).value
        by_name = {name: args[positional + at] for at, name in enumerate(keywords)}
        result = replacement(cls, *(args[at] for at in range(positional)), **by_name)
    except BaseException:
        traceback.print_exc()
        return None
    _python.Py_IncRef(ctypes.py_object(result))
    return id(result)

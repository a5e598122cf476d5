"""Tried on functions that neither pytest nor the interpreter calls meanwhile."""

from __future__ import annotations

import datetime
import functools
import gc
import math
import os
import time

import pytest

from simkit.kernel.cfunction import CFunction

EARLY = time.thread_time_ns
PARTIAL = functools.partial(time.thread_time_ns)
NOW = datetime.datetime.now
UTCNOW = datetime.datetime.utcnow


def with_default(clock=time.thread_time_ns):
    return clock()


class Settings:
    clock = staticmethod(time.thread_time_ns)


@pytest.fixture
def redirected():
    functions = []

    def redirect(function, replacement):
        cfunction = CFunction(function)
        cfunction.redirect(replacement)
        functions.append(cfunction)
        return cfunction

    yield redirect
    for cfunction in functions:
        cfunction.restore()


def test_every_reference_taken_before_is_redirected(redirected):
    redirected(time.thread_time_ns, lambda: -5)
    references = [EARLY, PARTIAL, with_default, Settings.clock, time.thread_time_ns]
    assert [reference() for reference in references] == [-5] * 5


def test_every_reference_is_itself_again_after_restore(redirected):
    cfunction = redirected(time.thread_time_ns, lambda: -5)
    cfunction.restore()
    references = [EARLY, PARTIAL, with_default, Settings.clock, time.thread_time_ns]
    assert all(reference() >= 0 for reference in references)


def test_the_original_can_be_called_while_redirected(redirected):
    cfunction = redirected(time.thread_time_ns, lambda: -5)
    assert cfunction.original() > 0
    assert EARLY() == -5


def test_a_function_of_one_argument_passes_it_on(redirected):
    seen = []
    redirected(os.urandom, lambda size: seen.append(size) or b"!" * size)
    assert os.urandom(3) == b"!!!"
    assert seen == [3]


def test_a_function_of_several_arguments_passes_a_tuple(redirected):
    redirected(time.get_clock_info, lambda *args: ("info", *args))
    assert time.get_clock_info("monotonic") == ("info", "monotonic")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_class_method_is_redirected_for_subclasses_too(redirected):
    class Instant(datetime.datetime):
        pass

    redirected(datetime.datetime.__dict__["utcnow"], lambda cls: cls(1999, 1, 1))
    assert Instant.utcnow() == Instant(1999, 1, 1)
    assert type(Instant.utcnow()) is Instant
    assert UTCNOW() == datetime.datetime(1999, 1, 1)


def test_a_class_method_passes_arguments_by_position_and_by_name(redirected):
    redirected(
        datetime.datetime.__dict__["now"], lambda cls, *args, **options: (cls, args, options)
    )
    cls = datetime.datetime
    calls = [NOW(), NOW(datetime.UTC), cls.now(tz=datetime.UTC)]
    assert calls == [
        (cls, (), {}),
        (cls, (datetime.UTC,), {}),
        (cls, (), {"tz": datetime.UTC}),
    ]


def test_an_exception_of_a_replacement_passes(redirected):
    def replacement(size):
        raise KeyError(size)

    redirected(os.urandom, replacement)
    with pytest.raises(KeyError, match="8"):
        os.urandom(8)


def test_an_exception_in_a_class_method_is_printed_and_becomes_a_system_error(redirected, capsys):
    def replacement(cls):
        raise KeyError("lost")

    redirected(datetime.datetime.__dict__["utcnow"], replacement)
    with pytest.raises(SystemError):
        UTCNOW()
    assert "KeyError: 'lost'" in capsys.readouterr().err


def test_the_garbage_collector_runs_while_redirected(redirected):
    cfunction = redirected(time.thread_time_ns, lambda: -5)
    gc.collect()
    assert EARLY() == -5
    cfunction.restore()
    gc.collect()
    assert EARLY() >= 0


def test_redirecting_and_restoring_again_and_again_works(redirected):
    cfunction = CFunction(time.thread_time_ns)
    for _ in range(100):
        cfunction.redirect(lambda: -5)
        assert EARLY() == -5
        cfunction.restore()
        assert EARLY() >= 0


def test_a_second_redirection_replaces_the_first(redirected):
    cfunction = redirected(time.thread_time_ns, lambda: -5)
    cfunction.redirect(lambda: -6)
    assert EARLY() == -6


def test_an_unknown_calling_convention_is_refused_by_name():
    with pytest.raises(RuntimeError, match=r"cannot redirect fromkeys: .*CPython 3\.11 to 3\.13"):
        CFunction(dict.fromkeys)


def test_a_function_that_takes_no_keywords_is_redirected_and_restored(redirected):
    early = math.ldexp

    def call_often():
        # The interpreter adapts itself to what it calls again and again.
        return [early(number, 2) for number in range(100)][-1]

    assert call_often() == 396.0
    cfunction = redirected(math.ldexp, lambda *args: args)
    assert call_often() == (99, 2)
    assert [*map(early, [1.0], [2])] == [(1.0, 2)]
    assert cfunction.original(1.0, 2) == 4.0
    cfunction.restore()
    assert call_often() == 396.0
    with pytest.raises(TypeError, match="expected 2 arguments"):
        early(1.0)

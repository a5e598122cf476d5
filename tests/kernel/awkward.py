"""Tests that fare in every way a test can, for the benchmark that runs CPython's."""

from __future__ import annotations

import asyncio
import os
import signal
import unittest


class Awkward(unittest.TestCase):
    def test_1_passes(self):
        pass

    def test_2_fails(self):
        self.fail("as it should")

    def test_3_fails_in_part(self):
        for number in range(3):
            with self.subTest(number):
                assert number != 1, "in part"

    def test_4_is_skipped(self):
        self.skipTest("for no reason")

    @unittest.expectedFailure
    def test_5_fails_as_expected(self):
        self.fail("as expected")

    @unittest.expectedFailure
    def test_6_passes_against_expectation(self):
        pass

    def test_7_hangs(self):
        while True:
            signal.pause()

    def test_8_dies(self):
        os._exit(3)


class Unprepared(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise OSError("nothing to prepare")

    def test_never_runs(self):
        pass


class OnStock(unittest.TestCase):
    def test_every_loop_is_asyncios(self):
        for make in (asyncio.new_event_loop, asyncio.SelectorEventLoop):
            loop = make()
            loop.close()
            assert type(loop).__module__.startswith("asyncio."), type(loop).__mro__[1].__name__

    def test_nothing(self):
        pass

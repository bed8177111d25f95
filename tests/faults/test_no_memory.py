# SPDX-License-Identifier: BSD-3-Clause
"""Every allocation of the program fails in turn, once or for good: it says so, or does without; and the
run is gone on with. Some of them in every test run; all of them with BATCHRUN_LONG=1."""
import os
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "system"))
from harness import BUILD, main  # noqa: E402
from resuming import LONG, Resuming  # noqa: E402

LIBRARY = os.path.join(BUILD, "tests/faults/.libs/no_memory.so")


def sanitized():
    """A sanitizer brings its own malloc, and must be loaded first."""
    with open(os.path.join(BUILD, "config.status"), encoding="utf-8") as file:
        return "-fsanitize=" in file.read()


@unittest.skipIf(sanitized(), "a sanitizer has its own malloc")
class NoMemory(Resuming):
    def run_without(self, number, *args, on=None):
        count = self.path("count")
        done = self.batchrun(*args, env=self.environment(
            LD_PRELOAD=LIBRARY, NO_MEMORY_AT=str(number), NO_MEMORY_ON=on, NO_MEMORY_COUNT=count))
        with open(count, encoding="ascii") as file:
            self.count = int(file.read())
        os.unlink(count)
        self.assertIn(done.code, range(6), done)
        return done

    def go_on(self, done, reference):
        code = done.code
        if not os.path.exists(self.path("job.run/journal")):
            self.assertIn(done.code, (1, 2, 4), done)
            self.assertIn("memory", done.err.lower(), done)
            done = self.batchrun("run", "--resume", "job.yaml")
            self.assertEqual(done.code, 3, done)
        elif done.code != 3:
            self.assertIn("memory", done.err.lower(), done)
            self.check_going_on()
        self.assertEqual(self.results(), reference)
        self.went_well(f"exit {code}")

    def test_a_run(self):
        reference = self.reference()
        self.run_without(0, "run", "job.yaml")
        self.start_over()
        numbers = range(1, self.count + 1)
        # All near the end: a result that is not kept there must not be missing in a file said to be whole.
        few = [*numbers[::max(1, len(numbers) // 40)], *numbers[-60:-20]]
        for on in (None, "1"):
            for number in numbers if LONG else few:
                with self.subTest(number=number, on=on):
                    try:
                        self.go_on(self.run_without(number, "run", "job.yaml", on=on), reference)
                    finally:
                        self.start_over()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-3-Clause
"""Each allocation of the program fails in turn, alone or with all later ones. The program reports the
error, or works without the memory; then the run is resumed. Each test run tries some of the
allocations, and all of them with BATCHRUN_LONG=1."""
import os
import shutil
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "system"))
from harness import BUILD, main, sanitized  # noqa: E402
from journal import Story  # noqa: E402
from resuming import LONG, Resuming, twice, work  # noqa: E402

LIBRARY = os.path.join(BUILD, "tests/faults/.libs/no_memory.so")


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

    def resume(self, done, reference):
        code = done.code
        if not os.path.exists(self.path("job.run/journal")):
            self.assertIn(done.code, (1, 2, 4), done)
            self.assertIn("memory", done.err.lower(), done)
            done = self.batchrun("run", "--resume", "job.yaml")
            self.assertEqual(done.code, 3, done)
        elif done.code != 3:
            self.assertIn("memory", done.err.lower(), done)
            self.check_resumed()
        self.assertEqual(self.results(), reference)
        self.went_well(f"exit {code}")

    def test_a_run(self):
        reference = self.reference()
        self.run_without(0, "run", "job.yaml")
        self.start_over()
        numbers = range(1, self.count + 1)
        # All allocations near the end: if a result is lost there, no file without it may look complete.
        few = [*numbers[::max(1, len(numbers) // 40)], *numbers[-60:-20]]
        for on in (None, "1"):
            for number in numbers if LONG else few:
                with self.subTest(number=number, on=on):
                    try:
                        self.resume(self.run_without(number, "run", "job.yaml", on=on), reference)
                    finally:
                        self.start_over()

    def test_a_changed_job_is_accepted(self):
        self.write("a.csv", "i\n" + "".join(f"{i}\n" for i in range(1, 21)))
        phases = [work("rows", {"csv": "a.csv"}, 10, 0, 0, output="rows.csv"), twice("last", "rows")]
        self.write("job.yaml", self.job(*phases))
        self.assertEqual(self.batchrun("run", "job.yaml").code, 3)
        shutil.copytree(self.path("job.run"), self.path("first"))
        self.write("a.csv", "i\n" + "".join(f"{i}\n" for i in range(2, 30)))
        self.write("job.yaml", self.job(*phases, work("more", 5, 0, 0, 0)))
        accept = ("run", "--retry-failed", "--accept", "job,inputs", "job.yaml")

        def again():
            shutil.rmtree(self.path("job.run"))
            shutil.copytree(self.path("first"), self.path("job.run"))

        def outcome():
            with open(self.path("rows.csv"), "rb") as file:
                return file.read(), [(p["name"], p["outcomes"]) for p in self.summary("job")["phases"]]

        self.run_without(0, *accept)
        expected, count = outcome(), self.count
        for on in (None, "1"):
            for number in range(1, count + 1, 1 if LONG else max(1, count // 8)):
                with self.subTest(number=number, on=on):
                    again()
                    done = self.run_without(number, *accept, on=on)
                    if done.code != 3:
                        self.assertIn("memory", done.err.lower(), done)
                        self.assertEqual(self.batchrun(*accept).code, 3)
                    self.assertEqual(Story(self.path("job.run/journal")).twice, [])
                    self.assertEqual(outcome(), expected)


if __name__ == "__main__":
    main()

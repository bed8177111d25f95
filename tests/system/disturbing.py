# SPDX-License-Identifier: BSD-3-Clause
"""Shared by the tests of runs that are disturbed at their system calls."""
import os
import shutil

from harness import BUILD, PROGRAM
from journal import Story
from resuming import LONG, Resuming

DISTURB = os.path.join(BUILD, "tests/faults/disturb")
CANNOT = 77
KILLED = 128 + 9


class Disturbed(Resuming):
    """Runs of which disturb.c disturbs a process at one of its system calls."""

    def disturbed(self, whom, what, at, how, durability):
        """Runs the job under disturb.c; returns the number of calls that counted."""
        report = os.path.join(self.temporary, "report")
        process = self.start(whom, what, at, how, report, PROGRAM, "run", "--journal=" + durability,
                             "job.yaml", program=DISTURB,
                             # Leaks cannot be looked for in a process that is traced.
                             env=self.environment(ASAN_OPTIONS="detect_leaks=0"))
        done = self.wait(process)
        self.code, self.err = done.code, done.err
        if self.code == CANNOT:
            self.skipTest(self.err)
        self.all_end()
        with open(report, encoding="ascii") as file:
            count, self.hit = map(int, file.read().split())
        os.unlink(report)
        for sanitizer in ("AddressSanitizer", "runtime error:"):
            self.assertNotIn(sanitizer, self.err)
        return count

    def resume(self, reference):
        if self.code == 3:
            self.assertEqual(Story(self.path("job.run/journal")).twice, [])
        elif os.path.exists(self.path("job.run/journal")):
            self.check_resumed()
        else:
            done = self.batchrun("run", "--resume", "job.yaml")
            self.assertEqual(done.code, 3, done)
        self.assertEqual(self.results(), reference)

    def campaign(self, whom, what, how, few, durability="batch", codes=range(6)):
        """Disturbs about `few` of the calls of a run before this; all with BATCHRUN_LONG=1."""
        reference = self.reference()
        count = self.disturbed(whom, what, "0", "kill", durability)
        self.assertGreater(count, 0)
        self.start_over()
        step = 1 if LONG else max(1, count // few)
        for manner in how:
            name, on = manner.rstrip("+"), "+" * manner.endswith("+")
            for at in range(1 + step // 2, count + 1, step):
                with self.subTest(whom=whom, at=at, how=manner):
                    try:
                        self.disturbed(whom, what, f"{at}{on}", name, durability)
                        self.assertIn(self.code, codes, self.err)
                        self.assertTrue(on or self.err or self.code == KILLED)
                        self.resume(reference)
                        self.went_well(f"{whom} {manner}", f"exit {self.code}" * bool(self.hit) or "-")
                    finally:
                        shutil.rmtree(self.path("job.run"), ignore_errors=True)
                        self.start_over()

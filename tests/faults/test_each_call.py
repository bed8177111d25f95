# SPDX-License-Identifier: BSD-3-Clause
"""A run is disturbed at each of its system calls in turn; then it is resumed. The program, the nursery
or the journal's thread is killed there; the program's input and output fails, once or from there on;
or it is interrupted or moves half of its bytes, which must not end a run. Some calls in every test
run; all with BATCHRUN_LONG=1."""
import os
import shutil
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "system"))
from harness import BUILD, PROGRAM, main  # noqa: E402
from journal import Story  # noqa: E402
from resuming import LONG, Resuming  # noqa: E402

DISTURB = os.path.join(BUILD, "tests/faults/disturb")
CANNOT = 77
KILLED = 128 + 9


class EachCall(Resuming):
    def disturbed(self, whom, what, at, how, durability):
        """Runs the job under disturb.c; returns how many calls counted."""
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

    def test_the_program_is_killed(self):
        self.campaign("program", "every", ["kill"], 12, codes=(KILLED, 3))

    def test_the_nursery_is_killed(self):
        self.campaign("nursery", "every", ["kill"], 8)

    def test_the_journals_thread_is_killed(self):
        self.campaign("thread", "every", ["kill"], 3, durability="group", codes=(KILLED, 3))

    def test_calls_fail(self):
        self.campaign("program", "io", ["EIO", "EIO+", "ENOSPC", "ENOSPC+"], 5)

    def test_calls_are_interrupted_or_do_half(self):
        self.campaign("program", "io", ["EINTR", "short"], 5, codes=(3,))

    def test_every_call_does_half(self):
        reference = self.reference()
        self.disturbed("program", "io", "1+", "short", "batch")
        self.assertEqual(self.code, 3, self.err)
        self.resume(reference)


if __name__ == "__main__":
    main()

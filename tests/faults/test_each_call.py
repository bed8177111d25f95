# SPDX-License-Identifier: BSD-3-Clause
"""The program, the nursery or the journal's thread is killed at each of its system calls in turn; then
the run is resumed. Each test run tries some of the calls, and all with BATCHRUN_LONG=1."""
import os
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "system"))
from disturbing import KILLED, Disturbed  # noqa: E402
from harness import main  # noqa: E402


class Kills(Disturbed):
    def test_the_program_is_killed(self):
        self.campaign("program", "every", ["kill"], 12, codes=(KILLED, 3))

    def test_the_nursery_is_killed(self):
        self.campaign("nursery", "every", ["kill"], 8)

    def test_the_journals_thread_is_killed(self):
        self.campaign("thread", "every", ["kill"], 3, durability="group", codes=(KILLED, 3))


if __name__ == "__main__":
    main()

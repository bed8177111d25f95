# SPDX-License-Identifier: BSD-3-Clause
"""Each input and output call of the program in turn fails, alone or with all later ones, is
interrupted, or moves half of its bytes; then the run is resumed. The last two must not end a run. Each
test run tries some of the calls, and all with BATCHRUN_LONG=1."""
import os
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "system"))
from disturbing import Disturbed  # noqa: E402
from harness import main  # noqa: E402


class Calls(Disturbed):
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

# SPDX-License-Identifier: BSD-3-Clause
"""One row among a million kills every worker that takes it."""
import os
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "system"))
from harness import Case, job, main, phase  # noqa: E402

ROWS = 1000000
BAD = 543210


class Poison(Case):
    def run_rows(self, retries, chunk):
        with open(self.path("runs"), "wb") as file:
            file.truncate(ROWS)
        return self.run_job(job(phase(
            "faulty.poison", ROWS, args={"at": BAD, "runs": self.path("runs")}, chunk_size=chunk,
            retries={"limit": retries, "on": ["crashed"], "backoff": {"delay": "0ms"}},
            output="out.csv"), workers=2), "--fresh", code=3)

    def check(self, done, tries):
        self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, "crashed": 1}, done)
        with open(self.path("runs"), "rb") as file:
            runs = bytearray(file.read())
        self.assertEqual(runs[BAD], tries)
        runs[BAD] = 1
        self.assertEqual(runs.count(1), ROWS, "a row ran twice, or never")
        # Each is in its first attempt: no other task of a chunk was charged one.
        behind = f"{BAD},{self.path('runs')},1\n"
        expected = "".join(f"{i},{i},{behind}" for i in range(ROWS) if i != BAD)
        self.assertTrue(self.read("out.csv") == "index,i,at,runs,attempt\n" + expected)
        self.assertEqual(done.err.count("p#"), 2, "it is reported once, with how to run it again")
        self.assertIn(f"p#{BAD} crashed: SIGSEGV", done.err)

    def test_it_is_final_after_three_workers(self):
        done = self.run_rows(10, "auto")
        self.check(done, 3)
        self.assertIn("; it has ended 3 workers and is not retried", done.err)
        self.assertEqual(self.summary("job")["phases"][0]["retries"], 2)

    def test_large_chunks(self):
        done = self.run_rows(1, 200000)
        self.check(done, 2)
        self.assertNotIn("is not retried", done.err)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-3-Clause
"""A worker whose process does not end though it is killed. Most of its seconds are batchrun's own
wait for such a process, so this is a file of its own, which runs beside others."""
import os

import harness

FREEZER = "/sys/fs/cgroup/freezer"


class Unkillable(harness.Rendezvous):
    """A process that no signal ends: batchrun no longer uses its slot, and ends without it."""

    def test_frozen(self):
        group = os.path.join(FREEZER, f"batchrun-test-{os.getpid()}")
        self.make_group(group)
        state = os.path.join(group, "freezer.state")
        self.addCleanup(self.put, state, "THAWED")
        # One worker at a time: the time limit holds for the frozen task, and for tasks that wait for
        # nothing. A second worker takes over when the first is lost.
        for limit in harness.time_limits(1, "nine of ten tasks end within it"):
            process = self.rendezvous(10, timeout=f"{limit:g}s", max_parallel=1)
            pid = self.began(0)
            try:
                self.put(os.path.join(group, "cgroup.procs"), str(pid))
                self.put(state, "FROZEN")
                harness.until(lambda: self.read(state).strip() == "FROZEN", "it is frozen")
            except ProcessLookupError:
                pass  # the limit was too short
            self.write("go", "")
            done = self.wait(process)
            self.assertEqual(done.code, 3, done)
            if self.outcomes("job", "p") == {"ok": 9, "timed_out": 1}:
                break
            self.put(state, "THAWED")
            self.again()
        self.assertRegex(done.err, rf"worker \d \(pid {pid}\) is no longer used.*"
                         "it does not end though it was killed")
        harness.until(lambda: self.marked() == [pid], "all but the frozen worker end")

    @staticmethod
    def put(path, text):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)


if __name__ == "__main__":
    harness.main()

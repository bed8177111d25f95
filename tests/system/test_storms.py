# SPDX-License-Identifier: BSD-3-Clause
"""All workers die at once, or no process can be forked for another."""
import os
import signal

import harness

RETRIES = {"limit": 1, "on": ["crashed"], "backoff": {"delay": "0ms"}}


class Deaths(harness.Rendezvous):
    def test_two_hundred_workers_at_once(self):
        process = self.rendezvous(200, workers=200, retries=RETRIES)
        killed = set(self.all_began(200))
        self.assertEqual(len(killed), 200)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        self.write("go", "")
        done = self.end(process)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 200})
        self.assertEqual(self.summary("job")["phases"][0]["retries"], 200)
        rows = self.rows("out.csv")
        self.assertEqual([int(row["i"]) for row in rows], list(range(200)))
        self.assertFalse({int(row["pid"]) for row in rows} & killed)


class Forks(harness.Case):
    """Runs in a control group with room for few threads: the program has two, its nursery one."""

    def run_in(self, room, workers):
        with open("/proc/self/cgroup", encoding="ascii") as file:
            own = [line.split(":", 2)[2].strip() for line in file if ":pids:" in line]
        group = f"/sys/fs/cgroup/pids{own[0] if own else ''}/batchrun-test-{os.getpid()}"
        self.make_group(group)
        with open(f"{group}/pids.max", "w", encoding="ascii") as file:
            file.write(str(room))

        def enter():
            with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
                file.write("0")

        self.write("job.yaml", harness.job(harness.phase(
            "faulty.error", 40, args={"at": -1}, chunk_size=1, retries=RETRIES), workers=workers))
        return self.end(self.start("job.yaml", preexec_fn=enter))

    def test_room_for_one_worker_of_two(self):
        done = self.run_in(4, 2)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 40})

    def test_room_for_none(self):
        done = self.run_in(3, 2)
        self.assertEqual(done.code, 1, done)
        self.assertIn("cannot fork", done.err)
        self.assertIn("Resource temporarily unavailable", done.err)


if __name__ == "__main__":
    harness.main()

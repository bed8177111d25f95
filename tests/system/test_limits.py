# SPDX-License-Identifier: BSD-3-Clause
"""What a task may use at most, and what happens to one that uses more: it alone pays."""
import os
import re
import unittest

import harness

ROWS = 12
AT = 5


def job(task, limits, *more):
    lines = [f"  - name: p\n    task: greedy.{task}\n    inputs: {{range: {ROWS}}}",
             f"args: {{at: {AT}}}", "output: out.csv", "chunk_size: 12"] + list(more)
    return ("version: 1\nname: job\nplugins: [greedy]\nworkers: {count: 1, binding: none}\n"
            f"limits: {{{limits}}}\nphases:\n" + "\n    ".join(lines) + "\n")


class Limits(harness.Case):
    def one_pays(self, task, limits, outcome, *words, more=()):
        done = self.run_job(job(task, limits, *more), code=3)
        self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, outcome: 1}, done)
        self.assertEqual([int(r["i"]) for r in self.rows("out.csv")],
                         [i for i in range(ROWS) if i != AT])
        for word in words:
            self.assertIn(word, done.err)
        return done

    def test_memory(self):
        done = self.one_pays("hog", "memory: 200MiB", "over_limit", "memory", "limits.memory is 200")
        reached = float(re.search(r"memory reached ([\d.]+) MiB", done.err).group(1))
        self.assertGreater(reached, 200)

    def test_memory_of_a_child(self):
        self.one_pays("hog_by_proxy", "memory: 200MiB", "over_limit", "limits.memory is 200")

    def test_memory_that_nobody_has(self):
        self.write("job.yaml", job("ask", "memory: 1GiB"))
        done = self.batchrun("job.yaml")
        if done.code == 0:
            self.skipTest("a sanitizer's malloc knows no limit of data")
        self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, "error": 1}, done)
        self.assertIn("no memory: Cannot allocate memory", done.err)

    def test_cpu_time(self):
        done = self.one_pays("burn", "cpu_time: 300ms", "over_limit", "limits.cpu_time is 0.3 s")
        used = float(re.search(r"it used ([\d.]+) s of CPU time", done.err).group(1))
        self.assertGreaterEqual(used, 0.3)

    def test_cpu_time_of_a_child(self):
        self.one_pays("burn_by_proxy", "cpu_time: 300ms", "over_limit", "limits.cpu_time")

    def test_cpu_time_is_each_tasks_own(self):
        self.run_job(job("burn_some", "cpu_time: 500ms"))  # all together use more than one may
        self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS})
        self.assertEqual(len({row["pid"] for row in self.rows("out.csv")}), 1)

    def test_output(self):
        self.one_pays("flood", "output: 64KiB", "over_limit", "it printed", "limits.output is 64")
        log = os.stat(self.path("job.run/logs/worker-0.out"))
        self.assertLess(log.st_blocks * 512, 1 << 20, "what is beyond the limit takes room")

    def test_output_of_a_short_task(self):
        self.one_pays("flood_and_end", "output: 10KiB", "over_limit",
                      "it printed 64 KiB; limits.output is 10 KiB")

    def test_over_the_limit_is_tried_again_when_asked(self):
        done = self.run_job(job("flood_and_end", "output: 10KiB",
                                "retries: {limit: 2, on: [limit]}"), code=3)
        self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, "over_limit": 1}, done)
        self.assertEqual(self.summary("job")["phases"][0]["retries"], 2)

    def test_core_size(self):
        with open("/proc/sys/kernel/core_pattern", encoding="ascii") as file:
            pattern = file.read().strip()
        if "/" in pattern or "|" in pattern:
            self.skipTest(f"core dumps go elsewhere: {pattern}")
        for size, any_core in (("0", False), ("1GiB", True)):
            with self.subTest(size=size):
                self.run_job(job("abort", f"core_size: {size}"), "--fresh", code=3)
                cores = [name for name in os.listdir(self.dir) if name.startswith("core")]
                self.assertEqual(bool(cores), any_core, cores)


FREEZER = "/sys/fs/cgroup/freezer"


class Unkillable(harness.Case):
    """A process that no signal ends: its slot is put aside, and the job ends without it."""

    def test_frozen(self):
        group = os.path.join(FREEZER, f"batchrun-test-{os.getpid()}")
        try:
            os.mkdir(group)
        except OSError as error:
            self.skipTest(f"no process can be frozen here: {error}")
        state = os.path.join(group, "freezer.state")
        self.addCleanup(harness.until, lambda: self.gone(group), harness.PATIENCE, "it ends")
        self.addCleanup(self.put, state, "THAWED")
        self.write("job.yaml", "version: 1\nname: job\nplugins: [faulty]\n"
                   "workers: {count: 2, binding: none, oversubscribe: true}\nphases:\n"
                   "  - name: p\n    task: faulty.rendezvous\n    inputs: {range: 10}\n"
                   f"    args: {{dir: {self.dir}}}\n    timeout: 2s\n    chunk_size: 1\n")
        process = self.start("job.yaml")
        began = self.path("began-0")
        harness.until(lambda: os.path.exists(began), harness.PATIENCE, "a task begins")
        pid = int(self.read("began-0"))
        self.put(os.path.join(group, "cgroup.procs"), str(pid))
        self.put(state, "FROZEN")
        self.write("go", "")
        out, err = process.communicate(timeout=harness.PATIENCE)
        self.assertEqual(process.returncode, 3, (out, err))
        self.assertEqual(self.outcomes("job", "p"), {"ok": 9, "timed_out": 1}, err)
        self.assertRegex(err, rf"worker \d \(pid {pid}\) is put aside.*"
                         "it does not end though it was killed")
        self.assertEqual(self.marked(), [pid])

    @staticmethod
    def put(path, text):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    @staticmethod
    def gone(group):
        try:
            os.rmdir(group)
            return True
        except OSError:
            return False


if __name__ == "__main__":
    harness.main()

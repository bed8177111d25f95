# SPDX-License-Identifier: BSD-3-Clause
"""What a task may use at most, and what happens to one that uses more: it alone pays."""
import os
import re
import unittest

import harness

LONG = os.environ.get("BATCHRUN_LONG") == "1"
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

    def says_memory(self, done):
        """The kernel is as quick as the watch, where there is a control group."""
        watched = re.search(r"memory reached ([\d.]+) MiB; limits.memory is 200 MiB", done.err)
        if watched:
            self.assertGreaterEqual(float(watched.group(1)), 200)  # it is told in four digits
        else:
            self.assertIn("all together have reached limits.memory, 200 MiB", done.err)

    def test_memory(self):
        done = self.one_pays("hog", "memory: 200MiB", "over_limit")
        self.says_memory(done)

    def test_memory_of_a_child(self):
        self.says_memory(self.one_pays("hog_by_proxy", "memory: 200MiB", "over_limit"))

    def test_memory_that_nobody_has(self):
        self.write("job.yaml", job("ask", "memory: 1GiB"))
        options = os.environ.get("ASAN_OPTIONS", "") + ":allocator_may_return_null=1"
        done = self.batchrun("job.yaml", env=self.environment(ASAN_OPTIONS=options))
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

    def test_output_of_many_at_once(self):
        # Each prints as fast as it can for as long as it is let; all together would fill a disk.
        rows = 64 if LONG else 8
        for isolation in ("worker", "task"):
            with self.subTest(isolation=isolation):
                text = job("flood", "output: 1MiB", f"isolation: {isolation}")
                text = text.replace("count: 1,", "count: 4, oversubscribe: true,")
                text = text.replace(f"range: {ROWS}", f"list: {{i: {[AT] * rows}}}")
                done = self.run_job(text, "--fresh", code=3)
                self.assertEqual(self.outcomes("job", "p"), {"over_limit": rows}, done)
                self.assertIn("limits.output is 1 MiB", done.err)
                logs = [os.stat(self.path(f"job.run/logs/worker-{i}.out")) for i in range(4)]
                kept = sum(log.st_blocks * 512 for log in logs)
                self.assertLess(kept, (rows + 4) << 20, "what is beyond the limit takes room")

    def leak(self, limits, workers=""):
        text = job("leak", limits).replace("binding: none", "binding: none" + workers)
        self.write("job.yaml", text.replace(f"range: {ROWS}", "range: 60"))
        done = self.batchrun("run", "--fresh", "job.yaml")
        return done, [int(row["peak"]) for row in self.rows("out.csv")]

    def test_leaks_are_cured_by_max_tasks(self):
        # 4 MiB and a descriptor a task.
        for limits, bad in (("memory: 200MiB", "over_limit"), ("open_files: 40", "error")):
            with self.subTest(limits=limits):
                done, _ = self.leak(limits)
                self.assertEqual(done.code, 3, done)
                self.assertGreater(self.outcomes("job", "p")[bad], 0)
                done, peaks = self.leak(limits, ", max_tasks: 5")
                self.assertEqual(done.code, 0, done)
                self.assertEqual(self.outcomes("job", "p"), {"ok": 60})
                # Five pieces grow in each of twelve workers, and then begin anew.
                self.assertGreaterEqual(max(peaks) - min(peaks), 4 * 4 << 20)
                self.assertLess(max(peaks) - min(peaks), 8 * 4 << 20)
                self.assertEqual(sum(b < a for a, b in zip(peaks, peaks[1:])), 11)

    def test_over_the_limit_is_tried_again_when_asked(self):
        done = self.run_job(job("flood_and_end", "output: 10KiB",
                                "retries: {limit: 2, on: [limit]}"), code=3)
        self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, "over_limit": 1}, done)
        self.assertEqual(self.summary("job")["phases"][0]["retries"], 2)

    @staticmethod
    def groups_of(process):
        return [root for root, _, _ in os.walk("/sys/fs/cgroup")
                if os.path.basename(root) == f"batchrun-{process.pid}"]

    def bounded_by_groups(self, task, limits, *words, more=()):
        """A task that only a control group can bound, where one may be made."""
        self.run_job(job("burn_some", limits), "--fresh")
        means = self.summary("job")["limits"]
        self.assertIn("resident-set watch", means)
        for word in words:
            if word not in means:
                self.skipTest(f"no control group may be made here: {means}")
        self.write("job.yaml", job(task, limits, *more))
        process = self.start("run", "--fresh", "job.yaml")
        done = self.end(process)
        self.assertEqual(done.code, 3, done)
        self.assertEqual(self.groups_of(process), [])
        return done

    def test_memory_that_is_not_resident(self):
        for isolation in ("worker", "task"):
            with self.subTest(isolation=isolation):
                done = self.bounded_by_groups("hide", "memory: 100MiB", ", cgroup",
                                              more=[f"isolation: {isolation}"])
                self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, "over_limit": 1}, done)
                self.assertRegex(done.err, "the kernel killed.*: all together have reached "
                                 "limits.memory, 100 MiB")
                self.assertNotIn("killed from outside", done.err)

    def test_memory_of_all_together(self):
        done = self.bounded_by_groups("hog_together", "memory: 200MiB", ", cgroup")
        self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, "over_limit": 1}, done)
        self.assertIn("all together have reached limits.memory, 200 MiB", done.err)

    def test_fork_bomb(self):
        done = self.bounded_by_groups("fork_bomb", "memory: 4GiB", "processes by cgroup")
        self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, "error": 1}, done)
        count = int(re.search(r"(\d+) processes: Resource temporarily", done.err).group(1))
        self.assertLess(count, 4096)

    def test_memory_of_a_group_that_is_not_ours(self):
        with open("/proc/self/cgroup", encoding="ascii") as file:
            own = [line.split(":", 2)[2].strip() for line in file if ":memory:" in line]
        outer = f"/sys/fs/cgroup/memory{own[0] if own else ''}/batchrun-test-{os.getpid()}"
        self.make_group(outer)
        with open(f"{outer}/memory.limit_in_bytes", "w", encoding="ascii") as file:
            file.write(str(200 << 20))

        def enter():
            with open(f"{outer}/cgroup.procs", "w", encoding="ascii") as file:
                file.write("0")

        self.write("job.yaml", job("hog", "core_size: 0"))
        done = self.end(self.start("job.yaml", preexec_fn=enter))
        self.assertEqual(done.code, 3, done)
        self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, "over_limit": 1}, done)
        self.assertIn("the control group that this run is in has no more memory", done.err)

    def test_groups_end_with_a_killed_coordinator(self):
        self.bounded_by_groups("burn", "memory: 4GiB, cpu_time: 100ms", ", cgroup")
        self.write("job.yaml", job("burn", "memory: 4GiB"))
        process = self.start("run", "--fresh", "job.yaml")
        harness.until(lambda: self.groups_of(process), harness.PATIENCE, "groups are made")
        process.kill()
        process.communicate()
        self.assertNothingLeft()
        harness.until(lambda: not self.groups_of(process), harness.PATIENCE, "they are removed")

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
        self.make_group(group)
        state = os.path.join(group, "freezer.state")
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


if __name__ == "__main__":
    harness.main()

# SPDX-License-Identifier: BSD-3-Clause
"""Limits of a task. One that exceeds a limit fails, and does not affect other tasks."""
import glob
import os
import re

import harness

LONG = os.environ.get("BATCHRUN_LONG") == "1"
ROWS = 12
AT = 5


def job(task, limits, inputs=ROWS, workers=1, at=AT, **keys):
    """Returns a job of one phase, whose task takes too much in row `at`; the rows are in one chunk."""
    phase = harness.phase("greedy." + task, inputs, args={"at": at}, output="out.csv",
                          **{"chunk_size": ROWS, **keys})
    return harness.job(phase, plugins=["greedy"], workers=workers, limits=limits)


class Limits(harness.Case):
    def one_pays(self, task, limits, outcome, *words, **keys):
        done = self.run_job(job(task, limits, **keys), code=3)
        self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, outcome: 1}, done)
        self.assertEqual([int(r["i"]) for r in self.rows("out.csv")],
                         [i for i in range(ROWS) if i != AT])
        for word in words:
            self.assertIn(word, done.err)
        return done

    def says_memory(self, done):
        """If there is a control group, either the kernel or the watch may act first."""
        watched = re.search(r"memory reached ([\d.]+) MiB; limits.memory is 200 MiB", done.err)
        if watched:
            self.assertGreaterEqual(float(watched.group(1)), 200)
        else:
            self.assertIn("all workers together have reached limits.memory, 200 MiB", done.err)

    def test_memory(self):
        done = self.one_pays("hog", {"memory": "200MiB"}, "over_limit")
        self.says_memory(done)

    def test_memory_of_a_child(self):
        self.says_memory(self.one_pays("hog_by_proxy", {"memory": "200MiB"}, "over_limit"))

    def test_memory_that_nobody_has(self):
        self.write("job.yaml", job("ask", {"memory": "1GiB"}))
        options = os.environ.get("ASAN_OPTIONS", "") + ":allocator_may_return_null=1"
        done = self.batchrun("job.yaml", env=self.environment(ASAN_OPTIONS=options))
        if done.code == 0:
            self.skipTest("a sanitizer's malloc knows no limit of data")
        self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, "error": 1}, done)
        self.assertIn("no memory: Cannot allocate memory", done.err)

    def test_cpu_time(self):
        done = self.one_pays("burn", {"cpu_time": "300ms"}, "over_limit", "limits.cpu_time is 0.3 s")
        used = float(re.search(r"it used ([\d.]+) s of CPU time", done.err).group(1))
        self.assertGreaterEqual(used, 0.3)

    def test_cpu_time_of_a_child(self):
        self.one_pays("burn_by_proxy", {"cpu_time": "300ms"}, "over_limit", "limits.cpu_time")

    def test_cpu_time_is_each_tasks_own(self):
        self.run_job(job("burn_some", {"cpu_time": "200ms"}, 6))  # all together use more than that
        self.assertEqual(self.outcomes("job", "p"), {"ok": 6})
        self.assertEqual(len({row["pid"] for row in self.rows("out.csv")}), 1)

    def test_output(self):
        self.one_pays("flood", {"printed": "64KiB"}, "over_limit", "it printed", "limits.printed is 64")
        log = os.stat(self.path("job.run/logs/worker-0.out"))
        self.assertLess(log.st_blocks * 512, 1 << 20, "what is beyond the limit takes room")

    def test_output_of_a_short_task(self):
        self.one_pays("flood_and_end", {"printed": "10KiB"}, "over_limit",
                      "it printed 64 KiB; limits.printed is 10 KiB")

    def test_output_of_many_at_once(self):
        # Each prints as fast as it can until it is killed.
        rows = 64 if LONG else 8
        for isolation in ("worker", "task"):
            with self.subTest(isolation=isolation):
                text = job("flood", {"printed": "1MiB"}, {"list": {"i": [AT] * rows}}, workers=4,
                           isolation=isolation, chunk_size=1)
                done = self.run_job(text, "--fresh", code=3)
                self.assertEqual(self.outcomes("job", "p"), {"over_limit": rows}, done)
                self.assertIn("limits.printed is 1 MiB", done.err)
                logs = [os.stat(path) for path in glob.glob(self.path("job.run/logs/worker-*.out"))]
                kept = sum(log.st_blocks * 512 for log in logs)
                self.assertLess(kept, (rows + 4) << 20, "what is beyond the limit takes room")

    def leak(self, limits, at, **workers):
        workers = {"count": 1, "binding": "none", **workers}
        self.write("job.yaml", job("leak", limits, 60, workers, at))
        done = self.batchrun("run", "--fresh", "job.yaml")
        return done, [int(row["peak"]) for row in self.rows("out.csv")]

    def test_leaks_are_cured_by_max_tasks(self):
        # 4 MiB and a descriptor a task.
        for limits, bad in (({"memory": "200MiB"}, "over_limit"), ({"open_files": 40}, "error")):
            with self.subTest(limits=limits):
                done, _ = self.leak(limits, at=55)
                self.assertEqual(done.code, 3, done)
                self.assertGreater(self.outcomes("job", "p")[bad], 0)
                done, peaks = self.leak(limits, at=-1, max_tasks=5)
                self.assertEqual(done.code, 0, done)
                self.assertEqual(self.outcomes("job", "p"), {"ok": 60})
                # Each of twelve workers keeps five pieces, and the next one begins with none.
                self.assertGreaterEqual(max(peaks) - min(peaks), 4 * 4 << 20)
                self.assertLess(max(peaks) - min(peaks), 8 * 4 << 20)
                self.assertEqual(sum(b < a for a, b in zip(peaks, peaks[1:])), 11)

    def test_over_the_limit_is_tried_again_when_asked(self):
        done = self.run_job(job("flood_and_end", {"printed": "10KiB"},
                                retries={"limit": 2, "on": ["over_limit"]}), code=3)
        self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, "over_limit": 1}, done)
        self.assertEqual(self.summary("job")["phases"][0]["retries"], 2)

    @staticmethod
    def groups_of(process):
        return [root for root, _, _ in os.walk("/sys/fs/cgroup")
                if os.path.basename(root) == f"batchrun-{process.pid}"]

    def needs_groups(self, limits, words):
        """Skips the test if batchrun may make no control group for the limit that `words` name."""
        self.run_job(job("flood_and_end", limits), "--fresh")
        means = self.summary("job")["limits"]
        self.assertIn("resident-set watch", means)
        if words not in means:
            self.skipTest(f"no control group may be made here: {means}")

    def bounded_by_groups(self, task, limits, words, **keys):
        """Runs a task that only a control group can bound."""
        self.needs_groups(limits, words)
        self.write("job.yaml", job(task, limits, **keys))
        process = self.start("run", "--fresh", "job.yaml")
        done = self.end(process)
        self.assertEqual(done.code, 3, done)
        self.assertEqual(self.groups_of(process), [])
        return done

    def test_memory_that_is_not_resident(self):
        for isolation in ("worker", "task"):
            with self.subTest(isolation=isolation):
                done = self.bounded_by_groups("hide", {"memory": "100MiB"}, ", cgroup",
                                              isolation=isolation)
                self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, "over_limit": 1}, done)
                self.assertRegex(done.err, "the kernel killed.*: all workers together have reached "
                                 "limits.memory, 100 MiB")
                self.assertNotIn("killed from outside", done.err)

    def test_memory_of_all_together(self):
        done = self.bounded_by_groups("hog_together", {"memory": "200MiB"}, ", cgroup")
        self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, "over_limit": 1}, done)
        self.assertIn("all workers together have reached limits.memory, 200 MiB", done.err)

    def test_fork_bomb(self):
        done = self.bounded_by_groups("fork_bomb", {"memory": "4GiB"}, "processes by cgroup")
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

        self.write("job.yaml", job("hog", {"core_size": 0}))
        done = self.end(self.start("job.yaml", preexec_fn=enter))
        self.assertEqual(done.code, 3, done)
        self.assertEqual(self.outcomes("job", "p"), {"ok": ROWS - 1, "over_limit": 1}, done)
        self.assertIn("the control group that this run is in has no more memory", done.err)

    def test_groups_end_with_a_killed_coordinator(self):
        self.needs_groups({"memory": "4GiB"}, ", cgroup")
        self.write("job.yaml", job("burn", {"memory": "4GiB"}))
        process = self.start("run", "--fresh", "job.yaml")
        harness.until(lambda: self.groups_of(process), "groups are made")
        process.kill()
        process.communicate()
        self.assertNothingLeft()
        harness.until(lambda: not self.groups_of(process), "they are removed")

    def test_core_size(self):
        with open("/proc/sys/kernel/core_pattern", encoding="ascii") as file:
            pattern = file.read().strip()
        if "/" in pattern or "|" in pattern:
            self.skipTest(f"core dumps go elsewhere: {pattern}")
        for size, any_core in ((0, False), ("1GiB", True)):
            with self.subTest(size=size):
                self.run_job(job("abort", {"core_size": size}), "--fresh", code=3)
                cores = [name for name in os.listdir(self.dir) if name.startswith("core")]
                self.assertEqual(bool(cores), any_core, cores)


if __name__ == "__main__":
    harness.main()

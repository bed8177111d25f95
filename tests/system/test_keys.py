# SPDX-License-Identifier: BSD-3-Clause
"""Keys of a job file that control a run: each has the effect that is documented, or is refused."""
import os

import harness



def pids(task="error", at=-1, workers=None, **keys):
    """Returns a job whose twelve tasks give the process ids of their workers."""
    return harness.job(harness.phase("faulty." + task, 12, "tasks", args={"at": at}, **keys),
                       workers=workers)


class Steering(harness.Rendezvous):
    def run_tasks(self, *args, code=0, **keys):
        self.run_job(pids(*args, **keys), "--fresh", code=code)
        return [row["pid"] for row in self.rows("job.run/results/tasks.csv")]

    def test_max_tasks(self):
        for most in (1, 5):
            with self.subTest(most=most):
                found = self.run_tasks(workers={"max_tasks": most})
                self.assertEqual(len(found), 12)
                self.assertTrue(all(found.count(pid) <= most for pid in found), found)

    def test_max_parallel(self):
        for most in (1, 2):
            with self.subTest(most=most):
                self.run_job(harness.job(harness.phase(
                    "demo.sleep", 12, "naps", args={"seconds": 0.01}, chunk_size=1,
                    max_parallel=most), workers=4), "--fresh")
                naps = [(float(n["began"]), float(n["ended"]))
                        for n in self.rows("job.run/results/naps.csv")]
                for began, _ in naps:
                    self.assertLessEqual(sum(b <= began < e for b, e in naps), most, naps)

    def test_priority(self):
        self.run_job("""version: 1
plugins: [demo]
workers: {count: 1}
defaults: {mode: async, chunk_size: 1, args: {seconds: 0}}
phases:
  - {name: first, task: demo.sleep, inputs: {range: 1}}
  - {name: late, task: demo.sleep, inputs: {range: 5}, needs: [first]}
  - {name: soon, task: demo.sleep, inputs: {range: 5}, needs: [first], priority: 1}
""")
        ends = [float(nap["ended"]) for nap in self.rows("job.run/results/soon.csv")]
        begins = [float(nap["began"]) for nap in self.rows("job.run/results/late.csv")]
        self.assertLessEqual(max(ends), min(begins))

    def test_chunks_of_any_size(self):
        for chunk in (1, 5, 4000000000, "auto"):
            with self.subTest(chunk=chunk):
                self.assertEqual(len(self.run_tasks(chunk_size=chunk)), 12)

    def test_retries_only_what_is_listed(self):
        for on, succeed, code in (("error", 12, 0), ("crashed", 11, 3)):
            found = self.run_tasks("error_first", at=3, code=code,
                                   retries={"limit": 1, "on": [on]})
            self.assertEqual(len(found), succeed)

    def test_soft_timeout_asks(self):
        done = self.run_job("""version: 1
plugins: [demo]
phases:
  - name: naps
    task: demo.sleep
    inputs: {range: 2}
    args: {seconds: 1000}
    timeout: {soft: 20ms}
""", code=3)
        self.assertIn("woken with", done.err)
        self.assertEqual(self.outcomes("job", "naps"), {"error": 2})

    def test_max_failed(self):
        for most, after in ((1, "ok"), ("1%", "ok"), (0, "skipped"), ("0.5%", "skipped")):
            with self.subTest(most=most):
                self.run_job(harness.job(
                    harness.phase("faulty.error", 100, "tasks", args={"at": 0}, chunk_size=1,
                                  on_failure={"max_failed": most}),
                    harness.phase("faulty.error", 1, "after", args={"at": -1})), "--fresh", code=3)
                self.assertEqual(self.outcomes("job", "after"), {after: 1})

    def test_open_files(self):
        for limit in (32, 200):
            with self.subTest(limit=limit):
                running = self.rendezvous(1, limits={"open_files": limit}, workers=1)
                with open(f"/proc/{self.began(0)}/limits", encoding="ascii") as file:
                    self.assertRegex(file.read(), rf"Max open files +{limit} +{limit} ")
                self.write("go", "")
                self.assertEqual(self.end(running).code, 0)
                self.again()

    def test_membind(self):
        for how, policy in (("local", "bind"), ("none", "default")):
            with self.subTest(membind=how):
                running = self.rendezvous(1, workers={"count": 1, "membind": how})
                worker = self.began(0)
                try:
                    with open(f"/proc/{worker}/numa_maps", encoding="ascii") as f:
                        policies = {line.split()[1].partition(":")[0] for line in f}
                except OSError as error:
                    self.skipTest(f"the kernel shows no memory policies: {error}")
                finally:
                    self.write("go", "")
                    self.assertEqual(self.end(running).code, 0)
                    self.again()
                self.assertEqual(policies, {policy})

    def test_batch(self):
        self.run_job("""version: 1
plugins: [demo]
phases:
  - {name: sums, task: demo.total, inputs: {list: {area: [1, 2, 3, 4, 5]}}, batch: 2}
""")
        self.assertEqual([row["area"] for row in self.rows("job.run/results/sums.csv")],
                         ["3", "7", "5"])


class Refused(harness.Case):
    """A request that the machine cannot fulfil is an error before anything runs."""

    def refused(self, text, *words):
        self.write("job.yaml", text)
        for command in ("check", "run"):
            done = self.batchrun(command, "job.yaml")
            self.assertEqual(done.code, 2, done)
            for word in words:
                self.assertIn(word, done.err)
        self.assertFalse(os.path.exists(self.path("job.run")))

    def test_isolation(self):
        for how in ("worker", "task", "auto"):
            with self.subTest(how=how):
                self.run_job(pids(isolation=how), "--fresh")
                rows = self.rows("job.run/results/tasks.csv")
                found = {row["pid"] for row in rows}
                self.assertEqual(len(found) == len(rows) > 1, how == "task")

    def test_two_answers_in_one_stream(self):
        done = self.run_job(pids(output="-"), "--json", code=2)
        self.assertEqual(done.out, "")
        self.assertIn("phase `tasks` both write to standard output", done.err)

    def test_output(self):
        os.mkdir(self.path("there.csv"))
        for output, why in (("nowhere/tasks.csv", "No such file or directory"),
                            ("there.csv", "not a regular file")):
            with self.subTest(output=output):
                text = ("version: 1\nplugins: [faulty]\nphases:\n"
                        "  - {name: tasks, task: faulty.error, inputs: {range: 12}, args: {at: -1},\n"
                        f"     output: {output}}}\n")
                self.refused(text, "job.yaml:5:14", why)


if __name__ == "__main__":
    harness.main()

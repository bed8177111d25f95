# SPDX-License-Identifier: BSD-3-Clause
"""Keys of a job file that steer a run: each does what it says, or is refused."""
import os

import harness

PIDS = """version: 1
plugins: [faulty]
%s
phases:
  - name: tasks
    task: faulty.%s
    inputs: {range: 12}
    args: {at: %d}
    %s
"""


class Steering(harness.Case):
    def run_tasks(self, workers="", task="error", at=-1, phase="", **kwargs):
        done = self.run_job(PIDS % (workers, task, at, phase), "--fresh", **kwargs)
        return done, [row["pid"] for row in self.rows("job.run/results/tasks.csv")]

    def test_max_tasks(self):
        for most in (1, 5):
            with self.subTest(most=most):
                _, pids = self.run_tasks(f"workers: {{max_tasks: {most}}}")
                self.assertEqual(len(pids), 12)
                self.assertTrue(all(pids.count(pid) <= most for pid in pids), pids)

    def test_max_parallel(self):
        for most in (1, 2):
            with self.subTest(most=most):
                self.run_job("""version: 1
plugins: [demo]
workers: {count: 4, oversubscribe: true}
phases:
  - name: naps
    task: demo.sleep
    inputs: {range: 12}
    args: {seconds: 0.01}
    chunk_size: 1
    max_parallel: %d
""" % most, "--fresh")
                naps = [(float(n["began"]), float(n["ended"]))
                        for n in self.rows("job.run/results/naps.csv")]
                for began, _ in naps:
                    self.assertLessEqual(sum(b <= began < e for b, e in naps), most, naps)

    def test_priority(self):
        self.run_job("""version: 1
plugins: [demo]
workers: {count: 1}
defaults: {mode: async, chunk_size: 1}
phases:
  - {name: first, task: demo.sleep, inputs: {range: 1}, args: {seconds: 0.01}}
  - {name: late, task: demo.sleep, inputs: {range: 5}, args: {seconds: 0.001}, needs: [first]}
  - {name: soon, task: demo.sleep, inputs: {range: 5}, args: {seconds: 0.001}, needs: [first],
     priority: 1}
""")
        ends = [float(nap["ended"]) for nap in self.rows("job.run/results/soon.csv")]
        begins = [float(nap["began"]) for nap in self.rows("job.run/results/late.csv")]
        self.assertLessEqual(max(ends), min(begins))

    def test_chunks_of_any_size(self):
        for chunk in ("1", "5", "4000000000", "auto"):
            with self.subTest(chunk=chunk):
                _, pids = self.run_tasks(phase=f"chunk_size: {chunk}")
                self.assertEqual(len(pids), 12)

    def test_retries_only_what_is_listed(self):
        _, pids = self.run_tasks(task="error_first", at=3, phase="retries: {limit: 1, on: [error]}")
        self.assertEqual(len(pids), 12)
        _, pids = self.run_tasks(task="error_first", at=3, code=3,
                                 phase="retries: {limit: 1, on: [crash]}")
        self.assertEqual(len(pids), 11)

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
        job = """version: 1
plugins: [faulty]
workers: {count: 1}
phases:
  - {name: tasks, task: faulty.error, inputs: {range: 100}, args: {at: 0}, chunk_size: 1,
     on_failure: {max_failed: %s}}
  - {name: after, task: faulty.error, inputs: {range: 1}, args: {at: -1}}
"""
        for most, after in (("1", "ok"), ("1%", "ok"), ("0", "skipped"), ("0.5%", "skipped")):
            with self.subTest(most=most):
                self.run_job(job % most, "--fresh", code=3)
                self.assertEqual(self.outcomes("job", "after"), {after: 1})

    def test_open_files(self):
        for limit in (32, 200):
            with self.subTest(limit=limit):
                place = self.path(str(limit))
                os.mkdir(place)
                self.write("job.yaml", f"""version: 1
plugins: [faulty]
limits: {{open_files: {limit}}}
phases:
  - {{name: one, task: faulty.rendezvous, inputs: {{range: 1}}, args: {{dir: {place}}}}}
""")
                running = self.start("run", "--fresh", "job.yaml")
                began = os.path.join(place, "began-0")
                harness.until(lambda: os.path.exists(began), harness.PATIENCE, "the task begins")
                with open(f"/proc/{self.read(began).strip()}/limits", encoding="ascii") as file:
                    self.assertRegex(file.read(), rf"Max open files +{limit} +{limit} ")
                self.write(os.path.join(place, "go"), "")
                self.assertEqual(self.end(running).code, 0)

    def test_membind(self):
        for how, policy in (("local", "bind"), ("none", "default")):
            with self.subTest(membind=how):
                place = self.path(how)
                os.mkdir(place)
                self.write("job.yaml", f"""version: 1
plugins: [faulty]
workers: {{count: 1, membind: {how}}}
phases:
  - {{name: one, task: faulty.rendezvous, inputs: {{range: 1}}, args: {{dir: {place}}}}}
""")
                running = self.start("run", "--fresh", "job.yaml")
                began = os.path.join(place, "began-0")
                harness.until(lambda: os.path.exists(began), harness.PATIENCE, "the task begins")
                try:
                    with open(f"/proc/{self.read(began).strip()}/numa_maps", encoding="ascii") as f:
                        policies = {line.split()[1].partition(":")[0] for line in f}
                except OSError as error:
                    self.skipTest(f"memory policies are not told here: {error}")
                finally:
                    self.write(os.path.join(place, "go"), "")
                    self.assertEqual(self.end(running).code, 0)
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
    """What a job asks for and does not get is said before anything runs."""

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
                self.run_job(PIDS % ("", "error", -1, f"isolation: {how}"), "--fresh")
                rows = self.rows("job.run/results/tasks.csv")
                pids = {row["pid"] for row in rows}
                self.assertEqual(len(pids) == len(rows) > 1, how == "task")

    def test_two_answers_in_one_stream(self):
        done = self.run_job(PIDS % ("", "error", -1, 'output: "-"'), "--json", code=2)
        self.assertEqual(done.out, "")
        self.assertIn("phase `tasks` both write to standard output", done.err)

    def test_output(self):
        os.mkdir(self.path("there.csv"))
        for output, why in (("nowhere/tasks.csv", "No such file or directory"),
                            ("there.csv", "not a regular file")):
            with self.subTest(output=output):
                self.refused(PIDS % ("", "error", -1, f"output: {output}"), "job.yaml:9:13", why)


if __name__ == "__main__":
    harness.main()

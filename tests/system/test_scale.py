# SPDX-License-Identifier: BSD-3-Clause
"""Jobs that are large in one respect or another, and ones with nothing in them."""
import os
import resource

import harness

WORKERS = """version: 1
plugins: [faulty]
workers: {count: 500, oversubscribe: true, binding: none}
phases:
  - name: tasks
    task: faulty.rendezvous
    inputs: {range: 500}
    args: {dir: %s}
    chunk_size: 1
"""


def files(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Workers(harness.Case):
    def test_many_at_once(self):
        # The usual limits: 500 workers need more descriptors than the soft one allows.
        self.write("job.yaml", WORKERS % self.dir)
        running = self.start("job.yaml", preexec_fn=files(1024, 4096))
        began = [self.path(f"began-{i}") for i in range(500)]
        harness.until(lambda: all(map(os.path.exists, began)), harness.PATIENCE, "500 at once")
        self.write("go", "")
        done = self.end(running)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.outcomes("job", "tasks"), {"ok": 500})

    def test_more_than_files_may_be_open(self):
        done = self.run_job(WORKERS % self.dir, code=2, preexec_fn=files(1024, 1024))
        self.assertIn("lower workers.count, or raise the limit (ulimit -n)", done.err)


class Nothing(harness.Case):
    """A phase without rows is over before a worker has come up."""

    def job(self, reduce):
        return f"""version: 1
plugins: [demo]
phases:
  - name: areas
    task: demo.area
    inputs: {{range: {{start: 0, stop: 0, as: r}}}}
    reduce: {reduce}
    output: "-"
"""

    def test_what_has_an_answer(self):
        for reduce, out in (("sum", "area\n0\n"), ("count", "count\n0\n")):
            with self.subTest(reduce=reduce):
                done = self.run_job(self.job(reduce), "--fresh")
                self.assertEqual(done.out, out)
                self.assertIn("there was no task to run", done.err)

    def test_what_has_none_says_so(self):
        for reduce, why in (("min", "no minimum"), ("max", "no maximum"), ("mean", "no mean"),
                            ("{task: demo.total}", "nothing to reduce")):
            with self.subTest(reduce=reduce):
                done = self.run_job(self.job(reduce), "--fresh", code=3)
                self.assertEqual(done.out, "")
                self.assertIn("areas (reduce)#0 error: no task succeeded", done.err)
                self.assertIn(why, done.err)


if __name__ == "__main__":
    harness.main()

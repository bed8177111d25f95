# SPDX-License-Identifier: BSD-3-Clause
"""Jobs that are large in one respect or another, and ones with nothing in them."""
import resource

import harness

WORKERS = 500


def files(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Workers(harness.Rendezvous):
    def test_many_at_once(self):
        # With the usual limits, so many workers need more descriptors than the soft one allows.
        running = self.rendezvous(WORKERS, workers=WORKERS, preexec_fn=files(1024, 4096))
        with harness.timed(f"{WORKERS} workers start"):
            self.all_began(WORKERS)
        self.write("go", "")
        done = self.end(running)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.outcomes("job", "p"), {"ok": WORKERS})

    def test_more_than_files_may_be_open(self):
        done = self.end(self.rendezvous(WORKERS, workers=WORKERS, preexec_fn=files(1024, 1024)))
        self.assertEqual(done.code, 2, done)
        self.assertIn("lower workers.count, or raise the limit (ulimit -n)", done.err)


class Nothing(harness.Case):
    """A phase without rows ends before a worker is ready."""

    @staticmethod
    def job(reduce):
        inputs = {"range": {"start": 0, "stop": 0, "as": "r"}}
        return harness.job(harness.phase("demo.area", inputs, "areas", reduce=reduce, output="-"))

    def test_what_has_an_answer(self):
        for reduce, out in (("sum", "area\n0\n"), ("count", "count\n0\n")):
            with self.subTest(reduce=reduce):
                done = self.run_job(self.job(reduce), "--fresh")
                self.assertEqual(done.out, out)
                self.assertIn("there was no task to run", done.err)

    def test_what_has_none_says_so(self):
        for reduce, why in (("min", "no minimum"), ("max", "no maximum"), ("mean", "no mean"),
                            ({"task": "demo.total"}, "nothing to reduce")):
            with self.subTest(reduce=reduce):
                done = self.run_job(self.job(reduce), "--fresh", code=3)
                self.assertEqual(done.out, "")
                self.assertIn("areas (reduce)#0 error: no task succeeded", done.err)
                self.assertIn(why, done.err)


if __name__ == "__main__":
    harness.main()

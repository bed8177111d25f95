# SPDX-License-Identifier: BSD-3-Clause
"""Tries: a part of a job in a run of its own, which never makes the whole run look whole."""
import csv
import os

from harness import Case, job, main, phase


class Try(Case):
    def setUp(self):
        super().setUp()
        self.write("rows.csv", "r,unit\n" + "".join(f"{i},{'m' if i % 2 else 'cm'}\n" for i in range(10)))
        areas = phase("demo.area", {"csv": "rows.csv"}, "areas", output="areas.csv")
        self.put(areas, phase("demo.area", {"from": "areas"}, "again"),
                 phase("demo.area", {"range": {"start": 0, "stop": 1000, "as": "r"}}, "mean",
                       reduce={"task": "mean"}))

    def put(self, *phases):
        self.write("job.yaml", job(*phases, workers=2))

    def run_job(self, *args, code=0):
        done = self.batchrun("run", *args, "job.yaml")
        self.assertEqual(done.code, code, done)
        return done.err

    def indices(self, name):
        with open(self.path(f"job.try.run/results/{name}.csv"), encoding="utf-8", newline="") as file:
            return [int(row["index"]) for row in csv.DictReader(file)]

    def test_the_first_tasks(self):
        said = self.run_job("--first", "3")
        self.assertIn("a try: 6 of 1010 rows (--first 3)\nall 6 tasks succeeded", said)
        self.assertEqual(self.indices("areas"), [0, 1, 2])
        self.assertFalse(os.path.exists(self.path("areas.csv")))
        self.assertEqual(sorted(os.listdir(self.path("job.try.run/results"))), ["areas.csv", "mean.csv"])
        self.assertFalse(os.path.exists(self.path("job.run")))
        for command in ("show", "show job.try.run"):
            self.assertIn("a try: 6 of 1010 rows", self.batchrun(*command.split()).out)
        summary = self.summary("job.try")
        self.assertEqual(summary["part"], "--first 3")
        self.assertEqual([(p["name"], p["tasks"], p["whole_tasks"]) for p in summary["phases"]],
                         [("areas", 3, 10), ("mean", 3, 1000)])
        # Another try replaces it, with more phases and more workers or fewer.
        self.run_job("--only", "mean#7")
        self.assertEqual(os.listdir(self.path("job.try.run/results")), ["mean.csv"])
        self.assertEqual(sorted(os.listdir(self.dir)), ["job.try.run", "job.yaml", "rows.csv", "tmp"])

    def test_chosen_tasks(self):
        for args, expected in ((["areas#3"], [3]), (["areas#1-3"], [1, 2, 3]), (["areas#9,0,4-5"], [0, 4, 5, 9]),
                               (["areas#2", "areas#4"], [2, 4]), (["areas"], list(range(10))),
                               (["unit=m"], [1, 3, 5, 7, 9]), (["r=4"], [4]), (["r=4.0"], [4]),
                               (["unit=cm", "areas#1"], [0, 1, 2, 4, 6, 8])):
            with self.subTest(args=args):
                self.run_job(*(word for arg in args for word in ("--only", arg)))
                self.assertEqual(self.indices("areas"), expected)
        self.run_job("--only", "unit=m", "--first", "2")
        self.assertEqual(self.indices("areas"), [1, 3])

    def test_columns_and_values_of_any_spelling(self):
        self.write("rows.csv", "r,id,v,#CHROM,x=y,a#b=c\n1,18446744073709551615,1.10,chr1,k=l,1\n"
                               "2,18446744073709551614,1.1,chr2,,1\nnan,7,2.0,chr1,m,2\n")
        self.put(phase("demo.area", {"csv": "rows.csv"}, "areas"))
        for word, expected in (("id=18446744073709551615", [0]), ("v=1.10", [0]), ("v=1.1", [1]),
                               ("v=1.100", [0, 1]), ("v=2", [2]), ("#CHROM=chr1", [0, 2]),
                               ("x=y=k=l", [0]), ("x=y=", [1]), ("a#b=c=1", [0, 1]), ("r=NaN", [2])):
            with self.subTest(word=word):
                self.run_job("--only", word)
                self.assertEqual(self.indices("areas"), expected)

    def test_seeds_are_those_of_the_whole_run(self):
        self.write("job.yaml", job(phase("wild.seed", 20, "seeds"), plugins=["wild"]))
        self.run_job()
        self.run_job("--only", "seeds#11-12")
        whole, part = self.path("job.run/results/seeds.csv"), self.path("job.try.run/results/seeds.csv")
        with open(whole, encoding="utf-8") as a, open(part, encoding="utf-8") as b:
            self.assertEqual(a.read().splitlines()[12:14], b.read().splitlines()[1:])

    def test_batches(self):
        self.write("job.yaml", job({"name": "sums", "task": "tally.sum", "batch": 2,
                                    "inputs": {"list": {"value": [1.0, 2.0, 3.0, 4.0, 5.0]}}},
                                   plugins=["tally"], env={"TALLY": self.path("tally")}))
        self.run_job("--only", "value=4")
        self.assertEqual(self.indices("sums"), [1])
        self.run_job("--only", "sums#2")
        self.assertEqual(self.indices("sums"), [2])

    def test_errors(self):
        for args, expected in ((["--only", "area#1"], "has no phase `area`; did you mean `areas`?"),
                               (["--only", "areas#10"], "there is no task 10: the phase has 10 tasks"),
                               (["--only", "areas#5-"], "expected indices after the #"),
                               (["--only", "areas#5-4"], "expected indices after the #"),
                               (["--only", "areas#"], "expected indices after the #"),
                               (["--only", "unitt=m"], "no input has a column `unitt`; did you mean `unit`?"),
                               (["--only", "unit=km"], "no row has this value"),
                               (["--only", "r=x"], "no row has this value"),
                               (["--only", "#1"], "expected PHASE#INDEX, PHASE or column=value"),
                               (["--only", ""], "expected PHASE#INDEX, PHASE or column=value"),
                               (["--only", "x=y=m"], "no input has a column `x`"),
                               (["--only", "=x"], "expected PHASE#INDEX, PHASE or column=value"),
                               (["--first", "0"], "expected a number of tasks"),
                               (["--first", "1", "--resume"], "--resume and --first contradict"),
                               (["--only", "again#1"], "phase `again` reads the results of phase `areas`")):
            with self.subTest(args=args):
                self.assertIn(expected, self.run_job(*args, code=2))
        self.assertEqual(sorted(os.listdir(self.dir)), ["job.yaml", "rows.csv", "tmp"])

    def test_a_later_phase_reads_from_the_whole_run(self):
        self.run_job("--first", "2")
        self.assertIn("a finished run of the job, and there is none: run the job first",
                      self.run_job("--only", "again#1", code=2))
        self.run_job()
        self.run_job("--only", "again#1")
        self.assertEqual(self.indices("again"), [1])
        # The latest run failed before that phase: the one before it has the rows.
        self.run_job("--fresh", "--set", "phases.areas.task=demo.greet", code=4)
        self.run_job("--fresh")
        os.truncate(self.path("job.run/journal"), 3000)
        self.run_job("--only", "again#2,3")
        self.assertEqual(self.indices("again"), [2, 3])

    def test_a_whole_run_and_a_try_leave_each_other_alone(self):
        self.run_job("--first", "2")
        whole = self.run_job("--resume")
        self.assertIn("all 1 020 tasks succeeded", whole)
        with open(self.path("job.run/journal"), "rb") as file:
            journal = file.read()
        self.run_job("--first", "2")
        with open(self.path("job.run/journal"), "rb") as file:
            self.assertEqual(file.read(), journal)
        # A job that is called so has its run where the try is.
        self.write("other.yaml", open(self.path("job.yaml"), encoding="utf-8").read().replace(
            '"name": "job"', '"name": "job.try"'))
        done = self.batchrun("run", "--resume", "other.yaml")
        self.assertEqual(done.code, 2, done)
        self.assertIn("job.try.run holds a try, which is not resumed", done.err)
        self.assertEqual(self.batchrun("run", "--fresh", "other.yaml").code, 0)
        self.assertIn("holds a whole run, which a try does not replace", self.run_job("--first", "1", code=2))
        os.mkdir(self.path("elsewhere"))
        self.run_job("--first", "1", "--dir", "elsewhere")
        self.assertTrue(os.path.exists(self.path("elsewhere/job.try.run/journal")))

    def test_failures_of_a_try(self):
        self.write("rows.csv", "r\n1\n-1\n2\n-1\n")
        said = self.run_job("--only", "areas#1-2", code=3)
        self.assertIn("batchrun task job.try.run areas#1", said)
        self.assertIn("a try: 2 of 4 rows", said)
        done = self.batchrun("task", "job.try.run", "areas#1")
        self.assertEqual(done.code, 3, done)

    # ---- batchrun task

    def test_a_task_before_any_run(self):
        done = self.batchrun("task", "job.yaml", "areas#3")
        self.assertEqual(done.code, 0, done)
        self.assertIn("areas#3  r=3 unit=m\n", done.err)
        self.assertRegex(done.out, r"^area=28\.27")
        for word, expected in (("area#3", "the job has no phase `area`; did you mean `areas`?"),
                               ("areas#10", "there is no areas#10"),
                               ("again#0", "run the job first")):
            done = self.batchrun("task", "job.yaml", word)
            self.assertEqual(done.code, 2, done)
            self.assertIn(expected, done.err)
        self.assertEqual(self.batchrun("task", "none.yaml", "areas#1").code, 2)
        for words in ([], ["areas"], ["r=1"], ["areas#1", "areas#2"]):
            done = self.batchrun("task", "job.yaml", *words)
            self.assertEqual(done.code, 2, done)
            self.assertIn("expected one task after the job file, such as `batchrun task job.yaml PHASE#0`",
                          done.err)


if __name__ == "__main__":
    main()

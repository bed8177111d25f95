# SPDX-License-Identifier: BSD-3-Clause
"""Runs that are continued though their plugin, job or inputs have changed: only what must run again does."""
import os
import random
import shutil

from harness import BUILD, main
from journal import Story, events, records
from resuming import LONG, Resuming, twice, work

PLUGIN = os.path.join(BUILD, "tests/plugins/.libs/tally.so")


class Accept(Resuming):
    def setUp(self):
        super().setUp()
        shutil.copy(PLUGIN, self.path("own.so"))
        os.chmod(self.path("own.so"), 0o755)
        self.rows(range(1, 31))

    def rows(self, values):
        self.write("a.csv", "i\n" + "".join(f"{value}\n" for value in values))

    def work(self, bad=10, name="rows", **keys):
        return work(name, {"csv": "a.csv"}, bad, 0, 0, **keys)

    def put(self, *phases):
        self.write("job.yaml", self.job(*phases, plugin={"name": "tally", "path": "./own.so"}))

    def change_plugin(self):
        with open(self.path("own.so"), "ab") as file:
            file.write(b"\0")

    def run_job(self, *args, code=0):
        """Runs the job. Returns the indices that ran, by phase, and what was said."""
        ran = len(self.lines())
        done = self.batchrun("run", *args, "job.yaml")
        self.assertEqual(done.code, code, done)
        again = {}
        for phase, index, _ in self.lines()[ran:]:
            again.setdefault(phase, []).append(index)
        self.assertEqual(Story(self.path("job.run/journal")).twice, [])
        return {phase: sorted(indices) for phase, indices in again.items()}, done.err

    def refuse(self, flag, *texts, args=()):
        with open(self.path("job.run/journal"), "rb") as file:
            journal = file.read()
        _, said = self.run_job("--retry-failed", *args, code=2)
        for text in (f"Add --accept {flag} to keep", "--fresh", *texts):
            self.assertIn(text, said)
        with open(self.path("job.run/journal"), "rb") as file:
            self.assertEqual(file.read(), journal)

    def csv(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def as_if_new(self, *files):
        """The files of a run of the job as it is now, from nothing."""
        kept = {name: self.csv(name) for name in files}
        self.batchrun("run", "--fresh", "job.yaml")
        for name, text in kept.items():
            self.assertEqual(self.csv(name), text)

    def result_files(self):
        return {name: self.csv(f"job.run/results/{name}") for name in os.listdir(self.path("job.run/results"))}

    # ---- What can be accepted

    def test_a_mended_plugin(self):
        self.put(self.work())
        self.run_job(code=3)
        os.utime(self.path("own.so"), (1700000000, 1700000000))
        self.run_job("--fresh", code=3)
        self.change_plugin()
        self.refuse("plugin", "plugin tally", "was of 2023-11-1")
        self.refuse("plugin,inputs", args=("--accept", "inputs"))
        self.write("tmp/mend", "")
        again, said = self.run_job("--retry-failed", "--accept", "plugin")
        self.assertEqual(again, {"rows": [9, 19, 29]})
        self.assertRegex(said, r"rows: 27 rows by the plugin of 2023-11-1\d [\d:]+, 3 by that of 2")
        self.assertRegex(self.batchrun("show").out, "27 rows by the plugin of 2023")
        self.batchrun("report", "job.run")
        self.assertIn("27 rows by the plugin of 2023", self.csv("job.run/report.html"))
        summary = self.summary("job")
        self.assertEqual(summary["accepted"][0]["what"], "plugin tally")
        self.assertEqual([part["tasks"] for part in summary["phases"][0]["made_by"]], [27, 3])
        # It was accepted for good; another change is another one.
        again, _ = self.run_job("--retry-failed")
        self.assertEqual(again, {})
        self.change_plugin()
        self.refuse("plugin")
        again, _ = self.run_job("--resume", "--accept", "plugin")
        self.assertEqual(again, {})
        self.assertEqual([e["what"] for e in events(self.path("job.run/journal"))
                          if e["event"] == "accept"], ["plugin tally"] * 2)

    def test_a_mended_job(self):
        self.put(self.work())
        self.run_job(code=3)
        self.put(self.work(bad=20))
        self.refuse("job", "job file job.yaml: line ")
        again, _ = self.run_job("--retry-failed", "--accept", "job", code=3)
        self.assertEqual(again, {"rows": [9, 19, 29]})
        again, _ = self.run_job("--retry-failed", code=3)
        self.assertEqual(again, {"rows": [19]})

    def test_how_the_work_is_done_needs_no_acceptance(self):
        self.put(self.work())
        self.run_job(code=3)
        self.put(self.work(timeout="1h", priority=3, isolation="worker"))
        again, _ = self.run_job("--retry-failed", "--workers=1", code=3)
        self.assertEqual(again, {"rows": [9, 19, 29]})

    def test_mended_inputs(self):
        self.put(self.work(output="rows.csv"),
                 self.work(bad=0, name="sums", reduce={"task": "tally.sum", "fan_in": 4}),
                 twice("texts", "rows", needs=["rows"]))
        self.run_job(code=3)
        # Row 9 failed; rows 3 and 4 change, row 30 is new.
        self.rows([1, 2, 3, 40, 41, 6, 7, 8, 9, 11, *range(11, 31), 31])
        self.refuse("inputs", "inputs of phase rows a.csv: 4 of 31 rows: 3-4, 9, 30")
        again, said = self.run_job("--resume", "--accept", "inputs", code=3)
        self.assertEqual(again.pop("rows"), [3, 4, 9, 30])
        self.assertEqual(again.pop("sums"), [3, 4, 9, 30])
        self.assertEqual(len(again.pop("sums_(reduce)")), 8 + 2 + 1)
        self.assertEqual(len(again.pop("texts")), 28)
        self.assertEqual(again, {})
        self.assertIn("rows: 25 rows before", said)
        self.as_if_new("rows.csv", "job.run/results/sums.csv", "job.run/results/texts.csv")

    def test_rows_that_move_run_again(self):
        self.put(self.work(bad=0))
        self.run_job()
        self.rows([*range(1, 10), *range(11, 31)])
        again, _ = self.run_job("--resume", "--accept", "inputs")
        self.assertEqual(again, {"rows": list(range(9, 29))})
        self.rows(range(1, 5))
        again, _ = self.run_job("--resume", "--accept", "inputs")
        self.assertEqual(again, {})
        self.as_if_new("job.run/results/rows.csv")

    def test_failures_that_are_kept_beside_mended_ones(self):
        self.put(self.work())
        self.run_job(code=3)
        self.rows([*range(1, 10), 11, *range(11, 20), 21, *range(21, 31)])
        again, _ = self.run_job("--resume", "--accept", "inputs", code=3)
        self.assertEqual(again, {"rows": [9, 19]})
        for _ in range(2):
            again, _ = self.run_job("--retry-failed", code=3)
            self.assertEqual(again, {"rows": [29]})
        self.change_plugin()
        again, _ = self.run_job("--resume", "--accept", "plugin", code=3)
        self.assertEqual(again, {})
        self.rows([*range(1, 10), 11, *range(11, 20), 21, *range(21, 30)])
        _, said = self.run_job("--resume", "--accept", "inputs")
        self.assertIn("1 row fewer than before", said)

    def test_columns_that_the_task_does_not_take(self):
        def write(third):
            values = ["1.5", "1.5", third, "2"]
            self.write("a.csv", "i,x\n" + "".join(f"{i},{x}\n" for i, x in enumerate(values, 1)))
        self.put(self.work(bad=0))
        write("1.5")
        self.run_job()
        for third in ("1.50", "1.25", "1.5"):
            write(third)
            again, _ = self.run_job("--resume", "--accept", "inputs")
            self.assertEqual(again, {"rows": [2]})
        self.as_if_new("job.run/results/rows.csv")

    def test_a_longer_range(self):
        self.put(work("rows", 1000, 0, 0, 0))
        self.run_job()
        self.put(work("rows", 1003, 0, 0, 0))
        self.refuse("job,inputs", "3 of 1003 rows: 1000-1002")
        again, _ = self.run_job("--resume", "--accept", "job,inputs")
        self.assertEqual(again, {"rows": [1000, 1001, 1002]})

    def test_batches(self):
        self.put({"name": "rows", "task": "tally.sum", "inputs": {"csv": "b.csv"}, "batch": 4})
        self.write("b.csv", "value\n" + "".join(f"{i}\n" for i in range(10)))
        self.run_job()
        self.write("b.csv", "value\n" + "".join(f"{i + (i == 1)}\n" for i in range(11)))
        again, _ = self.run_job("--resume", "--accept", "inputs")
        self.assertEqual(again, {"rows": [0, 2]})

    def test_failures_that_stay_are_shown(self):
        # Rows fail if they are multiples of 10; all are alike, and that of the first is corrected.
        self.rows([10, 20, 30, 40, 5])
        self.put(self.work())
        self.run_job("--workers=1", code=3)
        self.rows([1, 20, 30, 40, 5])
        again, said = self.run_job("--resume", "--workers=1", "--accept", "inputs", code=3)
        self.assertEqual(again, {"rows": [0]})
        self.assertIn("rows#1 error: 20 is bad\n", said)
        self.assertRegex(said, r"and 2 more: .*\n +2 like rows#1: #2, #3\n")
        self.assertEqual([(f["index"], f["alike"]) for f in self.summary("job")["failures"]],
                         [(1, 2)])

    # ---- Result files

    def sums(self, bad=10, **keys):
        return self.work(bad, "sums", reduce={"task": "tally.sum", "fan_in": 2}, **keys)

    def test_no_result_of_earlier_rows_stays(self):
        reads_sums = {"name": "last", "task": "tally.twice", "inputs": {"from": "sums"}}
        for sums in (self.sums(keep_results=True), self.sums(on_failure="stop", keep_results=True)):
            with self.subTest(sums=sums):
                self.rows([1, 2, 3])
                self.put(sums, reads_sums)
                self.run_job("--fresh")
                self.assertEqual(sorted(self.result_files()), ["last.csv", "sums.csv", "sums.rows.csv"])
                self.rows([10, 20, 30])
                self.run_job("--retry-failed", "--accept", "inputs", code=3)
                left = self.result_files()
                self.assertNotIn("sums.csv", left)
                self.assertNotIn("last.csv", left)
                self.run_job("--fresh", code=3)
                self.assertEqual(self.result_files(), left)

    def test_an_output_with_earlier_rows_is_named(self):
        self.rows([1, 2, 3])
        self.put(self.sums(output="sums.csv"))
        self.run_job()
        before = self.csv("sums.csv")
        line = "batchrun: sums.csv holds earlier rows: phase sums has not written it in this run\n"
        self.rows([10, 20, 30])
        _, said = self.run_job("--retry-failed", "--accept", "inputs", code=3)
        self.assertIn(line, said)
        self.assertEqual(self.csv("sums.csv"), before)
        self.rows([10, 2, 30])
        _, said = self.run_job("--retry-failed", "--accept", "inputs", code=3)
        self.assertNotIn(line, said)
        self.assertNotEqual(self.csv("sums.csv"), before)

    def test_killed_before_old_results_are_removed(self):
        self.rows([1, 2, 3])
        self.put(self.sums())
        self.run_job()
        shutil.copytree(self.path("job.run"), self.path("first"))
        whole = os.path.getsize(self.path("job.run/journal"))
        self.rows([10, 20, 30])
        self.run_job("--retry-failed", "--accept", "inputs", code=3)
        with open(self.path("job.run/journal"), "rb") as file:
            journal = file.read()
        kinds = [e["event"] for e in events(self.path("job.run/journal"))]
        ends = [at + size for at, size in records(journal)]
        last = max(i for i, kind in enumerate(kinds) if kind in ("accept", "input_rows"))
        # As after a kill between the acceptance and the first task, before and after the removal.
        for end in (end for end in ends[:last + 2] if end >= whole):
            for is_removed in (False, True):
                with self.subTest(end=end, is_removed=is_removed):
                    shutil.rmtree(self.path("job.run"))
                    shutil.copytree(self.path("first"), self.path("job.run"))
                    with open(self.path("job.run/journal"), "wb") as file:
                        file.write(journal[:end])
                    if is_removed:
                        os.unlink(self.path("job.run/results/sums.csv"))
                    self.run_job("--resume", "--accept", "inputs", code=3)
                    self.assertEqual(self.result_files(), {})

    def test_random_edits(self):
        """After any edits of the rows, the files are those of a new run."""
        choose = random.Random(os.getpid() if LONG else 7)
        for trial in range(300 if LONG else 4):
            rows = choose.choices([1, 2, 10], k=choose.randint(1, 2))
            self.rows(rows)
            self.put(*choose.choice([
                [self.sums(keep_results=True)],
                [self.sums(), twice("last", "sums")],
                [self.work(reduce="sum", keep_results=True)],
                [self.work(), twice("texts", "rows")]]))
            self.batchrun("run", "--fresh", "job.yaml")
            story = [list(rows)]
            for _ in range(2):
                at = choose.randrange(len(rows) + 1)
                rows[at:] = choose.choices([1, 10, 20], k=choose.randint(at == 0, 2))
                self.rows(rows)
                story.append(list(rows))
                done = self.batchrun("run", "--retry-failed", "--accept", "inputs", "job.yaml")
                self.assertIn(done.code, (0, 3), done)
            with self.subTest(trial=trial, rows=story, job=self.csv("job.yaml")):
                left = self.result_files()
                self.assertEqual(self.batchrun("run", "--fresh", "job.yaml").code, done.code)
                self.assertEqual(self.result_files(), left)

    # ---- Other phases

    def test_phases_go_and_come(self):
        self.put(self.work(bad=0, name="a"), self.work(bad=0, name="b"),
                 self.work(bad=0, name="c", reduce={"task": "tally.sum", "fan_in": 10}))
        self.run_job()
        self.put(self.work(bad=0, name="c", reduce={"task": "tally.sum", "fan_in": 10}),
                 self.work(bad=0, name="new"), self.work(bad=0, name="a"))
        self.refuse("job", "inputs of phase new a.csv: is new")
        again, _ = self.run_job("--resume", "--accept", "job")
        self.assertEqual(again, {"new": list(range(30))})
        self.assertEqual({p["name"]: p["outcomes"]["ok"] for p in self.summary("job")["phases"]},
                         {"a": 30, "c": 30, "c (reduce)": 4, "new": 30})
        again, _ = self.run_job("--resume")
        self.assertEqual(again, {})
        self.put(self.work(bad=0, name="c"), self.work(bad=0, name="b"),
                 self.work(bad=0, name="new", reduce={"task": "tally.sum", "fan_in": 20}))
        again, _ = self.run_job("--resume", "--accept", "job")
        self.assertEqual(again.pop("b"), list(range(30)))
        self.assertEqual(again.pop("new_(reduce)"), [0, 0, 1])
        self.assertEqual(again, {})
        self.as_if_new("job.run/results/c.csv", "job.run/results/new.csv")

    def test_another_signature_redoes_the_phase(self):
        self.put(self.work(bad=0), twice("texts", "rows"))
        self.run_job()
        self.put(self.work(bad=0), twice("texts", "rows"), self.work(bad=0, name="more"))
        self.run_job("--resume", "--accept", "job")
        changed = self.work(bad=0)
        changed["task"] = "demo.area"
        changed["inputs"] = {"list": {"r": [1, 2, 3]}}
        del changed["args"]
        self.write("job.yaml", self.job(changed, self.work(bad=0, name="more")).replace(
            '"tally"', '"tally", "demo"'))
        text = self.csv("job.yaml").replace('"tally", "demo"', '{"name": "tally", "path": "./own.so"}, "demo"')
        self.write("job.yaml", text)
        again, _ = self.run_job("--resume", "--accept", "job,inputs")
        self.assertEqual(again, {})
        self.assertEqual({p["name"]: p["outcomes"]["ok"] for p in self.summary("job")["phases"]},
                         {"rows": 3, "more": 30})

    # ---- Killed

    def changed_job(self):
        self.put(self.work(output="rows.csv"),
                 self.work(bad=0, name="sums", reduce={"task": "tally.sum", "fan_in": 4}),
                 self.work(bad=0, name="gone"))
        self.run_job(code=3)
        self.rows([1, 2, 3, 40, 41, *range(6, 33)])
        self.change_plugin()
        self.put(self.work(output="rows.csv"),
                 self.work(bad=0, name="sums", reduce={"task": "tally.sum", "fan_in": 3}),
                 twice("texts", "rows", needs=["rows"]))

    FILES = ("rows.csv", "job.run/results/sums.csv", "job.run/results/texts.csv")
    ALL = ("--accept", "plugin,job,inputs")

    def test_killed_in_an_accepted_run(self):
        self.changed_job()
        for tasks in (1, 3, 5, 20):
            self.kill_after(tasks, "coordinator", "--retry-failed", *self.ALL, "--journal=batch")
            self.assertEqual(Story(self.path("job.run/journal")).twice, [])
        done = Story(self.path("job.run/journal")).final
        again, _ = self.run_job("--resume", code=3)
        for phase, indices in again.items():
            if "reduce" not in phase:
                self.assertEqual([i for i in indices if (phase, i) in done], [], phase)
        self.as_if_new(*self.FILES)

    def test_killed_between_acceptance_and_the_first_task(self):
        self.changed_job()
        whole = os.path.getsize(self.path("job.run/journal"))
        shutil.copytree(self.path("job.run"), self.path("first"))
        self.run_job("--retry-failed", *self.ALL, code=3)
        results = [self.csv(name) for name in self.FILES]
        with open(self.path("job.run/journal"), "rb") as file:
            journal = file.read()
        kinds = [e["event"] for e in events(self.path("job.run/journal"))]
        ends = [at + size for at, size in records(journal)]
        self.assertEqual(len(kinds), len(ends))
        last = max(i for i, kind in enumerate(kinds) if kind in ("accept", "input_rows"))
        self.assertGreater(len([end for end in ends[:last + 1] if end > whole]), 5)
        for end in ends[:last + 2]:
            if end <= whole:
                continue
            with self.subTest(end=end):
                shutil.rmtree(self.path("job.run"))
                shutil.copytree(self.path("first"), self.path("job.run"))
                with open(self.path("job.run/journal"), "wb") as file:
                    file.write(journal[:end])
                self.run_job("--retry-failed", *self.ALL, code=3)
                self.assertEqual([self.csv(name) for name in self.FILES], results)
                again, _ = self.run_job("--resume", code=3)
                self.assertEqual(again, {})

    # ---- Options

    def test_options(self):
        self.put(self.work(bad=0))
        for args, expected in ((("--accept", "job"), "add --resume or --retry-failed"),
                               (("--resume", "--accept", "jobs"), "expected a list of plugin, job and inputs"),
                               (("--resume", "--accept", "job,"), "expected a list of plugin, job and inputs")):
            done = self.batchrun("run", *args, "job.yaml")
            self.assertEqual(done.code, 2, done)
            self.assertIn(expected, done.err)


if __name__ == "__main__":
    main()

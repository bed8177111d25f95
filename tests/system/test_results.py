# SPDX-License-Identifier: BSD-3-Clause
"""Inputs, results and reductions, in files and on standard output."""
import json
import math

import harness
from harness import phase, read_npy


def job(*phases, **keys):
    return harness.job(*phases, plugins=["demo", "faulty", "configured", "cxx"], **keys)


class Outputs(harness.Case):
    def expected(self, count):
        return [{"index": i, "r": i * 0.5, "area": math.pi * (i * 0.5) ** 2} for i in range(count)]

    def job(self, output, chunk):
        inputs = {"range": {"start": 0, "stop": 500, "step": 0.5, "as": "r"}}
        return job(phase("demo.area", inputs, output=output, chunk_size=chunk), workers=3)

    def same(self, rows):
        self.assertEqual(len(rows), 1000)
        for row, expected in zip(rows, self.expected(1000)):
            self.assertEqual(list(row), ["index", "r", "area"])
            self.assertEqual((int(row["index"]), float(row["r"])),
                             (expected["index"], expected["r"]))
            self.assertAlmostEqual(float(row["area"]), expected["area"],
                                   delta=1e-12 * expected["area"])

    def test_csv(self):
        self.run_job(self.job("out.csv", 7))
        self.same(self.rows("out.csv"))

    def test_jsonl(self):
        self.run_job(self.job("out.jsonl", 1))
        self.same([json.loads(line) for line in self.read("out.jsonl").splitlines()])

    def test_text_about_as_long_as_a_record_may_be(self):
        for start in (131040, 262110):
            with self.subTest(start=start):
                inputs = {"range": {"start": start, "stop": start + 40}}
                self.run_job(job(phase("faulty.text", inputs, output="out.jsonl"), workers=2),
                             "--fresh")
                rows = [json.loads(line) for line in self.read("out.jsonl").splitlines()]
                self.assertEqual([len(row["text"]) for row in rows],
                                 list(range(start, start + 40)))

    def test_npy(self):
        self.run_job(self.job("out.npy", "auto"))
        self.same(read_npy(self.path("out.npy")))

    def test_standard_output(self):
        done = self.run_job(self.job("-", 400))
        self.write("out.csv", done.out)
        self.same(self.rows("out.csv"))

    def test_default_place(self):
        self.run_job(job(phase("demo.square", 3), name="here"))
        self.assertEqual([r["square"] for r in self.rows("here.run/results/p.csv")],
                         ["0", "1", "4"])

    def test_failed_rows_are_left_out(self):
        self.run_job(job(phase("demo.area", {"list": {"r": [1, -1, 2]}}, output="out.csv")), code=3)
        self.assertEqual([r["index"] for r in self.rows("out.csv")], ["0", "2"])

    def test_no_rows(self):
        self.run_job(job(phase("demo.square", 0, output="out.csv")))
        self.assertEqual(self.rows("out.csv"), [])


class Inputs(harness.Case):
    def results(self, task, inputs, **keys):
        self.run_job(job(phase(task, inputs, output="out.csv", **keys)))
        return self.rows("out.csv")

    def column(self, name, *args):
        return [row[name] for row in self.results(*args)]

    def test_list_of_rows(self):
        self.assertEqual(self.column("square", "demo.square", {"list": [{"i": 3}, {"i": -4}]}),
                         ["9", "16"])

    def test_lines(self):
        self.write("texts.txt", "abc\r\n\nlast")
        self.assertEqual(self.column("line", "configured.about", {"lines": "texts.txt"}),
                         ["abc", "", "last"])

    def test_standard_input(self):
        self.write("job.yaml", job(phase("configured.about", {"lines": "-"}, output="out.csv")))
        self.write("in.txt", "one\ntwo\n")
        with open(self.path("in.txt"), encoding="utf-8") as stdin:
            done = self.batchrun("job.yaml", stdin=stdin)
        self.assertEqual(done.code, 0, done)
        self.assertEqual([r["line"] for r in self.rows("out.csv")], ["one", "two"])

    def test_csv(self):
        self.write("in.csv", '\ufefftext,i\r\n"a ""b""\r\nc",1\r\nd,2\r\n')
        rows = self.results("cxx.reverse", {"csv": "in.csv"})
        self.assertEqual([(r["reversed"], r["i"]) for r in rows],
                         [('c\n\r"b" a', "1"), ("d", "2")])

    def test_csv_that_cannot_be_converted(self):
        self.write("in.csv", "i\n1\nx\n")
        done = self.run_job(job(phase("demo.square", {"csv": "in.csv"})), code=2)
        self.assertIn("in.csv:3", done.err)

    def test_glob(self):
        for name in ("b.txt", "a.txt", "c.dat"):
            self.write(name, "one two\n")
        rows = self.results("demo.count", {"glob": "*.txt"})
        self.assertEqual([r["path"].rpartition("/")[2] for r in rows], ["a.txt", "b.txt"])
        self.assertEqual([(r["lines"], r["words"], r["bytes"]) for r in rows], [("1", "2", "8")] * 2)
        for pattern, hint in (("{a,b}.txt", "`{a,b}` is text"), ("~/none/*.txt", "only a shell replaces `~`"),
                              ("$HOME/*.txt", "variables are not replaced"), ("none*", "relative to the job file")):
            with self.subTest(pattern=pattern):
                done = self.run_job(job(phase("demo.count", {"glob": pattern})), code=2)
                self.assertIn(hint, done.err)

    def test_an_input_column_that_the_results_cannot_have(self):
        for name, expected in (("index", ["phase `p`", "rename the column to keep it"]), ("other", [])):
            self.write("in.csv", f"{name},i\nx,1\n")
            self.write("job.yaml", job(phase("demo.square", {"csv": "in.csv"}, "p"),
                                       phase("demo.square", {"from": "p"}, "q")))
            done = self.batchrun("check", "job.yaml")
            self.assertEqual((done.code, done.err.count("warning:")), (0, len(expected) // 2), done)
            for words in expected:
                self.assertIn(words, done.err)

    def test_a_setting_without_a_value(self):
        self.write("job.yaml", job(phase("demo.square", {"list": {"i": [1]}}, "p")))
        done = self.batchrun("run", "--set", "phases.p.timeout=", "job.yaml")
        self.assertEqual(done.code, 2, done)
        self.assertIn("--set phases.p.timeout: there is no value; write the value", done.err)

    def test_matrix(self):
        rows = self.results(
            "configured.about", {"matrix": {"a": [1, 2], "b": ["x", "y"],
                                            "exclude": [{"a": 1, "b": "y"}],
                                            "include": [{"a": 9, "b": "z"}]}})
        self.assertEqual([(r["a"], r["b"]) for r in rows],
                         [("1", "x"), ("2", "x"), ("2", "y"), ("9", "z")])

    def test_types_and_args(self):
        (row,) = self.results("configured.echo", {"list": {"a": [3]}},
                              args={"b": True, "c": 'no, "this"', "d": "é"})
        self.assertEqual((float(row["a2"]), row["b2"], row["c2"]), (3, "true", 'no, "this"'))

    def test_from_takes_what_succeeded(self):
        self.run_job(job(phase("demo.area", {"list": {"r": [1, -1, 2]}}),
                         phase("configured.about", {"from": "p"}, "q", output="out.csv")), code=3)
        rows = self.rows("out.csv")
        self.assertEqual([float(r["r"]) for r in rows], [1, 2])
        self.assertEqual([r["task"] for r in rows], ["0", "1"])

    def test_environment(self):
        variables = {"list": {"variable": ["SOME", "HOME"]}}
        self.run_job(job(phase("configured.environment", variables, output="out.csv"),
                         env={"SOME": "thing", "HOME": None}))
        self.assertEqual([(r["is_set"], r["value"]) for r in self.rows("out.csv")],
                         [("true", "thing"), ("false", "")])

    def test_config(self):
        config = {"scale": 0.5, "offset": 2, "loud": True, "word": "hey"}
        self.run_job(harness.job(phase("configured.scaled", 2, output="out.csv"),
                                 plugins=[{"name": "configured", "config": config}]))
        self.assertEqual([(float(r["scaled"]), r["word"]) for r in self.rows("out.csv")],
                         [(1, "hey!"), (1.5, "hey!")])

    def test_overrides(self):
        self.write("job.yaml", job(phase("demo.square", 2, output="out.csv")))
        done = self.batchrun("run", "--set", "phases.p.inputs.range=3", "--set",
                             "phases.p.output=other.csv", "job.yaml")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(len(self.rows("other.csv")), 3)


class Reductions(harness.Case):
    def reduced(self, workers, reduce, inputs=None, task="demo.area"):
        inputs = inputs or {"range": {"start": 0, "stop": 100, "step": 0.1, "as": "r"}}
        return self.run_job(job(phase(task, inputs, reduce=reduce, output="-"), workers=workers),
                            "--fresh").out

    def test_the_same_with_any_number_of_workers(self):
        for reduce in ("sum", "mean", {"task": "demo.total", "fan_in": 5}):
            with self.subTest(reduce=reduce):
                one = self.reduced(1, reduce)
                self.assertEqual(len(one.splitlines()), 2, one)
                self.assertEqual(self.reduced(2, reduce), one)
                self.assertEqual(self.reduced(7, reduce), one)

    def test_values(self):
        squares = [i * i for i in range(1000)]
        for reduce, expected in (("sum", sum(squares)), ("min", 0), ("max", max(squares)),
                                 ("mean", sum(squares) / 1000), ("count", 1000)):
            with self.subTest(reduce=reduce):
                header, row = self.reduced(2, reduce, 1000, "demo.square").splitlines()
                self.assertEqual(header, "count" if reduce == "count" else "square")
                self.assertEqual(float(row), expected)

    def test_a_task_reduces(self):
        header, row = self.reduced(2, {"task": "demo.total", "fan_in": 3}).splitlines()
        self.assertEqual(header, "area")
        exact = math.fsum(math.pi * (i * 0.1) ** 2 for i in range(1000))
        self.assertAlmostEqual(float(row), exact, delta=1e-9 * exact)

    def test_failures_are_left_out(self):
        done = self.run_job(job(phase("demo.area", {"list": {"r": [1, -1, 2]}}, reduce="sum",
                                      output="-")), code=3)
        self.assertAlmostEqual(float(done.out.splitlines()[1]), 5 * math.pi, delta=1e-12)

    def test_rows_are_kept_when_asked(self):
        self.run_job(job(phase("demo.square", 4, reduce="sum", keep_results=True,
                               output="total.csv"), name="kept"))
        self.assertEqual([r["square"] for r in self.rows("total.csv")], ["14"])
        self.assertEqual([r["square"] for r in self.rows("kept.run/results/p.rows.csv")],
                         ["0", "1", "4", "9"])


if __name__ == "__main__":
    harness.main()

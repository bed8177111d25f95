# SPDX-License-Identifier: BSD-3-Clause
"""batchrun task: one task, in batchrun's own process."""
import atexit
import shutil
import tempfile

import harness

JOB = """version: 1
plugins: [demo, {name: configured, config: {scale: 3, word: x}}]
phases:
  - name: squares
    task: demo.square
    inputs: {range: {start: 5, stop: 15}}
  - name: again
    task: demo.square
    inputs: {from: squares}
  - name: greetings
    task: demo.greet
    inputs: {list: {name: [Ann, Bill]}}
  - name: prices
    task: demo.option
    inputs: {matrix: {strike: [80, 90], maturity: [0.5, 1]}}
    args: {spot: 100, rate: 0.03, paths: 1000, volatility: 0.2}
  - name: about
    task: configured.about
    inputs: {range: 3}
  - name: scaled
    task: configured.scaled
    inputs: {range: 3}
  - name: sums
    task: demo.total
    batch: 2
    inputs: {list: {area: [1, 2, 3, 4, 5]}}
  - name: sum
    task: demo.total
    inputs: {from: sums}
    reduce: {task: demo.total}
  - name: last
    task: demo.total
    inputs: {from: sum}
"""


class Words(harness.Case):
    def told(self, code, *words):
        done = self.batchrun("task", *words)
        self.assertEqual(done.code, code, done)
        return done.out if code == 0 else done.err

    def test_results(self):
        self.assertEqual(self.told(0, "demo.area", "r=2"), "area=12.566370614359172\n")
        self.assertEqual(self.told(0, "demo.greet", "name=a=b c"), "greeting=Hello a=b c\n")

    def test_many_results(self):
        self.assertEqual(self.told(0, "wild.many", "i=100"),
                         "".join(f"{chr(97 + k)}={100 + k}\n" for k in range(20)))

    def test_the_run_around_it_is_not_its_own(self):
        done = self.batchrun("task", "command.run", "command=echo {run.dir}",
                             env=self.environment(BATCHRUN_RUN_DIR="/elsewhere"))
        self.assertEqual(done.code, 3, done)
        self.assertIn("this task has no run", done.err)

    def test_failure(self):
        self.assertEqual(self.told(3, "demo.area", "r=-2"), "error: negative radius: -2\n")

    def test_what_it_leaves_behind_ends_with_it(self):
        self.assertIn("held open\n", self.told(0, "faulty.hold_output", "i=1", "at=1"))

    def test_any_columns(self):
        self.assertEqual(self.told(0, "command.run", "command=echo {a} {b}", "a=007", "b=x y"),
                         "exit_code=0\nstdout=007 x y\n")

    def test_errors(self):
        for code, word, words in (
                (2, "which task", []), (2, "PLUGIN.TASK", ["demo"]), (4, "`dmeo` was not found", ["dmeo.area"]),
                (2, "write command.run", ["exec.run", "command=true"]),
                (4, "did you mean `area`", ["demo.aera", "r=1"]), (2, "r=...", ["demo.area"]),
                (2, "no input `q`", ["demo.area", "r=1", "q=1"]),
                (2, '"x" is not a number', ["demo.area", "r=x"]),
                (2, "name=value", ["demo.area", "r"]), (2, "not an input", ["demo.area", "=1"]),
                (2, "--debugger ' '", ["--debugger", " ", "demo.area", "r=1"]),
                (2, "no-such-debugger", ["--debugger", "no-such-debugger", "demo.area", "r=1"])):
            with self.subTest(words=words):
                self.assertIn(word, self.told(code, *words))

    def test_a_crash_is_its_own(self):
        done = self.batchrun("task", "wild.raise", "i=11")
        self.assertEqual(done.code, -11, done)

    def test_under_a_debugger(self):
        for debugger in ("gdb -batch -ex run --args", "valgrind -q --error-exitcode=99", "env A=1"):
            tracer = debugger.split()[0]
            if not shutil.which(tracer) or (harness.sanitized() and tracer != "env"):
                continue
            with self.subTest(debugger=debugger):
                done = self.batchrun("task", "--debugger", debugger, "demo.area", "r=2")
                self.assertEqual(done.code, 0, done)
                self.assertIn("area=12.566370614359172\n", done.out)


class Runs(harness.Case):
    ran = None  # a directory with the finished run, of which each test has a copy

    def setUp(self):
        super().setUp()
        if not Runs.ran:
            self.run_job(JOB, code=3)
            Runs.ran = tempfile.mkdtemp(prefix="batchrun-ran-")
            atexit.register(shutil.rmtree, Runs.ran, ignore_errors=True)
            shutil.copytree(self.path("job.run"), Runs.ran, dirs_exist_ok=True)
        else:
            self.write("job.yaml", JOB)
            shutil.copytree(Runs.ran, self.path("job.run"))

    def told(self, code, *words, **kwargs):
        done = self.batchrun("task", *words, **kwargs)
        self.assertEqual(done.code, code, done)
        return done.out if code == 0 else done.err

    def test_the_same_as_in_the_run(self):
        for phase, column in (("squares", "square"), ("again", "square"), ("prices", "price"),
                              ("sums", "area"), ("about", "seed"), ("about", "task"),
                              ("about", "attempt"), ("scaled", "scaled")):
            for row in self.rows(f"job.run/results/{phase}.csv"):
                with self.subTest(phase=phase, index=row["index"]):
                    out = self.told(0, "job.run", f"{phase}#{row['index']}")
                    self.assertIn(f"{column}={row[column]}\n", out)

    def test_says_what_it_runs(self):
        done = self.batchrun("task", "job.run", "squares#3")
        self.assertEqual((done.err, done.out), ("squares#3  i=8\n", "square=64\n"))

    def test_under_a_debugger(self):
        done = self.batchrun("task", "--debugger", "env A=1", "job.run", "squares#3")
        self.assertEqual((done.code, done.err, done.out), (0, "squares#3  i=8\n", "square=64\n"))

    def test_the_newest_run(self):
        self.assertEqual(self.told(3, "greetings#1"),
                         "greetings#1  name=Bill\nerror: Name Error : Bill\n")

    def test_from_a_batch(self):
        self.assertIn("index=1 area=7", self.batchrun("task", "sum#1").err)

    def test_from_elsewhere(self):
        process = self.start("task", self.path("job.run"), "squares#0")
        self.assertEqual(self.end(process).out, "square=25\n")

    def test_the_job_as_it_was(self):
        self.write("job.yaml", "nonsense")
        self.assertEqual(self.told(0, "squares#0"), "square=25\n")

    def test_the_job_as_it_was_set(self):
        self.run_job(JOB, "--fresh", "--set", "phases.squares.inputs={list: {i: [20, 30]}}", code=3)
        self.assertEqual(self.told(0, "squares#1"), "square=900\n")
        self.assertEqual(self.told(0, "again#1"), "square=900\n")

    def test_errors(self):
        for word, words in (("there is no squares#10", ["squares#10"]),
                            ("did you mean `squares`", ["sqaures#0"]),
                            ("expected the task's index", ["squares#x"]), ("not a run directory", ["x.run", "a#1"]),
                            ("was reduced", ["last#0"])):
            with self.subTest(words=words):
                self.assertIn(word, self.told(2, *words))

    def test_standard_input_is_gone(self):
        self.write("lines.yaml", """version: 1
plugins: [demo, command]
phases:
  - {name: greetings, task: demo.greet, inputs: {matrix: {name: [a]}}}
  - {name: more, task: command.run, args: {command: "echo {line}"}, inputs: {lines: "-"}}
""")
        self.assertEqual(self.batchrun("lines.yaml").code, 0)
        self.assertIn("standard input", self.told(2, "lines.run", "more#0"))

    def test_environment(self):
        self.write("env.yaml", """version: 1
plugins: [command]
env: {GREETING: hello}
phases:
  - {name: greet, task: command.shell, inputs: {list: {command: ['echo "$GREETING $OMP_NUM_THREADS"']}}}
""")
        self.assertEqual(self.batchrun("env.yaml").code, 0)
        self.assertEqual(self.told(0, "env.run", "greet#0"), "exit_code=0\nstdout=hello 1\n")


if __name__ == "__main__":
    harness.main()

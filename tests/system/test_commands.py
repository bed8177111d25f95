# SPDX-License-Identifier: BSD-3-Clause
"""The command line, the run directory, and messages about errors."""
import json
import os
import re
import stat

import harness

JOB = """version: 1
name: job
plugins: [demo]
phases:
  - name: squares
    task: demo.square
    inputs: {range: 10}
"""


class CommandLine(harness.Case):
    def test_version(self):
        done = self.batchrun("--version")
        self.assertEqual((done.code, done.err), (0, ""), done)
        self.assertRegex(done.out, r"^batchrun \d+\.\d+\.\d+\n")

    def test_help(self):
        for args in (["--help"], ["run", "--help"], ["check", "--help"], ["plan", "--help"],
                     ["topo", "--help"], ["trace", "--help"], ["task", "--help"], ["new", "--help"],
                     ["show", "--help"], ["logs", "--help"], ["events", "--help"],
                     ["report", "--help"]):
            done = self.batchrun(*args)
            self.assertEqual((done.code, done.err), (0, ""), done)
            self.assertIn("usage", done.out.lower())
            self.assertTrue(all(len(line) <= 100 for line in done.out.splitlines()), done.out)
            if args != ["--help"]:
                examples = re.search(r"\n\nExamples?:\n((?:  .*\n)+)$", done.out)
                self.assertTrue(examples, done.out)
                self.assertIn(f"batchrun {args[0]}", examples[1])

    def test_help_names_every_command(self):
        out = self.batchrun("--help").out
        for command in ("run", "check", "plan", "topo", "task", "new", "trace", "show", "logs",
                        "events", "report"):
            self.assertIn(command, out)

    def test_errors(self):
        self.write("job.yaml", JOB)
        for args, word in (([], "--help"), (["run"], "job"), (["no-such.yaml"], "no-such.yaml"),
                           (["--wrokers", "2", "job.yaml"], "--wrokers"),
                           (["run", "--work", "2", "job.yaml"], "--work"),
                           (["run", "--workers", "two", "job.yaml"], "two"),
                           (["run", "--workers"], "--workers"), (["run", "a.yaml", "b.yaml"], "b.yaml"),
                           (["run", "--set", "phases.sqares.timeout=5s", "job.yaml"], "squares")):
            with self.subTest(args=args):
                done = self.batchrun(*args)
                self.assertEqual(done.code, 2, done)
                self.assertEqual(done.out, "")
                self.assertIn(word, done.err)
        self.assertEqual(sorted(os.listdir(self.dir)), ["job.yaml", "tmp"])

    def test_an_old_name_of_a_command(self):
        self.write("exec", "a file of that name changes nothing\n")
        for args in ([], ["--help"], ["demo.area", "r=2"], ["job.run", "areas#1"]):
            with self.subTest(args=args):
                done = self.batchrun("exec", *args)
                self.assertEqual((done.code, done.out), (2, ""), done)
                self.assertIn("`batchrun task`", done.err)

    def test_nearest_command(self):
        done = self.batchrun("chekc", "job.yaml")
        self.assertEqual(done.code, 2, done)
        self.assertIn("check", done.err)

    def test_bare_form_is_run(self):
        self.write("job.yaml", JOB)
        self.assertEqual(self.batchrun("job.yaml").code, 0)
        bare = self.read("job.run/results/squares.csv")
        self.assertEqual(self.batchrun("run", "--fresh", "job.yaml").code, 0)
        self.assertEqual(self.read("job.run/results/squares.csv"), bare)


class Errors(harness.Case):
    """`run` and `check` report every error of a job, with its position and a hint."""

    def refused(self, code, text, *words, env=None):
        self.write("job.yaml", text)
        for command in ("check", "run"):
            done = self.batchrun(command, "job.yaml", env=env)
            self.assertEqual(done.code, code, done)
            self.assertEqual(done.out, "", done)
            for word in words:
                self.assertIn(word, done.err, command)
            if command == "check":
                self.assertFalse(os.path.exists(self.path("job.run")))
        return done

    def test_misspelt_key(self):
        self.refused(2, JOB.replace("task:", "tsak:"), "job.yaml:6:5", "tsak", "did you mean `task`",
                     "^~~~")

    def test_all_errors_in_one_pass(self):
        self.refused(2, JOB.replace("range", "rnage").replace("name: squares", "nmae: squares"),
                     "rnage", "nmae")

    def test_missing_plugin(self):
        done = self.refused(4, JOB.replace("demo", "nowhere"), "./nowhere.so")
        for place in harness.PLUGINS:
            self.assertIn(place, done.err)
        self.assertIn("/batchrun", done.err.replace(harness.BUILD, ""), "the installed directory")

    def test_missing_plugin_path(self):
        done = self.refused(4, JOB.replace("[demo]", "[{name: demo, path: ./gone.so}]"), "gone.so")
        self.assertRegex(done.err, "(?i)no (such )?file")

    def test_not_a_plugin(self):
        self.refused(4, JOB.replace("demo", "not_a_plugin"), "not_a_plugin.so", "not a batchrun plugin")

    def test_not_a_shared_object(self):
        self.write("text.so", "this is text\n")
        self.refused(4, JOB.replace("demo", "text"), "text.so")

    def test_wrong_abi(self):
        self.refused(4, JOB.replace("demo", "future_abi"), "9999", "ABI")

    def test_constructor_crashes(self):
        self.refused(4, JOB.replace("demo", "constructor_crashes").replace("square", "nothing"),
                     "constructor_crashes")

    def test_unknown_task(self):
        self.refused(4, JOB.replace("demo.square", "demo.sqaure"), "sqaure", "square",
                     "job.yaml:6:")

    def test_signature_does_not_fit(self):
        self.refused(4, JOB.replace("demo.square", "demo.greet"), "demo.greet", "name", "job.yaml:")

    def test_undeclared_argument(self):
        self.refused(2, JOB + "    args: {extra: 1}\n", "extra", "job.yaml:8:")

    def test_input_that_does_not_exist(self):
        self.refused(2, JOB.replace("{range: 10}", "{csv: gone.csv}"), "gone.csv", "No such file")

    def test_too_many_workers(self):
        self.refused(2, JOB + "workers: {count: 5000}\n", "5000", "oversubscribe")

    def test_init_fails(self):
        self.write("job.yaml", JOB.replace("[demo]", "[{name: init_fails, config: {site: here}}]")
                   .replace("demo.square", "init_fails.nothing"))
        done = self.batchrun("job.yaml")
        self.assertEqual(done.code, 4, done)
        self.assertIn("no licence for here", done.err)
        self.assertEqual(self.summary("job")["exit_status"], 4)


class New(harness.Case):
    """The files that `new` makes. test_install.py builds and runs them."""

    def test_makes(self):
        done = self.batchrun("new", "my-plugin")
        self.assertEqual((done.code, done.err), (0, ""), done)
        self.assertEqual(sorted(os.listdir(self.path("my-plugin"))),
                         ["Makefile", "check", "expected.csv", "my-plugin.c", "my-plugin.yaml"])
        self.assertIn("make\n", done.out)

    def test_overwrites_nothing(self):
        self.write("mine", "my own\n")
        done = self.batchrun("new", "mine")
        self.assertEqual((done.code, done.out), (2, ""), done)
        self.assertIn("mine already exists", done.err)
        self.assertEqual(self.read("mine"), "my own\n")

    def test_names(self):
        for words in ([], ["a", "b"], ["a/b"], [".."], [""], ["a.b"], ["a b"], ["x" * 65],
                      ["--", "-x"], ["true"], ["NULL"], ["007"], ["0x1F"], ["1e5"]):
            with self.subTest(words=words):
                done = self.batchrun("new", *words)
                self.assertEqual((done.code, done.out), (2, ""), done)
        self.assertEqual(os.listdir(self.dir), ["tmp"])


class PluginPath(harness.Case):
    def test_beside_the_job_file_comes_first(self):
        self.write("job.yaml", JOB)
        self.write("demo.so", "not an object\n")
        done = self.batchrun("job.yaml")
        self.assertEqual(done.code, 4, done)
        self.assertIn(self.path("demo.so"), done.err)

    def test_explicit_path(self):
        os.symlink(os.path.join(harness.PLUGINS[0], "demo.so"), self.path("mine.so"))
        self.write("job.yaml", JOB.replace("[demo]", "[{name: demo, path: ./mine.so}]"))
        done = self.batchrun("job.yaml", env=self.environment(BATCHRUN_PLUGIN_PATH=None))
        self.assertEqual(done.code, 0, done)


class Looking(harness.Case):
    def test_check(self):
        for name in sorted(os.listdir(harness.CONFIGS)):
            if name.endswith(".yaml"):
                self.copy_config(name)
                done = self.batchrun("check", name)
                self.assertEqual(done.code, 0, done)
        self.assertFalse([f for f in os.listdir(self.dir) if f.endswith(".run")])

    def test_plan(self):
        self.copy_config("async.yaml")
        done = self.batchrun("plan", "async.yaml")
        self.assertEqual((done.code, done.err), (0, ""), done)
        for word in ("slow", "quick", "report", "demo.sleep"):
            self.assertIn(word, done.out)
        self.assertRegex(done.out, r"\npackage 0(.*\n)+ .*cpus.*(\n)?.*worker")
        self.assertFalse(os.path.exists(self.path("async.run")))

    def test_slurm_bounds_the_workers(self):
        self.write("job.yaml", JOB)
        def plan(cpus):
            env = dict(self.environment(), SLURM_CPUS_PER_TASK=cpus)
            return self.batchrun("plan", "job.yaml", env=env)
        done = plan("1")
        self.assertEqual((done.code, done.err), (0, ""), done)
        self.assertRegex(done.out, r"(?m)^0 ")
        self.assertNotRegex(done.out, r"(?m)^1  +\d")  # a row of the table of workers
        done = plan("many")
        self.assertEqual(done.code, 2, done)
        self.assertIn("SLURM_CPUS_PER_TASK", done.err)

    def test_dry_run_is_plan(self):
        self.copy_config("async.yaml")
        plan = self.batchrun("plan", "async.yaml")
        self.assertEqual(self.batchrun("run", "-n", "async.yaml").out, plan.out)

    def test_topo(self):
        done = self.batchrun("topo")
        self.assertEqual((done.code, done.err), (0, ""), done)
        self.assertIn("core", done.out.lower())
        self.write("job.yaml", JOB)
        done = self.batchrun("topo", "job.yaml")
        self.assertEqual((done.code, done.err), (0, ""), done)
        self.assertIn("worker", done.out.lower())

    def test_binding_is_real(self):
        allowed = os.sched_getaffinity(0)
        self.write("job.yaml", JOB + "workers: {count: 1, binding: pu}\n")
        self.assertEqual(self.batchrun("job.yaml").code, 0)
        (worker,) = self.summary("job")["workers"]
        self.assertIn(int(str(worker["cpus"])), allowed)


class RunDirectory(harness.Case):
    def test_what_is_in_it(self):
        self.write("job.yaml", JOB)
        self.assertEqual(self.batchrun("job.yaml").code, 0)
        run = self.path("job.run")
        self.assertEqual(stat.S_IMODE(os.stat(run).st_mode), 0o700)
        for name in ("job.yaml", "journal", "results/squares.csv", "summary.json", "logs"):
            self.assertTrue(os.path.exists(os.path.join(run, name)), name)
        self.assertEqual(self.read("job.run/job.yaml"), JOB)

    def test_never_overwritten(self):
        self.write("job.yaml", JOB)
        self.assertEqual(self.batchrun("job.yaml").code, 0)
        before = self.contents("job.run")
        done = self.batchrun("job.yaml")
        self.assertEqual(done.code, 2, done)
        self.assertIn("--fresh", done.err)
        self.assertEqual(self.contents("job.run"), before)

    def test_fresh_sets_aside(self):
        self.write("job.yaml", JOB)
        self.assertEqual(self.batchrun("job.yaml").code, 0)
        before = self.contents("job.run")
        for aside in ("job.run.1", "job.run.2"):
            self.assertEqual(self.batchrun("run", "--fresh", "job.yaml").code, 0)
            self.assertTrue(os.path.isdir(self.path(aside)), os.listdir(self.dir))
        self.assertIn(before, [self.contents("job.run.1"), self.contents("job.run.2")])

    def test_elsewhere(self):
        self.write("job.yaml", JOB)
        os.mkdir(self.path("there"))
        self.assertEqual(self.batchrun("run", "--dir", "there", "job.yaml").code, 0)
        self.assertEqual(len(self.rows("there/job.run/results/squares.csv")), 10)
        self.assertFalse(os.path.exists(self.path("job.run")))

    def test_job_in_another_directory(self):
        os.mkdir(self.path("sub"))
        self.write("sub/job.yaml", JOB.replace("{range: 10}", "{csv: in.csv}") +
                   "    output: out.csv\n")
        self.write("sub/in.csv", "i\n5\n")
        self.assertEqual(self.batchrun("sub/job.yaml").code, 0)
        self.assertEqual([r["square"] for r in self.rows("sub/out.csv")], ["25"])
        self.assertTrue(os.path.isdir(self.path("sub/job.run")))

    def test_summary(self):
        self.write("job.yaml", JOB)
        done = self.batchrun("run", "--workers", "1", "job.yaml")
        self.assertEqual(done.code, 0, done)
        summary = self.summary("job")
        self.assertEqual((summary["name"], summary["exit_status"]), ("job", 0))
        (phase,) = summary["phases"]
        self.assertEqual((phase["name"], phase["task"], phase["tasks"], phase["outcomes"]["ok"]),
                         ("squares", "demo.square", 10, 10))
        self.assertEqual(len(summary["workers"]), 1)
        self.assertIn("squares", done.err)

    def test_views_elsewhere(self):
        """A user who may not write in a run directory writes views elsewhere; a message says how."""
        self.write("job.yaml", JOB)
        self.assertEqual(self.batchrun("job.yaml").code, 0)
        for command, name in (("report", "report.html"), ("trace", "trace.json")):
            with self.subTest(command):
                self.assertEqual(self.batchrun(command).out, f"job.run/{name}\n")
                there = self.read(f"job.run/{name}")
                os.remove(self.path(f"job.run/{name}"))
                before = sorted(os.listdir(self.path("job.run")))
                done = self.batchrun(command, "-o", name, "job.run")
                self.assertEqual((done.code, done.out, done.err), (0, name + "\n", ""))
                self.assertEqual(self.read(name), there)
                done = self.batchrun(command, "--output=-", "job.run")
                self.assertEqual((done.code, done.out, done.err), (0, there, ""))
                self.assertEqual(sorted(os.listdir(self.path("job.run"))), before)
                done = self.batchrun(command, "-o", "nowhere/file", "job.run")
                self.assertEqual((done.code, done.err), (2, "batchrun: cannot write nowhere/file: "
                                                         "No such file or directory\n"))
                # Where a directory is, even root cannot write a file.
                os.mkdir(self.path(f"job.run/.{name}.new"))
                done = self.batchrun(command)
                os.rmdir(self.path(f"job.run/.{name}.new"))
                self.assertNotEqual(done.code, 0)
                self.assertIn("--output FILE writes it elsewhere", done.err)

    def test_summary_on_standard_output(self):
        self.write("job.yaml", JOB)
        done = self.batchrun("run", "--json", "job.yaml")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(json.loads(done.out), self.summary("job"))

    def test_precedence(self):
        self.write("job.yaml", JOB + "workers: {count: 3, oversubscribe: true}\n")
        env = self.environment(BATCHRUN_WORKERS="2")
        for args, variables, expected in (([], None, 3), ([], env, 2), (["--workers", "1"], env, 1)):
            with self.subTest(expected=expected):
                done = self.batchrun("run", "--fresh", *args, "job.yaml", env=variables)
                self.assertEqual(done.code, 0, done)
                self.assertIn(f"{expected} worker", done.err.splitlines()[-1])

    def contents(self, directory):
        """The files in a directory, without the lock, which names its last owner."""
        found = {}
        for path, _, files in os.walk(self.path(directory)):
            for name in files:
                with open(os.path.join(path, name), "rb") as file:
                    found[os.path.relpath(os.path.join(path, name), self.path(directory))] = file.read()
        found.pop("lock", None)
        return found


if __name__ == "__main__":
    harness.main()

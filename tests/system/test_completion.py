# SPDX-License-Identifier: BSD-3-Clause
"""The words that the shells offer to complete a command line."""
import os
import re
import shutil
import subprocess

import harness

SCRIPTS = os.path.join(harness.TOP, "tools/completions")
JOB = """version: 1
plugins: [demo]
phases:
  - {name: areas, task: demo.square, inputs: {range: 1}}
  - {name: totals, task: demo.square, inputs: {range: 1}}
"""


class Completion(harness.Case):
    def setUp(self):
        super().setUp()
        self.run_job(JOB, name="circles.yaml")
        self.write("notes.txt", "")
        os.mkdir(self.path("jobs"))
        self.write("jobs/more.yaml", JOB)

    def offered(self, *words):
        done = self.batchrun("__complete", *words)
        self.assertEqual((done.code, done.err), (0, ""), done)
        return {line.split("\t")[0] for line in done.out.splitlines()}


class Candidates(Completion):
    def commands(self):
        listed = self.batchrun("--help").out.split("Commands:\n")[1].split("\n\n")[0]
        return [line.split()[0] for line in listed.splitlines()]

    def test_commands_and_jobs(self):
        self.assertEqual(self.offered(""), {"circles.yaml", "circles.run/", "jobs/", "tmp/",
                                            *self.commands()})
        self.assertIn("check", self.offered("ch"))
        self.assertNotIn("run", self.offered("ch"))

    def test_options_are_those_of_the_help(self):
        for command in self.commands():
            with self.subTest(command=command):
                options = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)",
                                         self.batchrun(command, "--help").out, re.MULTILINE))
                self.assertEqual(self.offered(command, "--"), options)
        self.assertEqual(self.offered("--res"), {"--resume"}, "the bare form is run")

    def test_values(self):
        words = {"auto", "bar", "lines", "none"}
        self.assertEqual(self.offered("run", "--progress", ""), words)
        self.assertEqual(self.offered("run", "--progress=b"), {"--progress=bar"})
        self.assertEqual(self.offered("run", "--dir", "j"), {"jobs/"})
        self.assertEqual(self.offered("run", "--accept", ""), {"plugin", "job", "inputs"})
        self.assertEqual(self.offered("run", "--accept=plugin,i"), {"--accept=plugin,inputs"})
        self.assertEqual(self.offered("run", "--dir", "jobs", "c"), {"circles.yaml", "circles.run/"})

    def test_jobs(self):
        self.assertEqual(self.offered("check", "jobs/"), {"jobs/more.yaml"})
        self.assertEqual(self.offered("check", "circles.yaml", ""), set(), "one is enough")

    def test_runs_and_phases(self):
        self.assertEqual(self.offered("task", "circles.run", ""), {"areas#", "totals#"})
        self.assertEqual(self.offered("task", "circles.run", "a"), {"areas#"})
        self.assertEqual(self.offered("task", "--debugger", "gdb --args", "ci"),
                         {"circles.run", "circles.yaml"})
        self.assertEqual(self.offered("task", "circles.yaml", "a"), {"areas#"}, "of a job")
        self.assertEqual(self.offered("task", "t"), {"tmp/", "totals#"}, "of the newest run")
        self.assertEqual(self.offered("task", "no-such.run", ""), set())


class Shells(Completion):
    """The completion file of each shell, called as the shell calls it."""

    def shell(self, *words, **changes):
        if not shutil.which(words[0]):
            self.skipTest(f"no {words[0]}")
        env = self.environment(PATH=os.path.dirname(harness.PROGRAM) + ":" + os.environ["PATH"],
                               HOME=self.dir, **changes)
        done = subprocess.run(words, cwd=self.dir, env=env, text=True, capture_output=True,
                              timeout=harness.PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return done.stdout.splitlines()

    def test_bash(self):
        self.write("odd name;$(x).yaml", JOB)
        for line, expected in (("batchrun run --pro", ["--progress"]),
                               ("batchrun run --progress ba", ["bar"]),
                               ("batchrun run --progress=ba", ["bar"]),
                               ("batchrun check cir", ["circles.run/", "circles.yaml"]),
                               ("batchrun check o", ["odd\\ name\\;\\$\\(x\\).yaml"]),
                               ("batchrun task circles.run ", ["areas#", "totals#"])):
            with self.subTest(line=line):
                script = (f"compopt() {{ :; }}; . {SCRIPTS}/batchrun.bash; COMP_LINE='{line}'; "
                          "COMP_POINT=${#COMP_LINE}; _batchrun batchrun; "
                          "printf '%s\\n' \"${COMPREPLY[@]}\"; complete -p batchrun")
                *offered, registered = self.shell("bash", "-c", script)
                self.assertEqual(sorted(offered), expected)
                self.assertEqual(registered, "complete -F _batchrun batchrun")

    def test_fish(self):
        script = f"source {SCRIPTS}/batchrun.fish; complete -C 'batchrun task circles.run a'"
        self.assertEqual(self.shell("fish", "-c", script, XDG_CONFIG_HOME=self.dir,
                                    XDG_DATA_HOME=self.dir), ["areas#\tphase"])

    def test_zsh(self):
        script = ("compadd() { shift $(( $# - 1 )); print -l -- ${(P)1} }; "
                  "_call_program() { shift; eval $@ }; words=(batchrun task circles.run ''); "
                  f"CURRENT=4; . {SCRIPTS}/_batchrun")
        self.assertEqual(self.shell("zsh", "-fc", script), ["areas#", "totals#"])


if __name__ == "__main__":
    harness.main()

# SPDX-License-Identifier: BSD-3-Clause
"""Result files that would replace what the job reads; rows that batches lack."""
import os

import harness


class Overlap(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("a.csv", "r\n1\n2\n")
        os.symlink("a.csv", self.path("link.csv"))
        os.link(self.path("a.csv"), self.path("hard.csv"))
        os.symlink(".", self.path("here"))
        os.mkdir(self.path("sub"))

    def refused(self, *phases, words, **keys):
        """`check` and `run` refuse the job, and all files stay as they are."""
        self.write("job.yaml", harness.job(*phases, plugins=["demo", "command"], **keys))
        for command in ("check", "run"):
            done = self.batchrun(command, "job.yaml")
            self.assertEqual(done.code, 2, done)
            for word in [words] if isinstance(words, str) else words:
                self.assertIn(word, done.err)
        self.assertEqual(self.read("a.csv"), "r\n1\n2\n")

    def allowed(self, *phases):
        self.write("job.yaml", harness.job(*phases, plugins=["demo", "command"]))
        done = self.batchrun("check", "job.yaml")
        self.assertEqual(done.code, 0, done)

    @staticmethod
    def area(name="p", inputs=None, **keys):
        return harness.phase("demo.area", inputs or {"csv": "a.csv"}, name, **keys)

    @staticmethod
    def command(name, inputs, **keys):
        return harness.phase("command.run", inputs, name, args={"command": "true"}, **keys)

    def test_every_spelling(self):
        for output in ("a.csv", "./a.csv", ".//a.csv", "sub/../a.csv", "here/a.csv", "link.csv",
                       "hard.csv", self.path("a.csv"), os.path.join(os.path.realpath(self.dir), "a.csv")):
            with self.subTest(output=output):
                self.refused(self.area(output=output), words="would write over a.csv, which it reads")
        self.refused(self.area(inputs={"csv": "link.csv"}, output="a.csv"), words="over link.csv")
        self.allowed(self.area(output="b.csv"))
        self.allowed(self.area(output="-"))

    def test_every_kind_of_input(self):
        self.refused(self.command("p", {"lines": "a.csv"}, output="here/a.csv"), words="which it reads")
        self.refused(self.command("p", {"glob": "*.csv"}, output="a.csv"), words="which it reads")
        for pattern in ("*.csv", "./[n-z]*.csv", self.path("n*")):
            self.refused(self.command("p", {"glob": pattern}, output="here/new.csv"),
                         words="matches a `glob`")
        self.refused(self.command("p", 1, command={"stdin": "./a.csv"}, output="link.csv"),
                     words="which it reads")
        for axis in ({"lines": "a.csv"}, {"glob": "hard*"}):
            self.refused(self.command("p", {"matrix": {"x": [1, 2], "y": axis}}, output="link.csv"),
                         words="which it reads")
        self.allowed(self.command("p", {"glob": "a.csv"},
                                  output="new.csv"))

    def test_standard_input_of_each_row(self):
        def reads(stdin, inputs, **keys):
            phase = self.command("p", inputs, command={"stdin": stdin}, output="link.csv")
            return {**phase, **keys}
        files = {"list": {"f": ["b.csv", "a.csv", "a.csv"], "n": [1, 2, 3]}}
        matrix = {"matrix": {"d": ["sub", "."], "f": ["b", "a"], "n": {"range": 3}}}
        os.link(self.path("a.csv"), self.path("1.csv"))
        for phase in (reads("{f}", files), reads("./{f.stem}.csv", files), reads("{n}.csv", files),
                      reads("{d}/{f}.csv", matrix), reads("{d.name}/../{f}.csv", matrix),
                      reads("{index}.csv", 3), reads("{attempt}.csv", 3),
                      reads("{path}", {"glob": "a*"}),
                      reads("{task.index}.csv", 8, batch=4, task="command.pack")):
            with self.subTest(phase=phase):
                self.refused(phase, words="which it reads")
        for phase in (reads("{f}", {"list": {"f": ["b.csv", "{f}"]}}), reads("{n}/a.csv", files),
                      reads("\\{f}", files), reads("{run.dir}/a.csv", files),
                      reads("{index}.csv", 4, batch=4, task="command.pack")):
            with self.subTest(phase=phase):
                self.allowed(phase)

    def test_other_phases(self):
        first, second = self.area("first"), self.command("second", 2, output="a.csv")
        self.refused(first, second, words="phase `second` would write over a.csv, which phase `first`")
        reader = {**self.area("reader"), "mode": "async"}
        writer = {**second, "mode": "async"}
        self.refused(writer, reader, words="which phase `reader` reads")
        # A phase may read what another writes if it runs after it.
        self.allowed(writer, {**reader, "needs": ["second"]})
        self.allowed({**writer, "mode": "sync"}, reader)

    def test_two_outputs(self):
        self.refused(self.area("one", output="sub/x.csv"), self.area("two", output="here/sub//x.csv"),
                     words="both write to")

    def test_job_file_and_plugins(self):
        os.symlink("job.yaml", self.path("job.csv"))
        self.refused(self.area(output="job.csv"), words="would write over the job file")

    def test_set(self):
        self.write("job.yaml", harness.job(self.area(output="b.csv")))
        for key, value in (("output", "link.csv"), ("inputs.csv", "b.csv")):
            self.write("b.csv", "r\n1\n")
            done = self.batchrun("run", "--set", f"phases.p.{key}={value}", "job.yaml")
            self.assertEqual(done.code, 2, done)
            self.assertIn("which it reads", done.err)

    def test_job_in_another_directory(self):
        self.write("sub/a.csv", "r\n1\n")
        self.write("sub/job.yaml", harness.job(self.area(output="../sub/a.csv")))
        done = self.batchrun("check", "sub/job.yaml")
        self.assertEqual(done.code, 2, done)
        self.assertIn("would write over sub/a.csv, which it reads", done.err)


class MissingRows(harness.Case):
    def job(self, limit):
        return harness.job(
            harness.phase("command.run", 9, "one", args={"command": f"test {{i}} -ne {limit}"}),
            harness.phase("command.pack", {"from": "one"}, "two", batch=3), plugins=["command"])

    def test_are_named(self):
        done = self.run_job(self.job(4), code=3)
        sentence = "phase two: 1 row of phase one is missing because tasks failed; batches may mix"
        self.assertIn(sentence, done.err)
        two = self.summary("job")["phases"][1]
        self.assertEqual((two["missing_rows"], two["missing_from"]), (1, "one"))
        self.batchrun("report", "job.run")
        self.assertIn(sentence, self.read("job.run/report.html"))
        self.assertIn("1 row of phase one", self.batchrun("show", "job.run").out)

    def test_none_is_missing(self):
        done = self.run_job(self.job(100), code=3) # `test` takes one expression, not three
        self.assertNotIn("missing", done.err)
        self.assertNotIn("missing_rows", self.summary("job")["phases"][1])


if __name__ == "__main__":
    harness.main()

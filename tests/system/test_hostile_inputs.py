# SPDX-License-Identifier: BSD-3-Clause
"""Job files, input files and environments that are made to do harm. They are refused with file, line
and hint, or do no harm."""
import os

import harness

LONG = os.environ.get("BATCHRUN_LONG") == "1"
HEAD = "version: 1\nname: job\nplugins: [demo]\n"


class JobFiles(harness.Case):
    def refused(self, *words, name="job.yaml"):
        done = self.batchrun("check", name)
        self.assertEqual(done.code, 2, done)
        for word in words:
            self.assertIn(word, done.err)
        for hidden in ("\x1b", "\u202e", "\0", "\r"):
            self.assertNotIn(hidden, done.err, "what is shown is not escaped")
        return done

    def test_alias_bomb(self):
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
        for i in range(1, 10):
            lines.append(f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 9) + "]")
        self.write("job.yaml", HEAD + "\n".join(lines) + "\n")
        self.refused("job.yaml:4:5: ", "anchors")

    def test_alias_of_itself(self):
        self.write("job.yaml", HEAD + "phases: &p [*p]\n")
        self.refused("job.yaml:4:9: ", "anchors")

    def test_deep(self):
        self.write("job.yaml", "[" * 50000)
        self.refused("nested deeper than 32 levels")

    def test_what_is_shown_is_escaped(self):
        for text in ("\x1b[2Jx: 1\n", "\u202ex: 1\n", "a\0b: 1\n", "é\x9b: 1\n"):
            with self.subTest(text=text):
                self.write("job.yaml", HEAD + text)
                self.refused("job.yaml:4:")

    def test_encodings(self):
        for encoding in ("utf-16", "utf-16-le", "utf-32", "latin-1"):
            with self.subTest(encoding=encoding):
                with open(self.path("job.yaml"), "wb") as file:
                    file.write((HEAD + "# é\n").encode(encoding))
                self.refused("UTF-8")

    def test_no_files(self):
        os.mkfifo(self.path("fifo"))
        os.mkdir(self.path("folder"))
        self.refused("is not a regular file", name="fifo")
        self.refused("is not a regular file", name="folder")
        self.refused("is not a regular file", name="/dev/zero")
        with open(self.path("large"), "wb") as file:
            file.truncate(1 << 40)
        self.refused("the limit is 1048576", name="large")


def squares(inputs, workers=1, **keys):
    return harness.job(harness.phase("demo.square", inputs, output="out.csv", **keys),
                       workers=workers)


class InputFiles(harness.Case):
    def job(self, inputs, **keys):
        self.write("job.yaml", squares(inputs, **keys))

    def refused(self, *words, code=2):
        done = self.batchrun("check", "job.yaml")
        self.assertEqual(done.code, code, done)
        for word in words:
            self.assertIn(word, done.err)
        self.assertNotIn("\x1b", done.err)
        self.assertNotIn("\0", done.err)

    def taken(self, data, expected):
        with open(self.path("in.csv"), "wb") as file:
            file.write(data)
        done = self.batchrun("run", "--fresh", "job.yaml")
        self.assertEqual(done.code, 0, done)
        self.assertEqual([int(row["square"]) for row in self.rows("out.csv")], expected)

    def test_no_files(self):
        os.mkfifo(self.path("fifo"))
        os.mkdir(self.path("folder"))
        for name in ("fifo", "folder", "/dev/zero"):
            for kind in ("csv", "lines"):
                with self.subTest(name=name, kind=kind):
                    self.job({kind: name})
                    # The one column of `lines` is not the input of the task: a further error.
                    self.refused(name, "regular file", code=4 if kind == "lines" else 2)
        self.job({"csv": "none.csv"})
        self.refused("none.csv", "No such file")

    def test_csv_that_is_odd_and_good(self):
        self.job({"csv": "in.csv"})
        self.taken(b"\xef\xbb\xbfi\r\n1\r\n2\r\n", [1, 4])
        self.taken(b"i\n\"3\"\n4", [9, 16])
        self.taken(b"\"i\",\"a \"\"note\"\"\"\n5,\"a\nb,c\"\n6,\n", [25, 36])

    def test_csv_that_is_wrong(self):
        self.job({"csv": "in.csv"})
        for data, *words in (
                (b"i,y\n1,2\n3\n", "in.csv:3"),
                (b"i\n1\n2,3\n", "in.csv:3"),
                (b"i,i\n1,2\n", "in.csv:1", "`i`"),
                (b"i\n\"1\n2\n", "in.csv:2", "quote"),
                (b"i\n1\n\x1b[2J\n", "in.csv:3"),
                (b"i\n1\0\n", "in.csv:2"),
                (b"i\n\xff\n", "in.csv:2"),
                (b"i\n1.5\n", "in.csv:2"),
                (b"i\n9223372036854775808\n", "in.csv:2"),
                (b"", "in.csv"),
                ("i\n1\n".encode("utf-16"), "in.csv")):
            with self.subTest(data=data):
                with open(self.path("in.csv"), "wb") as file:
                    file.write(data)
                self.refused(*words)

    def test_a_large_csv(self):
        # With everything that can be within quotes; 1 GB of it with BATCHRUN_LONG=1.
        size = (1 << 30) if LONG else (16 << 20)
        note = '"' + 'é, ""quoted"",\r\n' * 64 + '"'
        block = "".join(f"{i},{note}\r\n" for i in range(1000)).encode()
        blocks = size // len(block) + 1
        with open(self.path("in.csv"), "wb") as file:
            file.write(b"\xef\xbb\xbfi,note\r\n")
            for _ in range(blocks):
                file.write(block)
        self.job({"csv": "in.csv"}, reduce="sum")
        done = self.batchrun("run", "job.yaml")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 1000 * blocks})
        self.assertEqual(int(self.rows("out.csv")[0]["square"]),
                         blocks * sum(i * i for i in range(1000)))

    def test_a_line_without_end(self):
        self.job({"csv": "in.csv"})
        with open(self.path("in.csv"), "wb") as file:
            file.write(b"i\n")
            file.truncate(1 << 32)  # zeros, and no newline
        self.refused("in.csv:2")


class Surroundings(harness.Case):
    def run_on_one_cpu(self, count):
        self.write("job.yaml", HEAD + f"workers: {{count: {count}, binding: pu}}\nphases:\n"
                   "  - {name: p, task: demo.square, inputs: {range: 10}, output: out.csv}\n")
        one = min(os.sched_getaffinity(0))
        return one, self.batchrun("job.yaml", preexec_fn=lambda: os.sched_setaffinity(0, {one}))

    def test_fewer_cpus_than_the_machine_has(self):
        one, done = self.run_on_one_cpu("auto")
        self.assertEqual(done.code, 0, done)
        self.assertIn("1 worker", done.err)
        _, done = self.run_on_one_cpu(2)
        self.assertEqual(done.code, 2, done)
        self.assertIn("job.yaml:4:", done.err)
        self.assertIn("oversubscribe", done.err)

    def test_hwloc_told_of_another_machine(self):
        self.write("job.yaml", squares(10, workers=None))
        self.write("evil.xml", "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY a '" + "x" * 1000 +
                   "'>]><topology version='2.0'>" + "<object type='Machine'>" * 2000)
        os.mkfifo(self.path("fifo"))
        for changes in ({"HWLOC_XMLFILE": "evil.xml"}, {"HWLOC_XMLFILE": "fifo"},
                        {"HWLOC_XMLFILE": "/dev/zero"}, {"HWLOC_SYNTHETIC": "pu:4096"},
                        {"HWLOC_FSROOT": "/nowhere"}, {"HWLOC_COMPONENTS": "x86,stop"}):
            with self.subTest(**changes):
                env = self.environment(**changes)
                done = self.batchrun("run", "--fresh", "job.yaml", env=env)
                self.assertEqual(done.code, 0, done)
                self.assertEqual(len(self.rows("out.csv")), 10)


if __name__ == "__main__":
    harness.main()

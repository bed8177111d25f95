# SPDX-License-Identifier: BSD-3-Clause
"""Values keep their text on their way from files and job files to result files, commands and reports.
The answers are those of Python's csv, decimal and json."""
import csv
import decimal
import io
import json
import os
import random

import harness
from harness import phase, read_npy

SEED = int(os.environ.get("BATCHRUN_TEST_SEED") or random.randrange(2 ** 32))

IDS = ["2310009E13", "00501", "1.10", "18446744073709551615", "3.10", "TRUE", "+7", "1e-3", "-0",
       "0x1F", "1_000", "1e400", "9007199254740993", ".5", "5.", "1E5", "True", "nan", "NaN", "-Inf",
       "Infinity", "1.#QNAN", "NA", "", " 1", "1 ", "0.1", "100", "-7.25", "1e+15", "0.00001"]
TEXTS = ["a", '"', ",", "\n", "\r\n", "\r", "'", " ", "\t", "\u00e9", "\u20ac", "\U0001f600", "#", "\\",
         "{r}", "$x", "\u00a0", "\ufeff"]


def job(*phases, **keys):
    return harness.job(*phases, plugins=["demo", "configured", "command"], **keys)


def random_cell(chance):
    if chance.random() < 0.5:
        return chance.choice(IDS)
    if chance.random() < 0.3:
        number = decimal.Decimal(chance.randrange(-10 ** chance.randrange(1, 25), 10 ** 9))
        return str(number.scaleb(-chance.randrange(0, 12)))
    return "".join(chance.choice(TEXTS) for _ in range(chance.randrange(0, 6)))


def random_column(chance, rows):
    """Cells of one kind, so that columns of each type occur, or of any."""
    kinds = [lambda: chance.choice(["TRUE", "true", "False", "FALSE"]),
             lambda: str(chance.randrange(-9, 10)),
             lambda: chance.choice(["+7", "-0", "12", "9223372036854775807"]),
             lambda: f"{chance.uniform(-9, 9):.{chance.randrange(0, 20)}f}",
             lambda: repr(chance.uniform(-1, 1) * 10 ** chance.randrange(-20, 20)),
             lambda: chance.choice(["1.10", "NaN", "inf", "1e5", "18446744073709551615", "3"]),
             lambda: random_cell(chance)]
    kind = chance.choice(kinds)
    return [kind() for _ in range(rows)]


def is_json(text):
    try:
        return not isinstance(json.loads(text, parse_constant=lambda _: text), str)
    except ValueError:
        return False


class Values(harness.Case):
    def setUp(self):
        super().setUp()
        self.chance = random.Random(SEED)
        print(f"{self.id()}: BATCHRUN_TEST_SEED={SEED}")

    def table(self, name):
        return list(csv.reader(io.StringIO(self.read(name), newline="")))

    def write_csv(self, name, rows, **options):
        text = io.StringIO(newline="")
        csv.writer(text, **options).writerows(rows)
        return self.write(name, text.getvalue())

    # ---- CSV

    def random_csv(self, name, rows, columns):
        cells = [random_column(self.chance, rows) for _ in range(columns)]
        header = ["r"] + [f"c{i}" for i in range(columns)]
        body = [[str(i), *row] for i, row in enumerate(zip(*cells))]
        # With lines that end in LF, Python leaves a CR without quotes.
        end, quoting = self.chance.choice([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)])
        self.write_csv(name, [header, *body], lineterminator=end, quoting=quoting)
        return body

    def test_random_cells_come_out_as_they_came_in(self):
        body = self.random_csv("in.csv", 40, 30)
        self.run_job(job(
            phase("demo.area", {"csv": "in.csv"}, "a", output="a.csv"),
            phase("demo.area", {"csv": "in.csv"}, "j", output="j.jsonl"),
            phase("demo.area", {"from": "a"}, "b", output="b.csv"),
            phase("configured.about", {"from": "b"}, "c", output="c.csv")))
        for name in ("a.csv", "b.csv", "c.csv"):
            self.assertEqual([row[1:len(body[0]) + 1] for row in self.table(name)[1:]], body, name)
        for line, row in zip(self.read("j.jsonl").splitlines(), body):
            got = json.loads(line, parse_int=str, parse_float=str)
            for i, text in enumerate(row[1:]):
                value = got[f"c{i}"]
                if isinstance(value, bool):
                    value = "true" if value else "false"
                self.assertEqual(value, text)

    def test_commands_get_the_same_bytes(self):
        body = self.random_csv("in.csv", 20, 12)
        line = "printf %s\\\\n " + " ".join(f"[{{c{i}}}]" for i in range(12))
        self.run_job(job(phase("command.run", {"csv": "in.csv"}, args={"command": line},
                               output="out.csv")))
        for row, cells in zip(self.rows("out.csv"), body):
            self.assertEqual(row["stdout"],
                             "\n".join(f"[{cell}]" for cell in cells[1:]))

    def test_numbers_still_are_numbers(self):
        self.write("in.csv", "r,hash,v,flag,x\n1,18446744073709551615,1.10,TRUE,NaN\n"
                             "2,1e3,+2,false,-1.#INF\n")
        self.run_job(job(phase("demo.area", {"csv": "in.csv"}, output="out.npy")))
        first, second = read_npy(self.path("out.npy"))
        self.assertEqual((first["hash"], first["v"], first["flag"]), (2.0 ** 64, 1.1, True))
        self.assertNotEqual(first["x"], first["x"])
        self.assertEqual((second["hash"], second["v"], second["flag"], second["x"]),
                         (1000.0, 2.0, False, float("-inf")))

    # ---- The job file

    JOB = """version: 1
plugins: [demo, configured, command]
phases:
  - {name: list, task: configured.about, args: {k: 3.10}, output: list.csv,
     inputs: {list: {v: [3.10, 1e-3, +7, 1.0], b: [TRUE, True, false, true]}}}
  - {name: rows, task: demo.area, output: rows.jsonl,
     inputs: {list: [{r: 1.0, v: 3.10}, {r: 2, v: 1}]}}
  - {name: matrix, task: demo.area, output: matrix.csv,
     inputs: {matrix: {r: [1], v: [3.1, 3.10, +2], f: {csv: f.csv}, l: {lines: l.txt},
                       exclude: [{v: 3.10}], include: [{r: 2, v: 4.50, f: +1, l: x}]}}}
  - {name: echo, task: command.run, args: {command: "echo {v} {k} {b}"}, output: echo.csv,
     inputs: {from: list}}
"""

    def test_job_files(self):
        self.write("f.csv", "\ufefff\r\n1.10\r\n2310009E13\r\n")
        self.write("l.txt", "00501\r\n+7\n")
        self.run_job(self.JOB, "--set", "phases.list.args.k=2.0")
        self.assertEqual([row[1:4] for row in self.table("list.csv")[1:]],
                         [["3.10", "TRUE", "2.0"], ["1e-3", "True", "2.0"], ["+7", "false", "2.0"],
                          ["1.0", "true", "2.0"]])
        self.assertIn('"r":1,"v":3.10,', self.read("rows.jsonl"))
        self.assertEqual([row[1:5] for row in self.table("matrix.csv")[1:]],
                         [["1", v, f, line] for v in ("3.1", "+2") for f in ("1.10", "2310009E13")
                          for line in ("00501", "+7")] + [["2", "4.50", "+1", "x"]])
        self.assertEqual([row["stdout"] for row in self.rows("echo.csv")],
                         ["3.10 2.0 TRUE", "1e-3 2.0 True", "+7 2.0 false", "1.0 2.0 true"])

    def test_show_task_and_resume(self):
        self.write("in.csv", "r,id,v\n1,00501,1.10\n-2,18446744073709551615,+7\n3,1,TRUE\n")
        self.run_job(job(phase("demo.area", {"csv": "in.csv"}, output="out.csv"),
                         phase("command.run", {"from": "p"}, "q", output="q.csv",
                               args={"command": "echo {id} {v}"})), code=3)
        shown = self.batchrun("show", "job.run", "p#1")
        self.assertIn("r=-2 id=18446744073709551615 v=+7", shown.out)
        ran = self.batchrun("task", "job.run", "q#0")
        self.assertIn("stdout=00501 1.10\n", ran.out)
        given = self.batchrun("task", "command.run", "command=echo {a}", "a=1.10")
        self.assertIn("stdout=1.10\n", given.out)
        before = self.read("out.csv"), self.read("q.csv")
        self.write("in.csv", "r,id,v\n1,00501,1.10\n-2,18446744073709551615,+7\n3,1,TRUE\n")
        resumed = self.batchrun("run", "--resume", "--retry-failed", "job.yaml")
        self.assertEqual(resumed.code, 3, resumed)
        self.assertEqual((self.read("out.csv"), self.read("q.csv")), before)
        self.write("in.csv", "r,id,v\n1,00501,1.1\n-2,18446744073709551615,+7\n3,1,TRUE\n")
        changed = self.batchrun("run", "--resume", "--retry-failed", "job.yaml")
        self.assertEqual(changed.code, 2, changed)

    # ---- Ranges

    def random_number(self, places):
        number = decimal.Decimal(self.chance.randrange(-10 ** 6, 10 ** 6)).scaleb(-places)
        if self.chance.random() < 0.02:
            number += self.chance.randrange(-10 ** 18, 10 ** 18)
        return number

    def random_range(self):
        places = self.chance.randrange(0, 9)
        start = self.random_number(places)
        step = decimal.Decimal(self.chance.randrange(1, 1000)).scaleb(-self.chance.randrange(0, 9))
        step = step.copy_negate() if self.chance.random() < 0.4 else step
        stop = start + step * self.chance.randrange(0, 12)
        if self.chance.random() < 0.5:
            stop += step * decimal.Decimal(self.chance.randrange(1, 1000)).scaleb(-3)
        return start, stop, step

    def write_number(self, number):
        text = f"{number:f}" if self.chance.random() < 0.6 else f"{number:e}"
        return text if self.chance.random() < 0.9 or text[0] in "+-" else "+" + text

    def test_random_ranges(self):
        decimal.getcontext().prec = 60
        ranges = [self.random_range() for _ in range(200)]
        phases = []
        for i, (start, stop, step) in enumerate(ranges):
            task = "demo.area" if i % 2 else "command.run"
            # A point makes the numbers decimals, also whole ones.
            written = [self.write_number(n) for n in (start, stop, step)]
            written = [w if set(w) & set(".e") else w + ".0" for w in written]
            args = ", args: {command: 'echo {r}'}" if task == "command.run" else ""
            phases.append(f"  - {{name: p{i}, task: {task}{args}, mode: async, on_failure: continue, "
                          f"inputs: {{range: {{start: {written[0]}, stop: {written[1]}, "
                          f"step: {written[2]}, as: r}}}}}}\n")
        self.write("job.yaml", "version: 1\nworkers: {count: 2, binding: none, oversubscribe: true}\n"
                               "plugins: [demo, command]\nphases:\n" + "".join(phases))
        done = self.batchrun("run", "-q", "job.yaml")
        self.assertIn(done.code, (0, 3), done)  # demo.area fails for negative radii
        for i, (start, stop, step) in enumerate(ranges):
            rows = self.rows(f"job.run/results/p{i}.csv")
            values = []
            while (start < stop) if step > 0 else (start > stop):
                values.append(start)
                start += step
            with self.subTest(phase=i, start=values[:1], stop=stop, step=step):
                if i % 2 == 0:
                    self.assertEqual([decimal.Decimal(row["stdout"]) for row in rows], values)
                kept = {int(row["index"]): row["r"] for row in rows}
                self.assertTrue(i % 2 or len(kept) == len(values))
                for index, value in enumerate(values):
                    if index in kept:
                        self.assertEqual(float(kept[index]), float(value))
                        self.assertEqual(decimal.Decimal(kept[index]), value)
                    else:
                        self.assertLess(value, 0)

    # ---- glob

    def test_a_glob_of_any_depth_skips_runs(self):
        os.makedirs(self.path("data/a/b"))
        for name in ("0.txt", "a/1.txt", "a/b/-2.txt"):
            self.write("data/" + name, "x\n")
        self.write("-n.txt", "x\n")
        command = {"command": "cat {path}"}
        text = job(phase("command.run", {"glob": "**/*.txt"}, args=command),
                   phase("command.run", {"glob": "**/*.csv"}, "q", args=command))
        self.write("data/in.csv", "x\n")
        for args in ((), ("--resume",), ("--fresh",)):
            self.run_job(text, *args)
            paths = [row["path"] for row in self.rows("job.run/results/q.csv")]
            self.assertEqual(paths, ["data/in.csv"], args)
        self.assertEqual([row["path"] for row in self.rows("job.run/results/p.csv")],
                         ["./-n.txt", "data/0.txt", "data/a/1.txt", "data/a/b/-2.txt"])

    def test_an_output_that_a_glob_of_any_depth_would_read(self):
        os.makedirs(self.path("data/a/.h/b"))
        self.write("data/in.csv", "x\n")
        for pattern, output, found in (("**/*.csv", "data/a/out.csv", True),
                                       ("data/**/*.csv", "data/out.csv", True),
                                       ("data/**/a/**", "data/a/out.csv", True),
                                       ("data/**/*.txt", "data/a/out.csv", False),
                                       ("**/b/*.csv", "data/a/out.csv", False),
                                       ("**/*.csv", "data/a/.h/b/out.csv", False)):
            with self.subTest(pattern=pattern, output=output):
                self.write("data/a/in.txt", "x\n")
                os.makedirs(self.path("data/b"), exist_ok=True)
                self.write("data/b/in.csv", "x\n")
                self.write("job.yaml", job(phase("demo.count", {"glob": pattern}, output=output)))
                done = self.batchrun("check", "job.yaml")
                self.assertEqual(done.code, 2 if found else 0, done)
                self.assertEqual("a file that matches a `glob`" in done.err, found, done)

    # ---- Windows

    def test_files_made_on_windows(self):
        self.write("in.csv", "\ufeffr,unit\r\n1,cm\r\n2,\"a\r\nb\"\r\n")
        self.write("job.yaml", "\ufeff" + job(phase("demo.area", {"csv": "in.csv"},
                                                  output="out.csv")).replace("\n", "\r\n"))
        self.assertEqual(self.batchrun("run", "job.yaml").code, 0)
        self.assertEqual([row[:3] for row in self.table("out.csv")],
                         [["index", "r", "unit"], ["0", "1", "cm"], ["1", "2", "a\r\nb"]])

    def test_what_nobody_sees_in_a_header_has_a_name(self):
        for character, name in (("\u200b", "a zero-width space (U+200B)"),
                                ("\u00a0", "a no-break space (U+00A0)"),
                                ("\ufeff", "a byte order mark (U+FEFF)")):
            with self.subTest(name=name):
                self.write("in.csv", f"unit,r{character}\ncm,1\n")
                self.write("job.yaml", job(phase("demo.area", {"csv": "in.csv"})))
                done = self.batchrun("check", "job.yaml")
                self.assertEqual(done.code, 2, done)
                self.assertRegex(done.err, r"in\.csv:1: column 2, .*, has " +
                                 name.replace("(", r"\(").replace(")", r"\)").replace("+", r"\+"))

    def test_utf_16(self):
        with open(self.path("in.csv"), "wb") as file:
            file.write("r\r\n1\r\n".encode("utf-16"))
        self.write("job.yaml", job(phase("demo.area", {"csv": "in.csv"})))
        done = self.batchrun("check", "job.yaml")
        self.assertEqual(done.code, 2, done)
        self.assertIn("in.csv:1: the file is UTF-16; save it as UTF-8", done.err)


if __name__ == "__main__":
    harness.main()

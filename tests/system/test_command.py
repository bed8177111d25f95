# SPDX-License-Identifier: BSD-3-Clause
"""Command lines as tasks: the plugin `command`."""
import csv
import os
import shlex
import shutil
import subprocess

import harness


def job_inputs(names):
    return {"list": {name: ["x"] for name in names}}


class Commands(harness.Case):
    @staticmethod
    def job(task, inputs, environment=None, **keys):
        return harness.job(harness.phase("command." + task, inputs, "commands", **keys),
                           plugins=["command"], workers=2, env=environment or {})

    def check_job(self, text, code):
        self.write("job.yaml", text)
        done = self.batchrun("check", "job.yaml")
        self.assertEqual(done.code, code, done)
        return done

    def run_commands(self, task, commands, code=0, **keys):
        done = self.run_job(self.job(task, {"list": {"command": commands}}, **keys), "--fresh",
                            code=code)
        rows = self.rows("job.run/results/commands.csv") if code in (0, 3) else []
        return done, {row["command"]: row for row in rows}

    def check_error(self, task, line, *words, code=2, inputs=None, **keys):
        """Checks a job of one command line, which is refused with a message that has `words`."""
        job = self.job(task, inputs or {"range": {"stop": 1, "as": "sample"}},
                       args={"command": line}, **keys)
        done = self.check_job(job, code=code)
        for word in words:
            self.assertIn(word, done.err)
        return done

    def stdout(self, task, line, **keys):
        _, rows = self.run_commands(task, [line], **keys)
        return rows[line]["stdout"]


class Words(Commands):
    def test_words_as_a_shell_splits_them(self):
        for command in ("printf %s. a b", "printf %s. 'a  b' \"c 'd\"", r"printf %s. a\ b \"c\\\"d\"",
                        "printf %s. ''", "printf %s. 'x|y' \"p;q\"", "printf %s. a'b'\"c\""):
            with self.subTest(command=command):
                expected = "".join(word + "." for word in shlex.split(command)[2:])
                self.assertEqual(self.stdout("run", command), expected)

    def test_values_are_never_read(self):
        nasty = ["a b", "$(touch x)", "; touch x", "'", '"', "{i}", "\\", "*", "-", "a\nb"]
        done = self.run_job(self.job("run", {"list": {"v": nasty}},
                                     args={"command": "printf [%s] {v} x{v}y", "i": 1}))
        self.assertEqual([row["stdout"] for row in self.rows("job.run/results/commands.csv")],
                         [f"[{v}][x{v}y]" for v in nasty], done)
        self.assertFalse(os.path.exists(self.path("x")))

    def test_values_as_they_are_written(self):
        self.write("in.csv", "v,command\n1.10,echo {v}\n007,echo {v}\n1e3,echo {v}\n")
        self.run_job(self.job("run", {"csv": "in.csv"}))
        self.assertEqual([row["stdout"] for row in self.rows("job.run/results/commands.csv")],
                         ["1.10", "007", "1e3"])

    def test_braces_that_are_text(self):
        command = (r"""echo '{}' {a b} \{v} '\{v}' '{print $1}' '{"v": 1}' '${v}' x{3} 'a\{3\}'"""
                   r" '\{x' {a,b} {.v} 'x|y;z>*$v'")
        self.assertEqual(self.stdout("run", command, args={"v": 1}),
                         "{} {a b} {v} {v} {print $1} {\"v\": 1} ${v} x{3} a\\{3\\} {x {a,b} {.v}"
                         " x|y;z>*$v")

    def test_columns_of_any_name(self):
        names = ["Sample ID", "p-value", "né", "2nd", "a.b", "x/y", "a{b", "日本", "%", "a:b", "n.name"]
        self.write("in.csv", ",".join(names) + "\n" + ",".join(f"v{i}" for i in range(11)) + "\n")
        self.run_job(self.job("run", {"csv": "in.csv"},
                              args={"command": "echo " + " ".join(f"{{{n}}}" for n in names)}))
        (row,) = self.rows("job.run/results/commands.csv")
        self.assertEqual(row["stdout"], " ".join(f"v{i}" for i in range(11)))

    def test_parts_of_paths(self):
        paths = {"data/a.tar.gz": "a.tar a.tar.gz data .gz", "a": "a a .", "/a.x": "a a.x / .x",
                 ".bashrc": ".bashrc .bashrc .", "a.b/c": "c c a.b", "a//b.c": "b b.c a .c",
                 "x/": "x x .", "/": "/ / /"}
        self.run_job(self.job("run", {"list": {"p": list(paths)}},
                              args={"command": "echo {p.stem} {p.name} {p.dir} {p.suffix}"}))
        got = [row["stdout"].rstrip() for row in self.rows("job.run/results/commands.csv")]
        self.assertEqual(got[:7], list(paths.values())[:7])

    def test_built_in_names(self):
        command = "echo {task.index} {index} {attempt} {task.attempt} {run.dir}"
        self.assertEqual(self.stdout("run", command),
                         "0 0 1 1 " + os.path.realpath(self.path("job.run")))
        self.assertEqual(self.stdout("run", "echo {index} {task.index} {seed}",
                                     args={"seed": "mine"}), "0 0 mine")
        self.assertEqual(self.stdout("run", "test {task.seed} = {seed}"), "")
        # A column does not change what {run.dir} means.
        self.assertEqual(self.stdout("run", "echo {run} {run.dir}", args={"run": "a/b"}),
                         "a/b " + os.path.realpath(self.path("job.run")))
        self.assertEqual(self.stdout("run", "echo {run.name} {task.stem}{task.suffix}",
                                     args={"run": "a/b", "task": "x.y.z"}), "b x.y.z")

    def test_references_to_nothing(self):
        for command, hint in {
                "echo {smaple}": "did you mean `{sample}`?", "echo '{smaple}'": "`{sample}`?",
                "echo {smaple.stem}": "did you mean `{sample.stem}`?",
                "echo {sample.nmae}": "did you mean `{sample.name}`?",
                "echo {sample.extension}": ".suffix", "echo {other}": r"write \{other} if it is text",
                "echo {task.indx}": "`{task.index}`", "echo {run.dri}": "`{run.dir}`",
                "echo {}": "write {sample}", "echo {.}": "{sample.dir}/{sample.stem}",
                "echo {/}": "{sample.name}", "echo {//}": "{sample.dir}", "echo {/.}": "{sample.stem}",
                "echo {#}": "{task.index}", "echo x{%}": "workers have no number",
                "echo {1} x": "write {sample}"}.items():
            with self.subTest(command=command):
                self.check_error("run", command, hint, "job.yaml:")
        for name in ("sample Id", "sampleid", "sample_id", "SAMPLE-ID"):
            with self.subTest(name=name):
                self.check_error("run", f"echo {{{name}}}", "did you mean `{Sample ID}`?",
                                 inputs={"list": {"Sample ID": ["a"]}})
        for name, hint in (("task.idx", "`{task.index}`"), ("run.dirr", "`{run.dir}`"),
                           ("task.nmae", "`{task.name}`"), ("run.x", "write {run.stem}, .name or .suffix")):
            with self.subTest(name=name):
                self.check_error("run", f"echo {{{name}}}", hint,
                                 inputs={"list": {"run": ["a"], "task": ["b"]}})

    def test_a_shell_is_needed(self):
        for command in ("cat x | wc", "a > b", "a < b", "a; b", "a && b", "a & b", "echo $HOME",
                        "ls *.c", "ls ?", "(a)", "echo `a`", "ls ~/x", "ls ~"):
            with self.subTest(command=command):
                self.check_error("run", command, "command.shell")
        self.check_error("run", "A=1 env", "sets a variable", "command: {env:")
        self.check_error("run", "", "empty")
        self.check_error("run", "echo 'a", "not closed")
        for command in ("echo 'x' ';' '|' \\;", "echo a~b ~a '~' a=b", "echo \"*\""):
            with self.subTest(command=command):
                self.stdout("run", command)

    def test_place_of_an_error(self):
        self.write("place.yaml", """version: 1
plugins: [command]
phases:
  - name: folded
    task: command.run
    args:
      command: >
        echo é {sample}
        {one}
    inputs: {list: {sample: [1]}}
  - {name: single, task: command.run, args: {command: 'echo ''x'' {two}'}, inputs: {range: 1}}
  - {name: double, task: command.run, args: {command: "echo \\t\\"é\\" {three}"}, inputs: {range: 1}}
  - {name: lists, task: command.run, inputs: {list: {command: [echo a, 'echo {four}']}}}
  - {name: axes, task: command.run, inputs: {matrix: {command: ['echo {five}'], i: [1, 2]}}}
""")
        done = self.batchrun("check", "place.yaml")
        for place, name in (("9:9", "one"), ("11:67", "two"), ("12:69", "three"), ("13:78", "four"),
                            ("14:71", "five")):
            self.assertIn(f"place.yaml:{place}: phase", done.err)
            self.assertIn(f"there is no column `{name}`", done.err)

    def test_command_lines_of_a_file(self):
        lines = [f"echo {{v}} {i}" for i in range(3000)]
        lines[7] = lines[9] = "echo {w}"
        lines[2000] = "echo {x} | wc"
        self.write("in.csv", "v,command\n" + "".join(f"1,{line}\n" for line in lines))
        done = self.check_job(self.job("run", {"csv": "in.csv"}), code=2)
        self.assertIn("in.csv: record 8 after the header: column `command`: there is no column `w`",
                      done.err)
        self.assertIn("record 2001", done.err)
        self.assertNotIn("record 10 ", done.err) # the same text is reported once
        self.write("in.txt", "".join(f"{line}\n" for line in lines))
        for axes in ({"command": {"lines": "in.txt"}, "v": [1, 2]}, {"v": [1, 2], "command": {"lines": "in.txt"}}):
            done = self.check_job(self.job("run", {"matrix": axes}), code=2)
            self.assertIn("in.txt:8: column `command`: there is no column `w`", done.err)
            self.assertIn("in.txt:2001: column `command`: there is no column `x`", done.err)

    def test_command_lines_of_another_phase(self):
        command = "echo {nothing}"
        done = self.run_job(harness.job(
            harness.phase("command.shell", {"list": {"command": [f"echo '{command}'", "exit 0"]}}, "p"),
            harness.phase("command.run", {"from": "p"}, "use"), plugins=["command"]), code=2)
        self.assertIn("phase `use`, row 0: column `command`", done.err)
        self.assertIn("no column `nothing`", done.err)

    def test_pack(self):
        done = self.run_job(self.job("pack", {"range": 5}, args={"command": "echo n {i} x{i}"},
                                     batch=2))
        self.assertEqual(self.read("job.run/results/commands.csv"),
                         "index,exit_code,stdout\n0,0,n 0 1 x0 x1\n1,0,n 2 3 x2 x3\n2,0,n 4 x4\n",
                         done)

    def test_files_of_any_name_as_with_xargs(self):
        if not shutil.which("xargs"):
            self.skipTest("no xargs")
        os.mkdir(self.path("in"))
        names = [b"a b", b"c\nd", b"-n", b"'q\"", b"$(touch x)", b"\xff\xfe", "\u00fc".encode(), b" "]
        for name in names:
            with open(os.path.join(os.fsencode(self.path("in")), name), "wb") as file:
                file.write(name)
        self.run_job(self.job("run", {"glob": "in/*"}, args={"command": "printf [%s] {path}"}))
        with open(self.path("job.run/results/commands.csv"), encoding="utf-8",
                  errors="surrogateescape", newline="") as file:
            ours = [os.fsencode(row["stdout"]) for row in csv.DictReader(file)]
        theirs = subprocess.run(["xargs", "-0", "-n", "1", "-P", "4", "printf", r"[%s]\0"],
                                input=b"\0".join(b"in/" + name for name in names), check=True,
                                stdout=subprocess.PIPE, cwd=self.dir).stdout
        self.assertEqual(sorted(ours), sorted(theirs.split(b"\0")[:-1]))
        self.assertFalse(os.path.exists(self.path("x")))


class Shell(Commands):
    def test_columns_are_variables(self):
        nasty = ["a b", "$(touch x)", "; touch x", "'", '"', "*"]
        self.run_job(self.job("shell", {"list": {"v": nasty}},
                              args={"command": 'printf %s "$v" | cat; test "$PATH"'}))
        self.assertEqual([row["stdout"] for row in self.rows("job.run/results/commands.csv")], nasty)
        self.assertFalse(os.path.exists(self.path("x")))

    def test_columns_that_cannot_be_variables(self):
        for name in ("PATH", "IFS", "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "HOME", "PS4",
                     "LC_ALL", "p-value", "Sample ID", "né", "2nd", "TAKEN", "GIVEN"):
            with self.subTest(name=name):
                self.check_error("shell", "true", f"column `{name}`", "export_prefix: COL_",
                                 inputs=job_inputs([name]),
                                 environment={"TAKEN": "1", "GIVEN": "1"})

    def test_prefix(self):
        names = ["PATH", "p-value", "Sample ID", "né", "v"]
        job = self.job("shell", {"list": {name: [f"={name}"] for name in names}},
                       args={"command": 'ls / >/dev/null && echo "$COL_PATH $COL_p_value $COL_v"'
                                        ' "$COL_Sample_ID $COL_n_ [${v-}]"'},
                       command={"export_prefix": "COL_"})
        self.run_job(job)
        (row,) = self.rows("job.run/results/commands.csv")
        self.assertEqual(row["stdout"], "=PATH =p-value =v =Sample ID =né []")
        self.check_error("shell", "echo {p-value}", 'write "$COL_p_value"', inputs=job_inputs(names),
                         command={"export_prefix": "COL_"})
        self.check_error("shell", "true", "would both be the variable `COL_a_b`",
                         inputs=job_inputs(["a b", "a-b"]), command={"export_prefix": "COL_"})
        for prefix in ("LD_", "a-", "1"):
            self.check_error("shell", "true", "export_prefix", command={"export_prefix": prefix})

    def test_braces_are_told(self):
        self.check_error("shell", "echo {sample}", 'write "$sample"')
        self.check_error("shell", "echo {.} x", "GNU parallel", "${sample%.*}")
        self.assertEqual(self.stdout("shell", "find / -maxdepth 0 -exec echo {} ${v} ${#v} \\; | "
                                     "awk '{print}'", args={"v": 1}), "/ 1 1")

    def test_a_column_named_as_a_setting(self):
        self.check_error("run", "true", "begins with a control character",
                         inputs=job_inputs(["\u0001accept"]))

    def test_misspelt_variables(self):
        for command in ('cat "$smaple"', "cat ${smaple}", "cat ${samples%.*}", "x=$SAMPLE; cat $sampel"):
            with self.subTest(command=command):
                self.check_error("shell", command, "did you mean `$sample`?")
        self.check_error("shell", "cat $sample", "did you mean `$C_sample`?",
                         command={"export_prefix": "C_"})
        self.check_error("shell", "echo $x", "did you mean `$C_x`?", inputs=job_inputs(["x"]),
                         command={"export_prefix": "C_"})
        for command in ("cat '$smaple'", "smaple=1; cat $smaple", "cat ${smaple:-x}", r"cat \$smaple",
                        "for samples in a b; do echo $samples; done", "read samplee; cat $samplee",
                        "eval x=1; cat $smaple", "cat $given $smpl"):
            with self.subTest(command=command):
                done = self.check_job(self.job("shell", {"range": {"stop": 1, "as": "sample"}},
                                               environment={"given": "1"}, args={"command": command},
                                               command={"env": {"smpl": "1"}}), code=0)
                self.assertEqual(done.err, "")
        self.check_error("shell", "cat $sample", "variable of the environment already",
                         command={"env": {"sample": "1"}})

    def test_no_such_command(self):
        done, _ = self.run_commands("shell", ["no-such-command"], retries=2, code=3)
        self.assertIn("exit status 127: it did not find a command", done.err)
        self.assertIn("no-such-command: not found", done.err)
        self.assertNotIn("attempt 2", done.err)


class Ends(Commands):
    def test_exit_status(self):
        done, rows = self.run_commands("run", ["true", "false", "sh -c 'exit 7'"], code=3)
        self.assertEqual([rows["true"]["exit_code"], rows["true"]["stdout"]], ["0", ""])
        self.assertEqual(list(rows), ["true"])
        self.assertIn("false: exit status 1", done.err)
        self.assertIn("sh: exit status 7", done.err)

    def test_accept(self):
        for accept, kept in (("1", ["1"]), ("0, 2", ["0", "2"]), ("any", ["0", "1", "2"]),
                             (1, ["1"]), ([0, 2], ["0", "2"])):
            with self.subTest(accept=accept):
                job = self.job("run", {"range": 3}, args={"command": "sh -c 'exit {i}'"},
                               command={"accept": accept})
                self.run_job(job, "--fresh", code=0 if len(kept) == 3 else 3)
                self.assertEqual([row["exit_code"] for row in
                                  self.rows("job.run/results/commands.csv")], kept)

    def test_accept_nonsense(self):
        for accept in ("none", "", -1, 256, [], [0, "x"], [[0]], {"a": 1}, "0-3"):
            with self.subTest(accept=accept):
                self.check_error("run", "false", "`accept`", "exit status",
                                 command={"accept": accept})
        done = self.check_job(self.job("run", {"range": 1}, args={"command": "true", "accept": 1}),
                              code=2)
        self.assertIn("write `command: {accept: ...}` beside `args`", done.err)

    def test_a_column_is_no_setting(self):
        inputs = {"list": {"accept": ["any"], "cwd": ["/"], "stdin": ["/no"], "env": ["x"]}}
        args = {"command": "sh -c 'echo {accept} {cwd} {stdin} {env}; exit 1'"}
        self.run_job(self.job("run", inputs, args=args), code=3)
        done = self.run_job(self.job("run", inputs, args=args, command={"accept": 1}), "--fresh")
        self.assertIn("any / /no x", self.read("job.run/results/commands.csv"), done)

    def test_what_a_failed_command_printed(self):
        done, _ = self.run_commands("run", ["sh -c 'echo said; echo moaned >&2; exit 1'"], code=3)
        self.assertIn("| said", done.err)
        self.assertIn("| moaned", done.err)

    def test_signal(self):
        done, _ = self.run_commands("run", ["sh -c 'kill -SEGV $$'"], code=3)
        self.assertIn("sh: killed by signal 11 (Segmentation fault)", done.err)

    def test_cannot_be_run(self):
        self.write("plain", "no program\n")
        done, _ = self.run_commands("run", ["no-such-command x", "/no/such", self.path("plain")],
                                    retries=2, code=3)
        self.assertIn("no-such-command: there is no such command in PATH", done.err)
        self.assertIn("/no/such: there is no such file", done.err)
        self.assertIn("plain: it is not executable", done.err)
        self.assertNotIn("attempt 2", done.err)

    def script(self, name, text, mode=0o755):
        self.write(name, text)
        os.chmod(self.path(name), mode)
        return "./" + name

    def test_why_it_cannot_be_run(self):
        os.mkdir(self.path("folder"))
        cause = {self.script("dos", "#!/bin/sh\r\ntrue\r\n"): "written on Windows",
                 self.script("dosenv", "#!/usr/bin/env sh\r\ntrue\r\n"): "written on Windows",
                 self.script("lost", "#!/no/such/python -u\n"): "its interpreter /no/such/python",
                 self.script("empty", ""): "the file is empty",
                 self.script("plain", "no program\n"): "a script needs a first line",
                 "./folder": "it is a directory", "./dos/x": "Not a directory"}
        done, _ = self.run_commands("run", list(cause), retries=2, code=3)
        shown = self.batchrun("show", "--failed", "job.run").out
        for command, words in cause.items():
            self.assertIn(f"{command}: ", shown)
            self.assertIn(words, shown)
        self.assertNotIn("attempt 2", done.err)
        done, _ = self.run_commands("shell", ["./dos a; true"], code=0)
        done, _ = self.run_commands("shell", ["./dos a"], code=3)
        self.assertIn("written on Windows", done.err)

    def test_too_long(self):
        self.write("one.csv", "x\n" + "a" * 140000 + "\n")
        self.write("many.csv", "x\n" + ("a" * 100000 + "\n") * 30)
        for task, file, batch, words in (("run", "one", 1, "an argument has 140001 bytes"),
                                         ("shell", "one", 1, "the variable x has 140003 bytes"),
                                         ("pack", "many", 30, "set `batch: ")):
            with self.subTest(task=task):
                done = self.run_job(self.job(task, {"csv": file + ".csv"}, batch=batch, args={
                    "command": 'echo "$x"' if task == "shell" else "echo {x}"}), "--fresh", code=3)
                self.assertIn(words, done.err)

    def test_cannot_be_run_by_a_shell(self):
        self.write("plain", "no program\n")
        done, _ = self.run_commands("shell", [self.path("plain")], retries=1, code=3)
        self.assertIn("/bin/sh: exit status 126", done.err)
        self.assertIn("attempt 2", done.err)

    def test_output_that_is_no_text(self):
        done, _ = self.run_commands("run", ["printf 'a\\0b'"], code=3)
        self.assertIn("NUL", done.err)

    def test_much_output(self):
        csv.field_size_limit(4000000)
        self.assertEqual(self.stdout("shell", "head -c 3000000 /dev/zero | tr '\\0' x"),
                         "x" * 3000000)

    def test_too_much_output(self):
        done, _ = self.run_commands("run", ["yes"], retries=2, code=3)
        self.assertIn("yes: it printed more than 64 MiB", done.err)

    def test_what_it_inherits(self):
        out = self.stdout("shell", "cat; ls /proc/self/fd; grep SigIgn /proc/self/status")
        # 3 is the directory that ls reads.
        self.assertEqual(out.split()[:4], ["0", "1", "2", "3"])
        self.assertEqual(int(out.split()[-1], 16) & (1 << 12 | 1 << 24), 0) # SIGPIPE, SIGXFSZ


class Settings(Commands):
    def test_cwd_stdin_env(self):
        for name in "ab":
            os.mkdir(self.path(name))
            self.write(f"{name}/in.txt", f"text of {name}\n")
        job = self.job("run", {"glob": "*/in.txt"},
                       args={"command": "sh -c 'pwd; cat; echo $A $B ${UNSET-none}'"},
                       environment={"UNSET": 1},
                       command={"cwd": "{path.dir}", "stdin": "{path}",
                                "env": {"A": "<{path.dir}>", "B": "\\{path}", "UNSET": None}})
        self.run_job(job)
        here = os.path.realpath(self.dir)
        self.assertEqual([row["stdout"] for row in self.rows("job.run/results/commands.csv")],
                         [f"{here}/{name}\ntext of {name}\n<{name}> {{path}} none" for name in "ab"])
        self.assertEqual(self.read("job.run/results/commands.csv").splitlines()[0],
                         "index,path,command,exit_code,stdout")

    def test_path_of_the_command(self):
        os.mkdir(self.path("bin"))
        self.write("bin/mine", "#!/bin/sh\necho mine\n")
        os.chmod(self.path("bin/mine"), 0o755)
        self.assertEqual(self.stdout("run", "mine", command={"env": {"PATH": self.path("bin") + ":/bin"}}),
                         "mine")

    def test_errors(self):
        self.check_error("run", "true", "did you mean `{sample}`?", command={"cwd": "{smaple}"})
        self.check_error("run", "true", "no column `x`", command={"env": {"A": "{x}"}})
        self.check_error("pack", "true", "a batch has many rows", command={"cwd": "{sample}"}, batch=2)
        self.check_error("run", "true", "unknown key `acept`", "`accept`", command={"acept": 1})
        done, _ = self.run_commands("run", ["true"], command={"cwd": "nowhere"}, code=3)
        self.assertIn("cannot open its `cwd` nowhere", done.err)
        done, _ = self.run_commands("run", ["true"], command={"stdin": "nowhere"}, code=3)
        self.assertIn("cannot open its `stdin` nowhere", done.err)
        job = harness.job(harness.phase("demo.area", {"range": {"stop": 1, "as": "r"}}, command={"accept": 1}))
        self.assertIn("`command` is for tasks of the plugin `command`",
                      self.check_job(job, code=2).err)


class Killed(Commands):
    """harness.end finds whatever is left running."""

    def test_hard_timeout_kills_the_tree(self):
        command = "trap '' TERM; sleep 1000 & setsid sleep 1000 & (sleep 1000)"
        done, _ = self.run_commands("shell", [command], timeout="300ms", code=3)
        self.assertEqual(self.outcomes("job", "commands"), {"timed_out": 1}, done)

    def soft_timeout(self, trap, then):
        """Runs a command line whose shell has set a trap before the soft timeout is over."""
        for limit in harness.time_limits(0.1, "the trap is set"):
            done, _ = self.run_commands("shell", [f"trap {trap} TERM; : > trapped; {then}"],
                                        timeout={"soft": f"{limit:g}s", "hard": "10h"}, code=3)
            self.assertEqual(self.outcomes("job", "commands"), {"timed_out": 1}, done)
            if os.path.exists(self.path("trapped")):
                return done

    def test_soft_timeout_asks(self):
        done = self.soft_timeout("'echo bye; exit'", "sleep 1000 & wait")
        self.assertIn("| bye", done.err)

    def test_soft_timeout_is_retried(self):
        done, _ = self.run_commands("run", ["sleep 1000"], code=3,
                                    timeout={"soft": "100ms", "hard": "10h"},
                                    retries={"limit": 1, "on": ["timed_out"]})
        self.assertIn("attempt 2", done.err)
        self.assertIn("its soft timeout had passed", done.err)

    def test_soft_timeout_insists(self):
        self.soft_timeout("''", "sleep 1000; sleep 1000")

    def test_what_is_left_in_the_background(self):
        self.assertEqual(self.stdout("shell", "sleep 1000 & echo done"), "done")


if __name__ == "__main__":
    harness.main()

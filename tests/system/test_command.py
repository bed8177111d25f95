# SPDX-License-Identifier: BSD-3-Clause
"""Command lines as tasks: the plugin `command`."""
import csv
import os
import shlex
import shutil
import subprocess

import harness


class Commands(harness.Case):
    @staticmethod
    def job(task, inputs, **keys):
        return harness.job(harness.phase("command." + task, inputs, "commands", **keys),
                           plugins=["command"], workers=2)

    def run_commands(self, task, commands, code=0, **keys):
        done = self.run_job(self.job(task, {"list": {"command": commands}}, **keys), "--fresh",
                            code=code)
        rows = self.rows("job.run/results/commands.csv") if code in (0, 3) else []
        return done, {row["command"]: row for row in rows}

    def stdout(self, task, command, **keys):
        _, rows = self.run_commands(task, [command], **keys)
        return rows[command]["stdout"]


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
        self.assertEqual(self.stdout("run", r"echo {} {a b} \{v} '{print $1}'", args={"v": 1}),
                         "{} {a b} {v} {print $1}")

    def test_mistakes(self):
        commands = {"echo {nmae}": "did you mean `name`", "cat x | wc": "command.shell", "": "empty",
                    "echo 'a": "not closed", "echo $HOME": "command.shell"}
        done, _ = self.run_commands("run", list(commands), args={"name": 1}, retries=2, code=3)
        for word in commands.values():
            self.assertIn(word, done.err)
        self.assertNotIn("attempt 2", done.err) # none is tried again

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

    def test_a_column_takes_a_variables_place(self):
        done = self.run_job(self.job("shell", {"list": {"LC_ALL": ["here"]}},
                                     args={"command": "env | grep ^LC_ALL="}))
        (row,) = self.rows("job.run/results/commands.csv")
        self.assertEqual(row["stdout"], "LC_ALL=here", done)

    def test_braces_are_told(self):
        done, _ = self.run_commands("shell", ["echo {v}", "echo ${v}"], args={"v": 1}, code=3)
        self.assertIn('write "$v"', done.err)
        self.assertEqual(self.outcomes("job", "commands"), {"ok": 1, "error": 1})

    def test_no_such_command(self):
        done, _ = self.run_commands("shell", ["no-such-command"], retries=2, code=3)
        self.assertIn("exit status 127: there is no such command", done.err)
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
        for accept, kept in (("1", ["1"]), ("0, 2", ["0", "2"]), ("any", ["0", "1", "2"])):
            with self.subTest(accept=accept):
                job = self.job("run", {"range": 3},
                               args={"command": "sh -c 'exit {i}'", "accept": accept})
                self.run_job(job, "--fresh", code=0 if len(kept) == 3 else 3)
                self.assertEqual([row["exit_code"] for row in
                                  self.rows("job.run/results/commands.csv")], kept)

    def test_accept_nonsense(self):
        done, _ = self.run_commands("run", ["false"], args={"accept": "none"}, retries=2, code=3)
        self.assertIn('accept is "none"', done.err)

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
        self.assertIn("/no/such: cannot be run: No such file or directory", done.err)
        self.assertIn("plain: cannot be run: Permission denied", done.err)
        self.assertNotIn("attempt 2", done.err)

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
            self.assertEqual(self.outcomes("job", "commands"), {"error": 1}, done)
            if os.path.exists(self.path("trapped")):
                return done

    def test_soft_timeout_asks(self):
        done = self.soft_timeout("'echo bye; exit'", "sleep 1000 & wait")
        self.assertIn("| bye", done.err)

    def test_soft_timeout_insists(self):
        self.soft_timeout("''", "sleep 1000; sleep 1000")

    def test_what_is_left_in_the_background(self):
        self.assertEqual(self.stdout("shell", "sleep 1000 & echo done"), "done")


if __name__ == "__main__":
    harness.main()

# SPDX-License-Identifier: BSD-3-Clause
"""Messages about crashes: what happened, where, and by which calls the program came there."""
import json
import os
import shutil
import subprocess
import unittest

import harness


def names_are_known():
    """Returns whether this build reads debugging information, and its plugins have some."""
    with open(os.path.join(harness.BUILD, "tests/plugins/.libs/crashes.so"), "rb") as file:
        return ("#define HAVE_LIBDW 1" in harness.configured() and
                b".debug_info" in file.read())


NAMES = names_are_known()


def crashes(inputs=3, args=None, plugin="crashes", workers=1, env=None, **keys):
    """Returns a job of one phase, whose task dies in row 1 of three by default."""
    inputs = {"range": {"stop": inputs, "as": "i"}} if isinstance(inputs, int) else inputs
    return harness.job(harness.phase("crashes.die", inputs, args=args or {}, **keys),
                       plugins=[plugin], workers=workers, env=env)


class Crashes(harness.Case):
    def run_named(self, text, name, code=3):
        """Runs the job until its output has this name of a function. batchrun waits only seconds for
        names, and does without those that a slow machine finds later."""
        def named():
            done = self.run_job(text, "--fresh", code=code)
            return done if not NAMES or name in done.err else None
        return harness.until(named, f"{name} is named")

    def die(self, way, code=3, name="", **keys):
        done = self.run_named(crashes(args={"at": 1, "way": way}, **keys), name, code)
        if code == 3:
            self.assertEqual(self.outcomes("job", "p"), {"ok": 2, "crashed": 1}, done)
        return done

    def expect(self, way, words, *functions, **keys):
        """Fails unless `words` are in the failure's first line, and the functions are below, in order."""
        done = self.die(way, name=functions[0] if functions else "", **keys)
        block = done.err[done.err.index("p#1 crashed: "):]
        self.assertRegex(block.splitlines()[0], words)
        message = self.summary("job")["failures"][0]["message"]
        self.assertRegex(message, words)
        if NAMES:
            for function in functions:
                self.assertRegex(message, rf"(?m)^  at {function} \(crashes\.c:\d+\)$")
            order = [message.index(f"at {function} (") for function in functions]
            self.assertEqual(order, sorted(order), message)
        elif functions:
            self.assertRegex(message, r"(?m)^  at crashes\.so\+0x[0-9a-f]+$")
        return block

    def test_null_pointer(self):
        self.expect("read_null", r"SIGSEGV: invalid (read|access) at address 0x0 \(a null pointer\)",
                    "read_null", "die")

    def test_isolated(self):
        """The crash of a task in a child of its worker is explained as well."""
        self.expect("read_null", r"SIGSEGV: invalid (read|access) at address 0x0 \(a null pointer\)",
                    "read_null", "die", isolation="task")

    def test_protected_memory(self):
        self.expect("write_constant", "SIGSEGV: (write|access) to protected memory at address 0x",
                    "write_constant", "die")

    def test_jump_to_null(self):
        self.expect("jump_to_null", "SIGSEGV: invalid (jump|access) at address 0x0")

    def test_stack_overflow(self):
        self.expect("overflow_stack", "SIGSEGV: stack overflow at address 0x", "descend")

    @unittest.skipUnless(os.uname().machine == "x86_64", "division by zero is no fault here")
    def test_division_by_zero(self):
        self.expect("divide_by_zero", "SIGFPE: integer division by zero", "divide_by_zero", "die")

    def test_trap(self):
        self.expect("illegal", "SIG(ILL|TRAP): ", "illegal", "die")

    def test_abort_and_what_it_said_before(self):
        block = self.expect("abort", r"SIGABRT: abort\(\) was called", "abort_here", "die")
        self.assertIn("| about to abort", block)

    @unittest.skipIf(harness.sanitized(), "a sanitizer has its own allocator")
    def test_damaged_heap(self):
        block = self.expect("free_twice", "SIGABRT: abort", "free_twice", "die")
        self.assertIn("double free", block)
        if NAMES:
            self.assertIn("an earlier one in the same worker may have done it", block)

    def test_file_cut_short(self):
        self.expect("read_beyond_file", "SIGBUS: nothing behind mapped memory", "read_beyond_file")

    def test_ruined_stack(self):
        self.expect("ruin_stack", "SIGSEGV: invalid (write|access) at address 0x0", "ruin_stack")

    def test_another_thread(self):
        self.expect("crash_elsewhere", "SIGSEGV: invalid (read|access) at address 0x0", "read_null",
                    "crash_in_thread")

    def test_own_handler(self):
        self.expect("handle_itself", r"exit\(42\) was called")

    @unittest.skipUnless(NAMES and shutil.which("strip"), "needs libdw, and strip")
    def test_without_debugging_information(self):
        hint = "; build it with -g to see the line"
        block = self.expect("read_null", r"SIGSEGV: invalid", "read_null")
        self.assertNotIn(hint, block)
        plugin = os.path.join(harness.BUILD, "tests/plugins/.libs/crashes.so")
        for how, place in (("--strip-debug", r"read_null \(crashes\.so\)"),
                           ("--strip-all", r"crashes\.so\+0x[0-9a-f]+")):
            with self.subTest(how=how):
                subprocess.run(["strip", how, "-o", self.path("crashes.so"), plugin], check=True)
                stripped = {"name": "crashes", "path": "./crashes.so"}
                done = self.run_named(crashes(args={"at": 1, "way": "read_null"}, plugin=stripped),
                                      hint)
                self.assertRegex(done.err, f", in {place}{hint}\n")

    def test_without_libdw(self):
        """If libdw is missing or cannot be loaded, a crash has its offset in the plugin's file."""
        self.write("libdw.so.1", "")
        self.run_job(crashes(args={"at": 1, "way": "read_null"}), code=3,
                     env=self.environment(LD_LIBRARY_PATH=self.dir))
        self.assertRegex(self.summary("job")["failures"][0]["message"],
                         r"(?m)^  at crashes\.so\+0x[0-9a-f]+$")

    def test_child_of_a_task(self):
        self.die("crash_in_child", code=0)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 3})

    def test_exit_handler(self):
        """It is reported once, of many workers, and no task fails."""
        text = harness.job(harness.phase("ends.row", 20), plugins=["ends"], workers=2)
        done = self.run_job(text, env=self.environment(ENDS_FILE=self.path("rows"),
                                                       ENDS_WAY="crash"))
        self.assertEqual(self.outcomes("job", "p"), {"ok": 20})
        self.assertEqual(done.err.count("did not end normally"), 1, done)
        self.assertRegex(done.err, r"batchrun: worker \d \(pid \d+\) did not end normally after its "
                                   r"last task, which affects no task: in `fini`, an exit handler or "
                                   r"a destructor: SIGSEGV")

    def test_init(self):
        done = self.run_named(crashes(args={"at": 1, "way": "none"}, env={"CRASH_IN_INIT": "yes"}),
                              "read_null", code=4)
        self.assertIn("died while it was loading the plugins: SIGSEGV: invalid", done.err)
        if NAMES:
            self.assertIn("in read_null (crashes.c:", done.err)

    def test_same_crash_many_times(self):
        rows = list(range(60))
        self.run_named(crashes({"list": {"i": rows, "at": rows}}, {"way": "read_null"}, workers=2),
                       "read_null")
        self.assertEqual(self.outcomes("job", "p"), {"crashed": 60})
        for failure in self.summary("job")["failures"]:
            self.assertIn("SIGSEGV: invalid", failure["message"])
            if NAMES:
                self.assertIn("in read_null (crashes.c:", failure["cause"])

    def test_isolated_crashes_keep_their_own_causes(self):
        """Children crash faster than their ends are read: none gets the message of another."""
        ways = {"read_null": "(read|access) at address 0x0 ", "jump_to_null": "jump"}
        rows = [list(ways)[i % 2] for i in range(200)]
        self.run_job(crashes({"list": {"i": [0] * 200, "at": [0] * 200, "way": rows}},
                             isolation="task", chunk_size=200), code=3)
        said = self.batchrun("events", "job.run").out.splitlines()
        ends = [e for e in map(json.loads, said) if e["event"] == "task_end"]
        told = [e for e in ends if "invalid" in e["message"]]
        self.assertEqual(len(ends), 200)
        self.assertTrue(told)
        for end in told:
            self.assertRegex(end["message"], ways[rows[end["index"]]])


if __name__ == "__main__":
    harness.main()

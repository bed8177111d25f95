# SPDX-License-Identifier: BSD-3-Clause
"""A plugin's own functions are the ones that it calls, in the mode and with the libraries that it would
have alone."""
import os
import re
import shutil
import subprocess
import sys
import unittest

import harness

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
WORKER = os.path.join(os.path.dirname(harness.PROGRAM), "batchrun-worker")

# Functions with names that libraries have which batchrun itself links.
OWN = """
#include <batchrun/plugin.h>
double y1(double x) { return 2 * x + 1; }
double gamma(double x) { return x * x; }
double exp10(double x) { return -x; }
unsigned long long XXH3_64bits(const void *p, unsigned long n) { (void)p; return 42 + n; }
int yaml_parser_initialize(void *p) { (void)p; return 77; }
int hwloc_get_api_version(void) { return 78; }
int udev_new(void) { return 79; }
int buffer_append(int i) { return i + 1000; }
int signgam = 80;
static int work(br_task *t)
{
    double x = br_arg_f64(t, "x");
    return br_result_f64(t, "y1", y1(x)) || br_result_f64(t, "gamma", gamma(x)) ||
           br_result_f64(t, "ten", exp10(x)) ||
           br_result_i64(t, "sum", (int64_t)XXH3_64bits("", 0) + yaml_parser_initialize(0) +
                                       hwloc_get_api_version() + udev_new() + buffer_append(0) +
                                       signgam);
}
BATCHRUN_PLUGIN("own", "1.0", BR_TASK("work", work, "x:f64 -> y1:f64 gamma:f64 ten:f64 sum:i64", ""));
"""
OWN_SUM = str(42 + 77 + 78 + 79 + 1000 + 80)

# A function of libm, which the plugin does not link, and one of its own.
UNLINKED = """
#include <batchrun/plugin.h>
double cbrt(double);
%s
static int work(br_task *t) { return br_result_f64(t, "root", cbrt(br_arg_f64(t, "x"))%s); }
BATCHRUN_PLUGIN("unlinked", "1.0", BR_TASK("work", work, "x:f64 -> root:f64", ""));
"""

LIBC = """
#include <batchrun/plugin.h>
char *index(const char *s, int c) { (void)s; (void)c; return (char *)3; }
int ffs(int i) { return i + 100; }
%s int (*pointer)(int) = ffs;
static int work(br_task *t) { return br_result_i64(t, "got", pointer((int)br_arg_i64(t, "i"))); }
BATCHRUN_PLUGIN("libc", "1.0", BR_TASK("work", work, "i:i64 -> got:i64", ""));
"""

HALF = """
#include <batchrun/plugin.h>
#include <locale.h>
#include <stdio.h>
#include <sys/stat.h>
%s
static int half(br_task *t)
{
    volatile double x = br_arg_f64(t, "x"), y = x * 0.5, third = 1 / (3 * y / y);
    char text[64];
    mode_t mask = umask(0);
    umask(mask);
    snprintf(text, sizeof text, "%%.25g %%o", third, (unsigned)mask);
    return br_result_f64(t, "half", y) || br_result_str(t, "text", text);
}
BATCHRUN_PLUGIN("%s", "1.0", BR_PLUGIN_INIT(init),
                BR_TASK("half", half, "x:f64 -> half:f64 text:str", ""));
"""
PLAIN = "static int init(br_worker *w) { (void)w; return 0; }"
# Denormals count as zero from the constructor on, as with -ffast-math; init changes the rest.
ODD = """
#include <fenv.h>
#ifdef __SSE__
#include <xmmintrin.h>
__attribute__((constructor)) static void flush(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }
#endif
static int init(br_worker *w) { (void)w; umask(0127); return fesetround(FE_UPWARD); }
"""
HALVES = ("1e-308", "1")

ENDS = """
#include <batchrun/plugin.h>
#include <stdio.h>
#include <stdlib.h>
static void end(const char *where)
{
    const char *wanted = getenv("WHERE");
    if (!wanted || wanted[0] != where[0])
        return;
    fprintf(stderr, "the licence of %%s has expired\\n\\ncall %%s\\n", where, "0123");
    for (int i = 0; wanted[1] == '+' && i < 100; i++)
        fprintf(stderr, "more %%d\\n", i);
    %s;
}
__attribute__((constructor)) static void load(void) { end("loading"); }
static int init(br_worker *w) { (void)w; end("init"); return 0; }
static int work(br_task *t) { (void)t; return 0; }
BATCHRUN_PLUGIN("ends", "1.0", BR_PLUGIN_INIT(init), BR_TASK("work", work, "i:i64 ->", ""));
"""


class Plugins(harness.Case):
    def compile(self, name, source, *flags):
        if not CC:
            self.skipTest("there is no C compiler")
        self.write(name + ".c", source)
        include = os.path.join(harness.TOP, "framework/include")
        command = [CC, "-O1", "-w", "-fno-builtin", "-I", include, "-shared", "-fPIC", "-o",
                   self.path(name + ".so"), self.path(name + ".c"), *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def job(self, *tasks, inputs=None, **keys):
        """A job with a phase of each task, named as its plugin."""
        inputs = inputs or {"list": {"x": [1.0, 2.0]}}
        plugins = keys.pop("plugins", [task.split(".")[0] for task in tasks])
        phases = [harness.phase(task, inputs, name=task.split(".")[0]) for task in tasks]
        self.write("job.yaml", harness.job(*phases, plugins=plugins, **keys))

    def ran(self, phase, column, *args, **kwargs):
        done = self.batchrun("run", "--fresh", *args, "job.yaml", **kwargs)
        self.assertEqual(done.code, 0, done)
        return [row[column] for row in self.rows(f"job.run/results/{phase}.csv")]

    def check(self, code=0):
        done = self.batchrun("check", "job.yaml")
        self.assertEqual(done.code, code, done)
        return done.err


@unittest.skipIf(harness.sanitized(), "sanitizers bring libm and others into each process")
class Names(Plugins):
    def test_the_worker_links_the_c_library_alone(self):
        done = subprocess.run(["readelf", "-d", WORKER], capture_output=True, text=True, check=True)
        needed = set(re.findall(r"NEEDED.*\[(.*?)\]", done.stdout))
        allowed = {name for name in needed if re.match(r"(libc|libdl|libpthread|librt|ld-linux.*)\.so", name)}
        if os.uname().machine not in ("x86_64", "aarch64"):
            allowed.add("libm.so.6")
        self.assertEqual(needed - allowed, set())

    def test_own_functions(self):
        self.compile("own", OWN)
        self.job("own.work")
        self.assertEqual(self.check(), "")
        self.assertEqual(self.ran("own", "y1"), ["3", "5"])
        self.assertEqual([(row["gamma"], row["ten"], row["sum"])
                          for row in self.rows("job.run/results/own.csv")],
                         [("1", "-1", OWN_SUM), ("4", "-2", OWN_SUM)])
        for words in (("own#1",), ("own.work", "x=2")):
            done = self.batchrun("task", *words)
            self.assertEqual((done.code, done.out), (0, f"y1=5\ngamma=4\nten=-2\nsum={OWN_SUM}\n"), done)

    def test_a_plugin_that_is_not_linked_with_libm(self):
        self.compile("own", OWN)
        self.compile("unlinked", UNLINKED % ("", ""))
        self.job("unlinked.work", "own.work", inputs={"list": {"x": [8.0]}})
        self.assertEqual(self.check(), "")
        self.assertEqual(self.ran("unlinked", "root"), ["2"])
        self.assertEqual([row["y1"] for row in self.rows("job.run/results/own.csv")], ["17"])
        self.assertEqual(self.batchrun("task", "unlinked#0").out, "root=2\n")

    def test_such_a_plugin_with_a_function_of_libm_of_its_own(self):
        mixed = UNLINKED % ("double y1(double x) { return 2 * x; }", " + y1(1)")
        self.compile("unlinked", mixed)
        self.job("unlinked.work")
        self.assertIn("its own `y1` is not the one that it would call; link it with -lm", self.check(4))
        self.compile("unlinked", mixed, "-lm")
        self.assertEqual(self.ran("unlinked", "root")[0], "3")

    def test_names_of_the_c_library(self):
        self.compile("libc", LIBC % "")
        self.job("libc.work", inputs={"range": 2})
        said = self.check()
        self.assertRegex(said, r"warning: \S*libc\.so: it defines `ffs`, but uses the function of that "
                               r"name in libc\.so\.6, .*-Wl,-Bsymbolic")
        self.assertNotIn("index", said)  # which nothing calls
        self.compile("libc", LIBC % "", "-Wl,-Bsymbolic")
        self.assertEqual(self.check(), "")
        self.assertEqual(self.ran("libc", "got"), ["100", "101"])
        self.compile("libc", (LIBC % "").replace("int ffs", "static int ffs"))
        self.assertEqual(self.check(), "")
        self.compile("libc", LIBC % "", "-fvisibility=hidden")
        self.assertEqual(self.check(), "")
        self.assertEqual(self.ran("libc", "got"), ["100", "101"])


class Environment(Plugins):
    def test_variables_of_the_loader(self):
        os.mkdir(self.path("lib"))
        self.compile("lib/libhelper", "int helper(int i) { return i + 7; }")
        self.compile("lib/first", "int helper(int i) { return i + 9; }")
        self.compile("dep", """#include <batchrun/plugin.h>
int helper(int);
static int work(br_task *t) { return br_result_i64(t, "o", helper((int)br_arg_i64(t, "i"))); }
BATCHRUN_PLUGIN("dep", "1.0", BR_TASK("work", work, "i:i64 -> o:i64", ""));
""", self.path("lib/libhelper.so"), "-Wl,-soname,dep.so")
        # The plugin names the library without a directory, as with -lhelper.
        self.compile("lib/libhelper", "int helper(int i) { return i + 7; }", "-Wl,-soname,libhelper.so")
        self.compile("dep", self.read("dep.c"), "-L" + self.path("lib"), "-lhelper")
        self.job("dep.work", inputs={"range": 1}, env={"LD_LIBRARY_PATH": self.path("lib")})
        self.assertEqual(self.check(), "")
        self.assertEqual(self.ran("dep", "o"), ["7"])
        self.assertEqual(self.batchrun("task", "dep#0").out, "o=7\n")
        if harness.sanitized():
            return
        self.job("dep.work", inputs={"range": 1}, env={"LD_LIBRARY_PATH": self.path("lib"),
                                                       "LD_PRELOAD": self.path("lib/first.so")})
        self.assertEqual(self.ran("dep", "o"), ["9"])
        self.job("dep.work", inputs={"range": 1}, env={"LD_LIBRARY_PATH": None})
        env = self.environment(LD_LIBRARY_PATH=self.path("lib"))
        done = self.batchrun("check", "job.yaml", env=env)
        self.assertEqual(done.code, 4, done)
        self.assertIn("libhelper.so: cannot open shared object file", done.err)


class Modes(Plugins):
    def halves(self, *plugins):
        """The results of `plain` in a job with these plugins, and those of `odd` if it is there."""
        inputs = {"list": {"x": [float(x) for x in HALVES]}}
        self.job(*(name + ".half" for name in plugins), inputs=inputs)
        self.ran(plugins[0], "half")
        return {name: [(row["half"], row["text"]) for row in self.rows(f"job.run/results/{name}.csv")]
                for name in plugins}

    def test_another_plugin_changes_no_result(self):
        self.compile("plain", HALF % (PLAIN, "plain"))
        self.compile("odd", HALF % (ODD, "odd"), "-lm")
        plain, odd = self.halves("plain"), self.halves("odd")
        self.assertNotEqual(plain["plain"], odd["odd"])
        for both in (("plain", "odd"), ("odd", "plain")):
            self.assertEqual(self.halves(*both), {**plain, **odd})
        for name in ("plain", "odd"):
            done = self.batchrun("task", f"{name}#1")
            half, text = {**plain, **odd}[name][1]
            self.assertEqual(done.out, f"half={half}\ntext={text}\n", done)

    @unittest.skipUnless(os.uname().machine == "x86_64", "the test knows this processor alone")
    def test_check_warns(self):
        self.compile("odd", HALF % (ODD, "odd"), "-lm")
        self.job("odd.half")
        self.assertRegex(self.check(), r"warning: \S*odd\.so: it makes denormal numbers count as zero")
        self.compile("plain", HALF % (PLAIN, "plain"))
        self.job("plain.half")
        self.assertEqual(self.check(), "")


class Printed(Plugins):
    def test_where_a_plugin_ends_the_process(self):
        for how, end in (("exit(1)", "it called exit(1) while it was loaded"),
                         ("abort()", "it crashed while it was loaded: SIGABRT")):
            self.compile("ends", ENDS % how)
            self.job("ends.work", inputs={"range": 1})
            for more in ("", "+"):
                for command in ("check", "run"):
                    done = self.batchrun(command, "job.yaml", env=self.environment(WHERE="l" + more))
                    self.assertEqual(done.code, 4, done)
                    self.assertIn(end, done.err)
                    self.assertIn("; it printed: the licence of loading has expired / call 0123", done.err)
                    self.assertEqual(" ... more 99" in done.err, more == "+", done.err)

    def test_in_init(self):
        for how, end in (("exit(1)", "exit"), ("abort()", "SIGABRT")):
            self.compile("ends", ENDS % how)
            self.job("ends.work", inputs={"range": 1}, env={"WHERE": "i"})
            done = self.batchrun("run", "--fresh", "job.yaml")
            self.assertEqual(done.code, 4, done)
            self.assertIn(end, done.err)
            self.assertIn("; it printed: the licence of init has expired / call 0123", done.err)


class Program(Plugins):
    """The program that runs plugins is found, or batchrun says what is wrong with it."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("bin"))
        self.program = shutil.copy(harness.PROGRAM, self.path("bin/batchrun"))
        self.worker = self.path("bin/batchrun-worker")
        self.write("job.yaml", harness.job(harness.phase("demo.square", 2)))

    def told(self, code, *words):
        for args in (["check", "job.yaml"], ["run", "job.yaml"], ["task", "demo.square", "i=3"]):
            done = self.batchrun(*args, program=self.program)
            self.assertEqual(done.code, code, done)
            for word in words:
                self.assertIn(word, done.err)

    def test_beside_the_program(self):
        shutil.copy(WORKER, self.worker)
        self.told(0)

    def test_not_a_program(self):
        self.write("bin/batchrun-worker", "nonsense")
        os.chmod(self.worker, 0o755)
        self.told(1, f"cannot start {self.worker}", "Exec format error")

    def test_another_program(self):
        self.write("bin/batchrun-worker", "#!/bin/sh\nexit 0\n")
        os.chmod(self.worker, 0o755)
        self.told(1, self.worker, "ended at once", "install batchrun again")

    def test_another_version(self):
        self.write("bin/batchrun-worker", f"""#!{sys.executable}
import socket, struct, sys
socket.socket(fileno=int(sys.argv[3])).send(struct.pack("i60s", 0, b"9.8.7"))
""")
        os.chmod(self.worker, 0o755)
        self.told(1, self.worker, "is of version 9.8.7", "install batchrun again")

    def test_by_hand(self):
        done = self.batchrun(program=WORKER)
        self.assertEqual(done.code, 2, done)
        self.assertIn("batchrun --help", done.err)
        self.assertRegex(self.batchrun("--version", program=WORKER).out, r"^batchrun-worker \d")
        done = self.batchrun("task", "9.8.7", "/dev/null", "/dev/null", program=WORKER)
        self.assertIn("batchrun 9.8.7 has started", done.err)


if __name__ == "__main__":
    harness.main()

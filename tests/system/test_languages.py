# SPDX-License-Identifier: BSD-3-Clause
"""Tasks in C++ and Fortran print as those in C do; threads of OpenMP, which init has started, do not
make isolated tasks hang."""
import os
import re
import shutil
import subprocess
import unittest

import harness

INCLUDE = os.path.join(harness.TOP, "framework/include")


def printing(plugin, task="speak", rows=6, **keys):
    return harness.job(harness.phase(f"{plugin}.{task}", rows, **keys), plugins=[plugin])


class Languages(harness.Case):
    def compile(self, *command):
        return subprocess.run(command, cwd=self.dir, capture_output=True, text=True)

    def printed(self):
        """The lines of each task, those on standard error after those on standard output."""
        done = self.batchrun("logs", "job.run")
        self.assertEqual((done.code, done.err), (0, ""), done)
        found = {}
        for line in done.out.splitlines():
            row, error, text = re.fullmatch(r"p#(\d+)( \(stderr\))?: *(.*)", line).groups()
            found.setdefault(int(row), [[], []])[error is not None].append(text)
        return {row: out + err for row, (out, err) in found.items()}

    def expect(self, printed, out, err, rows=6):
        self.assertEqual(printed, {i: [f"{out} {i}", f"{err} {i}"] for i in range(rows)})

    def test_cxx(self):
        """Whether or not std::cout has a buffer of its own."""
        for sync in (None, "yes"):
            for isolation in ("worker", "task"):
                with self.subTest(sync=sync, isolation=isolation):
                    done = self.run_job(printing("cxx", isolation=isolation), "--fresh", code=3,
                                        env=self.environment(CXX_SYNC=sync))
                    self.assertEqual(self.outcomes("job", "p"), {"ok": 5, "crashed": 1}, done)
                    self.assertIn("| cout of 3\n", done.err)
                    self.expect(self.printed(), "cout of", "clog of")

    def test_wide_characters(self):
        self.run_job(printing("cxx", "speak_wide"))
        self.expect(self.printed(), "wcout of", "wclog of")

    def test_static_objects_are_destroyed(self):
        self.run_job(printing("cxx", "speak_wide"),
                     env=self.environment(CXX_FAREWELL=self.path("farewell")))
        self.assertEqual(self.read("farewell"), "destroyed\n")

    @unittest.skipUnless(shutil.which("gfortran") and shutil.which("cc"), "there is no gfortran")
    def test_fortran(self):
        self.write("speak.f90", """integer(c_int) function speak(t) bind(C)
    use batchrun
    implicit none
    type(c_ptr), value :: t
    integer(c_int64_t) :: i
    logical :: is_open
    i = br_arg_i64(t, "i")
    print "(a, 1x, i0)", "unit 6 of", i
    write (0, "(a, 1x, i0)") "unit 0 of", i
    inquire (unit=20, opened=is_open)
    if (.not. is_open) open (20, file="rows", position="append")
    write (20, *) i
    if (i == 3) call abort
    speak = br_result_i64(t, "y", i)
end function
""")
        self.write("plugin.c", """#include <batchrun/fortran.h>
BR_FORTRAN_TASK(speak)
BATCHRUN_PLUGIN("spoken", "1.0", BR_TASK("speak", speak, "i:i64 -> y:i64", "prints"));
""")
        for command in (["gfortran", "-c", "-fPIC", INCLUDE + "/batchrun/batchrun.f90", "speak.f90"],
                        ["cc", "-c", "-fPIC", "-I", INCLUDE, "plugin.c"],
                        ["gfortran", "-shared", "-o", "spoken.so", "batchrun.o", "speak.o",
                         "plugin.o"]):
            done = self.compile(*command)
            self.assertEqual(done.returncode, 0, done.stderr)
        for isolation, kept in (("worker", {"4", "5"}), ("task", {"0", "1", "2", "4", "5"})):
            with self.subTest(isolation=isolation):
                done = self.run_job(printing("spoken", isolation=isolation), "--fresh", code=3)
                self.assertIn("| unit 6 of 3\n", done.err)
                printed = self.printed()
                # libgfortran prints where it was when the program was aborted.
                printed[3] = [line for line in printed[3] if line.startswith("unit")]
                self.expect(printed, "unit 6 of", "unit 0 of")
                # What waits in a buffer is lost with the worker that crashes.
                self.assertLessEqual(kept, set(self.read("rows").split()))
                os.unlink(self.path("rows"))

    @unittest.skipUnless(shutil.which("cc"), "there is no C compiler")
    def test_openmp(self):
        self.write("team.c", """#include <batchrun/plugin.h>
static double sum(int n)
{
    double s = 0;
#pragma omp parallel for reduction(+ : s) num_threads(2)
    for (int i = 0; i < n; i++)
        s += i;
    return s;
}
static int init(br_worker *w)
{
    return sum(1000) > 0 ? 0 : br_init_fail(w, "no sum");
}
static int add(br_task *t)
{
    int64_t i = br_arg_i64(t, "i");
    return i == 1 && br_task_attempt(t) == 1 ? br_fail(t, "again")
                                             : br_result_f64(t, "y", sum((int)i + 1000));
}
BATCHRUN_PLUGIN("team", "1.0", BR_PLUGIN_INIT(init), BR_TASK("add", add, "i:i64 -> y:f64", ""));
""")
        done = self.compile("cc", "-fopenmp", "-shared", "-fPIC", "-I", INCLUDE, "-o", "team.so",
                            "team.c")
        if done.returncode != 0:
            self.skipTest(f"no OpenMP: {done.stderr}")
        for isolation in ("task", "auto"):
            with self.subTest(isolation=isolation):
                self.run_job(printing("team", "add", isolation=isolation, retries=1,
                                      output="out.csv"), "--fresh")
                self.assertEqual([float(row["y"]) for row in self.rows("out.csv")],
                                 [sum(range(i + 1000)) for i in range(6)])


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: BSD-3-Clause
"""The installed files, and programs and plugins that are built with them alone."""
import os
import re
import shlex
import shutil
import subprocess
import unittest

import guide
import harness


class Installed(harness.InstalledCase):
    def test_what_is_installed(self):
        self.assertEqual(set(self.found) - {"demo.la", "command.la", "libbatchrun.la"},
                         {"_batchrun", "bash: batchrun", "batchrun", "batchrun-job.5",
                          "batchrun-worker",
                          "batchrun-plugin.7", "batchrun.1", "batchrun.f90", "batchrun.fish",
                          "batchrun.pc", "fortran.h",
                          "demo.so", "error.h", "command.so", "job.schema.json", "plugin.h",
                          "pool.h", "libbatchrun.3", "libbatchrun.so", "libbatchrun.so.0",
                          "libbatchrun.so.0.0.0"})

    def test_plugindir(self):
        done = subprocess.run(["pkg-config", "--variable=plugindir", "batchrun"], text=True,
                              capture_output=True, check=True,
                              env=dict(self.pkg_config, PKG_CONFIG_SYSROOT_DIR=""))
        self.assertEqual(self.root + done.stdout.strip(), os.path.dirname(self.found["demo.so"]))

    def test_plugin_needs_only_the_c_library(self):
        done = subprocess.run(["readelf", "-d", self.found["demo.so"]], capture_output=True,
                              text=True, check=True)
        needed = set(re.findall(r"NEEDED.*\[(.*?)\]", done.stdout))
        sanitizers = {n for n in needed if re.match(r"lib(asan|ubsan|tsan|clang_rt)", n)}
        self.assertLessEqual(needed - sanitizers, {"libc.so.6", "libm.so.6", "libgcc_s.so.1"})

    def test_only_br_names_are_exported(self):
        done = subprocess.run(["nm", "-D", "--defined-only", self.found["libbatchrun.so"]],
                              capture_output=True, text=True, check=True)
        names = [line.split()[-1] for line in done.stdout.splitlines()]
        self.assertIn("LIBBATCHRUN_1.0", names)
        names.remove("LIBBATCHRUN_1.0")
        self.assertEqual([n for n in names if not n.endswith("@@LIBBATCHRUN_1.0")], [])
        names = [n.partition("@")[0] for n in names]
        declared = ["br_error_kind_name"]
        with open(self.found["pool.h"], encoding="utf-8") as file:
            declared += re.findall(r"^BR_API_ [^;]*?\b(br_\w+)\(", file.read(), re.MULTILINE)
        self.assertIn("br_pool_create_sized", names)
        self.assertEqual(sorted(names), sorted(declared))

    @unittest.skipIf(harness.sanitized(), "sanitizers are built without hardening")
    def test_what_is_installed_is_hardened(self):
        for name in ("batchrun", "batchrun-worker", "libbatchrun.so", "demo.so"):
            done = subprocess.run(["readelf", "-lWd", self.found[name]], capture_output=True,
                                  text=True, check=True)
            for mark in ("GNU_RELRO", "BIND_NOW"):
                self.assertIn(mark, done.stdout, name)

    def test_soname(self):
        done = subprocess.run(["readelf", "-d", self.found["libbatchrun.so"]],
                              capture_output=True, text=True, check=True)
        self.assertRegex(done.stdout, r"SONAME.*\[libbatchrun\.so\.0\]")

    def build_pool_program(self, compiler, *flags):
        source = os.path.join(harness.TOP, "docs/examples/map.c")
        found = subprocess.run(["pkg-config", "--cflags", "--libs", "batchrun"], text=True,
                               capture_output=True, check=True, env=self.pkg_config)
        return subprocess.run([compiler, *flags, source, *shlex.split(found.stdout)],
                              cwd=self.dir, text=True, capture_output=True)

    def test_a_program_with_a_pool(self):
        if harness.sanitized():
            self.skipTest("the library wants the program to be built with the sanitizers too")
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        done = self.build_pool_program(compiler, "-o", "map", "-Wall", "-Wextra", "-Werror")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        directory = os.path.dirname(self.found["libbatchrun.so"])
        done = self.end(self.start(program=self.path("map"),
                                   env=self.environment(LD_LIBRARY_PATH=directory)))
        self.assertEqual((done.code, done.err), (0, ""))
        self.assertEqual(done.out.split(), [str(i * i) for i in range(10)])

    def test_the_pool_in_cxx(self):
        compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
        source = self.write("pool.cpp", """#include <batchrun/pool.h>
static int nothing(br_task *t, const void *, void *) { return br_task_emit(t, "", 0); }
int main()
{
    br_pool_options options = {};
    options.workers = 1;
    br_error err;
    br_auto_pool pool = br_pool_create(&options, &err);
    return pool ? br_pool_apply(pool, nothing, nullptr, 0, nullptr, 0, nullptr, &err) : 1;
}
""")
        include = os.path.dirname(os.path.dirname(self.found["pool.h"]))
        done = subprocess.run([compiler, "-std=c++17", "-pedantic", "-Wall", "-Wextra", "-Wshadow",
                               "-Werror", "-I", include, "-c", source], cwd=self.dir, text=True,
                              capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_new_plugin_builds_and_passes(self):
        env = dict(self.pkg_config, BATCHRUN_PLUGIN_PATH="", TMPDIR=self.temporary,
                   PATH=os.path.dirname(self.found["batchrun"]) + ":" + os.environ["PATH"],
                   CC=shutil.which("cc") or shutil.which("gcc") or shutil.which("clang"))
        env = {k: v for k, v in env.items() if not k.startswith(("MAKE", "MFLAGS"))}
        steps = "batchrun new first && cd first && make CFLAGS='-Wall -Wextra -Werror' && batchrun "
        done = subprocess.run(["sh", "-c", steps + "first.yaml"], cwd=self.dir, env=env, text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("5,3,4,12\n", done.stdout)
        schema = re.search(r"[$]schema=(\S+)", self.read("first/first.yaml")).group(1)
        self.assertEqual(self.root + schema, self.found["job.schema.json"])
        done = subprocess.run(["make", "check"], cwd=self.path("first"), env=env, text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "passed")
        with open(self.path("first/expected.csv"), "a", encoding="utf-8") as file:
            file.write("6,0,0,0\n")
        done = subprocess.run(["make", "check"], cwd=self.path("first"), env=env, text=True,
                              capture_output=True)
        self.assertNotEqual(done.returncode, 0, "the test cannot fail")
        self.assertEqual(os.listdir(self.temporary), [])

    def test_the_readme_shows_the_quickstart(self):
        with open(os.path.join(harness.CONFIGS, "quickstart.yaml"), encoding="utf-8") as file:
            config = [line.split("#")[0].rstrip() for line in file]
        (job,) = [block.body for block in guide.blocks(os.path.join(harness.TOP, "README.md"))
                  if block.file == "quickstart.yaml"]
        shown = [line.split("#")[0].rstrip() for line in job.splitlines()]
        self.assertEqual([line for line in shown if line], [line for line in config if line])


if __name__ == "__main__":
    harness.main()

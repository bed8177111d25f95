# SPDX-License-Identifier: BSD-3-Clause
"""clang-tidy finds nothing in the shipped code, and reports a file with an error."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.abspath(os.environ.get("srcdir", os.path.join(os.path.dirname(__file__), "../..")))
BUILD = os.path.abspath(os.environ.get("builddir", os.getcwd()))
TIDY = os.path.join(TOP, "tools/dev/tidy")


def tidy(directory, *files):
    env = dict(os.environ, srcdir=TOP)
    return subprocess.run(["sh", TIDY, *files], cwd=directory, env=env, capture_output=True, text=True)


class Tidy(unittest.TestCase):
    def test_this_tree(self):
        # A make of its own: no job server, flags or targets of the one that runs the tests.
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        subprocess.run(["make", "-s", "compile_commands.json"], cwd=BUILD, env=env, check=True)
        done = tidy(BUILD)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_a_finding(self):
        with tempfile.TemporaryDirectory() as tree:
            shutil.copy(os.path.join(TOP, ".clang-tidy"), tree)
            path = os.path.join(tree, "a.c")
            with open(path, "w", encoding="utf-8") as file:
                file.write("int f(int a);\nint f(int b) { return b; }\n")
            with open(os.path.join(tree, "compile_commands.json"), "w", encoding="utf-8") as file:
                json.dump([{"directory": tree, "file": path, "arguments": ["cc", "-c", path]}], file)
            done = tidy(tree, path)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn("readability-inconsistent-declaration-parameter-name", done.stdout)


if __name__ == "__main__":
    if not os.environ.get("BATCHRUN_LONG"):
        print("takes minutes: only with BATCHRUN_LONG=1")
        sys.exit(77)
    if subprocess.run(["sh", TIDY, "--version"], cwd=TOP, capture_output=True).returncode == 77:
        print("clang-tidy 14 is missing: skipped")
        sys.exit(77)
    unittest.main(verbosity=2)

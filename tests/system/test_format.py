# SPDX-License-Identifier: BSD-3-Clause
"""All C source has the layout of .clang-format; the check finds a file that has not."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.abspath(os.environ.get("srcdir", os.path.join(os.path.dirname(__file__), "../..")))
CHECK = os.path.join(TOP, "tools/dev/check-format")


def check(tree):
    return subprocess.run(["sh", CHECK, tree], capture_output=True, text=True)


class Format(unittest.TestCase):
    def test_this_tree(self):
        done = check(TOP)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_another_layout(self):
        with tempfile.TemporaryDirectory() as tree:
            shutil.copy(os.path.join(TOP, ".clang-format"), tree)
            for folder in ("framework", "tools", "plugins", "tests", "docs", "configs"):
                os.mkdir(os.path.join(tree, folder))
            path = os.path.join(tree, "framework/a.h")
            with open(path, "w", encoding="utf-8") as file:
                file.write("int  a;\n")
            done = check(tree)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("framework/a.h:1:4", done.stderr)
            with open(path, "w", encoding="utf-8") as file:
                file.write("int a;\n")
            self.assertEqual(check(tree).returncode, 0)


if __name__ == "__main__":
    if check(TOP).returncode == 77:
        print("clang-format 14 is missing: skipped")
        sys.exit(77)
    unittest.main(verbosity=2)

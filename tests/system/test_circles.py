# SPDX-License-Identifier: BSD-3-Clause
"""No two source files of framework/ need each other, directly or through other files."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import BUILD, TOP

CHECK = os.path.join(TOP, "tools/dev/check-circles")
CC = next(filter(shutil.which, ("cc", "gcc", "clang")), None)


def check(build):
    return subprocess.run([sys.executable, CHECK, build], capture_output=True, text=True)


class Circles(unittest.TestCase):
    def test_this_tree(self):
        done = check(BUILD)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    @unittest.skipUnless(CC, "there is no C compiler")
    def test_a_circle_is_found(self):
        with tempfile.TemporaryDirectory() as build:
            room = os.path.join(build, "framework/room")
            os.makedirs(room)
            for name, text in (("a", "int b(void); int a(void) { return b(); }"),
                               ("b", "int c(void); int b(void) { return c(); }"),
                               ("c", "int a(void); int c(void) { return a(); }"),
                               ("d", "int a(void); int d(void) { return a(); }")):
                source = os.path.join(room, name + ".c")
                object_file = os.path.join(room, f"libroom_a-{name}.o")
                with open(source, "w", encoding="utf-8") as file:
                    file.write(text + "\n")
                subprocess.run([CC, "-c", "-o", object_file, source], check=True)
            done = check(build)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertEqual(done.stdout, "room/a.c room/b.c room/c.c\n"
                                          "    room/a.c uses b of room/b.c\n"
                                          "    room/b.c uses c of room/c.c\n"
                                          "    room/c.c uses a of room/a.c\n")
            os.unlink(os.path.join(room, "b.c"))
            self.assertEqual(check(build).stdout, "")

    def test_nothing_to_check(self):
        with tempfile.TemporaryDirectory() as build:
            done = check(build)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("no object files", done.stderr)


if __name__ == "__main__":
    unittest.main()

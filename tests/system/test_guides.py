# SPDX-License-Identifier: BSD-3-Clause
"""The guides are followed to the letter, with batchrun installed: `NAME`: before a block makes a file
of it, a sh block is run, and the text block behind it is what that prints."""
import os
import re
import shutil
import subprocess

import harness

BLOCK = re.compile(r"(?:^`([\w.-]+)`[^\n]*:?\n\n)?^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Guides(harness.InstalledCase):
    def follow(self, name):
        with open(os.path.join(harness.TOP, "docs", name), encoding="utf-8") as file:
            text = file.read()
        include = os.path.dirname(os.path.dirname(self.found["plugin.h"]))
        env = dict(self.pkg_config, TMPDIR=self.temporary, LC_ALL="C",
                   BATCHRUN_PLUGIN_PATH=os.path.dirname(self.found["demo.so"]),
                   PATH=os.path.dirname(self.found["batchrun"]) + ":" + os.environ["PATH"])
        ran, printed = 0, ""
        for file, language, body in BLOCK.findall(text):
            if file:
                self.write(file, body)
            elif language == "sh":
                script = body.replace("/usr/local/include", include)
                done = subprocess.run(["sh", "-ec", script], cwd=self.dir, env=env, text=True,
                                      capture_output=True)
                self.assertEqual(done.returncode, 0, script + done.stdout + done.stderr)
                ran, printed = ran + 1, done.stdout
            elif language == "text":
                self.assertEqual(printed, body, name)
        self.assertGreater(ran, 0)

    def need(self, *programs):
        for program in programs:
            if not shutil.which(program):
                self.skipTest(f"no {program}")

    def test_commands(self):
        self.follow("commands.md")

    def test_from_python(self):
        self.follow("from-python.md")

    def test_from_mpi(self):
        self.need("cc")
        self.follow("from-mpi.md")

    def test_languages(self):
        self.need("cc", "c++", "gfortran")
        self.follow("languages.md")


if __name__ == "__main__":
    harness.main()

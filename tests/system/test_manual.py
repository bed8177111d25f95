# SPDX-License-Identifier: BSD-3-Clause
"""The manual pages are well formed, and describe every command, option, key and function."""
import os
import re
import shutil
import subprocess

import harness

PAGES = ("batchrun.1", "libbatchrun.3", "batchrun-job.5", "batchrun-plugin.7")


def path_of(page):
    """Returns a page's path. Generated pages are in the build directory, others in the source."""
    built = os.path.join(harness.BUILD, "docs/man", page)
    return built if os.path.exists(built) else os.path.join(harness.TOP, "docs/man", page)


def text_of(page):
    with open(path_of(page), encoding="utf-8") as file:
        return file.read()


def header(name):
    with open(os.path.join(harness.TOP, "framework/include/batchrun", name),
              encoding="utf-8") as file:
        return file.read()


class Pages(harness.Case):
    def lint(self, *command):
        if not shutil.which(command[0]):
            self.skipTest(f"no {command[0]}")
        for page in PAGES:
            done = subprocess.run([*command, path_of(page)], text=True, capture_output=True)
            noise = done.stderr + (done.stdout if command[0] == "mandoc" else "")
            self.assertEqual((page, done.returncode, noise), (page, 0, ""))

    def test_mandoc(self):
        self.lint("mandoc", "-Tlint", "-W", "warning")

    def test_groff(self):
        self.lint("groff", "-mandoc", "-ww", "-Tutf8")

    def test_nothing_is_left_to_fill_in(self):
        for page in PAGES:
            self.assertNotRegex(text_of(page), r"(?m)^@")

    def test_every_command_and_option(self):
        page = text_of("batchrun.1")
        sections = {s.split()[0]: s for s in re.split(r"(?m)^\.S[sh] ", page)}
        listed = self.batchrun("--help").out.split("Commands:\n")[1].split("\n\n")[0]
        for command in (line.split()[0] for line in listed.splitlines()):
            helped = re.findall(r"(?m)^ +(?:-\w, )?--([\w-]+)(?: (\S+))?",
                                self.batchrun(command, "--help").out.split("Options:\n")[1])
            told = re.findall(r"(?m)^\.It (?:Fl \w , )?Fl -([\w-]+)(?: Ar (\S+))?",
                              sections[command])
            self.assertEqual(told, [o for o in helped if o[0] != "help"], command)

    def test_every_key_of_a_full_job(self):
        with open(os.path.join(harness.TOP, "tests/specs/good/everything.yaml"),
                  encoding="utf-8") as file:
            job = file.read()
        page = text_of("batchrun-job.5")
        for key in ("defaults", "expected_time", "backoff", "oversubscribe", "exclude"):
            self.assertIn(key, job, "the job is not full")
            if key != "exclude": # a matrix's, which has no table
                self.assertIn(f".It Ic {key}\n", page)

    def test_every_function_of_the_pool(self):
        names = set(re.findall(r"^(?:BR_API_|static inline) [^;{]*?\b(br_\w+[a-z])\(",
                               header("pool.h"), re.MULTILINE))
        names = {name for name in names if not name.endswith("_sized")} | {"br_error_kind_name"}
        self.assertIn("br_pool_map", names)
        shown = set(re.findall(r"^\.Fn (\w+)", text_of("libbatchrun.3"), re.MULTILINE))
        self.assertEqual(shown, names)

    def test_every_call_of_a_plugin(self):
        names = set(re.findall(r"^(?:BR_PRINTF_\(2, 3\) )?static inline [^;]*?\b(br_\w+)\(",
                               header("plugin.h"), re.MULTILINE))
        self.assertIn("br_fail", names)
        told = set(re.findall(r"^\.Fn (br_\w+)", text_of("batchrun-plugin.7"), re.MULTILINE))
        self.assertEqual(told, names)


if __name__ == "__main__":
    harness.main()

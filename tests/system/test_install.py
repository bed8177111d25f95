# SPDX-License-Identifier: BSD-3-Clause
"""A person installs batchrun, reads the README and nothing else, and writes a plugin."""
import os
import re
import shlex
import shutil
import subprocess

import harness


def blocks(language):
    """The README's fenced blocks of a language, in order."""
    with open(os.path.join(harness.TOP, "README.md"), encoding="utf-8") as file:
        return re.findall(rf"^```{language}\n(.*?)^```", file.read(), re.DOTALL | re.MULTILINE)


class Installed(harness.Case):
    def setUp(self):
        super().setUp()
        self.root = self.path("root")
        # A make of its own: no job server, flags or targets of the one that runs the tests.
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        done = subprocess.run(["make", "install", f"DESTDIR={self.root}"], cwd=harness.BUILD,
                              env=env, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.found = {}
        for directory, _, files in os.walk(self.root):
            for name in files:
                self.found[name] = os.path.join(directory, name)
        self.pkg_config = dict(
            os.environ, PKG_CONFIG_SYSROOT_DIR=self.root,
            PKG_CONFIG_PATH=os.path.dirname(self.found["batchrun.pc"]),
            PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1")

    def test_what_is_installed(self):
        self.assertEqual(set(self.found) - {"demo.la", "libbatchrun.la"},
                         {"batchrun", "batchrun.pc", "demo.so", "error.h", "plugin.h", "pool.h",
                          "libbatchrun.so", "libbatchrun.so.0", "libbatchrun.so.0.0.0"})

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

    def test_the_readme_is_enough(self):
        work = self.path("work")
        os.mkdir(work)
        (source,) = blocks("c")
        (command,) = [line for block in blocks("sh") for line in block.splitlines()
                      if line.startswith("cc ")]
        name = re.search(r"(\w+)\.c$", command).group(1)
        with open(os.path.join(work, name + ".c"), "w", encoding="utf-8") as file:
            file.write(source)
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        command = command.replace("cc ", shlex.quote(compiler) + " ", 1)
        done = subprocess.run(["sh", "-ec", command], cwd=work, env=self.pkg_config, text=True,
                              capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        job = [block for block in blocks("yaml") if f"task: {name}." in block][0]
        self.write(f"work/{name}.yaml", job)
        done = self.end(self.start(f"work/{name}.yaml", program=self.found["batchrun"],
                                   env=self.environment(BATCHRUN_PLUGIN_PATH=None)))
        self.assertEqual(done.code, 0, done)
        self.assertEqual(done.out, blocks("text")[-1])

    def test_the_readme_shows_the_quickstart(self):
        with open(os.path.join(harness.CONFIGS, "quickstart.yaml"), encoding="utf-8") as file:
            config = [line.split("#")[0].rstrip() for line in file]
        shown = [line.split("#")[0].rstrip() for line in blocks("yaml")[0].splitlines()]
        self.assertEqual([line for line in shown if line], [line for line in config if line])
        self.copy_config("quickstart.yaml")
        done = self.batchrun("quickstart.yaml")
        out, failure, table, verdict = blocks("text")[0].split("\n\n")
        self.assertEqual(out + "\n", done.out)
        for line in failure.splitlines()[:2] + [verdict.partition(" (")[0]]:
            self.assertIn(line + ("\n" if line in failure else ""), done.err)
        for line in table.splitlines():
            # Times differ from run to run; what was counted does not.
            self.assertRegex(done.err, r"(?m)^" + r" +".join(map(re.escape, line.split()[:4])))


if __name__ == "__main__":
    harness.main()

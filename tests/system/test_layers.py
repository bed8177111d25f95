# SPDX-License-Identifier: BSD-3-Clause
"""The layer check finds what it is there to find, and nothing in this tree."""
import os
import subprocess
import tempfile
import unittest

TOP = os.path.abspath(os.environ.get("srcdir", os.path.join(os.path.dirname(__file__), "../..")))
CHECK = os.path.join(TOP, "tools/dev/check-layers")
SPDX = "// SPDX-License-Identifier: BSD-3-Clause\n"


def check(tree):
    return subprocess.run(["sh", CHECK, tree], capture_output=True, text=True)


class Layers(unittest.TestCase):
    def setUp(self):
        self.tree = tempfile.TemporaryDirectory()
        self.addCleanup(self.tree.cleanup)
        for directory in ("framework", "tools", "plugins", "tests"):
            os.makedirs(os.path.join(self.tree.name, directory))

    def write(self, path, text):
        path = os.path.join(self.tree.name, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def refused(self, path, text, expected):
        self.write(path, text)
        done = check(self.tree.name)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 1, done.stdout)
        self.assertTrue(done.stdout.startswith(expected), done.stdout)

    def accepted(self, path, text):
        self.write(path, text)
        done = check(self.tree.name)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_this_tree(self):
        done = check(TOP)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_left_is_fine(self):
        self.accepted("framework/run/a.c",
                      SPDX + '#include "run/b.h"\n#include "base/error.h"\n#include <yaml.hpp>\n')

    def test_right_is_refused(self):
        self.refused("framework/base/a.c", SPDX + '\n#include "model/job.h"\n',
                     "framework/base/a.c:3: layer base includes model/job.h")

    def test_run_is_right_of_pool(self):
        self.refused("framework/pool/a.h", SPDX + '#include "run/event.h"\n',
                     "framework/pool/a.h:2: layer pool")

    def test_model_knows_no_plugin(self):
        self.refused("framework/model/a.c", SPDX + "#include <batchrun/plugin.h>\n",
                     "framework/model/a.c:2: layer model")

    def test_exec_knows_plugins_and_hwloc(self):
        self.accepted("framework/exec/topology.c",
                      SPDX + "#include <batchrun/plugin.h>\n#include <hwloc.h>\n")

    def test_hwloc_elsewhere(self):
        self.refused("framework/exec/worker.c", SPDX + "#include <hwloc/linux.h>\n",
                     "framework/exec/worker.c:2: hwloc")

    def test_yaml_elsewhere(self):
        self.refused("tools/batchrun/main.c", SPDX + "#  include <yaml.h>\n",
                     "tools/batchrun/main.c:2: libyaml")

    def test_plugin(self):
        self.refused("plugins/a.c", SPDX + '#include "base/error.h"\n', "plugins/a.c:2: a plugin")

    def test_tests_plugin(self):
        self.refused("tests/plugins/a.cpp", SPDX + "#include <batchrun/pool.h>\n",
                     "tests/plugins/a.cpp:2: a plugin")

    def test_licence(self):
        self.refused("framework/run/a.c", "\n\n" + SPDX, "framework/run/a.c:1: begins without")

    def test_licence_of_a_short_file(self):
        self.refused("framework/run/a.c", "int a;\n", "framework/run/a.c:1: begins without")

    def test_licence_of_an_empty_file(self):
        self.refused("framework/run/a.c", "", "framework/run/a.c:1: begins without")

    def test_licence_of_a_script(self):
        self.accepted("tools/dev/x", "#!/bin/sh\n# SPDX-License-Identifier: BSD-3-Clause\n")


if __name__ == "__main__":
    unittest.main()

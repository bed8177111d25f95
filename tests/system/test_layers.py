# SPDX-License-Identifier: BSD-3-Clause
"""The layer check finds violations of its rules, and none in this tree."""
import itertools
import os
import re
import subprocess
import tempfile
import unittest

import harness
from harness import TOP

CHECK = os.path.join(TOP, "tools/dev/check-layers")
SPDX = "// SPDX-License-Identifier: BSD-3-Clause\n"


def check(tree):
    return subprocess.run(["sh", CHECK, tree], capture_output=True, text=True, check=False)


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

    def test_each_room(self):
        """A room may include the rooms that framework/README.md lists, and nothing else."""
        with open(os.path.join(TOP, "framework/README.md"), encoding="utf-8") as file:
            rows = re.findall(r"(?m)^\| `(?:\.\./)?([a-z/]+)/` \| .* \| ?(?:`(.*)` )?\|$", file.read())
        listed = {room: may.split() for room, may in rows if room != "include/batchrun"}
        self.assertGreater(len(listed), 15)
        for room, may in listed.items():
            path = f"{room}/a.c" if room == "tools/batchrun" else f"framework/{room}/a.c"
            self.write(path, SPDX + "".join(f'#include "{other}/b.h"\n' for other in listed))
            refused = [f"{path}:{line}: room {room} includes {other}/b.h"
                       for line, other in enumerate(listed, start=2)
                       if other != room and other not in may and
                       f"{os.path.dirname(other)}/*" not in may]
            with self.subTest(room=room):
                done = check(self.tree.name)
                self.assertEqual([line[:len(r)] for line, r in
                                  itertools.zip_longest(done.stdout.splitlines(), refused,
                                                        fillvalue="")], refused, done.stdout)
            self.write(path, SPDX)

    def test_the_wings_do_not_know_each_other(self):
        for room, other in (("jobfile", "exec/worker"), ("exec/local", "journal"), ("views", "pool"),
                            ("pool", "jobfile"), ("library", "run"), ("model", "exec")):
            self.refused(f"framework/{room}/a.h", SPDX + f'#include "{other}/b.h"\n',
                         f"framework/{room}/a.h:2: room {room}")
            os.unlink(os.path.join(self.tree.name, f"framework/{room}/a.h"))

    def test_a_room_is_listed(self):
        self.refused("framework/attic/a.c", SPDX, "framework/attic/a.c:1: framework/attic is not in")

    def test_installed_headers_belong_to_rooms(self):
        self.refused("framework/exec/a.c", SPDX + "#include <batchrun/pool.h>\n",
                     "framework/exec/a.c:2: room exec includes batchrun/pool.h, of room pool")
        self.accepted("framework/exec/a.c", SPDX + "#include <batchrun/plugin.h>\n")

    def test_the_tests_support(self):
        self.refused("framework/pool/a.c", SPDX + '#include "support/fake.h"\n',
                     "framework/pool/a.c:2: room pool includes support/fake.h")

    def test_include_by_room(self):
        self.refused("framework/pool/a.c", SPDX + '#include "../base/error.h"\n',
                     "framework/pool/a.c:2: include by room")

    def test_an_installed_header(self):
        self.refused("framework/include/batchrun/a.h", SPDX + '#include "base/error.h"\n',
                     "framework/include/batchrun/a.h:2: an installed header")

    def test_model_knows_no_plugin(self):
        self.refused("framework/model/a.c", SPDX + "#include <batchrun/plugin.h>\n",
                     "framework/model/a.c:2: room model")

    def test_exec_knows_plugins_and_hwloc(self):
        self.accepted("framework/exec/topology.c",
                      SPDX + "#include <batchrun/plugin.h>\n#include <hwloc.h>\n")

    def test_hwloc_elsewhere(self):
        self.refused("framework/exec/worker/worker.c", SPDX + "#include <hwloc/linux.h>\n",
                     "framework/exec/worker/worker.c:2: hwloc")

    def test_libdw_elsewhere(self):
        self.refused("framework/exec/worker/a.c", SPDX + "#include <elfutils/libdwfl.h>\n",
                     "framework/exec/worker/a.c:2: libdw")

    def test_libraries_at_home(self):
        self.accepted("framework/jobfile/a.c", SPDX + "#include <yaml.h>\n")
        self.accepted("framework/exec/crash/a.c", SPDX + "#include <elfutils/libdwfl.h>\n")

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
    harness.main()

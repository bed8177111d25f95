# SPDX-License-Identifier: BSD-3-Clause
"""The blocks of README and the guides are run, with batchrun installed; guide.py describes how."""
import glob
import os
import re
import subprocess

import guide
import harness

DOCUMENTS = [os.path.join(harness.TOP, "README.md"),
             *sorted(glob.glob(os.path.join(harness.TOP, "docs/*.md")))]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def anchors(text):
    return [re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
            for heading in re.findall(r"(?m)^#+ (.*)", text)]


def crashes_have_names():
    return ("#define HAVE_LIBDW 1" in read(os.path.join(harness.BUILD, "config.h")) and
            os.uname().machine == "x86_64" and not harness.sanitized())


def python_embeds():
    """Whether plugins can be linked with Python's library."""
    link = ("echo 'void Py_Initialize(void); void *f(void) { return Py_Initialize; }' | "
            "cc -x c -shared -fPIC -o /dev/null - $(python3-config --embed --ldflags)")
    return subprocess.run(["sh", "-c", link], capture_output=True, check=False).returncode == 0


class Guides(harness.InstalledCase):
    def environment_of_a_user(self):
        """Returns the environment of a user who has installed batchrun."""
        prefix = os.path.dirname(os.path.dirname(self.found["batchrun"]))
        mine = {k: v for k, v in self.pkg_config.items()
                if not k.startswith(("MAKE", "MFLAGS", "BATCHRUN_", "SLURM_", "OMP_"))}
        return dict(mine, TMPDIR=self.temporary, LC_ALL="C",
                    BATCHRUN_PLUGIN_PATH=os.path.dirname(self.found["demo.so"]),
                    BATCHRUN_PROGRESS="none",
                    PATH=os.path.join(prefix, "bin") + ":" + os.environ["PATH"])

    def follow(self, path):
        if path.endswith("failures.md") and not crashes_have_names():
            self.skipTest("this build does not report where a crash was, or a sanitizer does")
        unfit = ("gdb", "valgrind") if harness.sanitized() else ()
        unfit += () if python_embeds() else ("python3-config",)
        guide.Document(self, path, self.environment_of_a_user(), harness.TOP, harness.BUILD,
                       unfit, os.path.dirname(self.found["demo.so"])[len(self.root):]).follow()

    def test_every_example_is_shown(self):
        shown = {block.link for path in DOCUMENTS for block in guide.blocks(path)} - {None}
        self.assertEqual(shown, {os.path.relpath(p, os.path.join(harness.TOP, "docs"))
                                 for p in glob.glob(harness.TOP + "/docs/examples/*.c")})

    def test_links_lead_somewhere(self):
        linked = set()
        for path in [*DOCUMENTS, os.path.join(harness.TOP, "CONTRIBUTING.md")]:
            for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", read(path)):
                there = os.path.join(os.path.dirname(path), target) if target else path
                there = os.path.normpath(there)
                with self.subTest(os.path.basename(path), target=target, anchor=anchor):
                    self.assertTrue(os.path.exists(there))
                    if anchor:
                        self.assertIn(anchor, anchors(read(there)))
                if path == DOCUMENTS[0]:
                    linked.add(there)
        self.assertEqual(set(DOCUMENTS[1:]) - linked, set(), "README leads to every document")

    def test_little_is_not_run(self):
        skipped = [b for path in DOCUMENTS for b in guide.blocks(path) if b.not_run]
        self.assertLess(len(skipped), 10)


def add_tests():
    for path in DOCUMENTS:
        name = re.sub(r"\W", "_", os.path.basename(path)[:-3])
        setattr(Guides, "test_" + name, lambda self, path=path: self.follow(path))


add_tests()


if __name__ == "__main__":
    harness.main()

# SPDX-License-Identifier: BSD-3-Clause
"""The list of all messages of batchrun, and their style."""
import os
import re
import subprocess
import sys

import harness

LIST = os.path.join(harness.TOP, "docs/messages.md")
NAMES = "CPU|SLURM_|PHASE#INDEX"  # words with a capital that may begin a message
TONE = r"\b(please|sorry|oops|failed to|unable to|illegal value|you must|!)"


class Messages(harness.Case):
    def listed(self):
        with open(LIST, encoding="utf-8") as file:
            return file.read()

    def test_is_what_the_sources_say(self):
        done = subprocess.run([sys.executable, os.path.join(harness.TOP, "tools/dev/messages")],
                              capture_output=True, text=True, check=True,
                              env=dict(os.environ, PYTHONIOENCODING="utf-8"))
        self.assertEqual(done.stdout, self.listed(),
                         "a message has changed; tools/dev/messages > docs/messages.md")

    def test_style(self):
        messages = [line.strip() for line in self.listed().splitlines() if line.startswith("    ")]
        self.assertGreater(len(messages), 400)
        for message in messages:
            with self.subTest(message):
                self.assertNotRegex(message, rf"^(?!{NAMES})[A-Z]")
                self.assertNotRegex(message, r"[^.][.]$")
                self.assertNotRegex(message, re.compile(TONE, re.IGNORECASE))

    def test_expected_messages_are_in_it(self):
        """The first line of each expected message in tests/specs/bad is one of the list, with its `…`
        filled in."""
        shapes = [re.escape(line.strip()).replace("…", ".*") for line in self.listed().splitlines()
                  if line.startswith("    ")]
        shape = re.compile("(" + "|".join(shapes) + ")(; .*)?")
        bad = os.path.join(harness.TOP, "tests/specs/bad")
        for name in sorted(os.listdir(bad)):
            if not name.endswith(".expected"):
                continue
            with open(os.path.join(bad, name), encoding="utf-8") as file:
                for line in file:
                    found = re.match(r"[^ ]+\.yaml:(?:\d+:\d+:)? (.*)", line)
                    if found:
                        self.assertTrue(shape.fullmatch(found.group(1)), line)


if __name__ == "__main__":
    harness.main()

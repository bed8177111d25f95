# SPDX-License-Identifier: BSD-3-Clause
"""Messages, help and manual pages avoid phrases that readers stumble over."""
import os
import re

import harness

# A phrase and what to write instead. `|` separates forms of one phrase; \b stands at both ends.
PHRASES = {
    "is due|are due": "expected ...",
    "in hand": "running",
    "(go|goes|going|gone) on with": "resume, continue",
    "(?<!there )is no (run|task|input|axis|text|number|row|built-in)": "is not a ...",
    "mistakes?": "error",
    "begun": "started",
    "is there already": "already exists",
    "taken up again": "resumed",
    "for want of": "because ...",
    "cure|mend": "hint, fix",
    "says so|said no more|is what it was": "name what is said",
    "(is|are) told": "reports, prints",
    "costs itself": "does not affect other tasks",
    "in peace": "normally",
}
# Files to look through, relative to the source directory.
FILES = ("docs/messages.md", "docs/man/batchrun.1.in", "docs/man/batchrun-job.5.in",
         "docs/man/batchrun-plugin.7", "docs/man/libbatchrun.3")


def hard(text):
    """Yields each phrase found in the text, with what is around it and what to write instead."""
    text = " ".join(text.split()) # a phrase may be broken between lines
    for phrase, instead in PHRASES.items():
        for found in re.finditer(rf"\b(?:{phrase})\b", text):
            yield f"...{text[max(0, found.start() - 40):found.end() + 40]}...: write {instead}"


class Language(harness.Case):
    def look(self, name, text):
        self.assertEqual([f"{name}: {found}" for found in hard(text)], [])

    def test_files(self):
        for name in FILES:
            with open(os.path.join(harness.TOP, name), encoding="utf-8") as file:
                self.look(name, file.read())

    def test_help(self):
        top = self.batchrun("--help").out
        self.look("batchrun --help", top)
        commands = [line.split()[0] for line in
                    top.split("Commands:\n")[1].split("\n\n")[0].splitlines()]
        self.assertIn("run", commands)
        for command in commands:
            self.look(f"batchrun {command} --help", self.batchrun(command, "--help").out)

    def test_generated_parts_of_manual_pages(self):
        for part in ("commands", "keys"):
            self.look(f"__manual {part}", self.batchrun("__manual", part).out)

    def test_a_phrase_is_found(self):
        found = list(hard("`timeout` is 5; a duration\nis due"))
        self.assertEqual(found, ["...`timeout` is 5; a duration is due...: write expected ..."])


if __name__ == "__main__":
    harness.main()

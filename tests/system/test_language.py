# SPDX-License-Identifier: BSD-3-Clause
"""Messages, help, manual pages, guides and comments avoid phrases that readers stumble over."""
import io
import os
import re
import tokenize

import harness

# A phrase and what to write instead. `|` separates forms of one phrase; \b is added at both ends.
# These are avoided everywhere.
PHRASES = {
    "(?:is|are|was|were|comes|falls) due": "expected ...",
    "in hand": "running",
    "(?:go|goes|going|gone|went) on (?:with|all the same)": "resume, continue",
    "(?<!there )(?:is|are) no (?:run|task|input|axis|text|number|row|built-in|plugin|phase|error|event)s?":
        "is not a ...",
    "mistakes?": "error",
    "begun": "started",
    "is there already": "already exists",
    "taken up again": "resumed",
    "for want of": "because ...",
    "in vain": "without effect",
    "cures?": "hint, fix",
    "said no more|is what it was": "name the thing",
    "(?:is|are|was|were|be|been) told": "reports, prints",
    "costs (?:itself|itself alone|no other)": "does not affect other tasks",
    "in peace": "normally",
    "where there (?:is|are) none": "if there is none",
    "the allocation's end": "when the Slurm allocation ends",
    "memory is out": "memory runs out",
    "what stands behind|(?:stands?|stood) (?:behind|before|in front of)": "after, before, implements",
    "last words": "message",
}
# These are avoided in what the program prints; in a comment they may be right.
PRINTED = {
    **PHRASES,
    "mend": "fix",
    "says so": "name what is said",
}
# Files to look through, relative to the source directory.
FILES = ("docs/messages.md", "docs/man/batchrun.1.in", "docs/man/batchrun-job.5.in",
         "docs/man/batchrun-plugin.7", "docs/man/libbatchrun.3")
FOLDERS = (".github", "configs", "docs", "framework", "plugins", "tests", "tools")


def hard(text, phrases):
    """Yields each phrase found in the text, with what is around it and what to write instead."""
    text = " ".join(text.split())  # a phrase may be broken between lines
    for found in re.finditer("|".join(rf"(\b(?:{phrase})\b)" for phrase in phrases), text):
        instead = list(phrases.values())[found.lastindex - 1]
        yield f"...{text[max(0, found.start() - 40):found.end() + 40]}...: write {instead}"


def comments_of_c(text):
    """Returns the comments of C source. A line `;` ends a comment, which may have several lines."""
    found = []
    for token in re.finditer(r'(//)[^\n]*|(/\*).*?\*/|"(?:\\.|[^"\\\n])*"' r"|'(?:\\.|[^'\\\n])*'",
                             text, re.S):
        if token.group(1) or token.group(2):
            found.append(re.sub(r"^\s*\*", "", token.group().strip("/*"), flags=re.M))
            if not re.match(r"\n[ ]*//", text[token.end():token.end() + 100]):
                found.append(";")
    return "\n".join(found)


def comments_of_python(text):
    """Returns the comments and docstrings of Python source."""
    return "\n".join(token.string.lstrip("#")
                     for token in tokenize.generate_tokens(io.StringIO(text).readline)
                     if token.type == tokenize.COMMENT or
                     token.type == tokenize.STRING and token.string.startswith('"""'))


def comments_of_script(text):
    """Returns the lines of a shell script or makefile that are comments."""
    return "\n".join(re.findall(r"^\s*(?:#|dnl )(.*)", text, re.M))


def text_of(name, text):
    """Returns the part of a file that a person reads as text."""
    if name.endswith(".md"):
        return text
    if name.endswith((".c", ".h", ".cpp", ".pml")):
        return comments_of_c(text)
    if name.endswith(".py") or re.match("#!.*python", text):
        return comments_of_python(text)
    if name.endswith((".mk", ".am", ".ac", ".sh", ".yaml", ".yml")) or text.startswith("#!"):
        return comments_of_script(text)
    return ""


def sources():
    """Yields the paths of all guides and sources, relative to the source directory."""
    for name in sorted(os.listdir(harness.TOP)):
        if name.endswith((".md", ".am", ".ac")):
            yield name
    for folder in FOLDERS:
        for directory, below, files in os.walk(os.path.join(harness.TOP, folder)):
            below[:] = [name for name in below if not name.startswith((".", "__"))]
            for name in sorted(files):
                yield os.path.relpath(os.path.join(directory, name), harness.TOP)


def read(name):
    with open(os.path.join(harness.TOP, name), encoding="utf-8", errors="replace") as file:
        return file.read()


class Language(harness.Case):
    def look(self, name, text, phrases):
        self.assertEqual([f"{name}: {found}" for found in hard(text, phrases)], [])

    def test_files(self):
        for name in FILES:
            self.look(name, read(name), PRINTED)

    def test_help(self):
        top = self.batchrun("--help").out
        self.look("batchrun --help", top, PRINTED)
        commands = [line.split()[0] for line in
                    top.split("Commands:\n")[1].split("\n\n")[0].splitlines()]
        self.assertIn("run", commands)
        for command in commands:
            self.look(f"batchrun {command} --help", self.batchrun(command, "--help").out, PRINTED)

    def test_generated_parts_of_manual_pages(self):
        for part in ("commands", "keys"):
            self.look(f"__manual {part}", self.batchrun("__manual", part).out, PRINTED)

    def test_guides_and_comments(self):
        texts = {name: text_of(name, read(name)) for name in sources()}
        for name in ("README.md", "docs/job-file.md", "framework/pool/pool.h", "tools/dev/step",
                     "tests/module.mk", "tests/system/harness.py", "configure.ac"):
            self.assertTrue(texts[name], name)
        found = [f"{name}: {phrase}" for name, text in texts.items() for phrase in hard(text, PHRASES)]
        if found:
            self.fail("\n".join(found))

    def test_a_phrase_is_found(self):
        found = list(hard("`timeout` is 5; a duration\nis due", PHRASES))
        self.assertEqual(found, ["...`timeout` is 5; a duration is due...: write expected ..."])

    def test_comments_are_found(self):
        source = 'f("// no", \'"\'); /* one\n * two */ g();\n    // three\n    // four\nh(); // five\n'
        self.assertEqual(comments_of_c(source).split(),
                         ["one", "two", ";", "three", "four", ";", "five", ";"])
        source = '"""one\ntwo"""\nx = "# no"  # three\n'
        self.assertEqual(comments_of_python(source).replace('"""', "").split(),
                         ["one", "two", "three"])
        self.assertEqual(comments_of_script("#!/bin/sh\n# one\necho '# no'\n\t# two").split(),
                         ["!/bin/sh", "one", "two"])


if __name__ == "__main__":
    harness.main()

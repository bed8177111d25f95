# SPDX-License-Identifier: BSD-3-Clause
"""A document whose blocks are run. A fenced block's language and the paragraph before it decide what
happens with it:

    `NAME`...:                   the block is the file NAME
    [examples/NAME](...):        the block is that file, built by the tests and run
    sh                           is run, and succeeds
    console                      lines after `$ ` are run; the others are what they print
    text                         is the output of the blocks before it in its section, since the
                                 last text, on standard output
    python                       is run; a document's blocks are one program
    yaml                         is checked, completed to a job if it is a part of one
    <!-- not run: WHY -->        the block is only shown
    <!-- run: ... -->            is run as sh, and not shown

A document is followed as in one terminal. Figures that differ from run to run are not compared."""
import os
import re
import shutil
import subprocess

from harness import PATIENCE

BLOCK = re.compile(r"^<!-- run:\n(?P<hidden>.*?)^-->$|"
                   r"(?:^(?P<before>[^\n]+)\n\n?)?^```(?P<language>\w*)\n(?P<body>.*?)^```$",
                   re.DOTALL | re.MULTILINE)
FILE = re.compile(r"(?:.*[.:] )?`([\w.-]+)`.*:$")
LINK = re.compile(r"\[(examples/[\w.-]+)\]\(\1\).*:$")
NOT_RUN = re.compile(r"<!-- not run: \S.* -->$")
TOOLS = ("cc", "c++", "gfortran", "jq", "gdb", "valgrind", "make",
         "python3-config")  # programs that a section may need
EXTRAS = ("parallel",)  # programs that a single block may need
PLUGINS = "/usr/local/lib/batchrun"

FIGURES = (
    (r"\b\d+(\.\d+)? (ns|us|ms|s|min|h)\b", "TIME"),
    (r"(?<=TIME) +\d+( \d{3})*(\.\d+)?(?= +\d+%)", " RATE"),  # tasks per second, in a table
    (r"\b\d+( \d{3})*(\.\d+)? tasks/s", "RATE tasks/s"),
    (r"\d+%", "N%"),
    (r"\b(worker|cpus?|process|pid) \d+([-,]\d+)*", r"\1 N"),
    (r"\bworker-\d+", "worker-N"),
    (r"\b\d+ workers?\b", "N workers"),
    (r"\bon [\w.-]+ since\b", "on HOST since"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*", "DATE"),
    (r"0x[0-9a-f]{5,}", "ADDRESS"),
    (r" {2,}", " "),                                      # columns are as wide as their figures
)


def without_figures(text):
    for pattern, instead in FIGURES:
        text = re.sub(pattern, instead, text)
    return text


class Block:
    def __init__(self, match):
        self.before = match["before"] or ""
        self.language = "sh" if match["hidden"] is not None else match["language"]
        self.body = match["hidden"] if match["hidden"] is not None else match["body"]
        self.not_run = bool(NOT_RUN.match(self.before))
        self.file = self.named(FILE)
        self.link = self.named(LINK)
        self.line = match.string.count("\n", 0, match.start()) + 1

    def named(self, pattern):
        found = pattern.match(self.before)
        return found.group(1) if found else None


def blocks(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found, end = [], 0
    for match in BLOCK.finditer(text):
        block = Block(match)
        block.begins_section = bool(re.search(r"(?m)^#+ ", text[end:match.start()]))
        end = match.end()
        found.append(block)
    return found


def sections(path):
    """Returns a document's blocks, by the heading above them."""
    found = [[]]
    for block in blocks(path):
        if block.begins_section:
            found.append([])
        found[-1].append(block)
    return found


def tools(section):
    """Returns the programs in TOOLS that a section's commands use."""
    text = "".join(b.body for b in section if b.language in ("sh", "console") and not b.not_run)
    return [t for t in TOOLS if re.search(rf"(?<![\w./-]){re.escape(t)}(?![\w.+])", text)]


class Document:
    """Follows a document in a case's directory. Programs in `unfit` count as missing. `plugins` is
    the directory of installed plugins; the documents show the default one."""

    def __init__(self, case, path, environment, top, build, unfit=(), plugins=PLUGINS):
        self.case, self.path, self.env, self.top, self.build = case, path, environment, top, build
        self.unfit = unfit
        self.plugins = plugins
        self.name = os.path.basename(path)
        self.program = "import multiprocessing\nmultiprocessing.set_start_method('fork')\n"
        self.printed = []
        self.directory = case.dir

    def follow(self):
        """Runs all blocks. A section whose programs are missing is skipped, with those after it that
        need its files."""
        why_not = None
        for section in sections(self.path):
            lacking = [t for t in tools(section) if t in self.unfit or not shutil.which(t)]
            if lacking:
                why_not = "no " + ", ".join(lacking)
            elif any(block.file for block in section):
                why_not = None
            self.printed = []
            for block in section:
                with self.case.subTest(f"{self.name}:{block.line}"):
                    if why_not:
                        self.case.skipTest(why_not)
                    self.take(block)

    def take(self, block):
        if block.not_run:
            return
        if block.link:
            self.example(block)
        elif block.file:
            self.case.write(os.path.join(self.directory, block.file), block.body)
        else:
            take = getattr(self, "take_" + (block.language or "nothing"), None)
            self.case.assertTrue(take, f"a block of `{block.language}` is neither run nor marked")
            take(block)

    def run(self, *words, **more):
        return subprocess.run(words, cwd=self.directory, env=self.env, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PATIENCE,
                              **more)

    def shell(self, flags, script, **more):
        """Runs a script. The next one starts in the directory where this one ends, as at a prompt."""
        for program in EXTRAS:
            if re.search(rf"(?m)^{program} ", script) and not shutil.which(program):
                self.skip("no " + program)
        end = self.case.path("end")
        done = self.run("sh", flags, f"trap 'pwd > {end}' EXIT\n{script}", **more)
        with open(end, encoding="utf-8") as file:
            self.directory = file.read().rstrip("\n")
        return done

    def skip(self, why):
        self.printed.append(None)
        self.case.skipTest(why)

    def prints(self, text):
        if text:
            self.printed.append(text)

    def example(self, block):
        source = os.path.join(os.path.dirname(self.path), block.link)
        with open(source, encoding="utf-8") as file:
            self.case.assertEqual(block.body, file.read().partition("\n")[2])
        program = os.path.splitext(os.path.join(self.build, os.path.relpath(source, self.top)))[0]
        done = self.case.end(self.case.start(program=program))
        self.case.assertEqual((done.code, done.err), (0, ""))
        self.prints(done.out)

    def take_sh(self, block):
        done = self.shell("-ec", block.body, stderr=subprocess.PIPE)
        self.case.assertEqual(done.returncode, 0, block.body + done.stdout + done.stderr)
        self.prints(done.stdout)

    def take_console(self, block):
        """Sets $? for each command to the exit status of the one before it, as at a prompt."""
        script, expected = "", ""
        for line in block.body.splitlines(keepends=True):
            if line.startswith("$ "):
                script += f"(exit ${{status:-0}}); {line[2:]}status=$?\n"
            else:
                expected += line
        done = self.shell("-c", script, stderr=subprocess.STDOUT)
        printed = done.stdout.replace(self.plugins, PLUGINS)
        self.case.assertEqual(without_figures(printed), without_figures(expected))

    def take_text(self, block):
        self.case.assertTrue(self.printed, "nothing was run that could have printed this")
        for printed in filter(None, self.printed):
            self.case.assertEqual(without_figures(printed), without_figures(block.body))
        self.printed = []

    def take_python(self, block):
        for module in re.findall(r"(?m)^(?:from|import) (joblib|numpy)\b", block.body):
            if self.run("python3", "-c", "import " + module, stderr=subprocess.DEVNULL).returncode:
                self.skip(f"no {module} for this python3")
        mark = "---- this block\n"
        self.program += f"print({mark!r}, end='', flush=True)\n{block.body}"
        program = self.case.write(self.name + ".py", self.program)
        done = self.run("python3", "-u", program, stderr=subprocess.PIPE)
        self.case.assertEqual(done.returncode, 0, done.stderr)
        self.prints(done.stdout.rpartition(mark)[2])

    def take_yaml(self, block):
        text = block.body
        for key, value in (("version", "1"), ("plugins", "[demo]"),
                           ("phases", "[{name: p, task: demo.area, inputs: {list: {r: [1]}}}]")):
            if not re.search(rf"(?m)^{key}:", text):
                text += f"{key}: {value}\n"
        self.case.write(os.path.join(self.directory, "part.yaml"), text)
        done = self.run("batchrun", "check", "part.yaml", stderr=subprocess.STDOUT)
        self.case.assertEqual(done.returncode, 0, done.stdout)

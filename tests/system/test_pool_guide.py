# SPDX-License-Identifier: BSD-3-Clause
"""The guide to the pool shows programs and what they print: the programs are those in docs/examples,
and they print that."""
import os
import re

import harness

EXAMPLES = os.path.join(harness.TOP, "docs/examples")


def shown():
    """By example: its source and its output as the guide has them."""
    with open(os.path.join(harness.TOP, "docs/pool-guide.md"), encoding="utf-8") as file:
        text = file.read()
    return {name: (source, out) for name, source, out in re.findall(
        r"^\[examples/(\w+\.c)\].*?:\n\n```c\n(.*?)^```\n\n```text\n(.*?)^```\n", text,
        re.DOTALL | re.MULTILINE)}


class Guide(harness.Case):
    def test_every_example_is_shown(self):
        self.assertEqual(sorted(shown()), sorted(n for n in os.listdir(EXAMPLES)
                                                 if n.endswith(".c")))

    def test_the_source_is_the_examples(self):
        for name, (source, _) in shown().items():
            with self.subTest(name), open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
                self.assertEqual(source, file.read().partition("\n")[2])

    def test_it_prints_what_is_shown(self):
        for name, (_, out) in shown().items():
            with self.subTest(name):
                program = os.path.join(harness.BUILD, "docs/examples", name[:-2])
                done = self.end(self.start(program=program))
                self.assertEqual((done.code, done.out, done.err), (0, out, ""))


if __name__ == "__main__":
    harness.main()

# SPDX-License-Identifier: BSD-3-Clause
"""The JSON Schema of a job file, as editors use it."""
import glob
import json
import os
import re

import harness

SCHEMA = os.path.join(harness.TOP, "docs/job.schema.json")
BAD = os.path.join(harness.TOP, "tests/specs/bad")
GOOD = os.path.join(harness.TOP, "tests/specs/good")

try:
    import jsonschema
    import yaml
except ImportError:
    jsonschema = yaml = None


def load(path):
    """Reads YAML with the scalars of YAML 1.2's core schema, where PyYAML has those of 1.1."""
    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {}

        def construct_integer(self, node):
            text = node.value
            return int(text, 0) if text.startswith("0") else int(text)

    for tag, pattern, first in (
            ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
            ("int", r"[-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
            ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf)|\.nan",
             "-+0123456789."),
            ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""])):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"),
                                     list(first))
    Loader.add_constructor("tag:yaml.org,2002:int", Loader.construct_integer)
    with open(path, encoding="utf-8-sig", newline="") as file:
        text = file.read().replace("%YAML 1.2", "%YAML 1.1")
    return yaml.load(text, Loader)


class Schema(harness.Case):
    def setUp(self):
        super().setUp()
        with open(SCHEMA, encoding="utf-8") as file:
            self.text = file.read()

    def validator(self):
        if not jsonschema:
            self.skipTest("no jsonschema and yaml for this python3")
        jsonschema.Draft7Validator.check_schema(json.loads(self.text))
        return jsonschema.Draft7Validator(json.loads(self.text))

    def test_is_what_the_tables_say(self):
        done = self.batchrun("__manual", "schema")
        self.assertEqual(done.out, self.text, "a key has changed; tools/batchrun/batchrun "
                         "__manual schema > docs/job.schema.json")

    def test_every_key_is_in_it(self):
        with open(os.path.join(harness.TOP, "framework/jobfile/spec_keys.c"), encoding="utf-8") as file:
            keys = set(re.findall(r"\.name = \"(\w+)\"", file.read()))
        self.assertGreater(len(keys), 50)
        told = set()

        def walk(node):
            if isinstance(node, dict):
                told.update(node.get("properties", {}))
                list(map(walk, node.values()))
            elif isinstance(node, list):
                list(map(walk, node))

        walk(json.loads(self.text))
        self.assertEqual(told - keys, {"include", "exclude"}) # of a matrix, which has no table
        self.assertEqual(keys - told, set())

    def test_takes_what_is_good(self):
        validator = self.validator()
        paths = glob.glob(os.path.join(harness.CONFIGS, "*.yaml")) + glob.glob(GOOD + "/*.yaml")
        self.assertGreater(len(paths), 6)
        for path in paths:
            with self.subTest(path=path):
                problems = [f"{list(e.absolute_path)}: {e.message}"
                            for e in validator.iter_errors(load(path))]
                self.assertEqual(problems, [])

    def test_refuses_what_has_the_wrong_shape(self):
        validator = self.validator()
        good = {"version": 1, "phases": [{"name": "a", "task": "d.t", "inputs": {"range": 3}}]}
        self.assertTrue(validator.is_valid(good))
        for change in ({"version": 2}, {"nmae": "x"}, {"phases": [{"name": "a"}]},
                       {"workers": {"count": 0}}, {"workers": {"binding": "socket"}},
                       {"limits": {"memory": "2GB"}}, {"defaults": {"timeout": "60"}},
                       {"defaults": {"name": "a"}}, {"defaults": {"retries": {"on": ["error"]}}},
                       {"phases": [dict(good["phases"][0], inputs={"range": 1, "from": "b"})]}):
            with self.subTest(change=change):
                self.assertFalse(validator.is_valid({**good, **change}))

    def test_refuses_the_bad_ones_it_can(self):
        """A schema sees the shape of values, but neither how YAML is written nor how keys relate."""
        validator = self.validator()
        writing = {"bidi", "duplicate_key", "file+name", "infinite", "key_twice_in_phase",
                   "long_line", "nul_escape", "octal", "version_1_0", "yaml_1_1"}
        between = {"glob_stars", "list_lengths", "matrix_too_large", "memory_bytes", "no_plugins",
                   "plugin_exec", "plugin_not_listed", "plugin_unknown", "references",
                   "soft_after_hard", "stdin_twice", "task_exec", "too_many_words"}
        refused = 0
        for path in sorted(glob.glob(BAD + "/*.yaml")):
            name = os.path.basename(path)[:-len(".yaml")]
            try:
                job = load(path)
            except (yaml.YAMLError, UnicodeDecodeError, TypeError):
                continue  # not YAML
            with self.subTest(name):
                self.assertEqual(validator.is_valid(job), name in writing | between)
            refused += not validator.is_valid(job)
        self.assertGreater(refused, 60)

    def test_examples_name_it(self):
        for path in glob.glob(os.path.join(harness.CONFIGS, "*.yaml")):
            with open(path, encoding="utf-8") as file:
                found = re.search(r"(?m)^# yaml-language-server: \$schema=(\S+)$", file.read())
            self.assertTrue(found, path)
            target = os.path.join(os.path.dirname(path), found.group(1))
            self.assertTrue(os.path.samefile(target, SCHEMA), path)


if __name__ == "__main__":
    harness.main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when docs/parity.md names a test that does not exist."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMED = re.compile(r"\b([A-Z]\w+)\.([A-Z]\w+)\b")
DEFINED = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", re.MULTILINE)
E2E = re.compile(r"e2e (\w+) (\d\d)")


def missing(text):
    sources = [p for p in ROOT.glob("*/**/*_test.cc") if not p.is_relative_to(ROOT / "build")]
    defined = {test for source in sources for test in DEFINED.findall(source.read_text())}
    rows = "\n".join(line for line in text.splitlines() if line.startswith("| "))
    for test in NAMED.findall(rows):
        if test not in defined and test != ("Suite", "Name"):
            yield ".".join(test)
    for program, number in E2E.findall(text):
        path = ROOT / "e2e" / f"{program}_test.py"
        if not path.exists() or f"def test_{number}_" not in path.read_text():
            yield f"e2e {program} {number}"


def main():
    found = sorted(set(missing((ROOT / "docs/parity.md").read_text())))
    print("\n".join(f"docs/parity.md names no test of ours: {name}" for name in found))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

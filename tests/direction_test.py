#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a folder includes one that lies above it. ALLOWED is the whole rule."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

ALLOWED = {
    "base": set(),
    "api": {"base"},
    "http": {"base", "api"},
    "client": {"base", "api", "http"},
    "kernel": {"base"},
    "cgroups": {"base", "kernel"},
    "cri": {"base"},
    "agent": {"base", "api", "http", "client", "kernel", "cgroups", "cri"},
    "netproxy": {"base", "api", "http", "client", "kernel"},
    "controlplane": {"base", "api", "http", "client"},
}
# Composition roots, files or folders, see more than their folder does; it does not see them.
ROOTS = {"agent/main.cc": {"netproxy"}, "agent/daemon/": {"netproxy"}}
FREE = {"bench", "tests"}
INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"')


def violations():
    for path in sorted(ROOT.glob("*/**/*")):
        name = path.relative_to(ROOT).as_posix()
        folder = name.split("/")[0]
        if path.suffix not in (".h", ".cc") or folder in FREE or folder == "build":
            continue
        if folder not in ALLOWED:
            yield f"{name}: folder {folder}/ is not in ALLOWED"
            continue
        roots = [root for root in ROOTS if name.startswith(root)]
        allowed = ALLOWED[folder].union({folder}, *(ROOTS[root] for root in roots))
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match and match[1].split("/")[0] in ALLOWED and match[1].split("/")[0] not in allowed:
                yield f"{name}:{number}: {folder}/ may not include {match[1]}"
            elif match and not roots and any(match[1].startswith(root) for root in ROOTS):
                yield f"{name}:{number}: {match[1]} is for the program alone"


def main():
    found = list(violations())
    print("\n".join(found))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

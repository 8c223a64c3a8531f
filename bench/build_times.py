#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Seconds of a clean dev build without ccache, then of a rebuild after one source file of each
folder was touched. Builds in a folder of its own.

bench/build_times.py [--incremental BUILD]   BUILD: skip the clean build, use this built folder
"""

import argparse
import os
import pathlib
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = "base api http client kernel cgroups cri agent netproxy controlplane".split()


def ninja(build):
    start = time.monotonic()
    subprocess.run(["ninja", "-C", build], check=True, stdout=subprocess.DEVNULL,
                   env=dict(os.environ, CCACHE_DISABLE="1"))
    return time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--incremental", metavar="BUILD")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        build = arguments.incremental or folder
        if not arguments.incremental:
            subprocess.run(["cmake", "--preset", "dev", "-B", build], cwd=ROOT, check=True,
                           stdout=subprocess.DEVNULL)
            print(f"{'clean':14} {ninja(build):8.1f} s", flush=True)
        else:
            ninja(build)
        for name in FOLDERS:
            source = next(f for f in sorted((ROOT / name).rglob("*.cc")) if not f.name.endswith("_test.cc"))
            source.touch()
            print(f"{name:14} {ninja(build):8.1f} s  {source.relative_to(ROOT)}", flush=True)


if __name__ == "__main__":
    main()

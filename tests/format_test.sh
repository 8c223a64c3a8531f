#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fails when a C++ file is not as .clang-format says; names the files.
set -uo pipefail
cd "$(dirname "$0")/.."
git ls-files '*.h' '*.cc' | xargs -P 2 -n 40 clang-format-16 --dry-run -Werror 2>&1 |
  sed -n 's/^\([^:]*\):.*clang-format-violations.*/not formatted: \1/p' | sort -u | tee /dev/stderr | grep -q . && exit 1
exit 0

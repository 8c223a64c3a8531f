# SPDX-License-Identifier: Apache-2.0
"""Figures beside their aims, as a table on the terminal."""

import os
import platform


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.machine())
    return (f"{os.cpu_count()} cores of {model}, Linux {platform.release()}, "
            f"load {os.getloadavg()[0]:.1f} at the start")


class Report:
    """Rows are printed when they come: a run that ends early has said what it knows."""

    def __init__(self, title):
        print(f"{title}\n{machine()}\n")
        print(f"{'what':<74} {'measured':>12}  {'aim':<10}")

    def row(self, what, value, unit="", aim=None):
        """`aim` is an upper limit in the same unit."""
        text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
        verdict = ""
        if aim is not None:
            verdict = f"<= {aim:<6} " + ("met" if value <= aim else "MISSED")
        print(f"{what:<74} {text + (' ' + unit if unit else ''):>12}  {verdict}".rstrip(), flush=True)


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

#!/usr/bin/env python3
"""Attacks the packaged mirror and checks that nobody who may only pull, and no registry, can take it away.

    python3 src/attack/attack.py                           all rows, about five minutes
    python3 src/attack/attack.py --rows 2,7                only these
    python3 src/attack/attack.py --jar PATH --java PATH    another jar, another Java
    python3 src/attack/attack.py --list                    the rows and their titles

Each row is one attack with its variants. It starts a mirror with the README's command (100 MB of heap, all settings at their
defaults but URLs and ports), attacks it, and then checks that within 5 seconds a pull, /health and the management port are
answered, and that threads, files, connections, requests and the heap are back to what they were (state.py has the bounds).
A line begins with "ok" or "FAIL"; the other lines are figures. The exit code is 1 if any check failed.

It needs Python 3.9 and, for rows 1 and 11, docker-registry and htpasswd; for TLS, openssl. It connects to loopback only and stops
all that it started. The rows are in rows_*.py, by what they attack; the registries in fake_registry.py and processes.py.
"""
import argparse
import os
import signal
import sys
import tempfile
import time

import rows_addresses
import rows_blobs
import rows_clients
import rows_process
import rows_registries
from row import Row

ALL = {number: rows for rows in (rows_addresses, rows_blobs, rows_clients, rows_process, rows_registries) for number in rows.ROWS}
LONGEST_SECONDS = 240


class TooLong(Exception):
    """A row takes longer than LONGEST_SECONDS."""


def too_long(*_):
    raise TooLong(f"the row takes longer than {LONGEST_SECONDS} s")


def run(number, options):
    """Runs a row. Returns its failures."""
    title, attack = ALL[number].ROWS[number]
    print(f"--- row {number}: {title}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mirror-attack.") as directory:
        row = Row(number, options, directory)
        signal.alarm(LONGEST_SECONDS)
        try:
            attack(row)
        except Exception as failure:  # pylint: disable=broad-except
            row.check("the attack can be carried out", False, f"{type(failure).__name__}: {failure}")
        finally:
            signal.alarm(0)
            row.stop()
    print(f"    row {number} took {time.monotonic() - began:.0f} s", flush=True)
    return row.failures


def main():
    options = argparse.ArgumentParser(description="Attacks the packaged mirror.")
    options.add_argument("--rows", help="numbers with commas between")
    options.add_argument("--jar", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../target/mirror-registry.jar"))
    options.add_argument("--java", default="java")
    options.add_argument("--list", action="store_true", help="prints each row's number and title")
    options = options.parse_args()
    options.jar = os.path.abspath(options.jar)
    rows = [int(number) for number in options.rows.split(",")] if options.rows else sorted(ALL)
    if options.list:
        for number in sorted(ALL):
            print(number, ALL[number].ROWS[number][0])
        return 0
    unknown = [number for number in rows if number not in ALL]
    if unknown:
        sys.exit(f"no such row: {unknown[0]} (there are: {' '.join(map(str, sorted(ALL)))})")
    signal.signal(signal.SIGALRM, too_long)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failures = [failure for number in rows for failure in run(number, options)]
    print(f"\n{len(failures)} failed checks")
    for failure in failures:
        print("FAIL", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

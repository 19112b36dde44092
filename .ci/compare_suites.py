"""Compares two results of OCI's conformance suite (junit.xml): of a registry directly, and of the mirror before it. Exit code 1 if a test fails through the
mirror that passes directly, with a line for each. Several tests may have one name, and digests in names are of random bytes."""
import collections
import re
import sys
import xml.etree.ElementTree as xml


def results(file):
    """Returns how often a test of each name has ended in which way."""
    found = collections.defaultdict(collections.Counter)
    for test in xml.parse(file).iter("testcase"):
        found[re.sub(r"[0-9a-f]{32,}", "…", test.get("name"))][test.get("status")] += 1
    return found


direct, through = results(sys.argv[1]), results(sys.argv[2])
worse = better = 0
for name in sorted({*direct, *through}):
    difference = through[name]["passed"] - direct[name]["passed"]
    better += max(0, difference)
    if difference < 0:
        worse -= difference
        print(f"worse: {name.removeprefix('OCI Conformance Test/')}: directly {dict(direct[name])}, through the mirror {dict(through[name])}")
print(f"better: {better} tests pass only through the mirror")
sys.exit(worse > 0)

"""The results as text and as a picture."""
import os
import platform
import statistics
import subprocess
from xml.sax.saxutils import escape

import content as made
import pushes
import warming as copies
from cases import CHECKED, CROWD, DELAY, FAR_MILLISECONDS, LOADS, LOGINS, SLOW
from servers import AOT, CACHE, DIRECT, DISTRIBUTION, DISTRIBUTION_MODULE, MIRROR, PROXY, REGISTRY, ZOT

median = statistics.median
FIRST_PULL = f"first pull of an image of {made.LAYERS} layers, {FAR_MILLISECONDS} ms away, three at a time"


def ratios(loads, name, peer, key="rate"):
    """Returns the mirror's ratio to the peer, round by round."""
    ours, theirs = loads.get(name, {}).get(MIRROR, []), loads.get(name, {}).get(peer, [])
    return [a[key] / b[key] for a, b in zip(ours, theirs) if b[key]]


def spread(values, digits=2):
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def column(found, key, factor=1):
    return [one[key] * factor for one in found]


def megabytes(found):
    return f"{max(column(found, 'memory')) / 2**20:.0f} MB"


def longest_quick(found, name):
    """Returns how many milliseconds the longest of the quick answers took while others were slow, round by round."""
    return [max(one["quick"][name]) * 1e3 for one in found]


def machine(root, left_out):
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "unknown")
    with open("/proc/meminfo") as info:
        memory = int(info.readline().split()[1]) / 2**20
    java = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr.splitlines()[0]
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip()
    caches = [subprocess.run(["docker-registry", "--version"], capture_output=True, text=True).stdout.strip()]
    if DISTRIBUTION not in left_out:
        caches.append(DISTRIBUTION_MODULE)
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True).stdout.strip()
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Linux {platform.release()}; {java}; {nginx}; {'; '.join(caches)}; commit {commit}"


def goals(results):
    """Yields goal, what was found, and whether it is reached."""
    loads = results["loads"]
    for name, peer, goal in (("tag-hot", PROXY, 1.3), ("digest", PROXY, 1.3), ("tag-cold", PROXY, 4), ("blob-cold", PROXY, 4),
                             ("tag-hot", REGISTRY, 50)):
        found = ratios(loads, name, peer)
        if found:
            yield f"{LOADS[name].title}, against {peer}: at least {goal} times", spread(found), median(found) >= goal
    for name, peer, goal in (("tag-hot", CACHE, 1), ("distinct", PROXY, 4)):
        found = ratios(loads, name, peer, "cpu")
        if found:
            yield f"{LOADS[name].title}, CPU per request against {peer}: at most {goal} times", spread(found), median(found) <= goal
    if "distinct" in loads:
        p99 = column(loads["distinct"][MIRROR], "p99", 1e3)
        yield f"{LOADS['distinct'].title}: p99 under 20 ms", f"{spread(p99, 1)} ms", median(p99) < 20
    if "crowd" in results:
        worst = max(results["crowd"], key=lambda one: one["manifest"] + one["token"])
        yield (f"a crowd of {CROWD:,} on a new tag: one manifest call and one token call",
               f"{worst['manifest']} and {worst['token']}, after {worst['challenge']} that was challenged; {worst['served']:,} served",
               worst["manifest"] == 1 and worst["token"] == 1 and worst["served"] == CROWD)
    if "slow" in results:
        ours = results["slow"][MIRROR]
        served, memory = column(ours, "served"), max(column(ours, "memory")) / 2**20
        yield f"{SLOW} pulls at once from a registry that takes {DELAY} s: all served", spread(served, 0), min(served) == SLOW
        yield "the same: at most 300 MB resident", f"{memory:.0f} MB", memory <= 300
        for name, title in (("health", "/health"), ("cached", "a manifest from memory")):
            longest = longest_quick(ours, name)
            yield (f"the same: {title} under 100 ms meanwhile, unless Java has just started", f"at most {', '.join(f'{one:.0f}' for one in longest)} ms by round; the first is right after the start",
                   max(longest[1:], default=longest[0]) < 100)
    if "access" in results:
        pulls, storms = results["access"]["pulls"], results["access"]["storms"]
        found = [a["cpu"] / b["cpu"] for a, b in zip(pulls[CHECKED], pulls[MIRROR])]
        yield "a repeated tag with a token, CPU per request against a mirror without access control: at most 1.1 times", spread(found), median(found) <= 1.1
        for name, title in (("health", "/health"), ("cached", "a manifest from memory")):
            longest = [max(storm[name]) * 1e3 for storm in storms]
            yield f"{LOGINS} wrong logins a second: {title} under 100 ms meanwhile", f"at most {', '.join(f'{one:.0f}' for one in longest)} ms by round", max(longest) < 100
    if "one-core" in results:
        ours = results["one-core"][MIRROR]
        memory, p99 = max(column(ours, "memory")) / 2**20, median(column(ours, "p99", 1e3))
        yield "256 connections, one core: at most 256 MB resident", f"{memory:.0f} MB", memory <= 256
        yield "256 connections, one core: p99 under 50 ms", f"{p99:.1f} ms", p99 < 50
    for name, found in results.get("first-seconds", {}).items():
        shares = [sum(one["early"]) / len(one["early"]) / one["rate"] for one in found]
        yield f"{name}: the first ten seconds on one core, against later: at least half the rate", spread(shares), median(shares) >= 0.5
    for name, found in results.get("start", {}).items():
        if "since" in name or name == AOT:
            yield f"{name}: first manifest in under 1 s", f"{spread(found)} s", median(found) < 1
    if "stream" in results:
        found = [a["rate"] / b["rate"] for a, b in zip(results["stream"][MIRROR], results["stream"][PROXY])]
        yield f"a blob of 1.5 GB streamed, against {PROXY}: at least 0.6 times", spread(found), median(found) >= 0.6
    for target, ways in results.get("push", {}).items():
        for way, found in ways.items():
            shares = [a["rate"] / b["rate"] for a, b in zip(found[MIRROR], found[PROXY])]
            yield f"a layer of 1.5 GB pushed to {target} by {way}, MB/s against {PROXY}: at least 0.75 times", spread(shares), median(shares) >= 0.75
    if "push-at-once" in results:
        yield from goals_at_once(results["push-at-once"])
    for load in copies.LOADS if "warming" in results else ():
        rates = [a["rate"] / b["rate"] for a, b in zip(results["warming"][copies.BUSY][load], results["warming"][MIRROR][load])]
        yield f"{LOADS[load].title} while large images are copied, rate against a mirror that copies nothing: at least 0.95 times", spread(rates), median(rates) >= 0.95
    if "first-pull" in results:
        found = first_pulls(results["first-pull"], MIRROR)
        yield f"{FIRST_PULL}, against a direct one: at most 1.25 times as long", spread(found), median(found) <= 1.25


def goals_at_once(found):
    ours = found[MIRROR]
    at_once = f"{pushes.UPLOADS} layers of {pushes.UPLOAD >> 20} MB pushed at once"
    yield f"{at_once}: all stored", spread(column(ours, "stored"), 0), min(column(ours, "stored")) == pushes.UPLOADS
    yield "the same: at most 300 MB resident", f"{megabytes(ours)} at the peak", max(column(ours, "memory")) <= 300 * 2**20
    kept = {name: [median(column(one["pulls"], "rate")) / one["quiet"]["rate"] for one in results] for name, results in found.items()}
    yield (f"the same: pulls of a cached tag keep at least as much of their rate as those from {CACHE}", f"{spread(kept[MIRROR])} against {spread(kept[PROXY])}",
           median(kept[MIRROR]) >= median(kept[PROXY]))


def pushes_of_one(found):
    """Yields a row for each registry, way and program."""
    for target, ways in found.items():
        for way, programs in ways.items():
            for name, results in programs.items():
                cpu = "" if name == DIRECT else f"{spread(column(results, 'cpu'))} CPU s per GB, "
                title = "(directly)" if name == DIRECT else name
                yield (f"| a layer of 1.5 GB pushed to {target} by {way} | {title} | {spread(column(results, 'rate'), 0)} MB/s, {cpu}{megabytes(results)} at the peak; "
                       f"the registry takes {median(column(results, 'behind')):.2f} CPU s per GB |")


def pushes_at_once(found):
    for name, results in found.items():
        quiet, busy = [one["quiet"] for one in results], [one for result in results for one in result["pulls"]]
        yield (f"| {pushes.UPLOADS} layers of {pushes.UPLOAD >> 20} MB pushed at once to docker-registry | {name} | {spread(column(results, 'stored'), 0)} stored in "
               f"{spread(column(results, 'seconds'), 1)} s, with pulls meanwhile in {spread(column(results, 'busy'), 1)} s; {median(column(results, 'before')) / 2**20:.0f} MB before, "
               f"{megabytes(results)} at the peak, {median(column(results, 'after')) / 2**20:.0f} MB after |")
        yield (f"| pulls of a cached tag, without and with these pushes | {name} | {spread(column(quiet, 'rate'), 0)} and {spread(column(busy, 'rate'), 0)} requests/s; p99 "
               f"{spread(column(quiet, 'p99', 1e3), 1)} and {spread(column(busy, 'p99', 1e3), 1)} ms; longest {spread(column(quiet, 'longest', 1e3), 0)} and "
               f"{spread(column(busy, 'longest', 1e3), 0)} ms |")


def pulls_while_copying(found):
    for case in copies.LOADS if found else ():
        for name, results in found.items():
            yield (f"| {LOADS[case].title}, with copies of large images or without | {name} | {spread(column(results[case], 'rate'), 0)} requests/s, "
                   f"{spread(column(results[case], 'cpu', 1e6), 1)} µs; p99 {spread(column(results[case], 'p99', 1e3), 1)} ms |")


def first_pulls(found, name):
    """Returns how many times as long the pulls took as direct ones, pull by pull."""
    return [ours / direct for ours, direct in zip(found[name]["seconds"], found[DIRECT]["seconds"])]


def first_pull_lines(found):
    for name, pulls in found.items():
        counted = pulls["calls"][len(pulls["calls"]) // 2]
        calls = ", ".join(f"{count} {kind}" for kind, count in sorted(counted.items()))
        ratio = "" if name == DIRECT else f", {spread(first_pulls(found, name))} times as long as directly"
        yield f"| {FIRST_PULL} | {name} | {median(pulls['seconds']) * 1e3:.0f} ms{ratio}; calls at the registry: {calls} |"


def repeated(loads):
    """Yields what the loads of wrk gave."""
    yield from ("", "| case | program | requests/s | p50 ms | p99 ms | CPU µs per request | resident MB | mirror's ratio |",
                "|---|---|--:|--:|--:|--:|--:|--:|")
    for name, peers in loads.items():
        for peer, found in peers.items():
            ratio = "" if peer == MIRROR else spread(ratios(loads, name, peer))
            yield (f"| {LOADS[name].title} | {peer} | {spread(column(found, 'rate'), 0)} | {median(column(found, 'p50', 1e3)):.2f} "
                   f"| {median(column(found, 'p99', 1e3)):.2f} | {spread(column(found, 'cpu', 1e6), 1)} | {max(column(found, 'memory')) / 2**20:.0f} | {ratio} |")
    for name, peers in loads.items():
        for peer, found in peers.items():
            wrong = sum(column(found, "wrong"))
            if wrong:
                yield from ("", f"{LOADS[name].title}: {wrong} of {sum(column(found, 'requests')):,} requests to {peer} were answered with an error.")
    yield from ("", "The mirror answers a blob with 307; the others send its 768 or 1,024 bytes.")
    if "tag-hot" in loads:
        direct = median(column(loads["tag-hot"][DIRECT], "rate"))
        yield from ("", f"{PROXY} is as fast as the registry behind it lets it be. That one serves {direct:,.0f} requests/s here when it is asked directly, and shares "
                    "the cores. A faster registry makes nginx faster, and one that is slower or farther away makes it slower. The mirror and "
                    f"{CACHE} serve repeated pulls from memory, whatever the registry's speed.")
    if "distinct" in loads:
        ours = loads["distinct"][MIRROR]
        yield from ("", f"{LOADS['distinct'].title}: garbage collection takes {median(column(ours, 'collector', 1e6)):.1f} µs of the mirror's "
                    f"{median(column(ours, 'cpu', 1e6)):.1f} µs per request. Its longest pause took {max(column(ours, 'pause', 1e3)):.1f} ms.")


def others(results):
    """Yields the rows of all else."""
    for name, size in results["memory"].items():
        yield f"| resident memory after all loads of the table above | {name} | {size / 2**20:.0f} MB |"
    for name, found in results.get("pulls", {}).items():
        yield (f"| first pulls of {made.WHOLE} whole images | {name} | {spread(column(found, 'rate'), 0)} images/s, {median(column(found, 'cpu', 1e3)):.1f} ms CPU per image, "
               f"{megabytes(found)} |")
    for name, found in results.get("one-core", {}).items():
        yield (f"| 256 connections, one core | {name} | {spread(column(found, 'rate'), 0)} requests/s, p99 {median(column(found, 'p99', 1e3)):.1f} ms, "
               f"{megabytes(found)} |")
    for name, found in results.get("first-seconds", {}).items():
        early = " · ".join(f"{median(rates):,.0f}" for rates in zip(*(one["early"] for one in found)))
        yield f"| each of the first ten seconds on one core | {name} | {early} requests/s; later {spread(column(found, 'rate'), 0)}; {megabytes(found)} |"
    for name, found in results.get("slow", {}).items():
        quick = "".join(f"; {median(times):.1f} ms, longest {max(times):.1f} ms for {title} meanwhile" for title, times in
                        ((title, [seconds * 1e3 for one in found for seconds in one["quick"][title]]) for title in found[0]["quick"]))
        yield (f"| {SLOW} pulls at once from a registry that takes {DELAY} s | {name} | {spread(column(found, 'served'), 0)} served, p99 "
               f"{spread(column(found, 'p99'), 1)} s, longest {spread(column(found, 'longest'), 1)} s{quick}; {megabytes(found)} at the peak |")
    for name, found in results.get("stream", {}).items():
        yield (f"| a blob of 1.5 GB streamed | {name} | {spread(column(found, 'rate'), 0)} MB/s, {median(column(found, 'cpu')):.2f} CPU s per GB, "
               f"{megabytes(found)} |")
    for name, found in results.get("start", {}).items():
        yield f"| from start to first manifest | {name} | {spread([seconds * 1e3 for seconds in found], 0)} ms |"
    yield from pushes_of_one(results.get("push", {}))
    yield from pushes_at_once(results.get("push-at-once", {}))
    yield from pulls_while_copying(results.get("warming", {}))
    yield from first_pull_lines(results.get("first-pull", {}))
    if "access" in results:
        for name, found in results["access"]["pulls"].items():
            yield f"| repeated tag, access control | {name} | {spread(column(found, 'rate'), 0)} requests/s, {spread(column(found, 'cpu', 1e6), 1)} µs CPU per request, {megabytes(found)} |"
        for storm in results["access"]["storms"]:
            statuses = ", ".join(f"{count} × {status}" for status, count in storm["statuses"].items())
            yield (f"| {LOGINS} wrong logins a second | mirror | {statuses}; meanwhile {median(storm['health']) * 1e3:.1f} ms, longest {max(storm['health']) * 1e3:.1f} ms for /health; "
                   f"{median(storm['cached']) * 1e3:.1f} ms, longest {max(storm['cached']) * 1e3:.1f} ms for cached |")
    found = results.get("crowd")
    if found:
        yield f"| a crowd of {CROWD:,} on a new tag | mirror | all answered in {spread(column(found, 'seconds', 1e3), 0)} ms, {megabytes(found)} |"


def markdown(results, root, seconds, rounds, left_out):
    lines = ["# How fast the mirror is", "",
             "Measured by `bench/run`. All programs run on one machine and ask the same registry, in interleaved rounds. One thread of wrk sends requests by "
             "32 connections, and access logs are on. A warm-up before lasts until Java has compiled the code that these requests need. Figures are medians, with the lowest "
             "and the highest in brackets; memory is the highest. Compare the ratios; the absolute figures depend on the machine.", "",
             f"{machine(root, left_out)}; {rounds} rounds of {seconds:g} s", "", "| goal | median (lowest–highest) | |", "|---|---|---|"]
    lines += [f"| {goal} | {found} | {'reached' if reached else '**not reached**'} |" for goal, found, reached in goals(results)]
    if results["loads"]:
        lines += repeated(results["loads"])
    lines += ["", "| | program | |", "|---|---|--:|", *others(results)]
    for name, why in left_out.items():
        lines += ["", f"Left out: {name}, since {why}."]
    return "\n".join(lines) + "\n"


def picture(results):
    """Draws the rates as bars, one group for each case; dark and light pages both."""
    names = [name for name in ("tag-hot", "tag-cold", "digest", "blob-cold", "missing", "tags", "distinct") if name in results["loads"]]
    colours = {MIRROR: "#2f81f7", PROXY: "#8b949e", CACHE: "#b0b8c1", REGISTRY: "#d29922", DISTRIBUTION: "#bf6a02", ZOT: "#8250df", DIRECT: "#57ab5a"}
    top = max(median([f["rate"] for f in found]) for name in names for found in results["loads"][name].values())
    out, y = ['<text x="8" y="20" class="title">Requests per second: more is better</text>'], 48
    for name in names:
        out.append(f'<text x="8" y="{y}" class="case">{escape(LOADS[name].title)}</text>')
        for peer, found in results["loads"][name].items():
            rate = median([f["rate"] for f in found])
            width = max(1, 420 * rate / top)
            y += 20
            out.append(f'<text x="8" y="{y}">{escape(peer)}</text>'
                       f'<rect x="170" y="{y - 11}" width="{width:.0f}" height="14" rx="2" fill="{colours[peer]}"/>'
                       f'<text x="{176 + width:.0f}" y="{y}">{rate:,.0f}</text>')
        y += 32
    style = "text{font:12px sans-serif;fill:#57606a}.case{font-weight:bold}.title{font-size:15px;font-weight:bold}@media(prefers-color-scheme:dark){text{fill:#c9d1d9}}"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {y}" width="680" height="{y}" role="img" '
            f'aria-label="Requests per second of the mirror and of what it is compared with"><style>{style}</style>\n' + "\n".join(out) + "\n</svg>\n")

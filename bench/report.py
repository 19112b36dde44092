"""The results as text and as a picture."""
import os
import platform
import statistics
import subprocess
from xml.sax.saxutils import escape

from cases import CACHE, CROWD, LOADS, MIRROR, PROXY, REGISTRY

median = statistics.median


def ratios(loads, name, peer, key="rate"):
    """Returns the mirror's ratio to the peer, round by round."""
    ours, theirs = loads.get(name, {}).get(MIRROR, []), loads.get(name, {}).get(peer, [])
    return [a[key] / b[key] for a, b in zip(ours, theirs) if b[key]]


def spread(values):
    return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def machine(root):
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "unknown")
    with open("/proc/meminfo") as info:
        memory = int(info.readline().split()[1]) / 2**20
    java = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr.splitlines()[0]
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip()
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True).stdout.strip()
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Linux {platform.release()}; {java}; {nginx}; commit {commit}"


def goals(results):
    """Yields goal, what was found, and whether it is reached."""
    loads = results["loads"]
    for name, peer, goal in (("tag-hot", PROXY, 1.3), ("digest", PROXY, 1.3), ("tag-cold", PROXY, 4), ("blob-cold", PROXY, 4),
                             ("tag-hot", REGISTRY, 50)):
        found = ratios(loads, name, peer)
        if found:
            yield f"{LOADS[name][0]}, against {peer}: at least {goal} times", spread(found), median(found) >= goal
    found = ratios(loads, "distinct", PROXY, "cpu")
    if found:
        yield f"nothing cached, CPU per request against {PROXY}: at most 4 times", spread(found), median(found) <= 4
    if "crowd" in results:
        worst = max(results["crowd"], key=lambda one: one["manifest"] + one["token"])
        yield (f"a crowd of {CROWD:,} on a new tag: one manifest call and one token call",
               f"{worst['manifest']} and {worst['token']}, after {worst['challenge']} that was challenged; {worst['served']:,} served",
               worst["manifest"] == 1 and worst["token"] == 1 and worst["served"] == CROWD)
    if "one-core" in results:
        ours = results["one-core"][MIRROR]
        memory, p99 = max(one["memory"] for one in ours) / 2**20, median([one["p99"] for one in ours]) * 1000
        yield "256 connections, one core: at most 256 MB resident", f"{memory:.0f} MB", memory <= 256
        yield "256 connections, one core: p99 under 50 ms", f"{p99:.1f} ms", p99 < 50
    if "stream" in results:
        found = [a["rate"] / b["rate"] for a, b in zip(results["stream"][MIRROR], results["stream"][PROXY])]
        yield f"a blob of 1.5 GB streamed, against {PROXY}: at least 0.6 times", spread(found), median(found) >= 0.6


def markdown(results, root, seconds, rounds):
    lines = ["# How fast the mirror is", "",
             "Made by `bench/run`, which says how: all programs on one machine, side by side on the same upstream, in interleaved rounds, "
             "one wrk thread with 32 connections, access logs on, after a warm-up that lasts until Java has compiled what is hot. Compare the ratios; the absolute "
             "figures depend on the machine.", "",
             f"{machine(root)}; {rounds} rounds of {seconds:g} s", "", "| goal | median (lowest–highest) | |", "|---|---|---|"]
    lines += [f"| {goal} | {found} | {'reached' if reached else '**not reached**'} |" for goal, found, reached in goals(results)]
    if results["loads"]:
        lines += ["", "| case | program | requests/s | p50 ms | p99 ms | CPU µs per request | mirror's ratio |", "|---|---|--:|--:|--:|--:|--:|"]
        for name, peers in results["loads"].items():
            for peer, found in peers.items():
                ratio = "" if peer == MIRROR else spread(ratios(results["loads"], name, peer))
                lines.append(f"| {LOADS[name][0]} | {peer} | {median([f['rate'] for f in found]):,.0f} | {median([f['p50'] for f in found]) * 1e3:.2f} "
                             f"| {median([f['p99'] for f in found]) * 1e3:.2f} | {median([f['cpu'] for f in found]) * 1e6:.1f} | {ratio} |")
    for name, peers in results["loads"].items():
        for peer, found in peers.items():
            wrong = sum(f["wrong"] for f in found)
            if wrong:
                lines += ["", f"{LOADS[name][0]}: {wrong} of {sum(f['requests'] for f in found):,} requests to {peer} were answered with an error."]
    lines += ["", "The mirror answers a blob with 307; the others send its 768 or 1,024 bytes.", "", "| | program | |", "|---|---|--:|"]
    lines += [f"| resident memory after all of that | {name} | {size / 2**20:.0f} MB |" for name, size in results["memory"].items()]
    for name, found in results.get("one-core", {}).items():
        lines.append(f"| 256 connections, one core | {name} | {median([f['rate'] for f in found]):,.0f} requests/s, p99 "
                     f"{median([f['p99'] for f in found]) * 1e3:.1f} ms, {max(f['memory'] for f in found) / 2**20:.0f} MB |")
    for name, found in results.get("stream", {}).items():
        lines.append(f"| a blob of 1.5 GB streamed | {name} | {median([f['rate'] for f in found]):,.0f} MB/s, {median([f['cpu'] for f in found]):.2f} CPU "
                     f"s per GB, {max(f['memory'] for f in found) / 2**20:.0f} MB |")
    for name, found in results.get("start", {}).items():
        lines.append(f"| from start to first manifest | {name} | {median(found) * 1e3:.0f} ms |")
    for one in results.get("crowd", [])[:1]:
        lines.append(f"| a crowd of {CROWD:,} on a new tag | mirror | all answered in {one['seconds'] * 1e3:.0f} ms |")
    return "\n".join(lines) + "\n"


def picture(results):
    """Draws the rates as bars, one group for each case; dark and light pages both."""
    names = [name for name in ("tag-hot", "tag-cold", "digest", "blob-cold", "missing", "distinct") if name in results["loads"]]
    colours = {MIRROR: "#2f81f7", PROXY: "#8b949e", CACHE: "#b0b8c1", REGISTRY: "#d29922"}
    top = max(median([f["rate"] for f in found]) for name in names for found in results["loads"][name].values())
    out, y = ['<text x="8" y="20" class="title">Requests per second: more is better</text>'], 48
    for name in names:
        out.append(f'<text x="8" y="{y}" class="case">{escape(LOADS[name][0])}</text>')
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

# SPDX-License-Identifier: BSD-3-Clause
"""The report of compare as one HTML file that needs no other: its plots are
SVG inside it."""

import html
import io

import machine

COLOURS = {"ours": "#1f6fb2", "builtin": "#c0504d", "floor": "#7f7f7f"}
SIDES = {"rx": "receive", "tx": "transmit"}
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>netvsc-perf compare</title>
<style>body{{font:15px sans-serif;max-width:62em;margin:2em auto;padding:0 1em}}
table{{border-collapse:collapse}}td,th{{padding:.25em .7em;border-bottom:1px solid #ccc;
text-align:right}}td:first-child,th:first-child,td:nth-child(2){{text-align:left}}
svg{{max-width:100%;height:auto}}.no{{color:#b00}}</style></head><body>
<h1>netvsc-perf compare</h1>
<p><b>Figures of an emulated host: none of Hyper-V or Azure.</b></p>
<p>Driver measured: build-id <code>{ours}</code>; built-in one: <code>{builtin}</code>.
{repeated} disturbed rounds repeated, {dropped_pairs} pairs dropped because a core moved; cores'
round trip {cores_before} cycles before, {cores_after} after; {seconds:.0f} s.</p>
<table><tr><th>case</th><th>what</th><th>ours</th><th>other</th><th>ratio</th><th>95 %</th>
<th>wanted</th><th>× floor</th></tr>
{rows}</table>
{plots}
</body></html>
"""


def pyplot():
    try:
        import matplotlib
    except ImportError as error:
        raise machine.Failed("--html needs python3-matplotlib (apt install it)") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    return plt


def svg(figure):
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg"):]


def by_series(points, key):
    series = {}
    for point in points:
        if key in point:
            series.setdefault(point["driver"], []).append((point["at"], point[key]))
    return series


def cost_plot(plt, points, dimension, log):
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6))
    for axis, (side, name) in zip(axes, SIDES.items()):
        for driver, line in by_series([p for p in points if p["side"] == side],
                                      "cycles").items():
            axis.plot(*zip(*line), "o-", label=driver, color=COLOURS[driver])
        axis.set(title=name, xlabel=dimension, ylabel="cycles a frame", ylim=(0, None))
        if log:
            axis.set_xscale("log", base=2)
        axis.grid(alpha=.3)
        axis.legend()
    return figure


def overload_plot(plt, points):
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
    for driver in ("ours", "builtin"):
        mine = [p for p in points if p["driver"] == driver]
        if not mine:
            continue
        loads = [p["load"] for p in mine]
        left.plot(loads, [p["delivered_mpps"] for p in mine], "o-", label=driver,
                  color=COLOURS[driver])
        for name, style in (("p50", ":"), ("p99", "-")):
            right.plot(loads, [p["latency_us"][name] for p in mine], style, marker="o",
                       label=f"{driver} {name}", color=COLOURS[driver])
    left.set(title="delivered", xlabel="offered, times the capacity", ylabel="Mpps",
             xscale="log", ylim=(0, None))
    right.set(title="latency", xlabel="offered, times the capacity", ylabel="us", xscale="log",
              yscale="log")
    for axis in (left, right):
        axis.grid(alpha=.3)
        if axis.lines:
            axis.legend()
    return figure


def ratio_plot(plt, details):
    found = {name: entry for name, entry in details.items() if entry}
    figure, axis = plt.subplots(figsize=(10, .45 * len(found) + 1))
    for at, (name, entry) in enumerate(found.items()):
        axis.plot((entry["low"], entry["high"]), (at, at), color=COLOURS["ours"], lw=5, alpha=.4)
        axis.plot(entry["ratio"], at, "o", color=COLOURS["ours"])
        if entry["limit"] is not None:
            axis.plot(entry["limit"], at, "|", color=COLOURS["builtin"], ms=16, mew=2)
    axis.set(yticks=range(len(found)), yticklabels=list(found), xlabel="ratio; the mark: wanted",
             xlim=(0, None))
    axis.invert_yaxis()
    axis.grid(alpha=.3)
    return figure


def plots(report):
    """(file name, title, SVG) of each plot that there are figures for."""
    plt = pyplot()
    sweeps = report.get("sweeps", {})
    if any(report["details"].values()):
        yield "ratios", "Ratios", svg(ratio_plot(plt, report["details"]))
    for dimension, title, log in (("size", "Cost by frame size", False),
                                  ("burst", "Cost by burst", True),
                                  ("queues", "Cost by number of queues", True)):
        if sweeps.get(dimension):
            yield dimension, title, svg(cost_plot(plt, sweeps[dimension], dimension, log))
    if sweeps.get("overload"):
        yield "overload", "Overload", svg(overload_plot(plt, sweeps["overload"]))
    plt.close("all")


def save(drawn, folder):
    for name, _title, text in drawn:
        with open(f"{folder}/{name}.svg", "w", encoding="utf-8") as out:
            out.write(text)


def number(value, digits=2):
    return "–" if value is None else f"{value:.{digits}f}"


def table_rows(report):
    by_case = {}
    for row in report["rows"]:
        by_case.setdefault(row["case"], {})[row["driver"]] = row
    for name, drivers in by_case.items():
        ours = drivers["ours"]
        other = next(row for driver, row in drivers.items() if driver != "ours")
        entry = report["details"].get(name) or \
            report["details"].get(name.replace("loop64_", "loop64_vs_")) or {}
        cells = [name, ours["what"], number(ours["median"], 1),
                 f"{number(other['median'], 1)} ({other['driver']})", number(entry.get("ratio")),
                 f"{number(entry.get('low'))} – {number(entry.get('high'))}",
                 number(entry.get("limit")), number(ours["times_floor"])]
        yield "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>\n"


def page(report, drawn):
    words = {key: report[key] for key in ("repeated", "dropped_pairs", "cores_before",
                                          "cores_after", "seconds")}
    return PAGE.format(ours=html.escape(report["ids"]["ours"]),
                       builtin=html.escape(report["ids"]["builtin"]),
                       rows="".join(table_rows(report)),
                       plots="".join(f"<h2>{title}</h2>\n{text}\n" for _, title, text in drawn),
                       **words)

"""Measures MagScope and Beadscope in turns and prints a table: magscope_table.py PYTHON BEADSCOPE SECONDS ROUNDS

PYTHON has magscope; benches/peers/magscope prepares it and the display.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile

# Beads, side of a ROI in px, frames per second.
CASES = [(5, 50, 30), (5, 50, 100), (24, 64, 100), (24, 64, 1000)]
IDLE_HZ = 30
HERE = os.path.dirname(os.path.abspath(__file__))
# Start, waits of the peer (which has its own limits) and end.
AROUND_S = 180


def usage(seconds, command):
    """What live_usage.py prints of this command; nothing if it failed."""
    limit_s = seconds + AROUND_S
    line = [sys.executable, os.path.join(HERE, "live_usage.py"), str(limit_s), *map(str, command)]
    child = subprocess.Popen(line, stdout=subprocess.PIPE)
    try:
        return json.loads(child.communicate(timeout=limit_s + 60)[0])
    except (subprocess.TimeoutExpired, ValueError):
        return {}
    finally:
        # Not killed: it has a session to end.
        child.terminate()
        child.wait()


def theirs(python, seconds, beads, roi_px, rate_hz):
    got = usage(seconds, [python, os.path.join(HERE, "magscope_rate.py"), beads, roi_px, rate_hz, seconds])
    latency = got.get("latency_ms", {})
    row = {"rate": got.get("rows_per_s"), "hz": got.get("camera_hz"), "p50": latency.get("p50"), "p99": latency.get("p99")}
    if "frames" in got:
        # The window opens and closes between two frames.
        row["lost"] = max(0, got["camera_frames"] - got["frames"])
        row["frames"] = got["camera_frames"]
        if got["heights"] < got["located"]:
            print(f"MagScope found {got['heights']} heights of {got['located']} positions", file=sys.stderr)
    return row | used(got)


def ours(beadscope, seconds, beads, roi_px, rate_hz):
    with tempfile.TemporaryDirectory() as folder:
        options = {"beads": beads, "roi-px": roi_px, "rate-hz": rate_hz, "duration": f"{seconds}s", "out": folder}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        got = usage(seconds, [beadscope, "run", "--backend", "cpu", "--json", *words])
    if not got.get("frames", {}).get("received"):
        return used(got)
    frames, hz = got["frames"], got["rate_hz"]
    return {
        "rate": got["tracks"] * hz / frames["received"],
        "hz": hz,
        "lost": sum(frames["lost"].values()),
        "frames": frames["camera"],
        "p50": got["latency_ms"]["p50"],
        "p99": got["latency_ms"]["p99"],
    } | used(got)


def used(got):
    # Without an object of its own the program failed, and what it used meanwhile means nothing.
    whole = "from_s" in got or "tracks" in got
    return {name: got.get(name) if whole else None for name in ("cpu_cores", "pss_mib", "processes")}


def median(rows, name):
    values = [row[name] for row in rows if row.get(name) is not None]
    return statistics.median(values) if values else None


def cells(rows):
    def show(name, form):
        value = median(rows, name)
        return "-" if value is None else form.format(value)

    lost, frames = median(rows, "lost"), median(rows, "frames")
    return [
        show("rate", "{:.0f}"),
        show("hz", "{:.1f}"),
        "-" if lost is None else f"{lost:.0f} of {frames:.0f}",
        show("p50", "{:.1f}") + " / " + show("p99", "{:.1f}"),
        show("cpu_cores", "{:.2f}"),
        show("pss_mib", "{:.0f}"),
        show("processes", "{:.0f}"),
    ]


def line(values):
    print("| " + " | ".join(map(str, values)) + " |", flush=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    python, beadscope, seconds, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    heads = ["beads", "ROI px", "asked Hz", "program", "bead-frames/s", "camera Hz", "frames lost"]
    heads += ["latency ms, median / p99", "CPU, cores", "memory MiB", "processes"]
    line(heads)
    line(["---"] * len(heads))
    programs = {"MagScope 1.0.0": (theirs, python), "Beadscope": (ours, beadscope)}
    for beads, roi_px, rate_hz in [(0, 50, IDLE_HZ), *CASES]:
        rows = {name: [] for name in programs}
        for _ in range(rounds):
            for name, (measure, program) in programs.items():
                # Beadscope does not run without a bead: it is measured with one, tracked and recorded.
                count = max(beads, 1) if measure is ours else beads
                rows[name].append(measure(program, seconds, count, roi_px, rate_hz))
        for name, measured in rows.items():
            count = 1 if beads == 0 and name == "Beadscope" else beads
            line([count, roi_px, rate_hz, name, *cells(measured)])


if __name__ == "__main__":
    main()

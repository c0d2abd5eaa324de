"""Measures the windows of MagScope and Beadscope in turns: window_table.py PYTHON BEADSCOPE SCREEN SECONDS ROUNDS FOLDER

Prints a table; FOLDER gets a screenshot of each and rounds.json, everything that was measured. SCREEN is the file in
which Xvfb keeps the screen. PYTHON has magscope; benches/peers/window prepares it and the display.
"""

import datetime
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from live_usage import cores, end, processes, pss_mib
from PIL import Image
from screen import PICTURE_TILES, TILE, Screen, Windows, coloured, picture_tiles

HERE = os.path.dirname(os.path.abspath(__file__))
BEADS, ROI_PX, RATE_HZ = 5, 50, 100
# Those of MagScope's simulated camera.
WIDTH_PX, HEIGHT_PX = 512, 256
RIG = f"""
[camera]
driver = "simulated"
rate_hz = {RATE_HZ}.0
[camera.settings]
beads = {BEADS}
roi_px = {ROI_PX}
width_px = {WIDTH_PX}
height_px = {HEIGHT_PX}
[tracking]
roi_px = {ROI_PX}
backend = "cpu"
"""

# Both are looked for so often while a program starts.
START_LOOK_S = 0.05
# Longest wait for the picture and for the plots.
PATIENCE_S = 180.0
# After both are there, until it is measured.
SETTLE_S = 5.0
# Once, before anything is measured: caches are filled, and the first start of a program is over.
WARM_UP_S = 20.0
LOOK_S = 0.004
# Part of the picture that is watched, in squares.
WATCHED = (10, 6)
# So many pixels in the colour of the line are plotted points.
LINE_PIXELS = 30

# Where the plots are on a screen of 1280 x 800 px, and the colour of their line. Of MagScope these are all three of x, y
# and z without the ring beside them that tells the time to the next; they change together. Of Beadscope it is the inside
# of that of x, as the title above it has the colour of the line.
MAGSCOPE = {"plot": (685, 572, 1270, 790), "line": [(255, 0, 0)]}
BEADSCOPE = {"plot": (824, 155, 1270, 270), "line": [(86, 180, 233)]}


class Failed(Exception):
    pass


class Bench:
    def __init__(self, python, beadscope, screen, seconds, scratch, folder):
        self.python, self.beadscope = python, beadscope
        self.screen, self.windows = Screen(screen), Windows()
        self.seconds, self.scratch, self.folder = seconds, scratch, folder
        self.rig = os.path.join(scratch, "rig.toml")
        with open(self.rig, "w", encoding="utf-8") as file:
            file.write(RIG)

    def command(self, name):
        if name == "MagScope":
            return [self.python, os.path.join(HERE, "magscope_window.py"), str(BEADS), str(RATE_HZ)]
        return [self.beadscope, "--rig", self.rig, "--out", self.scratch]

    def run(self, name, where, measure):
        """Starts a program, measures it and ends it."""
        with tempfile.TemporaryFile("w+") as told:
            self.clear()
            start_s = time.time()
            child = subprocess.Popen(
                self.command(name), stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True
            )
            try:
                row = measure(name, where, child, start_s)
            finally:
                end(child.pid)
                child.wait()
                told.seek(0)
                said = told.read()
                print(f"--- {name}\n{said}", file=sys.stderr, flush=True)
        return row | {"camera_hz": camera_hz(said, row)}

    def clear(self):
        """Waits until nothing of the program before is on the screen."""
        self.windows.hide_pointer(self.screen.width, self.screen.height)
        until_s = time.time() + 20.0
        while self.screen.covered() > 0.001:
            if time.time() > until_s:
                self.shoot("left")
                raise Failed("the screen is not empty")
            self.windows.blacken()
            time.sleep(0.1)

    def warm_up(self, _name, _where, child, start_s):
        while time.time() - start_s < WARM_UP_S and child.poll() is None:
            self.windows.fill(self.screen.width, self.screen.height)
            time.sleep(0.2)
        return {}

    def measured(self, name, where, child, start_s):
        row = self.started(name, where, child, start_s)
        until_s = time.time() + SETTLE_S
        while time.time() < until_s:
            time.sleep(0.1)
        boxes = {"picture": self.picture_box(name), "plot": where["plot"]}
        # Nothing but the screen is looked at meanwhile.
        samples = [(time.time(), processes(child.pid))]
        row |= watch(self.screen, boxes, self.seconds)
        samples.append((time.time(), processes(child.pid)))
        row |= {"from_s": samples[0][0], "to_s": samples[1][0]}
        row["cpu_cores"] = cores(samples, row["from_s"], row["to_s"])
        row["pss_mib"] = pss_mib(samples[1][1])
        row["processes"] = len(samples[1][1])
        self.shoot(name)
        if not self.plotted(where):
            raise Failed(f"the plot of {name} is not where it was looked for; see the screenshot")
        return row | {"boxes": boxes}

    def started(self, name, where, child, start_s):
        """Seconds from the start of the process to the first picture and to the first plotted points."""
        row = {}
        while "picture_s" not in row or "plot_s" not in row:
            at_s = time.time()
            if at_s - start_s > PATIENCE_S or child.poll() is not None:
                self.shoot(name)
                raise Failed(f"{name} showed only {sorted(row)}")
            self.windows.fill(self.screen.width, self.screen.height)
            if "window_s" not in row and self.screen.covered() > 0.5:
                row["window_s"] = at_s - start_s
            if "picture_s" not in row and picture_tiles(self.screen.pixels.copy()).sum() >= PICTURE_TILES:
                row["picture_s"] = at_s - start_s
            # Before the window is there, whatever has this colour is something else.
            if "window_s" in row and "plot_s" not in row and self.plotted(where):
                row["plot_s"] = at_s - start_s
            time.sleep(max(0.0, at_s + START_LOOK_S - time.time()))
        return row

    def plotted(self, where):
        """Whether there are points in the plot."""
        return coloured(self.screen.part(where["plot"]), where["line"]) >= LINE_PIXELS

    def picture_box(self, name):
        """The middle of the picture."""
        tiles = picture_tiles(self.screen.pixels.copy())
        if tiles.sum() < PICTURE_TILES:
            self.shoot(name)
            raise Failed(f"{name} shows no picture any more")
        rows, columns = tiles.nonzero()
        left = int(statistics.median_low(columns.tolist())) - WATCHED[0] // 2
        top = int(statistics.median_low(rows.tolist())) - WATCHED[1] // 2
        return left * TILE, top * TILE, (left + WATCHED[0]) * TILE, (top + WATCHED[1]) * TILE

    def shoot(self, name):
        Image.fromarray(self.screen.rgb()).save(os.path.join(self.folder, f"{name.lower()}.png"))


def watch(screen, boxes, seconds):
    """How often parts of the screen change."""
    last = {name: screen.part(box).tobytes() for name, box in boxes.items()}
    changed = dict.fromkeys(boxes, False)
    times = {name: [] for name in boxes}
    from_s = time.perf_counter()
    now, looks = from_s, 0
    while now < from_s + seconds:
        time.sleep(max(0.0, from_s + (looks + 1) * LOOK_S - now) % LOOK_S)
        now, looks = time.perf_counter(), looks + 1
        for name, box in boxes.items():
            seen = screen.part(box).tobytes()
            # Looked at while it is being drawn, it changes at two looks, but was drawn once.
            if seen != last[name] and not changed[name]:
                times[name].append(now)
                changed[name] = True
            else:
                changed[name] = False
            last[name] = seen
    took_s = now - from_s
    row = {"looks_hz": looks / took_s}
    for name, at in times.items():
        edges = [from_s, *at, now]
        row[f"{name}_hz"] = len(at) / took_s
        row[f"{name}_pause_ms"] = 1000 * max(after - before for before, after in zip(edges, edges[1:], strict=False))
    return row


def camera_hz(said, row):
    """Frames a second of the camera, by what the program says itself."""
    told = [json.loads(line) for line in said.splitlines() if line.startswith('{"at_s"')]
    inside = [one for one in told if row.get("from_s", 0) <= one["at_s"] <= row.get("to_s", 0)]
    if len(inside) > 1:
        return (inside[-1]["frames"] - inside[0]["frames"]) / (inside[-1]["at_s"] - inside[0]["at_s"])
    # Beadscope's log: the session as a whole.
    starts = re.search(r"(\S+)Z +INFO session starts", said)
    ends = re.search(r'(\S+)Z +INFO session ended.*?"camera":(\d+)', said)
    if not starts or not ends:
        return None
    took = datetime.datetime.fromisoformat(ends[1]) - datetime.datetime.fromisoformat(starts[1])
    return int(ends[2]) / took.total_seconds()


def cell(rows, name, form):
    values = [row[name] for row in rows if row.get(name) is not None]
    if not values:
        return "-"
    middle, least, most = (form.format(value) for value in (statistics.median(values), min(values), max(values)))
    return middle if least == most else f"{middle} ({least} to {most})"


LINES = {
    "launch to a window on the screen, s": ("window_s", "{:.2f}"),
    "launch to the first camera image, s": ("picture_s", "{:.2f}"),
    "launch to the first plotted points, s": ("plot_s", "{:.2f}"),
    "picture drawn anew, 1/s": ("picture_hz", "{:.1f}"),
    "longest time without a new picture, ms": ("picture_pause_ms", "{:.0f}"),
    "plots drawn anew, 1/s": ("plot_hz", "{:.2f}"),
    "longest time without a new plot, ms": ("plot_pause_ms", "{:.0f}"),
    "CPU, cores": ("cpu_cores", "{:.2f}"),
    "memory, MiB": ("pss_mib", "{:.0f}"),
    "processes": ("processes", "{:.0f}"),
    f"camera, Hz ({RATE_HZ} asked)": ("camera_hz", "{:.1f}"),
    "looks at the screen, 1/s": ("looks_hz", "{:.0f}"),
}


def stop(*_):
    # Asked twice, by a group and by its leader, it must still end the program that it started.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def main():
    signal.signal(signal.SIGTERM, stop)
    python, beadscope, screen, seconds, rounds, folder = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(python, os.path.abspath(beadscope), screen, float(seconds), scratch, folder)
        programs = {"MagScope": MAGSCOPE, "Beadscope": BEADSCOPE}
        rows = {name: [] for name in programs}
        for name, where in programs.items():
            bench.run(name, where, bench.warm_up)
        for number in range(int(rounds)):
            # Who goes first changes: what else the machine does then meets both alike.
            for name in sorted(programs, reverse=number % 2 == 0):
                load = os.getloadavg()[0]
                rows[name].append(bench.run(name, programs[name], bench.measured) | {"load_before": load})
    with open(os.path.join(folder, "rounds.json"), "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)
    print("| | MagScope 1.0.0 | Beadscope |")
    print("|---|---|---|")
    for label, (name, form) in LINES.items():
        print(f"| {label} | {cell(rows['MagScope'], name, form)} | {cell(rows['Beadscope'], name, form)} |")


if __name__ == "__main__":
    main()

"""Makes README.md and accuracy.png of the raw.csv of measure.py: report.py FOLDER "MACHINE, COMMIT, COMMAND" """

import csv
import sys
from pathlib import Path

import numpy as np
from matplotlib import pyplot
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from measure import BASE

IMAGES = {"wave": "MagTrack's wave simulation", "real": "radial, from a real Z-LUT", "rings": "radial, our own rings"}
STYLES = {"wave": "-o", "real": "--s", "rings": "--s"}
METHODS = {"qi": "C0", "fit": "C3", "magtrack": "0.55"}
NAMES = {"eff3": "σ/CRLB", "bias_nm": "bias, nm", "told": "told σ / scatter",
         "told_low": "told σ / scatter, least over z,", "told_high": "told σ / scatter, most over z,"}
KEYS = {"roi_px": "ROI, px", "white_e": "photo-electrons at white", "z_nm": "z, nm", "step_nm": "Z-LUT step, nm"}
# What we hold ourselves to: method, figure, axes, images, Z-LUT steps in nm, lowest and highest value.
RADIAL, EVERY = ("real", "rings"), tuple(IMAGES)
WANTED = [
    ("fit", "eff3", "xyz", ("wave",), (50, 100), -np.inf, 1.10),
    ("fit", "eff3", "xyz", RADIAL, (50, 100), -np.inf, 1.10),
    ("fit", "bias_nm", "xy", RADIAL, (50, 100), -np.inf, 0.1),
    ("fit", "bias_nm", "z", RADIAL, (50,), -np.inf, 0.3),
    ("fit", "bias_nm", "z", RADIAL, (100,), -np.inf, 0.3),
    ("fit", "bias_nm", "xy", ("wave",), (50, 100), -np.inf, 0.15),
    ("fit", "bias_nm", "z", ("wave",), (50,), -np.inf, 0.3),
    ("fit", "bias_nm", "z", ("wave",), (100,), -np.inf, 1.0),
    ("fit", "told", "xyz", ("wave",), (50, 100), 0.9, 1.1),
    ("fit", "told", "xyz", RADIAL, (50, 100), 0.9, 1.1),
    ("fit", "told_low", "xyz", ("wave",), (50, 100), 0.9, np.inf),
    ("fit", "told_high", "xyz", ("wave",), (50, 100), -np.inf, 1.1),
    ("fit", "told_low", "xyz", RADIAL, (50, 100), 0.9, np.inf),
    ("fit", "told_high", "xyz", RADIAL, (50, 100), -np.inf, 1.1),
    ("qi", "eff3", "xy", EVERY, (50, 100), -np.inf, 1.55),
    ("qi", "eff3", "z", EVERY, (50, 100), -np.inf, 1.40),
    ("qi", "bias_nm", "xy", EVERY, (100,), -np.inf, 0.2),
    ("qi", "bias_nm", "z", EVERY, (100,), -np.inf, 1.5),
]
TEXT = """
Bias: rms over positions of the mean error, less what noise adds to it; ± is its standard error. Before the mean is taken,
the error that an estimator at the bound makes on the same image is subtracted: it is noise only. σ/CRLB: scatter over
the Cramer-Rao bound of x, y and z; the columns `eff5` of `raw.csv` hold it against the bound with gain and offset
unknown as well. Told σ / scatter: the standard errors that `fit` writes beside its positions, over what is observed.
Camera: Poisson noise, 7 e- read noise, white is the largest grey value, 100 nm/px. Flagged rows are left out; a row
that is not flagged and off by more than 1 px or 500 nm is wrong. z: 2 to 8 um in `wave`, 1 to 6.5 um in the others, whose
table is no higher.
"""


def table(header, rows):
    """A table in markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows]) + "\n"


def uncertainty(line, figure, axis):
    """One standard error of a figure of a line."""
    if figure == "bias_nm":
        return line[f"u_bias_nm_{axis}"]
    return line["u_level_rel" if figure in ("told_low", "told_high") else "u_rel"] * line[f"{figure}_{axis}"]


def xyz(line, figure):
    """x, y and z of one figure; nothing where the method was not measured."""
    values = [line[f"{figure}_{axis}"] for axis in "xyz"] if line else []
    return " ".join(f"{value:.2f}" if value < 9.995 else f"{value:.3g}" for value in values)


def setting(line):
    """A line's setting in words."""
    camera = f"{line['white_e']:g} e-, {line['bits']:g} bit"
    return f"{line['images_of']}, ROI {line['roi_px']:g}, {camera}, step {line['step_nm']:g}"


def wanted(lines):
    """What is wanted, the worst that was measured, and how often it is missed by more than noise explains."""
    rows = []
    for method, figure, axes, images, steps, low, high in WANTED:
        beyond = lambda line, axis: max(line[f"{figure}_{axis}"] - high, low - line[f"{figure}_{axis}"])
        found = [(line, axis) for line in lines for axis in axes if line["method"] == method
                 and line["images_of"] in images and line["step_nm"] in steps and line["z_nm"] == "all"]
        line, axis = max(found, key=lambda at: beyond(*at))
        missed = sum(beyond(line, axis) > 2 * uncertainty(line, figure, axis) for line, axis in found)
        kinds = "/".join(dict.fromkeys(at["images_of"] for at, _ in found))
        limits = f"≤ {high:g}" if low < 0 else f"≥ {low:g}" if high == np.inf else f"{low:g} to {high:g}"
        worst = f"{line[f'{figure}_{axis}']:.3g} ± {uncertainty(line, figure, axis):.1g}"
        rows.append([f"{method}: {NAMES[figure]} of {', '.join(axes)}", kinds, ", ".join(map(str, steps)), limits, worst,
                     f"{axis}, {setting(line)}", f"{missed} of {len(found)}"])
    return table(["", "images", "step, nm", "wanted", "worst", "at", "missed by > 2 standard errors"], rows)


def check_of_bound(lines):
    """One step of Fisher scoring from the truth reaches a right bound: the ratio is 1 but for its own error."""
    rows = []
    for unknowns, title in (("3", "x, y, z"), ("5", "x, y, z, gain, offset")):
        for name in dict.fromkeys(line["images_of"] for line in lines):
            found = [line for line in lines if line["method"] == f"oracle{unknowns}"
                     and line["z_nm"] == "all" and line["images_of"] == name]
            values = np.array([[line[f"eff{unknowns}_{axis}"] for axis in "xyz"] for line in found])
            # Depths of one brightness share their electrons, so they count once.
            error = found[0]["u_rel"] / np.sqrt(len({(line["roi_px"], line["white_e"]) for line in found}))
            mean = " ".join(f"{v:.3f}" for v in values.mean(0))
            ends = f"{values.min():.3f} to {values.max():.3f}, each ± {found[0]['u_rel']:.3f}"
            rows.append([title, name, f"{mean} ± {error:.3f}", ends])
    return table(["unknowns", "images", "σ/CRLB of x y z, mean of all settings", "lowest to highest"], rows)


def sweeps(lines, name):
    """{what varies: [(value, {method: line})]} around the base setting, for one kind of images."""
    base = dict(zip(("roi_px", "white_e", "bits", "step_nm"), BASE)) | {"z_nm": "all"}
    found = {key: {} for key in KEYS}
    for line in lines:
        off = [key for key, value in base.items() if line[key] != value]
        if line["images_of"] == name and line["method"] in METHODS and len(off) <= 1 and off != ["bits"]:
            for key in off or [key for key in KEYS if key != "z_nm"]:
                found[key].setdefault(float(line[key]), {})[line["method"]] = line
    return {key: sorted(points.items()) for key, points in found.items()}


def crossed(lines, name, method, figures):
    """Every ROI size, depth and brightness at the base step, for one method and kind of images."""
    chosen = {(line["roi_px"], line["bits"], line["white_e"]): line for line in lines
              if (line["images_of"], line["method"], line["step_nm"], line["z_nm"]) == (name, method, BASE[3], "all")}
    whites = sorted({white for _, _, white in chosen})
    cell = lambda *at: " / ".join(xyz(chosen[at], figure) for figure in figures)
    rows = [[f"{roi:g}", f"{bits:g}", *(cell(roi, bits, white) for white in whites)]
            for roi, bits in sorted({at[:2] for at in chosen})]
    what = " / ".join(NAMES[figure] for figure in figures)
    title = f"\n## {method}, {IMAGES[name]}, Z-LUT step {BASE[3]} nm\n\n{what}; each x y z.\n\n"
    return title + table(["ROI, px", "bit", *(f"{white:g} e-" for white in whites)], rows)


def draw(panel, points, figure, axes, method, style):
    """One method's curve: rms over the axes, with standard errors; a bias within its own is an open triangle there."""
    at = [(value, lines[method]) for value, lines in points if method in lines]
    if not at:
        return
    x = np.array([value for value, _ in at])
    y = np.sqrt(np.mean([[line[f"{figure}_{axis}"] ** 2 for axis in axes] for _, line in at], 1))
    u = np.sqrt(np.sum([[uncertainty(line, figure, axis) ** 2 for axis in axes] for _, line in at], 1)) / len(axes)
    unclear = (figure == "bias_nm") & (y < u)
    y, error = np.where(unclear, u, y), np.where(unclear, 0, u)
    look = {"color": METHODS[method], "markersize": 3.5, "linewidth": 1.2, "elinewidth": 0.8}
    panel.errorbar(x, y, (np.minimum(error, 0.9 * y), error), fmt=style, **look)
    panel.plot(x[unclear], y[unclear], "v", color=METHODS[method], markerfacecolor="white", markersize=7, zorder=5)


def plot(lines, names, path):
    """Efficiency and bias, a row each, against what varies, a column each."""
    pyplot.rcParams.update({"axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False})
    figure, panels = pyplot.subplots(4, 4, figsize=(13, 12.5), sharey="row", sharex="col")
    rows = [("eff3", "xy", "σ / CRLB of x and y"), ("eff3", "z", "σ / CRLB of z"),
            ("bias_nm", "xy", "bias of x and y, nm"), ("bias_nm", "z", "bias of z, nm")]
    for name in names:
        for (key, points), column in zip(sweeps(lines, name).items(), panels.T):
            for (kind, axes, _), panel in zip(rows, column):
                for method in METHODS:
                    draw(panel, points, kind, axes, method, STYLES[name])
            column[-1].set_xlabel(KEYS[key])
            if key in ("white_e", "step_nm"):
                ticks = [value for value, _ in points]
                column[-1].set_xscale("log")
                column[-1].set_xticks(ticks, [f"{tick:g}" for tick in ticks])
                column[-1].xaxis.set_minor_locator(NullLocator())
    for (kind, _, label), row in zip(rows, panels):
        row[0].set_ylabel(label)
        if kind == "bias_nm":
            row[0].set_yscale("log")
            row[0].yaxis.set_major_formatter("{x:g}")
            row[0].set_ylim(bottom=1e-3 if "x" in label else 5e-3)
            continue
        # Logarithmic in what is more than 0.8, which opens up the neighbourhood of the bound.
        ticks, stretch = [1, 1.1, 1.2, 1.5, 2, 3, 4], lambda y: np.log(np.maximum(y - 0.8, 0.05))
        for panel in row:
            panel.set_yscale("function", functions=(stretch, lambda v: np.exp(v) + 0.8))
            panel.axhline(1, color="black", linewidth=1.5)
            panel.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        row[0].set_ylim(bottom=0.93)
    look = [Line2D([], [], color=colour, linewidth=2, label=method) for method, colour in METHODS.items()]
    look += [Line2D([], [], color="black", linestyle=STYLES[name][:-1], marker=STYLES[name][-1], markersize=5,
                    label=f"images: {IMAGES[name]}") for name in names]
    look += [Line2D([], [], color="black", linewidth=1.5, label="Cramer-Rao bound"),
             Line2D([], [], color="black", marker="v", markerfacecolor="white", linestyle="",
                    label="bias within its uncertainty")]
    figure.legend(handles=look, loc="upper center", ncols=4, frameon=False, bbox_to_anchor=(0.5, 0.965))
    roi, white, bits, step = BASE
    rest = f"ROI {roi} px, {white} e- at white, {bits} bit, Z-LUT step {step} nm"
    figure.suptitle(f"One thing varies; the rest is {rest}", y=0.99)
    figure.tight_layout(rect=(0, 0, 1, 0.935))
    figure.savefig(path, dpi=100, metadata={"Software": None})


def main(folder, origin):
    """Writes README.md and accuracy.png, and prints what is wanted and the check of the bound."""
    with (folder / "raw.csv").open() as file:
        words = ("images_of", "method", "z_nm")
        lines = [{k: v if k in words else float(v or "nan") for k, v in line.items()} for line in csv.DictReader(file)]
    names = [name for name in IMAGES if any(line["images_of"] == name for line in lines)]
    ours = [line for line in lines if line["method"] in ("qi", "fit") and line["z_nm"] == "all"]
    wrong, flagged = (max(ours, key=lambda line: line[key]) for key in ("wrong_pct", "flagged_pct"))
    rows = f"Of {sum(line['images'] for line in ours):.0f} rows of `qi` and `fit`"
    shares = f"at most {wrong['wrong_pct']:.2g} % of a setting wrong, at most {flagged['flagged_pct']:.2g} % flagged"
    summary = (f"## What is wanted\n\n{wanted(lines)}\n{rows}, {shares}.\n\n## Is the bound right?\n\n"
               f"One step of Fisher scoring from the truth must reach it.\n\n{check_of_bound(lines)}")
    kinds = ", ".join(f"`{name}` ({IMAGES[name]})" for name in names)
    text = f"# Bias and efficiency of x, y and z\n\n{origin}\nImages: {kinds}.\n\n"
    text += f"![Figures](accuracy.png)\n{TEXT}\n{summary}"
    columns = [(method, figure) for method in METHODS for figure in ("eff3", "bias_nm")] + [("fit", "told")]
    for name in names:
        rows = [[KEYS[key], f"{value:g}", *(xyz(of.get(method), figure) for method, figure in columns)]
                for key, points in sweeps(lines, name).items() for value, of in points]
        text += f"\n## One thing varies, {IMAGES[name]}\n\nThe rest as in the plot; each x y z.\n\n"
        text += table(["", "", *(f"{method}: {NAMES[figure]}" for method, figure in columns)], rows)
    for name in names:
        text += crossed(lines, name, "fit", ("eff3", "bias_nm", "told"))
        text += crossed(lines, name, "qi", ("eff3", "bias_nm"))
    (folder / "README.md").write_text(text)
    plot(lines, names, folder / "accuracy.png")
    print(summary)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

"""Tracks simulated beads of known position with the command line, and scores bias, scatter and told errors.

measure.py BEADSCOPE OUT.csv [--quick]      one line of OUT.csv a setting and method; report.py makes tables of it

Images: `wave` is MagTrack's simulation; `real` is exactly radial, made from a real Z-LUT beside the repository
(../shared/data/real, or $BEADSCOPE_SHARED), and `rings` stands in for it where that is absent. Pixel centres are at
whole numbers. Camera: electrons are Poisson(white * I) + Normal(0, 7), grey values the rounded and clipped electrons,
white being the largest. A cell is a set of images of one position: their mean error is a bias, their scatter is held
against the bound.
"""

import csv
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import magtrack
import numpy as np
from magtrack.simulation import simulate_beads
from PIL import Image
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter

NM_PER_PX, READ_E = 100.0, 7.0
# Positions are x and y in px, z in nm: steps of the finite differences, nm per unit, and what is a wrong answer in nm.
DELTA, TO_NM, WRONG_NM = np.array([1e-3, 1e-3, 0.1]), np.array([NM_PER_PX, NM_PER_PX, 1.0]), np.array([100, 100, 500])
# What tables and plot vary one at a time: ROI px, electrons at white, bits, Z-LUT step nm.
BASE = (100, 5000, 8, 100)
FULL = {"rois": (128, 100, 80, 64), "whites": (1000, 5000, 20000), "bits": (8, 12)}
FULL |= {"levels": 13, "grid": 3, "repeats": 80}
QUICK = FULL | {"rois": (100, 64), "whites": (1000, 5000), "bits": (8,), "grid": 2, "repeats": 24}
# The crossed steps are measured at every brightness and depth, the others at those of BASE; MagTrack on fewer images.
STEPS, CROSSED, REPEATS_OF_PEER = (25, 50, 100, 200), (50, 100), 16


class Wave:
    """MagTrack's wave simulation of a sphere of 1.4 um radius; not quite radial, since cut on the pixel grid."""

    planes_nm, range_nm = (500, 9500), (2000, 8000)

    def images(self, xyz, roi):
        """(n, 3) x px, y px, z nm -> (n, roi, roi) intensities, white = 1."""
        nm = (xyz - [roi // 2, roi // 2, 0]) * TO_NM
        made = simulate_beads(nm, nm_per_px=NM_PER_PX, size_px=roi, radius_nm=1400.0, pad_factor=3)
        return np.ascontiguousarray(np.moveaxis(made, 2, 0))


class Radial:
    """Images of a radial table, whose last column lies at half a ROI, by 3 x 3 samples a pixel."""

    planes_nm, range_nm = (0, 7400), (1000, 6500)

    def __init__(self):
        heights = np.arange(150) * 50.0
        if real_table().is_file():  # less its own noise
            table = gaussian_filter(np.asarray(Image.open(real_table()).convert("L"), float), 1.0)
        else:
            path = np.sqrt(np.linspace(0, 1, 96, endpoint=False) ** 2 + 0.02)
            table = np.exp(-3 * path**2) * np.cos((14 + 16 * np.exp(-heights[:, None] / 6000)) * path)
        self.columns = table.shape[1]
        self.at_height = CubicSpline(heights, (table - table.min()) / np.ptp(table) * 0.8 + 0.1)

    def images(self, xyz, roi):
        """(n, 3) x px, y px, z nm -> (n, roi, roi) intensities, white = 1."""
        radii = np.arange(self.columns) * roi / 2 / self.columns
        axis = (np.arange(roi)[:, None] + (np.arange(3) - 1) / 3).ravel()
        out = np.empty((len(xyz), roi, roi))
        for image, (x, y, z) in zip(out, xyz):
            r = np.sqrt((axis - x) ** 2 + (axis[:, None] - y) ** 2)
            fine = CubicSpline(radii, self.at_height(z))(np.minimum(r, radii[-1]))
            image[:] = fine.reshape(roi, 3, roi, 3).mean((1, 3))
        return out


def real_table():
    """Path of the real Z-LUT, which is not ours to hand out."""
    beside = Path(__file__).resolve().parents[2] / "../shared"
    return Path(os.environ.get("BEADSCOPE_SHARED", beside)) / "data/real/qtrk_lut000.jpg"


def positions(model, roi, plan, random):
    """(cells, 3) x px, y px, z nm: at each level of z a sub-pixel grid, shifted, up to 2 px off the middle.

    The levels are those of every ROI size, and lie at all parts of the way from plane to plane alike.
    """
    levels, grid = plan["levels"], plan["grid"]
    low, high = model.range_nm
    off_plane = (np.random.default_rng(1).permutation(levels) + 0.5) / levels * 200 - 100
    z = np.linspace(low + 100, high - 100, levels).round(-2) + off_plane
    xy = np.stack(np.meshgrid(np.arange(grid) / grid, np.arange(grid) / grid), -1).reshape(-1, 2)
    shift = roi // 2 + random.integers(-2, 2, (levels, 1, 2)) + random.uniform(0, 1 / grid, (levels, 1, 2))
    return np.column_stack([(shift + xy).reshape(-1, 2), z.repeat(grid**2)])


def bounds(image, change, white, grey_e):
    """Cramer-Rao bound of one image (pixels,), its change with x, y, z (3, pixels), `grey_e` e- a grey value.

    For 3 unknowns (x, y, z), then for 5 (also gain and offset): the bound (3,) in nm, and the matrix (3, pixels) that
    takes residuals in e- to the errors in nm of one step of Fisher scoring from the truth, which reaches the bound.
    """
    variance = white * image + READ_E**2 + grey_e**2 / 12
    jacobian = white * np.concatenate([change, image[None], np.ones_like(image)[None]])
    found = []
    for unknowns in (3, 5):
        weighted = jacobian[:unknowns] / variance
        covariance = np.linalg.inv(weighted @ jacobian[:unknowns].T)[:3]
        found.append((np.sqrt(np.diag(covariance)) * TO_NM, covariance @ weighted * TO_NM[:, None]))
    return found


def expose(folder, images, changes, white, plan, roi, random):
    """Writes the noisy stacks of one brightness, folder/BITS.npy; {bits: (bound3, bound5, oracle3, oracle5, control)}.

    Bounds (cells, 3), errors of the two oracles (cells, repeats, 3), and the control: the error of the second oracle had
    the camera not rounded, which is nothing but noise. All in nm. Every depth sees the same electrons.
    """
    cells, repeats, files, answers = len(images), plan["repeats"], {}, {}
    for bits in plan["bits"]:
        shape, kind = (cells, repeats, roi * roi), np.uint8 if bits == 8 else np.uint16
        files[bits] = np.empty(shape, kind)
        answers[bits] = [np.empty((cells, 3)) for _ in range(2)] + [np.empty((cells, repeats, 3)) for _ in range(3)]
    for cell, (image, change) in enumerate(zip(images, changes)):
        electrons = random.normal(random.poisson(white * image, (repeats, image.size)), READ_E)
        for bits, answer in answers.items():
            grey_e = white / (2**bits - 1)
            grey = files[bits][cell] = np.clip(np.round(electrons / grey_e), 0, 2**bits - 1)
            (bound3, take3), (bound5, take5) = bounds(image, change, white, grey_e)
            noise, seen = electrons - white * image, grey * grey_e - white * image
            for array, value in zip(answer, (bound3, bound5, seen @ take3.T, seen @ take5.T, noise @ take5.T)):
                array[cell] = value
    for bits, stack in files.items():
        np.save(folder / f"{bits}.npy", stack.reshape(-1, roi, roi))
    return answers


def score(errors, flagged, told, control, bound3, bound5):
    """Figures from errors and told errors (cells, repeats, 3) in nm, flags (cells, repeats), bounds (cells, 3) in nm.

    Bias is the rms over cells of the mean error, less what noise adds to it. The control, whose mean is 0 and which
    shares the noise with every good estimator, is subtracted first: the same bias, known better. Its uncertainty is one
    standard error. Efficiency is scatter over bound, both rms over cells.
    """
    wrong = ~(np.abs(errors) <= WRONG_NM).all(2) & ~flagged
    keep = ~flagged & ~wrong
    line = {"images": keep.size, "flagged_pct": 100 * flagged.mean(), "wrong_pct": 100 * wrong.mean()}
    cells = keep.sum(1) >= 3
    errors, told, control = (np.where(keep[..., None], of, np.nan)[cells] for of in (errors, told, control))
    count = keep[cells].sum(1)[:, None]
    std = np.sqrt(np.nanvar(errors, 1, ddof=1).mean(0))
    noise = np.nanvar(errors - control, 1, ddof=1) / count
    excess = np.nanmean(errors - control, 1) ** 2 - noise
    square = np.maximum(excess.mean(0), 0)
    u_square = np.sqrt((4 * np.maximum(excess, 0) * noise + 2 * noise**2).sum(0)) / len(count)
    figures = {"bias_nm": np.sqrt(square), "u_bias_nm": np.sqrt(square + u_square) - np.sqrt(square), "std_nm": std,
               "eff3": std / np.sqrt((bound3[cells] ** 2).mean(0)), "eff5": std / np.sqrt((bound5[cells] ** 2).mean(0)),
               "told": np.sqrt(np.nanmean(told**2, (0, 1))) / std}
    line["u_rel"] = 1 / np.sqrt(2 * (count - 1).sum())
    return line | {f"{name}_{axis}": value for name, xyz in figures.items() for axis, value in zip("xyz", xyz)}


def call(*arguments):
    """Runs the program; a failure ends the bench with its message."""
    done = subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(done.args)}\n{done.stderr}")


def track(program, stack, zlut, method):
    """Positions (n, 3) of a stack in a file, whether flagged (n,), and told errors (n, 3), NaN where none are told."""
    out = stack.with_suffix(".csv")
    call(program, "track", stack, "--zlut", zlut, "--method", method, "--out", out)
    with out.open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    columns = lambda names: np.array([[float(row.get(name) or "nan") for name in names] for row in rows])
    flagged = np.array([row["flags"] != "ok" for row in rows])
    return columns(("x_px", "y_px", "z_nm")), flagged, columns(("sigma_x_px", "sigma_y_px", "sigma_z_nm"))


def peer(stack, planes, heights):
    """Positions (n, 3) by MagTrack's default pipeline; its Z-LUT is made by MagTrack from the same planes."""
    depth = lambda images: np.ascontiguousarray(np.moveaxis(np.asarray(images, float), 0, 2))
    middle = np.full(len(planes), planes.shape[1] / 2)
    zlut = np.vstack([heights, magtrack.radial_profile(depth(planes), middle, middle)])
    found = [magtrack.stack_to_xyzp(depth(stack[i : i + 256]), zlut)[:3] for i in range(0, len(stack), 256)]
    return np.concatenate(found, 1).T


def build_zluts(program, folder, model, roi):
    """{step nm: (file of the Z-LUT, its planes, their heights in nm)}, from 16 bit images without noise."""
    zluts = {}
    for step in STEPS:
        heights = np.arange(model.planes_nm[0], model.planes_nm[1] + 1.0, step)
        planes = model.images(np.column_stack([np.full((len(heights), 2), roi // 2), heights]), roi)
        planes = np.round(planes * 65535).astype(np.uint16)
        stack, z, zlut = folder / "planes.npy", folder / "z.npy", folder / f"{step}.zlut.h5"
        np.save(stack, planes)
        np.save(z, heights)
        center = ("--center", f"{roi // 2},{roi // 2}")
        call(program, "zlut", "build", stack, "--z", z, *center, "--pixel-size-nm", NM_PER_PX, "--out", zlut)
        zluts[step] = zlut, planes, heights
    return zluts


def measure(job):
    """All lines of one kind of images and ROI size. Images without noise, and their derivatives, are made once."""
    program, name, roi, plan = job
    model = Wave() if name == "wave" else Radial()
    random = np.random.default_rng([1, roi, name == "wave"])
    xyz = positions(model, roi, plan, random)
    images = model.images(xyz, roi).reshape(len(xyz), -1)
    changes = [(model.images(xyz + d, roi) - model.images(xyz - d, roi)) / (2 * d.sum()) for d in np.diag(DELTA)]
    changes = np.stack(changes, 1).reshape(len(xyz), 3, -1)
    lines, level = [], plan["grid"] ** 2

    def add(setting, method, errors, answer, flagged=None, told=None):
        """Scores one method (rows, 3) in nm against the answer: all together, and each level of z by itself.

        Of the levels a line keeps the lowest and highest ratio of told errors, which may cancel in the whole; at the base
        setting each has its own line.
        """
        errors = errors.reshape(len(xyz), -1, 3)
        flagged = np.zeros(errors.shape[:2], bool) if flagged is None else flagged.reshape(errors.shape[:2])
        told = np.full(errors.shape, np.nan) if told is None else told.reshape(errors.shape)
        bound3, bound5, _, _, control = answer
        parts = {f"{xyz[i, 2]:.0f}": slice(i, i + level) for i in range(0, len(xyz), level)} | {"all": slice(None)}
        found = {z: score(errors[at], flagged[at], told[at], control[at, : errors.shape[1]], bound3[at], bound5[at])
                 for z, at in parts.items()}
        levels = [found[z] for z in parts if z != "all"]
        for extreme, name_of in ((min, "told_low"), (max, "told_high")):
            found["all"] |= {f"{name_of}_{axis}": extreme(at[f"told_{axis}"] for at in levels) for axis in "xyz"}
        found["all"]["u_level_rel"] = levels[0]["u_rel"]
        for z, figures in found.items():
            if z == "all" or setting == BASE:
                keys = dict(zip(("roi_px", "white_e", "bits", "step_nm"), setting))
                lines.append({"images_of": name, "method": method} | keys | {"z_nm": z} | figures)

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        zluts = build_zluts(program, folder, model, roi)
        for white in plan["whites"]:
            for bits, answer in expose(folder, images, changes, white, plan, roi, random).items():
                add((roi, white, bits, 0), "oracle3", answer[2], answer)
                add((roi, white, bits, 0), "oracle5", answer[3], answer)
                file = folder / f"{bits}.npy"
                for step, (zlut, planes, heights) in zluts.items():
                    setting = roi, white, bits, step
                    if step in CROSSED or (white, bits) == BASE[1:3]:
                        for method in ("qi", "fit"):
                            found, flagged, told = track(program, file, zlut, method)
                            errors = (found - xyz.repeat(plan["repeats"], 0)) * TO_NM
                            add(setting, method, errors, answer, flagged, told * TO_NM)
                    if sum(a != b for a, b in zip(setting, BASE)) <= 1:
                        few = np.load(file, mmap_mode="r").reshape(len(xyz), -1, roi, roi)[:, :REPEATS_OF_PEER]
                        found = peer(few.reshape(-1, roi, roi), planes, heights).reshape(len(xyz), -1, 3)
                        add(setting, "magtrack", (found - xyz[:, None]) * TO_NM, answer)
    print(f"measured: {name} images, ROI {roi} px", file=sys.stderr)
    return lines


def main(program, out, plan):
    """Measures every kind of images and ROI size, the largest first, on all cores."""
    radial = "real" if real_table().is_file() else "rings"
    if radial == "rings":
        print("skipped: images made from a real Z-LUT: no real data; rings of our own instead", file=sys.stderr)
    with ProcessPoolExecutor() as pool:
        jobs = [(program, name, roi, plan) for roi in plan["rois"] for name in (radial, "wave")]
        lines = [line for lines in pool.map(measure, jobs) for line in lines]
    with open(out, "w", newline="") as file:
        writer = csv.DictWriter(file, lines[0], lineterminator="\n")
        writer.writeheader()
        for line in lines:
            writer.writerow({k: "" if v != v else f"{v:.4g}" if isinstance(v, float) else v for k, v in line.items()})


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2], QUICK if "--quick" in sys.argv[3:] else FULL)

"""Writes expected.txt, what MagTrack 1.0.0 finds in the images that cases.rs makes by the same formula.

    pip install magtrack==1.0.0 && python make_expected.py

MagTrack is GPL-3.0: it is run, nothing of it is copied.
"""

import copy
import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")
import magtrack  # noqa: E402

PLANES = 31
PLANE_STEP_NM = 100.0
MULTILINE = "auto_conv_multiline_sub_pixel"

# ROI, options under MagTrack's names. One line for each option with a value that is not its default.
CASES = [
    (64, {}),
    (33, {}),
    (50, {}),
    # One pass, for five forget where they started.
    (64, {f"n {MULTILINE}": 1}),
    (64, {f"n {MULTILINE}": 1, "center_of_mass": {"background": "none"}}),
    (64, {f"n {MULTILINE}": 1, "center_of_mass": {"background": "mean"}}),
    (64, {f"n {MULTILINE}": 9, "center_of_mass": {"background": "none"}}),
    (64, {MULTILINE: {"line_ratio": 0.0}, f"n {MULTILINE}": 2}),
    (64, {MULTILINE: {"line_ratio": 0.35}}),
    (64, {MULTILINE: {"line_ratio": 0.8}}),
    (64, {MULTILINE: {"n_local": 3}}),
    (64, {MULTILINE: {"n_local": 9}}),
    (64, {"radial_profile": {"oversample": 3}}),
    (33, {"radial_profile": {"oversample": 2}, "lookup_z": {"n_local": 5}}),
    (64, {"lookup_z": {"n_local": 3}}),
    (64, {"lookup_z": {"n_local": 11}}),
    (64, {"lookup_z": {"n_local": 33}}),
    (64, {"use fft_profile": True}),
    (50, {"use fft_profile": True, "fft_profile": {"oversample": 7}}),
    (64, {"use fft_profile": True, "fft_profile": {"oversample": 1, "rmax": 0.9}}),
    (64, {"use fft_profile": True, "fft_profile": {"rmin": 0.07}}),
    (64, {"use fft_profile": True, "fft_profile": {"rmax": 1.45}}),
    (64, {"use fft_profile": True, "fft_profile": {"gaus_factor": 3.0}}),
    # Frequencies at 1849.5 bins, but for the rounding of single precision.
    (70, {"use fft_profile": True, "fft_profile": {"oversample": 43, "rmin": 1.2266, "rmax": 1.236}}),
]


def beads(roi):
    """x, y in px, z in nm of each image: four good ones, one above the Z-LUT, one at the edge of its ROI."""
    middle = (roi - 1) / 2
    return [
        (middle + 0.31, middle - 0.77, 1234.5),
        (middle - 2.6, middle + 1.93, 420.0),
        (middle + 3.5, middle + 2.5, 2071.3),
        (middle - 1.12, middle - 3.48, 1500.0),
        (middle + 0.2, middle + 0.1, 2990.0),
        (0.12 * roi, middle + 0.4, 1500.0),
    ]


def image(roi, x0, y0, z, seed):
    y, x = np.mgrid[0:roi, 0:roi]
    r = np.sqrt((x - x0) ** 2 + (y - y0) ** 2)
    rings = 60.0 * np.cos(r * (0.9 - 1e-4 * z) + 1.5e-3 * z) * np.exp(-6.0 * r / roi)
    noise = (x * 7919 + y * 104729 + x * y * 31 + seed * 1299709) % 1009 % 9
    return np.round(100.0 + rings + noise)


def profile_of(stack, x, y, options):
    stack = stack.copy()  # the FFT profile weighs its argument in place
    if options.get("use fft_profile"):
        return magtrack.fft_profile_with_center(stack, x, y, **options.get("fft_profile", {}))
    return magtrack.radial_profile(stack, x, y, **options.get("radial_profile", {}))


def zlut_of(roi, options):
    z = PLANE_STEP_NM * np.arange(PLANES)
    middle = (roi - 1) / 2
    stack = np.stack([image(roi, middle + 0.25, middle - 0.4, height, k) for k, height in enumerate(z)], axis=2)
    center = np.full(PLANES, middle)
    return np.vstack([z, profile_of(stack, center + 0.25, center - 0.4, options)])


def located(roi, options, zlut, bead, seed):
    stack = image(roi, *bead, seed)[:, :, np.newaxis]
    try:
        x, y, z, _ = magtrack.stack_to_xyzp_advanced(stack, zlut.copy(), **copy.deepcopy(options))
    except IndexError:  # lines beyond the ROI
        return [np.nan] * 3
    found = [x[0], y[0], z[0]]
    return [np.nan] * 3 if np.isnan(found[:2]).any() else found


def flat(options):
    for key, value in options.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", number) for inner, number in value.items())
        else:
            yield key, value


def main():
    lines = [
        "# What MagTrack 1.0.0 finds in the images of cases.rs; written by make_expected.py.",
        "# case: ROI in px | options. zlut: every 4th bin of plane 10. Then x_px y_px z_nm of each image.",
    ]
    for roi, options in CASES:
        lines.append(" | ".join(["case " + str(roi)] + [f"{key} = {value}" for key, value in flat(options)]))
        zlut = zlut_of(roi, options)
        lines.append("zlut " + " ".join(f"{value:.12g}" for value in zlut[1::4, 10]))
        for seed, bead in enumerate(beads(roi), 100):
            lines.append(" ".join(f"{value:.10f}" for value in located(roi, options, zlut, bead, seed)))
    Path(__file__).with_name("expected.txt").write_text("\n".join(lines) + "\n")


main()

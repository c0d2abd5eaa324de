"""Checks what `beadscope export` wrote against its recording: `check_export.py magscope|parquet|pylake|tweezepy EXPORT RECORDING`.

Exits 1 with the first thing that is wrong. MagScope itself opens and appends to its file, Pylake
opens its own. Tweezepy does so where it is installed (pip install tweezepy==1.2.7); else its files are read here as it reads
them.

Needs: pip install h5py numpy pandas pyarrow lumicks.pylake; pip install --no-deps magscope
"""

import importlib.util
import sys
from pathlib import Path

import check_tracks
import h5py
import lumicks.pylake
import numpy as np
import pandas as pd
import pyarrow.parquet

AXES = ("x", "y", "z")


def read_recording(path):
    """Times, x y z of each bead (NaN where it has no row), and whether a frame follows the one before without a gap."""
    with h5py.File(path) as file:
        offsets = file["tracking/frame_offsets"][:].astype(np.int64)
        bead, position_nm = file["tracking/bead_ids"][:], file["tracking/positions_nm"][:]
        time_ns = file["tracking/frame_timestamps_ns"][:].astype(np.int64)
        lost = file["beadscope/frames/lost_before"][:].sum(axis=1)
        segment = file["beadscope/frames/segment"][:]
    frame = np.repeat(np.arange(len(time_ns)), np.diff(offsets))
    traces = {}
    for number in np.unique(bead):
        traces[int(number)] = np.full((len(time_ns), 3), np.nan)
        traces[int(number)][frame[bead == number]] = position_nm[bead == number]
    follows = np.concatenate([[False], (lost[1:] == 0) & (segment[1:] == segment[:-1])])
    return time_ns, traces, follows


def check_magscope(export, recording):
    with h5py.File(export) as file, h5py.File(recording) as original:
        assert list(file) == ["tracking"] and set(file["tracking"]) == set(original["tracking"]), list(file)
        data = {name: original["tracking"][name][:] for name in original["tracking"]}
        for name, values in data.items():
            found, wanted = file["tracking"][name], original["tracking"][name]
            assert np.array_equal(found[:], values, equal_nan=name == "positions_nm"), name
            assert (found.dtype, found.chunks, found.maxshape) == (wanted.dtype, wanted.chunks, wanted.maxshape), name
        assert dict(file["tracking"].attrs) == dict(original["tracking"].attrs), dict(file["tracking"].attrs)
    counts = [len(data[name]) for name in ("bead_ids", "frame_timestamps_ns", "batch_sequence")]
    check_tracks.check_magscope(Path(export), data, *counts)
    assert check_tracks.failures == 0


def check_pylake(export, recording):
    time_ns, traces, follows = read_recording(recording)
    pylake = lumicks.pylake.File(export)
    print("opened by Pylake:", pylake)
    kind = "Continuous" if follows[1:].all() else "TimeSeries"
    with h5py.File(export) as file:
        assert {f"Bead {bead}" for bead in traces} == set(file), list(file)
        kinds = {file[f"Bead {bead}"][axis].attrs["Kind"] for bead in traces for axis in AXES}
        assert kinds == {kind}, kinds
    for bead, trace in traces.items():
        for place, axis in enumerate(AXES):
            found = pylake[f"Bead {bead}"][axis]
            assert np.array_equal(found.data, trace[:, place], equal_nan=True), (bead, axis)
            off_ns = np.abs(np.asarray(found.timestamps) - time_ns).max()
            # Pylake counts in whole periods; the frames of the test are exactly even.
            assert off_ns <= (0 if kind == "TimeSeries" else 1), (bead, axis, off_ns)


def check_tweezepy(export, recording):
    _, traces, follows = read_recording(recording)
    spec = importlib.util.spec_from_file_location("read", Path(export) / "read.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert set(module.traces_nm) == set(traces) and set(module.rate_hz.values()) == {100.0}, module.rate_hz
    for bead, trace in traces.items():
        # The longest run of frames in which all is known, by brute force.
        known, best, now = np.isfinite(trace).all(axis=1), (0, 0), (0, 0)
        for frame, is_known in enumerate(known):
            first = now[0] if now[1] and follows[frame] else frame
            now = (first, frame - first + 1) if is_known else (0, 0)
            best = max(best, now, key=lambda run: run[1])
        wanted = trace[best[0] : best[0] + best[1]]
        assert np.array_equal(module.traces_nm[bead], wanted), (bead, module.traces_nm[bead].shape, wanted.shape)
        found = next(entry for entry in module.about["beads"] if entry["bead"] == bead)
        assert (found["first_frame"], found["frames"]) == best, found
    try:
        from tweezepy.allanvar import avar
    except ImportError:
        return
    bead = max(traces)
    taus_s, _, variances = avar(module.traces_nm[bead][:, 0], rate=module.rate_hz[bead])
    # Of a drift of 2 nm/s.
    assert np.allclose(variances, (2 * taus_s) ** 2 / 2, rtol=1e-3), dict(zip(taus_s, variances))


def check_parquet(export, recording):
    table = pd.read_parquet(export)
    with h5py.File(recording) as file:
        tracking, ours = file["tracking"], file["beadscope"]
        nm, rows = ours.attrs["pixel_size_nm"], np.diff(tracking["frame_offsets"][:].astype(np.int64))
        time_s = (ours["frames/time_ns"][:].astype(np.int64) - int(ours["frames/time_ns"][0])) * 1e-9
        wanted = {
            "frame": np.repeat(ours["frames/frame"][:], rows),
            "bead": tracking["bead_ids"][:],
            "x_px": tracking["positions_nm"][:, 0] / nm,
            "y_px": tracking["positions_nm"][:, 1] / nm,
            "z_nm": tracking["positions_nm"][:, 2],
            "quality": ours["rows/quality"][:],
            "time_s": np.repeat(time_s, rows),
        }
        legend = ours["rows/flags"].attrs["legend"].split("; ")
        names = {int(bit): name for bit, name in (entry.split(" = ") for entry in legend)} | {0: "ok"}
        flags = [names[bits] for bits in ours["rows/flags"][:]]
    assert list(table.columns) == ["frame", "bead", "x_px", "y_px", "z_nm", "quality", "flags", "time_s"], table.columns
    for name, values in wanted.items():
        assert table[name].dtype == values.dtype, (name, table[name].dtype)
        assert np.array_equal(table[name], values, equal_nan=values.dtype.kind == "f"), name
    assert list(table["flags"]) == flags
    about = pyarrow.parquet.read_metadata(export).metadata
    assert float(about[b"pixel_size_nm"]) == nm and {b"software", b"started_utc"} <= set(about), about


if __name__ == "__main__":
    kind, *paths = sys.argv[1:]
    checks = {"magscope": check_magscope, "parquet": check_parquet, "pylake": check_pylake, "tweezepy": check_tweezepy}
    checks[kind](*paths)
    print(f"the export for {kind} is as the recording")

"""Checks a `tracks.h5` with h5py and with MagScope: `check_tracks.py FILE [--partial | --recovered]`.

Prints one line per check and exits 1 if one fails. With `--partial` the file is one that was never finished
(`tracks.h5.partial` after a crash): it is opened as a SWMR reader does, each dataset counts as far as all of its
kind reach, and MagScope is left out. With `--recovered` it is what `beadscope recover` made of such a file: whole, but
without ledger and gaps.

Needs: pip install h5py numpy; pip install --no-deps magscope
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

U64, U32, U16, F64, F32 = np.uint64, np.uint32, np.uint16, np.float64, np.float32
NO_DEVICE_TIME = np.iinfo(U64).max
ROWS, FRAMES, BATCHES = 65536, 4096, 1024

# Name, type, chunk: MagScope 1.0.0, magscope/tracking_data.py, schema 1.
TRACKING_ROWS = {
    "bead_ids": (U16, (ROWS,)),
    "positions_nm": (F64, (ROWS, 3)),
    "roi_positions_px": (U16, (ROWS, 2)),
}
TRACKING_FRAMES = {
    "frame_timestamps_ns": (U64, (FRAMES,)),
    "frame_batch_sequence": (U64, (FRAMES,)),
    "frame_offsets": (U64, (FRAMES + 1,)),
}
TRACKING_BATCHES = {
    "batch_sequence": (U64, (BATCHES,)),
    "batch_frame_start": (U64, (BATCHES,)),
    "batch_frame_count": (U64, (BATCHES,)),
    "batch_record_start": (U64, (BATCHES,)),
    "batch_record_count": (U64, (BATCHES,)),
}
TRACKING_ATTRIBUTES = {
    "schema_version": 1,
    "include_roi_positions": 1,
    "record_order": "writer_append_order",
    "batch_sequence_order": "video_task_enqueue_order",
    "rotation_interval_ns": 0,
}
TRACKING_NUMBERS = (
    "recording_id",
    "recording_start_ns",
    "file_start_ns",
    "min_frame_timestamp_ns",
    "max_frame_timestamp_ns",
)
OUR_ROWS = {"rows/quality": F32, "rows/sigma_nm": F32, "rows/flags": U32}
OUR_FRAMES = {
    "frames/frame": U64,
    "frames/device_frame": U64,
    "frames/device_time_ns": U64,
    "frames/arrival_ns": U64,
    "frames/tracked_ns": U64,
    "frames/on_gpu": U64,
    "frames/segment": U64,
    "frames/time_ns": U64,
    "frames/flags": U64,
    "frames/lost_before": U32,
}
# Name, type, entries in a row.
OUR_HEALTH = {
    "unix_ns": (U64, 1),
    "received": (U64, 1),
    "lost": (U64, 4),
    "rate_hz": (F64, 1),
    "ring_fill": (F64, 2),
    "slow_reader": ("S16", 1),
    "latency_ms": (F64, 3),
    "camera_loop_us": (F64, 2),
    "cpu_share": (F64, 5),
    "gpu_share": (F64, 1),
    "memory_bytes": (F64, 1),
    "disk_bytes": (F64, 2),
    "camera_temperature_c": (F64, 1),
}
OUR_ATTRIBUTES = (
    "format_version",
    "software",
    "complete",
    "write_failed",
    "started_unix_ns",
    "recording_id",
    "pixel_size_nm",
    "coordinates",
)
ROI_COLUMNS = ("bead", "left_px", "top_px", "size_px", "is_reference")
LOSSES = ("camera", "ring_full", "recorder_late", "record_failed")
MAX_GAPS = 4096
GAP_COLUMNS = ("first_device_frame", "last_device_frame", "after_frame", "reason", "segment", "from_ns", "to_ns")
SEGMENT_COLUMNS = ("segment", "first_frame", "first_device_frame", "arrival_ns", "rate_hz", "exposure_us", "cause")
NOT_KNOWN = np.iinfo(U64).max
TIME_BACK = 4

failures = 0


def check(what, holds, found=""):
    global failures
    failures += not holds
    print(f"{'ok  ' if holds else 'FAIL'} {what}" + (f": {found}" if found != "" else ""))
    return holds


def check_schema(file):
    tracking, ours = file["tracking"], file["beadscope"]
    expected = TRACKING_ROWS | TRACKING_FRAMES | TRACKING_BATCHES
    check("/tracking has MagScope's datasets and no other", set(tracking) == set(expected), sorted(tracking))
    wrong = []
    for name, (dtype, chunk) in expected.items():
        dataset = tracking[name]
        if (dataset.dtype, dataset.chunks, dataset.compression) != (dtype, chunk, None):
            wrong.append(name)
        if dataset.maxshape != (None,) + chunk[1:] or dataset.attrs:
            wrong.append(name)
    check("/tracking: types, chunks, unlimited length, no compression, no attributes", not wrong, wrong)
    wrong = [name for name, value in TRACKING_ATTRIBUTES.items() if tracking.attrs.get(name) != value]
    check("/tracking: attributes of schema 1", not wrong, wrong)
    wrong = [name for name in TRACKING_NUMBERS if getattr(tracking.attrs.get(name), "dtype", None) != U64]
    check("/tracking: recording_id and times are u64", not wrong, wrong)
    missing = [name for name in OUR_ATTRIBUTES if name not in ours.attrs]
    check("/beadscope: attributes", not missing, missing)
    check("/beadscope: format version 1", int(ours.attrs["format_version"]) == 1)
    pixel_size_nm = float(ours.attrs["pixel_size_nm"])
    check("/beadscope: pixel size is a length", 0 < pixel_size_nm < 1e6, pixel_size_nm)
    wrong = [name for name, dtype in (OUR_ROWS | OUR_FRAMES).items() if ours[name].dtype != dtype]
    check("/beadscope: types", not wrong, wrong)
    bare = []

    def collect(name, item):
        texts = [item.attrs.get(key) for key in ("units", "description")]
        if isinstance(item, h5py.Dataset) and not all(isinstance(text, str) and text for text in texts):
            bare.append(name)

    ours.visititems(collect)
    check("/beadscope: every dataset has units and a description", not bare, bare)
    texts = [ours[name].asstr()[0] for name in ("settings_toml", "camera")]
    check("/beadscope: settings and camera are text", all(texts), [len(text) for text in texts])


def read_columns(file, partial):
    """Every growing column, and the number of rows, frames and batches that count."""
    tracking, ours = file["tracking"], file["beadscope"]
    rows = {name: tracking[name] for name in TRACKING_ROWS} | {name: ours[name] for name in OUR_ROWS}
    frames = {name: tracking[name] for name in TRACKING_FRAMES} | {name: ours[name] for name in OUR_FRAMES}
    batches = {name: tracking[name] for name in TRACKING_BATCHES}

    def lengths(columns):
        return {name: len(column) - (name == "frame_offsets") for name, column in columns.items()}

    if not partial:
        for kind, columns in (("row", rows), ("frame", frames), ("batch", batches)):
            found = lengths(columns)
            check(f"all {kind} columns have one length", len(set(found.values())) == 1, found)
    n_rows, n_frames, n_batches = (min(lengths(columns).values()) for columns in (rows, frames, batches))
    offsets = frames["frame_offsets"][:]
    if partial:
        # A crash between two lengths leaves the kinds of one flush apart: keep frames whose rows are all there,
        # and batches whose frames are.
        n_frames = min(n_frames, int(np.searchsorted(offsets, n_rows, side="right")) - 1)
        ends = batches["batch_frame_start"][:n_batches] + batches["batch_frame_count"][:n_batches]
        n_batches = min(n_batches, int(np.searchsorted(ends, n_frames, side="right")))
        n_frames = int(ends[n_batches - 1]) if n_batches else 0
        n_rows = int(offsets[n_frames])
    data = {name: column[:n_rows] for name, column in rows.items()}
    data |= {name: column[: n_frames + (name == "frame_offsets")] for name, column in frames.items()}
    data |= {name: column[:n_batches] for name, column in batches.items()}
    return data, n_rows, n_frames, n_batches


def check_tables(data, n_rows, n_frames, n_batches):
    offsets = data["frame_offsets"].astype(np.int64)
    check("frame_offsets starts with 0", offsets[0] == 0)
    check("frame_offsets never falls", bool(np.all(np.diff(offsets) >= 0)))
    check("frame_offsets ends at the number of rows", offsets[-1] == n_rows, f"{offsets[-1]} of {n_rows}")
    counts, starts = data["batch_frame_count"].astype(np.int64), data["batch_frame_start"].astype(np.int64)
    check("batches tile the frames", np.array_equal(starts, np.cumsum(counts) - counts) and counts.sum() == n_frames)
    row_counts, row_starts = data["batch_record_count"].astype(np.int64), data["batch_record_start"].astype(np.int64)
    tiled = np.array_equal(row_starts, np.cumsum(row_counts) - row_counts) and row_counts.sum() == n_rows
    check("batches tile the rows", tiled and np.array_equal(offsets[starts], row_starts))
    check("batch_sequence counts from 0", np.array_equal(data["batch_sequence"], np.arange(n_batches)))
    named = np.repeat(np.arange(n_batches), counts)
    check("frames name their batch", np.array_equal(data["frame_batch_sequence"], named))
    check("frame numbers rise", bool(np.all(np.diff(data["frames/frame"].astype(np.int64)) > 0)))
    check("frames are tracked after they arrive", bool(np.all(data["frames/tracked_ns"] >= data["frames/arrival_ns"])))
    stamps = data["frames/device_time_ns"]
    known = stamps[stamps != NO_DEVICE_TIME].astype(np.int64)
    segments, flags = (data[f"frames/{name}"] for name in ("segment", "flags"))
    if len(known) == len(stamps):
        back = (np.diff(known) < 0) & (np.diff(segments.astype(np.int64)) == 0)
        said = bool(np.all((flags[1:][back] & U64(TIME_BACK | 3)) != 0))
        check("where the camera's clock runs back, flags say so", said, f"{len(known)} stamps, {int(back.sum())} back")
    check("segments never fall", bool(np.all(segments[1:] >= segments[:-1])))
    check("no frame is taken after its arrival", bool(np.all(data["frames/time_ns"] <= data["frames/arrival_ns"])))


def check_values(ours, data):
    corners = {int(bead): (left, top) for bead, left, top in zip(*(ours["rois"][name][:] for name in ROI_COLUMNS[:3]))}
    beads, first = np.unique(data["bead_ids"], return_index=True)
    check("every bead has an ROI", all(int(bead) in corners for bead in beads), f"{len(beads)} beads")
    if set(beads.tolist()) <= set(corners):
        found = data["roi_positions_px"][first]
        expected = [np.clip(corners[int(bead)], 0, 65535) for bead in beads]
        check("roi_positions_px is the corner of the bead's ROI", np.array_equal(found, np.reshape(expected, (-1, 2))))
    flags, unknown = data["rows/flags"], np.isnan(data["positions_nm"]).any(axis=1)
    check("a NaN position always has a flag that says why", bool(np.all(flags[unknown] != 0)), f"{unknown.sum()} rows")
    check("no position is infinite", not np.isinf(data["positions_nm"]).any())
    legend = str(ours["rows/flags"].attrs.get("legend", ""))
    bits = sum(int(entry.split("=")[0]) for entry in legend.split(";")) if legend else 0
    check("the legend names every flag", bool(np.all((flags & ~U32(bits)) == 0)), legend)


def check_health(ours, partial):
    group = ours["health"]
    check("/beadscope/health has its datasets and no other", set(group) == set(OUR_HEALTH), sorted(group))
    wrong = [name for name, (dtype, width) in OUR_HEALTH.items()
             if group[name].dtype != dtype or group[name].shape[1:] != ((width,) if width > 1 else ())]
    check("health: types and widths", not wrong, wrong)
    lengths = {name: len(group[name]) for name in OUR_HEALTH}
    if not partial:
        check("all health columns have one length", len(set(lengths.values())) == 1, lengths["unix_ns"])
    seconds = min(lengths.values())
    data = {name: group[name][:seconds] for name in OUR_HEALTH}
    # The clock is monotonic; rows are written after a flush, so a slow disk leaves seconds out and none comes twice.
    apart = np.diff(data["unix_ns"].astype(np.int64)) / 1e9
    check("a row of health a second at most", bool(np.all(apart > 0.5)), f"{seconds} rows")
    grows = all(np.all(np.diff(data[name].astype(np.int64), axis=0) >= 0) for name in ("received", "lost"))
    check("counts of frames never fall", grows)
    shares = data["ring_fill"][~np.isnan(data["ring_fill"])]
    check("rings are 0 to 1 full", bool(np.all((shares >= 0) & (shares <= 1))))
    known = {name: values[~np.isnan(values)] for name, values in data.items() if values.dtype == F64}
    negative = [name for name, values in known.items() if name != "camera_temperature_c" and np.any(values < 0)]
    check("nothing unknown is a negative number", not negative, negative)
    check("unknown memory is not 0", not np.any(known["memory_bytes"] == 0))


def check_times(tracking, data, n_frames):
    stamps = data["frame_timestamps_ns"]
    if n_frames:
        ends = [tracking.attrs["min_frame_timestamp_ns"], tracking.attrs["max_frame_timestamp_ns"]]
        check("the attributes give the first and last time", ends == [stamps.min(), stamps.max()], ends)


def check_closing(ours, data, n_frames):
    check("complete = 1", ours.attrs["complete"] == 1)
    gaps = [ours["gaps"][name][:] for name in GAP_COLUMNS]
    check("gap columns have one length", len({len(column) for column in gaps}) == 1, len(gaps[0]))
    check("every gap has a reason", all(reason for reason in gaps[3]))
    check("every gap ends after it began", bool(np.all(gaps[5] <= gaps[6])))
    check_segments(ours["segments"], data, gaps, n_frames)
    text = b"".join(ours["ledger_json"][:]).decode()
    ledger = json.loads(text)
    ledger = ledger.get("frames", ledger)
    lost = ledger["lost"]
    check_ledger(ledger, lost, n_frames)
    device, lost_before = data["frames/device_frame"].astype(np.int64), data["frames/lost_before"].astype(np.int64)
    check("what was lost before the first frame is not counted", not n_frames or not lost_before[0].any())
    if n_frames and len(gaps[0]) < MAX_GAPS:
        in_gaps = [sum(counts.get(name, 0) for counts in map(read_reason, gaps[3])) for name in LOSSES]
        check("gaps and ledger name the same losses", in_gaps == [lost[name] for name in LOSSES], in_gaps)
        after = sum(sum(read_reason(reason).values()) for frame, reason in zip(gaps[2], gaps[3])
                    if frame == data["frames/frame"][-1])
        check("gaps and frames name the same losses", lost_before.sum() + after == sum(in_gaps), int(after))
    # A number that comes twice has no place in a range of missing ones.
    if ledger["out_of_order"] == 0:
        segments = data["frames/segment"]
        empty = all(first <= last and not np.any((segments == segment) & (device >= first) & (device <= last))
                    for first, last, _, _, segment, *_ in zip(*gaps) if last != NOT_KNOWN)
        check("no recorded frame lies in a gap", empty)
        same = segments[1:] == segments[:-1]
        jumps = np.diff(device)[same] - 1
        explained = np.array_equal(jumps, lost_before[1:].sum(axis=1)[same])
        check("every jump of the camera's frame number is explained", explained, int(jumps.sum()))


def check_segments(segments, data, gaps, n_frames):
    columns = [segments[name][:] for name in SEGMENT_COLUMNS]
    if not len(columns[0]):
        return  # images from disk
    frames, of_frame = data["frames/frame"], data["frames/segment"]
    numbers, firsts = np.unique(of_frame, return_index=True)
    check("segments are those of the frames", np.array_equal(columns[0], numbers) or not n_frames, columns[0].tolist())
    if n_frames:
        check("segments name their first frame", np.array_equal(columns[1], frames[firsts]))
        check("and the camera's number of it", np.array_equal(columns[2], data["frames/device_frame"][firsts]))
    check("each has a rate, an exposure and a cause", bool(np.all(columns[4] > 0) and np.all(columns[5] > 0) and all(columns[6])))
    # A gap at the border of two segments says why the second began.
    borders = {int(segment): reason.decode().split()[0] for reason, segment in zip(gaps[3], gaps[4]) if b"=" not in reason.split()[0]}
    causes = {int(number): cause.decode() for number, cause in zip(columns[0][1:], columns[6][1:])}
    check("each border between segments is a gap with its cause", borders == causes or len(gaps[0]) == MAX_GAPS, causes)


def read_reason(reason):
    """`unplugged camera=3 ring_full=1` as a dictionary of the counts."""
    return {name: int(count) for name, _, count in (part.partition("=") for part in reason.decode().split()) if count}


def check_ledger(ledger, lost, n_frames):
    exposures = ledger["camera"] + ledger.get("out_of_order", 0)
    late = ledger.get("late", 0)
    check("ledger: late frames were lost by the camera and out of order", late <= min(lost["camera"], ledger.get("out_of_order", 0)))
    check("ledger: camera = received + lost by the camera", exposures == ledger["received"] + lost["camera"], ledger)
    check("ledger: received = tracked + ring full", ledger["received"] == ledger["tracked"] + lost["ring_full"])
    accounted = ledger["recorded"] + ledger.get("not_asked", 0) + lost["recorder_late"] + lost["record_failed"]
    check("ledger: tracked = recorded + not asked + recorder late + record failed", ledger["tracked"] == accounted)
    check("ledger: recorded = frames in the file", ledger["recorded"] == n_frames, n_frames)


def check_magscope(path, data, n_rows, n_frames, n_batches):
    from magscope.tracking_data import TrackingHDF5File, build_tracking_data_batch

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copy(path, copy)
        with h5py.File(copy) as file:
            attributes = file["tracking"].attrs
            known = {name: int(attributes[name]) for name in TRACKING_NUMBERS[:3]}
        tracking = TrackingHDF5File.open_existing(copy, include_roi_positions=True, rotation_interval_ns=0, **known)
        check("MagScope opens the file", True)
        nan = np.nan
        rows = np.array([[0, 1.5, 2.5, 3.5, 0, 7, 8], [0, 4.5, 5.5, nan, 1, 9, 10]] * 3)
        batch = build_tracking_data_batch(
            recording_id=known["recording_id"],
            acquisition_dir=folder,
            timestamps=np.array([4e9, 4e9 + 1, 4e9 + 2]),
            tracks=rows,
            n_rois=2,
            include_roi_positions=True,
            recording_start_ns=known["recording_start_ns"],
            batch_sequence=n_batches,
        )
        tracking.append(batch)
        tracking.close()
        with h5py.File(copy) as file:
            check_appended(file["tracking"], data, rows, n_rows, n_frames, n_batches)


def check_appended(group, data, rows, n_rows, n_frames, n_batches):
    kept = all(np.array_equal(group[name][: len(data[name])], data[name], equal_nan=name == "positions_nm")
               for name in TRACKING_ROWS | TRACKING_FRAMES | TRACKING_BATCHES)
    check("after MagScope's append the old rows are unchanged", kept)
    new = [group["positions_nm"][n_rows:], group["bead_ids"][n_rows:], group["roi_positions_px"][n_rows:]]
    same = [np.array_equal(part, rows[:, columns], equal_nan=True)
            for part, columns in zip(new, (slice(1, 4), 4, slice(5, 7)))]
    check("MagScope's rows follow them", all(same), f"{n_rows} + {len(rows)}")
    check("MagScope's frames follow", group["frame_offsets"][n_frames:].tolist() == [n_rows + k for k in (0, 2, 4, 6)])
    ends = [group[name][-1] for name in ("batch_frame_start", "batch_frame_count", "batch_record_start")]
    check("MagScope's batch follows", ends == [n_frames, 3, n_rows] and len(group["batch_sequence"]) == n_batches + 1)
    check("MagScope moved the last time", group.attrs["max_frame_timestamp_ns"] == 4_000_000_002 * 10**9)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--partial", action="store_true", help="the recording was never finished")
    kind.add_argument("--recovered", action="store_true", help="the recording was never finished, but recovered")
    options = parser.parse_args()
    with h5py.File(options.file, "r", swmr=options.partial) as file:
        check("h5py opens the file", True)
        check_schema(file)
        data, *counts = read_columns(file, options.partial)
        print(f"     {counts[0]} rows, {counts[1]} frames, {counts[2]} batches")
        check_tables(data, *counts)
        check_values(file["beadscope"], data)
        check_health(file["beadscope"], options.partial)
        if not options.partial:
            check_times(file["tracking"], data, counts[1])
        if options.partial or options.recovered:
            check("complete = 0", file["beadscope"].attrs["complete"] == 0)
        else:
            check_closing(file["beadscope"], data, counts[1])
    if not options.partial:
        check_magscope(options.file, data, *counts)
    print(f"{failures} checks failed" if failures else "all checks passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs MagScope as it is, with its window, on its simulated camera: magscope_rate.py BEADS ROI_PX RATE_HZ SECONDS

Prints one JSON object about SECONDS of tracking and saving. MagScope is driven by a hardware manager, its way for users
to add a device: this one marks the beads, starts to save, looks at the buffer of positions and closes the program. With
BEADS 0 nothing is marked, tracked or saved. Needs a display, and an XDG_CONFIG_HOME of its own, as MagScope keeps its
settings there.
"""

import glob
import json
import os
import sys
import tempfile
import time

import h5py
import magscope
import magtrack
import numpy as np
from magscope.camera import DummyCameraBeads
from magscope.ipc_commands import (
    AddRandomBeadsCommand,
    LoadZLUTCommand,
    QuitCommand,
    SetAcquisitionDirCommand,
    SetAcquisitionDirOnCommand,
)
from magtrack_rate import rings

# How often the buffer is looked at; latencies are so much too long at most.
LOOK_S = 0.005
# The window opens after the first frame.
SETTLE_S = 5.0
# Longest wait for positions before and after the time that is measured.
PATIENCE_S = 60.0
ROW_BYTES = 7 * 8


class Meter(magscope.HardwareManagerBase):
    """Does by commands what a user does by hand, and measures meanwhile."""

    def __init__(self, beads, seconds, folder):
        super().__init__()
        self.beads, self.seconds, self.folder = beads, seconds, folder

    def connect(self):
        self._is_connected = True

    def disconnect(self):
        self._is_connected = False

    def setup(self):
        super().setup()
        self.connect()
        self.steps = self.measure()
        self.seen = 0
        self.latencies_s = []
        self.newest_s = 0.0

    def fetch(self):
        # A generator lets MagScope's own loop run between the steps, so that commands arrive.
        if next(self.steps, "done") == "done":
            self.send_ipc(QuitCommand())
            self.steps = iter(lambda: None, "never")
        time.sleep(LOOK_S)

    def frames(self):
        return self.shared_values.camera_total_frames.value

    def look(self):
        """Takes the rows that were written since the last look."""
        end = self.tracks_buffer.get_write_index() // ROW_BYTES
        if end < self.seen:
            # It starts over after a million rows; what lies between is left out.
            self.seen = 0
        if end != self.seen:
            stamps = self.tracks_buffer.peak_unsorted()[self.seen : end, 0]
            now = time.time()
            self.latencies_s.extend(now - np.unique(stamps))
            self.newest_s = max(self.newest_s, float(stamps.max(initial=0.0)))
            self.seen = end

    def until(self, done, limit_s=PATIENCE_S):
        start = time.time()
        while not done() and time.time() - start < limit_s:
            self.look()
            yield

    def wait(self, seconds):
        yield from self.until(lambda: False, seconds)

    def measure(self):
        yield from self.until(lambda: self.frames() > 0)
        yield from self.wait(SETTLE_S)
        if self.beads:
            self.send_ipc(LoadZLUTCommand(filepath=os.path.join(self.folder, "zlut.txt")))
            self.send_ipc(AddRandomBeadsCommand(count=self.beads, seed=1))
            yield from self.until(lambda: len(self.bead_rois) >= self.beads, PATIENCE_S / 2)
            if len(self.bead_rois) < self.beads:
                print(f"MagScope has {len(self.bead_rois)} beads of {self.beads}: no window?", file=sys.stderr)
                return
            self.send_ipc(SetAcquisitionDirCommand(value=self.folder))
            self.send_ipc(SetAcquisitionDirOnCommand(value=True))
            yield from self.until(lambda: self.newest_s > 0)
            yield from self.wait(2.0)
        self.latencies_s.clear()
        from_s, frames = time.time(), self.frames()
        yield from self.wait(self.seconds)
        to_s, frames = time.time(), self.frames() - frames
        latencies_ms = 1000 * np.array(self.latencies_s)
        if self.beads:
            # What the camera made in this time comes out later, if at all.
            yield from self.until(lambda: self.newest_s > to_s, 30.0)
            self.send_ipc(SetAcquisitionDirOnCommand(value=False))
            yield from self.wait(3.0)
        answer = {"from_s": from_s, "to_s": to_s, "camera_frames": frames, "camera_hz": frames / (to_s - from_s)}
        if self.beads:
            answer |= saved(self.folder, from_s, to_s)
        if len(latencies_ms):
            answer["latency_ms"] = {"p50": np.percentile(latencies_ms, 50), "p99": np.percentile(latencies_ms, 99)}
        print(json.dumps(answer), flush=True)
        yield from self.wait(1.0)


def saved(folder, from_s, to_s):
    """What the files hold of this time."""
    frames = rows = located = heights = 0
    for path in glob.glob(os.path.join(folder, "*.h5")):
        with h5py.File(path, "r", locking=False) as file:
            group = file["tracking"]
            stamps = group["frame_timestamps_ns"][:] / 1e9
            inside = (stamps >= from_s) & (stamps < to_s)
            counts = np.diff(group["frame_offsets"][:].astype(np.int64))
            positions = group["positions_nm"][:][np.repeat(inside, counts)]
        frames += int(inside.sum())
        rows += len(positions)
        located += int(np.isfinite(positions[:, 0]).sum())
        heights += int(np.isfinite(positions[:, 2]).sum())
    return {"frames": frames, "rows": rows, "rows_per_s": rows / (to_s - from_s), "located": located, "heights": heights}


def write_zlut(path, roi_px):
    middle = roi_px // 2
    heights = np.arange(0.0, 4001.0, 100.0)
    planes = np.stack([rings(roi_px, middle, middle, z) for z in heights], axis=2)
    centers = np.full(len(heights), float(middle))
    np.savetxt(path, np.vstack([heights, magtrack.radial_profile(planes, centers, centers)]))


def main():
    beads, roi_px = int(sys.argv[1]), int(sys.argv[2])
    rate_hz, seconds = sys.argv[3], float(sys.argv[4])
    with tempfile.TemporaryDirectory() as folder:
        write_zlut(os.path.join(folder, "zlut.txt"), roi_px)
        scope = magscope.MagScope()
        scope.settings = {"ROI": roi_px}
        camera = DummyCameraBeads()
        # Beads that do not move are the cheapest for the camera to draw.
        for name, value in {"framerate": rate_hz, "tethered_n": "0", "fixed_n": str(beads)}.items():
            camera[name] = value
        scope.camera_manager.camera = camera
        scope.add_hardware(Meter(beads, seconds, folder))
        scope.start()


if __name__ == "__main__":
    main()

"""Opens MagScope's window on its simulated camera, with tracked beads, until it is ended: magscope_window.py BEADS RATE_HZ

Does at once, by commands, what a user does by hand: puts a ROI on every bead and loads the Z-LUT of the simulated
camera that MagScope comes with. Prints one JSON object every half a second: how many frames the camera has made. Needs
a display, and an XDG_CONFIG_HOME of its own, as MagScope keeps its settings there.
"""

import importlib.resources
import json
import sys
import time

import magscope
import numpy as np
from magscope.camera import DummyCameraBeads
from magscope.ipc_commands import AddRandomBeadsCommand, LoadZLUTCommand, MoveBeadsCommand
from magscope_rate import PATIENCE_S, Meter
from scipy.ndimage import maximum_filter, uniform_filter

# The Z-LUT that MagScope comes with is of this size.
ROI_PX = 50
TELL_S = 0.5
# Side of the square in which a bead is found, px: a little more than its rings.
BEAD_PX = 25


class User(Meter):
    """Puts ROIs on the beads, and then only tells how many frames there were."""

    def fetch(self):
        super().fetch()
        # Less of the processor than a measurement of latencies takes.
        time.sleep(0.05)

    def look(self):
        pass

    def image(self):
        camera = DummyCameraBeads
        _, pixels = self.video_buffer.peak_image()
        return np.frombuffer(pixels, dtype=camera.dtype).reshape(camera.height, camera.width).astype(float)

    def measure(self):
        yield from self.until(lambda: self.frames() > 1)
        self.send_ipc(LoadZLUTCommand(filepath=str(importlib.resources.files("magscope") / "simulation_zlut.txt")))
        # They lie anywhere; a ROI can be put on a place only by moving one.
        self.send_ipc(AddRandomBeadsCommand(count=self.beads, seed=1))
        yield from self.until(lambda: len(self.bead_rois) >= self.beads, PATIENCE_S)
        places = bead_places(self.image(), self.beads)
        moves = []
        for (bead, (left, right, top, bottom)), (x, y) in zip(sorted(self.bead_rois.items()), places, strict=True):
            moves.append((bead, x - (left + right) // 2, y - (top + bottom) // 2))
        self.send_ipc(MoveBeadsCommand(moves=moves))
        while True:
            print(json.dumps({"at_s": time.time(), "frames": self.frames(), "rois": len(self.bead_rois)}), flush=True)
            yield from self.wait(TELL_S)


def bead_places(image, count):
    """Middles of the beads, brightest contrast first: where the image differs most from its background."""
    contrast = uniform_filter((image - np.median(image)) ** 2, BEAD_PX)
    peaks = np.argwhere((contrast == maximum_filter(contrast, 2 * BEAD_PX)) & (contrast > 0.1 * contrast.max()))
    best = sorted(peaks.tolist(), key=lambda peak: -contrast[tuple(peak)])[:count]
    return [(x, y) for y, x in best]


def main():
    beads, rate_hz = int(sys.argv[1]), sys.argv[2]
    scope = magscope.MagScope()
    scope.settings = {"ROI": ROI_PX}
    camera = DummyCameraBeads()
    # Beads that do not move are the cheapest for the camera to draw.
    for name, value in {"framerate": rate_hz, "tethered_n": "0", "fixed_n": str(beads)}.items():
        camera[name] = value
    scope.camera_manager.camera = camera
    scope.add_hardware(User(beads, 0.0, ""))
    scope.start()


if __name__ == "__main__":
    main()

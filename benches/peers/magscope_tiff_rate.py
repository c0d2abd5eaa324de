"""MB/s of video written as MagScope 1.0.0 does: an ImageJ TIFF file for every stack of 40 frames, by tifffile.

magscope_tiff_rate.py FOLDER SECONDS full|crops. Each file is synced, as ours are.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

FRAMES = 40
folder, seconds, kind = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
shape, axes = {"full": ((FRAMES, 1024, 1024), "TYX"), "crops": ((FRAMES, 100, 64, 64), "TCYX")}[kind]
stack = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
metadata = {"axes": axes, "Labels": [str(frame) for frame in range(FRAMES)], "unit": "nm"}

written, start = 0, time.monotonic()
with tempfile.TemporaryDirectory(dir=folder) as out:
    for number in range(10**9):
        path = Path(out) / f"Video {number}.tiff"
        tifffile.imwrite(path, stack, imagej=True, resolution=(0.01, 0.01), metadata=metadata)
        descriptor = os.open(path, os.O_RDWR)
        os.fsync(descriptor)
        os.close(descriptor)
        # As much as there is at a time stays small: the disk is measured, not its size.
        path.unlink()
        written += stack.nbytes
        if time.monotonic() - start > seconds:
            break
    print(written / 1e6 / (time.monotonic() - start))

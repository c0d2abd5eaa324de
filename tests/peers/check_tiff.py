"""Checks the stacks of `beadscope export --to tiff` with tifffile against the video that they were made of: `check_tiff.py STACKS VIDEO`."""

import csv
import sys
from pathlib import Path

import numpy as np
import tifffile
import zarr

stacks, video = Path(sys.argv[1]), zarr.open_group(sys.argv[2], mode="r")
dataset = video.attrs["ome"]["multiscales"][0]["datasets"][0]
pictures, beads = video[dataset["path"]][:], video["bead"][:]
names = sorted(path.name for path in stacks.iterdir())
if pictures.ndim == 3:
    expected = {"frames.tif": pictures}
else:
    # A bead may change its place: it is where its number is.
    expected = {
        f"bead_{bead}.tif": np.where((beads == bead)[:, :, None, None], pictures, 0).sum(axis=1, dtype=pictures.dtype)
        for bead in np.unique(beads[beads >= 0])
    }
assert names == sorted([*expected, "frames.csv"]), names
scale = dataset["coordinateTransformations"][0]["scale"]
for name, truth in expected.items():
    with tifffile.TiffFile(stacks / name) as file:
        assert file.is_bigtiff and file.is_imagej, name
        told = file.imagej_metadata
        assert told["images"] == len(truth) and told["unit"] == "micron", told
        assert abs(told["finterval"] - scale[0]) < 1e-9, (told, scale)
        pixels, um = file.pages[0].tags["XResolution"].value
        assert abs(um / pixels - scale[-1]) < 1e-6, (um, pixels, scale)
        pages = np.stack([page.asarray() for page in file.pages])
    assert pages.dtype == truth.dtype and np.array_equal(pages, truth), name
with open(stacks / "frames.csv") as file:
    rows = list(csv.DictReader(file))
for name in ("frame", "device_frame", "time_ns", "unix_ns", "segment"):
    assert np.array_equal([int(row[name]) for row in rows], video[name][:]), name
print(f"{len(expected)} stacks of {len(rows)} pages")

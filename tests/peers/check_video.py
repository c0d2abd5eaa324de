"""Checks a `video.ome.zarr` with zarr-python, ome-zarr-models and napari: `check_video.py VIDEO STACK.npy [--full] [--beads N,N]`.

STACK.npy holds every frame the camera sent, by its own number. Every pixel of the video must be the camera's. Prints
one line per check and exits 1 if one fails.

Needs: pip install zarr ome-zarr-models napari napari-ome-zarr
"""

import argparse
import os
import sys

import numpy as np
import zarr
from ome_zarr_models.v05.image import Image

parser = argparse.ArgumentParser()
parser.add_argument("video")
parser.add_argument("stack")
parser.add_argument("--full", action="store_true")
parser.add_argument("--beads", type=lambda text: {int(bead) for bead in text.split(",")})
arguments = parser.parse_args()

failed = False


def check(what, is_so):
    global failed
    failed |= not is_so
    print(f"{'ok  ' if is_so else 'FAIL'} {what}")


group = zarr.open_group(arguments.video, mode="r")
stack = np.load(arguments.stack)
multiscale = Image.from_zarr(group).attributes.ome.multiscales[0]
axes = [axis.name for axis in multiscale.axes]
check(f"valid OME-Zarr 0.5, axes {axes}", True)
pictures = group[multiscale.datasets[0].path]
check("the array names the same axes", list(pictures.metadata.dimension_names) == axes)
check("the type is the camera's", pictures.dtype == stack.dtype)
scale = multiscale.datasets[0].coordinateTransformations[0].scale
units = [axis.unit for axis in multiscale.axes if axis.type in ("time", "space")]
check(f"units {units}, scale {scale}", units == ["second", "micrometer", "micrometer"] and scale[-1] == scale[-2] > 0)

n = pictures.shape[0]
check(f"{n} frames", n > 0)
numbers = {name: group[name][:] for name in ("frame", "device_frame", "time_ns", "unix_ns", "segment")}
check("every frame has its numbers", all(len(column) == n for column in numbers.values()))
check("frames are in order", bool(np.all(np.diff(numbers["frame"].astype(np.int64)) > 0)))
check("and in time", bool(np.all(np.diff(numbers["time_ns"].astype(np.int64)) >= 0)))
offsets = np.unique(numbers["unix_ns"] - numbers["time_ns"])
check("one clock", len(offsets) == 1)
sent = stack[numbers["device_frame"].astype(np.int64) % len(stack)]

bead, corner = group["bead"][:], group["corner_px"][:]
check("every frame has its beads", bead.shape[0] == n and corner.shape == (*bead.shape, 2))
if arguments.beads:
    check(f"the beads are {sorted(arguments.beads)}", set(bead[bead >= 0].tolist()) == arguments.beads)
if arguments.full:
    check("axes of whole frames", axes == ["t", "y", "x"])
    check("every pixel is the camera's", bool(np.array_equal(pictures[:], sent)))
else:
    check("axes of crops", axes == ["t", "bead", "y", "x"] and pictures.shape[:2] == bead.shape)
    side = pictures.shape[2]
    # So that crops over the edge have something to lie on.
    padded = np.pad(sent, ((0, 0), (side, side), (side, side)))
    seen = pictures[:]
    same = 0
    for t, place in zip(*np.nonzero(bead >= 0)):
        left, top = corner[t, place] + side
        same += np.array_equal(seen[t, place], padded[t, top : top + side, left : left + side])
    check(f"every pixel of {same} crops is the camera's", same == np.count_nonzero(bead >= 0) > 0)
    check("places without a bead are 0", not seen[bead < 0].any())
    t = n // 2
    check("one frame by itself", bool(np.array_equal(pictures[t], seen[t])))

os.environ["NAPARI_CONFIG"] = ""  # it shall keep no settings of its own
from napari.components import ViewerModel  # noqa: E402
from napari.plugins import _initialize_plugins  # noqa: E402

_initialize_plugins()
[layer] = ViewerModel().open(arguments.video, plugin="napari-ome-zarr")
check(f"napari opens it, axes {layer.axis_labels}", list(layer.axis_labels) == axes)
told = [str(unit) for unit, axis in zip(layer.units, multiscale.axes) if axis.type in ("time", "space")]
check(f"napari has its scale {layer.scale} in {told}", list(layer.scale) == list(scale) and told == units)
check("napari shows every pixel", bool(np.array_equal(np.asarray(layer.data), pictures[:])))

sys.exit(failed)

"""What is on the screen of an Xvfb that was started with -fbdir, seen from outside any program.

Xvfb keeps its screen in a file, so that looking costs it nothing and can be done hundreds of times a second. libX11 is
needed only to give a window the whole screen: there is no window manager here to do it.
"""

import ctypes
import ctypes.util

import numpy as np

# Side of the squares in which the camera's picture is looked for, px.
TILE = 16
# So many of them are a picture: 77 000 px. No text, button or drawing gives more than some dozens.
PICTURE_TILES = 300
# A window is what is at least so large; MagScope's splash is smaller.
LEAST_WINDOW = (600, 400)
VIEWABLE = 2


class Screen:
    def __init__(self, file):
        # The file is an X window dump: a header of 32-bit numbers, a colour map, then rows of blue, green, red and nothing.
        header = np.fromfile(file, dtype=">u4", count=25)
        self.width, self.height = int(header[4]), int(header[5])
        start = int(header[0]) + 12 * int(header[19])
        rows = np.memmap(file, np.uint8, "r", start, (self.height, int(header[12])))
        self.pixels = rows[:, : 4 * self.width].reshape(self.height, self.width, 4)

    def covered(self):
        """Share of the screen that is not black."""
        words = self.pixels.view("<u4")
        return np.count_nonzero(words & 0xFFFFFF) / words.size

    def part(self, box):
        left, top, right, bottom = box
        return self.pixels[top:bottom, left:right, :3]

    def rgb(self):
        return np.ascontiguousarray(self.pixels[:, :, 2::-1])


def picture_tiles(pixels):
    """Squares of the screen that show a camera's image: grey, of middle brightness, and with noise from pixel to pixel.

    What a program draws itself is flat, coloured, nearly black or nearly white.
    """
    height, width = (side // TILE for side in pixels.shape[:2])
    colours = pixels[: height * TILE, : width * TILE, :3]
    green = colours[:, :, 1]
    differs = np.zeros(green.shape, bool)
    differs[:, 1:] = green[:, 1:] != green[:, :-1]

    def mean(values):
        # Rows first, which is many times faster.
        columns = values.reshape(height, TILE, width * TILE).sum(1, dtype=np.uint16)
        return columns.reshape(height, width, TILE).sum(2, dtype=np.uint32) / TILE**2

    noisy = mean(differs) > 0.4
    if noisy.sum() < PICTURE_TILES:
        # Saves the processor the rest, most of the time.
        return np.zeros_like(noisy)
    brightness = mean(green)
    grey = mean((colours.max(2) - colours.min(2)) <= 6) > 0.9
    return noisy & grey & (brightness > 60) & (brightness < 220)


def coloured(pixels, colours):
    """How many pixels have one of these colours (red, green, blue), nearly."""
    near = np.zeros(pixels.shape[:2], bool)
    for colour in colours:
        near |= (np.abs(pixels[:, :, 2::-1].astype(np.int16) - np.array(colour, np.int16)) <= 32).all(2)
    return int(near.sum())


class Attributes(ctypes.Structure):
    """XWindowAttributes."""

    _fields_ = [
        *((name, ctypes.c_int) for name in ("x", "y", "width", "height", "border", "depth")),
        ("visual", ctypes.c_void_p),
        ("root", ctypes.c_ulong),
        *((name, ctypes.c_int) for name in ("kind", "bit_gravity", "gravity", "backing")),
        ("planes", ctypes.c_ulong),
        ("pixel", ctypes.c_ulong),
        ("save_under", ctypes.c_int),
        ("colormap", ctypes.c_ulong),
        ("colormap_installed", ctypes.c_int),
        ("map_state", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("events", "own_events", "kept_events")),
        ("override_redirect", ctypes.c_int),
        ("screen", ctypes.c_void_p),
    ]


class Windows:
    """The windows on the display that DISPLAY names."""

    def __init__(self):
        self.x = ctypes.CDLL(ctypes.util.find_library("X11"))
        self.x.XOpenDisplay.restype = ctypes.c_void_p
        self.x.XDefaultRootWindow.restype = ctypes.c_ulong
        # A window may be gone before it is asked about; the default handler would end this program.
        handler = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        self.ignore = handler(lambda _display, _error: 0)
        self.x.XSetErrorHandler(self.ignore)
        display = self.x.XOpenDisplay(None)
        if not display:
            raise OSError("no display")
        self.display = ctypes.c_void_p(display)
        self.root = ctypes.c_ulong(self.x.XDefaultRootWindow(self.display))

    def all(self):
        root, parent = ctypes.c_ulong(), ctypes.c_ulong()
        children, count = ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_uint()
        to = map(ctypes.byref, (root, parent, children, count))
        if not self.x.XQueryTree(self.display, self.root, *to):
            return []
        found = children[: count.value]
        if count.value:
            self.x.XFree(children)
        return found

    def fill(self, width, height):
        """Gives every large window the whole screen, as a window manager does for one that asks to be maximised."""
        for window in self.all():
            has = Attributes()
            window = ctypes.c_ulong(window)
            if not self.x.XGetWindowAttributes(self.display, window, ctypes.byref(has)):
                continue
            is_large = has.width >= LEAST_WINDOW[0] and has.height >= LEAST_WINDOW[1]
            is_placed = (has.x, has.y, has.width, has.height) == (0, 0, width, height)
            if has.map_state == VIEWABLE and is_large and not is_placed and not has.override_redirect:
                self.x.XMoveResizeWindow(self.display, window, 0, 0, width, height)
        self.x.XSync(self.display, 0)

    def blacken(self):
        """Makes the screen black where no window is; what a window showed stays otherwise."""
        self.x.XSetWindowBackground(self.display, self.root, ctypes.c_ulong(0))
        self.x.XClearWindow(self.display, self.root)
        self.x.XSync(self.display, 0)

    def hide_pointer(self, width, height):
        """Into the corner: programs tell what is below it."""
        self.x.XWarpPointer(self.display, ctypes.c_ulong(0), self.root, 0, 0, 0, 0, width - 1, height - 1)
        self.x.XSync(self.display, 0)

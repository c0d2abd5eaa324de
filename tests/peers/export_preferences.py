"""Lets MagScope write its preferences: `export_preferences.py BUNDLE.yaml SETTINGS.yaml`.

The bundle is what its dialog exports, the settings alone what a script can. Qt is not needed for either, so an empty
stand-in takes its place; what is written is MagScope's.

Needs: pip install pyyaml; pip install --no-deps magscope
"""

import sys
import types


class NoStore:
    """Qt's store of settings, empty."""

    def __init__(self, *_):
        pass

    def __getattr__(self, _name):
        return lambda *_arguments, **_keywords: None


core = types.ModuleType("PyQt6.QtCore")
core.QSettings = NoStore
sys.modules["PyQt6"] = types.ModuleType("PyQt6")
sys.modules["PyQt6.QtCore"] = core

from magscope import settings  # noqa: E402, after its stand-in

bundle, alone = sys.argv[1:]
magscope = settings.MagScopeSettings()
magscope["ROI"] = 96
magscope["magnification"] = 60
options = settings.default_tracking_options()
options["center_of_mass"]["background"] = "mean"
options["n auto_conv_multiline_sub_pixel"] = 7
options["lookup_z"]["n_local"] = 9
layout = {
    "viewer_geometry": "QUJD",
    "viewer_dock_state": "QUJD",
    "controls": {"workflow_columns": {"left": ["Beads"]}, "panel_collapsed": {"Beads": True}},
    "splitter_sizes": {"main": [1, 2]},
}
settings.export_preferences_bundle(
    bundle, magscope_settings=magscope, tracking_options=options, appearance_layout=layout
)
magscope.export_yaml(alone)

"""python-microscope drives a chain of Zaber motors or an ASI stage, as its users would: `drive_microscope.py PORT zaber|asi`.

At first a Zaber motor is not homed; the first one is linear. An ASI stage has the axes X, Y and Z and is fast.
"""

import sys

import microscope


def zaber(port):
    from microscope.controllers.zaber import ZaberDaisyChain, ZaberDeviceType

    chain = ZaberDaisyChain(port, {1: ZaberDeviceType.STAGE, 2: ZaberDeviceType.STAGE})
    assert sorted(chain.devices) == ["1", "2"]
    stage, turns = chain.devices["1"], chain.devices["2"]
    assert list(stage.axes) == ["1"]
    print("moves when it is enabled:", stage.may_move_on_enable(), turns.may_move_on_enable())
    assert stage.may_move_on_enable()
    stage.enable()
    turns.enable()
    axis = stage.axes["1"]
    # It homes, for which the next waits.
    homed = axis.position
    limits = axis.limits
    print("homed at", homed, "within", limits)
    assert homed == limits.lower and not stage.may_move_on_enable()
    seen = []
    for move, argument in ((axis.move_to, 20_000), (axis.move_by, -500), (stage.move_to, {"1": 30_000})):
        move(argument)
        seen.append(axis.position)
    stage.move_by({"1": 1_234})
    seen.append(axis.position)
    print("went to", seen)
    assert seen == [20_000, 19_500, 30_000, 31_234]
    before = turns.axes["1"].position
    turns.move_by({"1": 640})
    assert turns.axes["1"].position == before + 640
    try:
        axis.move_to(limits.upper + 1)
    except RuntimeError as error:
        print("rejected:", error)
        assert "BADDATA" in str(error)
    else:
        raise AssertionError("it went beyond its limit")
    assert axis.position == 31_234
    chain.shutdown()


def asi(port):
    from microscope.controllers.asi import ASIMS2000

    controller = ASIMS2000(port, lights=[])
    stage = controller.devices["stage"]
    print("axes:", sorted(stage.axes))
    assert sorted(stage.axes) == ["X", "Y", "Z"]
    # It goes to both ends of each axis, calls the lower one 0 and then goes to the middle.
    assert stage.may_move_on_enable()
    stage.enable()
    for name, axis in stage.axes.items():
        limits, middle = axis.limits, axis.position
        print(name, "within", limits, "at", middle)
        assert limits.lower == 0.0 and limits.upper > 0.0
        assert abs(middle - limits.upper / 2) <= 1.0, middle
        axis.move_to(1_000)
        there = axis.position
        axis.move_by(-250)
        print(name, "sent to", there, "and on to", axis.position)
        assert (there, axis.position) == (1_000.0, 750.0)
    names = sorted(stage.get_all_settings())
    print("settings that it was told of:", names)
    assert names
    controller.shutdown()


print("python-microscope", getattr(microscope, "__version__", ""))
{"zaber": zaber, "asi": asi}[sys.argv[2]](sys.argv[1])
print("python-microscope is content")

"""Zaber's own client drives a chain of two motors, as its users would: `drive_zaber.py PORT [--jammed]`.

At first the motors are not homed; the first one is linear and takes seconds for its whole way. With `--jammed` it does not turn.
"""

import sys
import time
from threading import Event

from zaber_motion import (
    BadCommandException,
    BadDataException,
    CommandFailedException,
    MovementFailedException,
    RequestTimeoutException,
    Units,
)
from zaber_motion.ascii import Connection, WarningFlags

STALLED = {WarningFlags.STALLED_AND_STOPPED, WarningFlags.STALLED_WITH_RECOVERY}


def rejection(act):
    """Why the device does not do it."""
    try:
        act()
    except CommandFailedException as error:
        return type(error), error.details.response_data
    raise AssertionError("it was accepted")


def find(connection):
    # Without a look into Zaber's list of devices, which is in the network.
    chain = connection.detect_devices(identify_devices=False)
    addresses = [device.device_address for device in chain]
    print("devices:", addresses)
    assert addresses == [1, 2], addresses
    for device in chain:
        settings = [device.settings.get(name) for name in ("version", "system.axiscount", "comm.address")]
        print("firmware, axes and address:", settings)
        assert settings[1:] == [1, device.device_address], settings
    # Each device answers what is asked of all, with the id of the question.
    replies = connection.generic_command_multi_response("get pos")
    print("asked all:", [(reply.device_address, reply.status, reply.data) for reply in replies])
    assert [reply.device_address for reply in replies] == [1, 2]
    try:
        connection.get_device(3).generic_command("get pos", timeout=300)
    except RequestTimeoutException:
        print("device 3: no answer")
    else:
        raise AssertionError("a device that is not there answered")
    return [device.get_axis(1) for device in chain]


def home_and_move(axis, to, by):
    print("flags:", axis.warnings.get_flags())
    assert WarningFlags.NO_REFERENCE_POSITION in axis.warnings.get_flags()
    assert not axis.is_homed()
    axis.home()
    assert axis.is_homed() and not axis.warnings.get_flags(), axis.warnings.get_flags()
    start = axis.get_position()
    axis.move_absolute(to)
    there = axis.get_position()
    axis.move_relative(by)
    end = axis.get_position()
    print("homed at, sent to, sent on:", start, there, end)
    assert start == axis.settings.get("limit.min") and there == to and end == to + by


def poll_and_stop(axis):
    axis.home()
    axis.move_absolute(100_000, wait_until_idle=False)
    seen = []
    while not seen or seen[-1] < 10_000:
        seen.append(axis.get_position())
        assert axis.is_busy(), seen
    axis.stop()
    assert not axis.is_busy()
    end = axis.get_position()
    print("on its way:", seen[:3], "to", seen[-1], "then stopped at", end)
    assert seen == sorted(seen) and seen[-1] <= end < 100_000
    time.sleep(0.1)
    assert axis.get_position() == end
    # Sent elsewhere on its way it goes there, and not first where it was sent before.
    axis.move_absolute(100_000, wait_until_idle=False)
    axis.move_absolute(5_000)
    assert axis.get_position() == 5_000


def settings(axis):
    limits = [axis.settings.get("limit.min"), axis.settings.get("limit.max")]
    speed = axis.settings.get("maxspeed")
    # Zaber's client knows the units too: 1.6384 of the setting is a microstep in a second.
    axis.settings.set("maxspeed", 16_384, Units.NATIVE)
    axis.settings.set("accel", 100)
    told = [axis.settings.get("maxspeed"), axis.settings.get("accel")]
    started = time.monotonic()
    axis.move_relative(5_000)
    took = time.monotonic() - started
    print("limits:", limits, "speed:", speed, "then", told, "and 5000 microsteps took", took)
    assert told == [16_384, 100]
    # 10 000 microsteps in a second, 610 352 in a second squared.
    assert 0.45 < took < 2.0, took
    axis.settings.set("maxspeed", speed)
    return limits


def rejections(axis, greatest):
    before = axis.get_position()
    beyond = rejection(lambda: axis.move_absolute(greatest + 1))
    unknown = rejection(lambda: axis.generic_command("nonsense"))
    nowhere = rejection(lambda: axis.device.generic_command("get pos", axis=7))
    device_only = rejection(lambda: axis.generic_command("get comm.address"))
    print("rejected:", beyond, unknown, nowhere, device_only)
    assert beyond == (BadDataException, "BADDATA")
    assert unknown == (BadCommandException, "BADCOMMAND")
    assert [nowhere[1], device_only[1]] == ["BADAXIS", "DEVICEONLY"]
    assert axis.get_position() == before and not axis.is_busy()


def together(axes):
    starts = [axis.get_position() for axis in axes]
    for axis in axes:
        axis.move_relative(40_000, wait_until_idle=False)
    busy = [axis.is_busy() for axis in axes]
    for axis in axes:
        axis.wait_until_idle()
    ends = [axis.get_position() for axis in axes]
    print("together:", starts, busy, ends)
    assert busy == [True, True] and ends == [start + 40_000 for start in starts]


def checksums_and_alerts(connection, axis):
    assert connection.checksum_enabled
    axis.device.settings.set("comm.checksum", 1)
    heard, alerts = Event(), []

    def hear(alert):
        alerts.append((alert.device_address, alert.axis_number, alert.status, alert.warning_flag))
        heard.set()

    with connection.alert.subscribe(hear):
        connection.enable_alerts()
        axis.move_relative(-1_000)
        assert heard.wait(2.0)
    connection.disable_alerts()
    print("alerts:", alerts)
    assert alerts[0] == (1, 1, "IDLE", "--")
    axis.device.settings.set("comm.checksum", 0)
    # A terminal sends none.
    connection.checksum_enabled = False
    assert not axis.is_busy()
    connection.checksum_enabled = True


def stall(axis):
    before = axis.get_position()
    try:
        axis.move_absolute(before + 20_000 if before < 100_000 else before - 20_000)
    except MovementFailedException as error:
        print("jammed:", error)
        assert STALLED & set(error.details.warnings), error.details.warnings
    else:
        raise AssertionError("a jammed motor is said to have arrived")
    # Having raised it, the client clears the flags; a terminal does not.
    axis.generic_command("move rel -2000")
    axis.wait_until_idle(throw_error_on_fault=False)
    flags = axis.warnings.get_flags()
    cleared = axis.warnings.clear_flags()
    print("flags:", flags, "then", axis.warnings.get_flags())
    assert STALLED & flags and STALLED & cleared
    assert not STALLED & axis.warnings.get_flags()


with Connection.open_serial_port(sys.argv[1]) as connection:
    if "--jammed" in sys.argv:
        stall(connection.get_device(1).get_axis(1))
    else:
        linear, rotary = axes = find(connection)
        home_and_move(linear, 20_000, -500)
        home_and_move(rotary, 12_800, -500)
        poll_and_stop(linear)
        limits = settings(linear)
        rejections(linear, limits[1])
        together(axes)
        checksums_and_alerts(connection, linear)
        connection.stop_all()
print("Zaber's client is content")

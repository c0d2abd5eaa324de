"""PI's own client drives a controller that speaks the General Command Set 2.0, as a lab would.

usage: drive_pi_gcs.py PORT [BAUD]

A motor controller (one that knows FRF) is homed first. Whatever is not as PIPython expects it ends with an exception.
"""

import sys
import time

from pipython import GCSDevice, GCSError, gcserror, pitools
from pipython.interfaces.piserial import PISerial


def refused(what, *arguments):
    """The error code with which the controller refuses something."""
    try:
        what(*arguments)
    except GCSError as error:
        return error.val
    raise AssertionError(f"{what.__name__}{arguments} was not refused")


def main(port, baud):
    with PISerial(port, baud) as gateway, GCSDevice(gateway=gateway) as device:
        print("it is", device.qIDN().strip())
        assert device.qCSV() == 2.0 and device.isgcs2, device.qCSV()
        axes = device.axes
        print("it has the axes", axes, "and knows", len(device.funcs), "functions")
        assert axes == device.qSAI() and axes, axes
        for axis in axes:
            drive(device, axis)
        assert not any(device.IsMoving(axes).values()) and device.IsControllerReady()
        assert device.qERR() == 0


def drive(device, axis):
    least, greatest = device.qTMN(axis)[axis], device.qTMX(axis)[axis]
    unit = device.qSPA(axis, 0x07000601)[axis][0x07000601]
    print(f"axis {axis} goes from {least} to {greatest} {unit}")
    middle, near = 0.5 * (least + greatest), 1e-3 * (greatest - least)

    # Nothing moves without servo.
    device.SVO(axis, False)
    assert not device.qSVO(axis)[axis]
    assert refused(device.MOV, axis, middle) == gcserror.E5_PI_CNTR_MOVE_WITHOUT_REF_OR_NO_SERVO
    device.SVO(axis, True)
    assert device.qSVO(axis)[axis]

    if device.HasFRF():
        device.FRF(axis)
        pitools.waitonreferencing(device, axes=axis, timeout=30)
        assert device.qFRF(axis)[axis]
        print("  it was homed and is at", device.qPOS(axis)[axis])

    if device.HasACC():
        device.ACC(axis, 10 * (greatest - least))
        print("  it accelerates by", device.qACC(axis)[axis], unit, "/ s²")
    device.VEL(axis, greatest - least)
    assert abs(device.qVEL(axis)[axis] - (greatest - least)) < near

    device.MOV(axis, middle)
    pitools.waitontarget(device, axes=axis, timeout=30)
    position = device.qPOS(axis)[axis]
    print("  it was sent to", device.qMOV(axis)[axis], "and is at", position)
    assert device.qONT(axis)[axis] and abs(position - middle) < near, position

    # Beyond its limits it does not go, nor to an axis that it has not.
    assert refused(device.MOV, axis, greatest + 10 * near) == gcserror.E7_PI_CNTR_POS_OUT_OF_LIMITS
    assert refused(device.MOV, "Q", 0) == gcserror.E15_PI_CNTR_INVALID_AXIS_IDENTIFIER
    assert abs(device.qPOS(axis)[axis] - middle) < near

    # A slow motion is stopped: that is error 10.
    for stop in ["STP", "StopAll"] + ["HLT"] * device.HasHLT():
        device.VEL(axis, 0.1 * (greatest - least))
        device.MOV(axis, least)
        time.sleep(0.2)
        assert device.IsMoving(axis)[axis] and not device.qONT(axis)[axis]
        code = refused(device.HLT, axis) if stop == "HLT" else refused(getattr(device, stop))
        assert code == gcserror.E10_PI_CNTR_STOP, code
        pitools.waitontarget(device, axes=axis, timeout=30)
        position = device.qPOS(axis)[axis]
        print(f"  {stop} stopped it at", position)
        assert least + 10 * near < position < middle, position
        device.VEL(axis, greatest - least)
        device.MOV(axis, middle)
        pitools.waitontarget(device, axes=axis, timeout=30)


main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 115200)

"""Drives a simulated Thorlabs controller with pylablib, as a lab would: `drive_apt.py PORT` a KDC101 with an MTS25-Z8, `drive_apt.py PORT rack` a
BSC203 with a DRV014 in its first bay. Both go from 0 to 25 mm."""

import sys
import time
from unittest.mock import MagicMock

# pylablib imports numba for its image processing, which has no part in this and is larger than all the rest.
sys.modules.setdefault("numba", MagicMock())
try:
    from pylablib.devices.Thorlabs import kinesis
except ImportError as error:
    print(error)
    sys.exit(77)

# A pseudo-terminal has no modem lines: turning RTS off and on fails there.
kinesis.BasicKinesisDevice._cycle_rts = staticmethod(lambda instr: None)


def near(value, expected, tolerance):
    assert abs(value - expected) <= tolerance, f"{value} is not {expected}"


is_rack = sys.argv[2:] == ["rack"]
stage, expected = ("DRV014", (70123456, "BSC203", 2)) if is_rack else ("MTS25-Z8", (27123456, "KDC101", 1))
with kinesis.KinesisMotor(("serial", sys.argv[1]), scale=stage, is_rack_system=is_rack) as motor:
    info = motor.get_device_info()
    print(info)
    assert (info.serial_no, info.model_no, info.nchannels) == expected, info
    assert motor.get_scale_units() == "m", motor.get_scale_units()

    motor.home(force=True, timeout=30)
    assert motor.is_homed() and not motor.is_moving(), motor.get_status()
    near(motor.get_position(), 0, 1e-7)
    print("homed:", motor.get_status())

    # mm/s and mm/s², in m; they are written in whole numbers.
    applied = motor.setup_velocity(acceleration=20e-3, max_velocity=4e-3)
    print(applied)
    near(applied.max_velocity, 4e-3, 1e-7)
    near(applied.acceleration, 20e-3, 2e-5)
    assert motor.get_velocity_parameters() == applied

    began = time.monotonic()
    motor.move_to(6e-3)
    assert motor.is_moving(), motor.get_status()
    motor.wait_move(timeout=30)
    took = time.monotonic() - began
    near(motor.get_position(), 6e-3, 1e-7)
    # 0.2 s to the speed and 0.2 s to rest, 1.3 s between; the status is asked for every 50 ms.
    print(f"6 mm in {took:.2f} s")
    near(took, 1.7, 0.3)
    # The end of a motion is told unasked as well.
    assert motor.check_background_comm(0x0464)[0] >= 1

    motor.move_by(-1e-3)
    motor.wait_move(timeout=30)
    near(motor.get_position(), 5e-3, 1e-7)

    motor.move_to(20e-3)
    time.sleep(0.5)
    motor.stop(immediate=False, sync=True, timeout=30)
    stopped = motor.get_position()
    print(f"stopped at {1e3 * stopped:.3f} mm on the way to 20")
    assert 5.5e-3 < stopped < 10e-3 and not motor.is_moving(), (stopped, motor.get_status())
    motor.move_to(20e-3)
    time.sleep(0.2)
    motor.stop(immediate=True)
    near(motor.get_position(), stopped, 3e-3)

    # Beyond its end it runs into the switch there, and says so.
    motor.setup_velocity(acceleration=0.5, max_velocity=0.05)
    motor.move_to(30e-3)
    motor.wait_move(timeout=30)
    near(motor.get_position(), 25e-3, 1e-6)
    assert any(status.startswith("hw_") for status in motor.get_status()), motor.get_status()
    motor.move_to(1e-3)
    motor.wait_move(timeout=30)
    print("at the end:", motor.get_status())
    near(motor.get_position(), 1e-3, 1e-7)

//! Messages of the APT protocol, as they are written and as they are found in what came.
//!
//! "Thorlabs APT Controllers, Host-Controller Communications Protocol", sections "Description of the message header" and the one of each
//! message. A header of 6 bytes, little-endian: id, then two parameters or the length of the data behind it, then where it goes (with 0x80
//! if data follow) and where it comes from. There is no sign at which a message begins, and no checksum.

/// Which message, with the name that the protocol has for it.
pub(crate) mod id {
    /// MGMSG_HW_REQ_INFO.
    pub(crate) const ASK_INFO: u16 = 0x0005;
    /// MGMSG_HW_GET_INFO.
    pub(crate) const INFO: u16 = 0x0006;
    /// MGMSG_HW_START_UPDATEMSGS: from now on the status comes ten times a second, unasked.
    pub(crate) const START_UPDATES: u16 = 0x0011;
    /// MGMSG_HW_STOP_UPDATEMSGS.
    pub(crate) const STOP_UPDATES: u16 = 0x0012;
    /// MGMSG_MOD_SET_CHANENABLESTATE: 1 on, 2 off.
    pub(crate) const ENABLE: u16 = 0x0210;
    /// MGMSG_MOD_REQ_CHANENABLESTATE.
    pub(crate) const ASK_ENABLED: u16 = 0x0211;
    /// MGMSG_MOD_GET_CHANENABLESTATE.
    pub(crate) const ENABLED: u16 = 0x0212;
    /// MGMSG_MOT_SET_POSCOUNTER.
    pub(crate) const SET_POSITION: u16 = 0x0410;
    /// MGMSG_MOT_REQ_POSCOUNTER.
    pub(crate) const ASK_POSITION: u16 = 0x0411;
    /// MGMSG_MOT_GET_POSCOUNTER.
    pub(crate) const POSITION: u16 = 0x0412;
    /// MGMSG_MOT_SET_VELPARAMS.
    pub(crate) const SET_RATES: u16 = 0x0413;
    /// MGMSG_MOT_REQ_VELPARAMS.
    pub(crate) const ASK_RATES: u16 = 0x0414;
    /// MGMSG_MOT_GET_VELPARAMS.
    pub(crate) const RATES: u16 = 0x0415;
    /// MGMSG_MOT_REQ_STATUSBITS.
    pub(crate) const ASK_STATUS: u16 = 0x0429;
    /// MGMSG_MOT_GET_STATUSBITS.
    pub(crate) const STATUS: u16 = 0x042A;
    /// MGMSG_MOT_MOVE_HOME.
    pub(crate) const HOME: u16 = 0x0443;
    /// MGMSG_MOT_MOVE_HOMED, unasked.
    pub(crate) const HOMED: u16 = 0x0444;
    /// MGMSG_MOT_MOVE_RELATIVE, which this driver never sends.
    pub(crate) const MOVE_BY: u16 = 0x0448;
    /// MGMSG_MOT_MOVE_ABSOLUTE.
    pub(crate) const MOVE_TO: u16 = 0x0453;
    /// MGMSG_MOT_MOVE_COMPLETED, unasked.
    pub(crate) const COMPLETED: u16 = 0x0464;
    /// MGMSG_MOT_MOVE_STOP: 1 at once, 2 with its acceleration.
    pub(crate) const STOP: u16 = 0x0465;
    /// MGMSG_MOT_MOVE_STOPPED, unasked.
    pub(crate) const STOPPED: u16 = 0x0466;
    /// MGMSG_MOT_REQ_STATUSUPDATE, of steppers.
    pub(crate) const ASK_STEPPER_UPDATE: u16 = 0x0480;
    /// MGMSG_MOT_GET_STATUSUPDATE.
    pub(crate) const STEPPER_UPDATE: u16 = 0x0481;
    /// MGMSG_MOT_REQ_DCSTATUSUPDATE, of servo motors.
    pub(crate) const ASK_SERVO_UPDATE: u16 = 0x0490;
    /// MGMSG_MOT_GET_DCSTATUSUPDATE.
    pub(crate) const SERVO_UPDATE: u16 = 0x0491;
    /// MGMSG_MOT_ACK_DCSTATUSUPDATE: somebody reads the updates.
    pub(crate) const UPDATES_ARE_READ: u16 = 0x0492;
}

/// The bits of a status (protocol, MGMSG_MOT_GET_STATUSBITS; the same in two other libraries).
pub(crate) mod bit {
    /// The switch at one end, or at the other, is pressed. Which is which differs among stages.
    pub(crate) const AT_SWITCH: u32 = 0x0000_0003;
    /// On its way: moving or jogging, either way.
    pub(crate) const MOVING: u32 = 0x0000_00F0;
    /// On its way forwards.
    pub(crate) const FORWARDS: u32 = 0x0000_0010;
    /// On its way back.
    pub(crate) const BACK: u32 = 0x0000_0020;
    /// There is a motor.
    pub(crate) const CONNECTED: u32 = 0x0000_0100;
    /// It looks for its reference.
    pub(crate) const HOMING: u32 = 0x0000_0200;
    /// It has found its reference.
    pub(crate) const HOMED: u32 = 0x0000_0400;
    /// It rests where it was sent.
    pub(crate) const SETTLED: u32 = 0x0000_2000;
    /// It is not where its trajectory is.
    pub(crate) const POSITION_ERROR: u32 = 0x0000_4000;
    /// Motor or driver are too hot.
    pub(crate) const TOO_HOT: u32 = 0x0002_0000;
    /// The supply is low.
    pub(crate) const LOW_SUPPLY: u32 = 0x0004_0000;
    /// The motor's phases are lost until the power was off.
    pub(crate) const COMMUTATION: u32 = 0x0008_0000;
    /// The motor takes too much.
    pub(crate) const OVERLOAD: u32 = 0x0100_0000;
    /// The encoder fails.
    pub(crate) const ENCODER: u32 = 0x0200_0000;
    /// The motor takes too much current.
    pub(crate) const OVERCURRENT: u32 = 0x0400_0000;
    /// The supply gives too much current.
    pub(crate) const SUPPLY_CURRENT: u32 = 0x0800_0000;
    /// The supplies are as they should be.
    pub(crate) const POWER: u32 = 0x1000_0000;
    /// A motion is being carried out.
    pub(crate) const ACTIVE: u32 = 0x2000_0000;
    /// Something is wrong.
    pub(crate) const ERROR: u32 = 0x4000_0000;
    /// The motor is on.
    pub(crate) const ON: u32 = 0x8000_0000;
}

/// The computer.
pub(crate) const HOST: u8 = 0x01;
/// What holds the bays.
pub(crate) const RACK: u8 = 0x11;
/// A unit with a USB port of its own.
pub(crate) const UNIT: u8 = 0x50;
/// With this in it, data follow the header.
const WITH_DATA: u8 = 0x80;
const HEADER: usize = 6;
/// Longer data than any motor sends.
const LONGEST: usize = 256;

/// The address of a bay, 1 to 10; the protocol counts them from 0.
pub(crate) fn bay(number: u8) -> u8 {
    0x20 + number
}

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: u16,
    /// Where it goes.
    pub(crate) to: u8,
    /// Where it comes from.
    pub(crate) from: u8,
    /// What it says: its two parameters, or its data.
    pub(crate) data: Vec<u8>,
}

/// A message of a header only.
pub(crate) fn short(id: u16, parameters: [u8; 2], to: u8, from: u8) -> Vec<u8> {
    [&id.to_le_bytes()[..], &parameters, &[to, from]].concat()
}

/// A message with data.
pub(crate) fn long(id: u16, data: &[u8], to: u8, from: u8) -> Vec<u8> {
    let length = data.len() as u16;
    [&id.to_le_bytes()[..], &length.to_le_bytes(), &[to | WITH_DATA, from], data].concat()
}

/// Takes the first message for which `is_ours` (to, from) holds; what is before it is thrown away.
pub(crate) fn take(bytes: &mut Vec<u8>, is_ours: impl Fn(u8, u8) -> bool) -> Option<Message> {
    let mut begin = 0;
    while let Some(header) = bytes.get(begin..begin + HEADER) {
        let (to, from) = (header[4] & !WITH_DATA, header[5]);
        let has_data = header[4] & WITH_DATA != 0;
        let length = if has_data { usize::from(u16::from_le_bytes([header[2], header[3]])) } else { 0 };
        // Noise, or the rest of something: the next byte may begin a message.
        if !is_ours(to, from) || length > LONGEST {
            begin += 1;
            continue;
        }
        let id = u16::from_le_bytes([header[0], header[1]]);
        let end = begin + HEADER + length;
        if bytes.len() < end {
            break;
        }
        let data = if has_data { &bytes[begin + HEADER..end] } else { &header[2..4] }.to_vec();
        bytes.drain(..end);
        return Some(Message { id, to, from, data });
    }
    bytes.drain(..begin);
    None
}

impl Message {
    /// Two bytes of what it says.
    pub(crate) fn word(&self, at: usize) -> Option<u16> {
        self.bytes(at).map(u16::from_le_bytes)
    }

    /// Four bytes of what it says, with a sign.
    pub(crate) fn number(&self, at: usize) -> Option<i32> {
        self.bytes(at).map(i32::from_le_bytes)
    }

    /// Four bytes of what it says.
    pub(crate) fn bits(&self, at: usize) -> Option<u32> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.data.get(at..at + N)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM_UNIT: fn(u8, u8) -> bool = |to, from| to == HOST && from == UNIT;

    #[test]
    fn messages_are_written_as_the_vendor_writes_them() {
        // Thorlabs' own example for the KDC101: enable, home, and 1 mm of a Z812.
        assert_eq!(short(id::ENABLE, [1, 1], UNIT, HOST), [0x10, 0x02, 0x01, 0x01, 0x50, 0x01]);
        assert_eq!(short(id::HOME, [1, 0], UNIT, HOST), [0x43, 0x04, 0x01, 0x00, 0x50, 0x01]);
        let data = [&1_u16.to_le_bytes()[..], &34_555_i32.to_le_bytes()].concat();
        assert_eq!(
            long(id::MOVE_TO, &data, UNIT, HOST),
            [0x53, 0x04, 0x06, 0x00, 0xD0, 0x01, 0x01, 0x00, 0xFB, 0x86, 0x00, 0x00]
        );
    }

    #[test]
    fn a_message_is_found_behind_noise_and_waits_for_its_end() {
        let position = long(id::POSITION, &[1, 0, 0xFE, 0xFF, 0xFF, 0xFF], HOST, UNIT);
        let mut bytes =
            [b"\x15\xe9\x02noise\x81".to_vec(), position.clone(), position[..7].to_vec()].concat();
        let message = take(&mut bytes, FROM_UNIT).unwrap();
        assert_eq!((message.id, message.word(0), message.number(2)), (id::POSITION, Some(1), Some(-2)));
        assert_eq!(message.number(3), None);
        assert!(take(&mut bytes, FROM_UNIT).is_none() && bytes == position[..7]);
        bytes.extend_from_slice(&position[7..]);
        assert_eq!(take(&mut bytes, FROM_UNIT), Some(message));
    }

    #[test]
    fn what_goes_to_others_or_is_too_long_is_no_message() {
        let mut bytes = long(id::POSITION, &[1; 6], HOST, bay(1));
        assert!(take(&mut bytes, FROM_UNIT).is_none());
        let mut bytes = vec![0x12, 0x04, 0xFF, 0xFF, HOST | 0x80, UNIT, 0, 0];
        assert!(take(&mut bytes, FROM_UNIT).is_none());
    }
}

//! Serial ports of this machine, for `beadscope doctor`. Nothing is opened, unless somebody [asks](ask) who is there: opening a port resets
//! some controllers.

pub mod ask;

use std::path::Path;

use serialport::{SerialPortInfo, SerialPortType};

/// A serial port that was found, and whether we may open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortListing {
    /// What to write in `rig.toml`, for example `/dev/ttyUSB0` or `COM3`.
    pub name: String,
    /// What is behind it, as far as the system says.
    pub description: String,
    /// Why it cannot be opened and what to do, or `None` if nothing speaks against it.
    pub blocked: Option<String>,
}

/// Where Linux lists terminals, serial ports among them. A chroot or a container may be without it.
const TTY_CLASS: &str = "/sys/class/tty";

/// The serial ports found now, by name; none if there are none or the system will not say.
pub fn serial_ports() -> Vec<PortListing> {
    ports_of(Path::new(TTY_CLASS), serialport::available_ports)
}

fn ports_of(
    tty_class: &Path,
    list: impl FnOnce() -> serialport::Result<Vec<SerialPortInfo>>,
) -> Vec<PortListing> {
    // The library panics where it cannot read this folder.
    if cfg!(target_os = "linux") && tty_class.read_dir().is_err() {
        return Vec::new();
    }
    let mut ports: Vec<PortListing> = list()
        .unwrap_or_default()
        .into_iter()
        .map(|port| PortListing {
            description: description(&port.port_type),
            blocked: blocked(&port.port_name),
            name: port.port_name,
        })
        .collect();
    ports.sort_by(|a, b| a.name.cmp(&b.name));
    ports
}

fn description(kind: &SerialPortType) -> String {
    match kind {
        SerialPortType::UsbPort(usb) => {
            let names = [&usb.manufacturer, &usb.product, &usb.serial_number];
            let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
            let id = format!("USB {:04x}:{:04x}", usb.vid, usb.pid);
            if names.is_empty() { id } else { format!("{id} {}", names.join(" ")) }
        }
        SerialPortType::PciPort => "built in".to_owned(),
        SerialPortType::BluetoothPort => "Bluetooth".to_owned(),
        SerialPortType::Unknown => "unknown device".to_owned(),
    }
}

/// Compares the port's permission bits with this process's user and groups, as the kernel would.
#[cfg(target_os = "linux")]
fn blocked(name: &str) -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    let port = match std::fs::metadata(name) {
        Ok(port) => port,
        Err(error) => return Some(format!("{error}; plug the controller in again")),
    };
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let numbers = |key: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    // The second number of each line is the effective id (proc_pid_status(5)).
    let user = *numbers("Uid:").get(1)?;
    let mut groups = numbers("Groups:");
    groups.extend(numbers("Gid:").get(1));
    if may_read_and_write(port.mode(), user == port.uid(), groups.contains(&port.gid())) || user == 0 {
        return None;
    }
    Some("no permission; run `sudo usermod -aG dialout $USER`, then log out and in again".to_owned())
}

/// Whether the permission bits grant reading and writing to this owner, group member or other.
#[cfg(target_os = "linux")]
fn may_read_and_write(mode: u32, is_owner: bool, is_member: bool) -> bool {
    let shift = match (is_owner, is_member) {
        (true, _) => 6,
        (false, true) => 3,
        (false, false) => 0,
    };
    (mode >> shift) & 0o6 == 0o6
}

#[cfg(not(target_os = "linux"))]
fn blocked(_name: &str) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_ports_never_panics_and_names_are_unique() {
        let mut names: Vec<String> = serial_ports().into_iter().map(|port| port.name).collect();
        let found = names.len();
        names.dedup();
        assert_eq!(names.len(), found);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn no_tty_class_means_no_ports() {
        assert_eq!(ports_of(Path::new("/no such class"), || panic!("as the library does")), []);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_owners_bits_decide_for_the_owner() {
        assert!(may_read_and_write(0o660, false, true));
        assert!(!may_read_and_write(0o660, false, false));
        // The kernel looks no further than the first class that fits: an owner without rights is refused.
        assert!(!may_read_and_write(0o066, true, true));
    }
}

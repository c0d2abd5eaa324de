//! Who answers at a serial port. Only questions are sent, but opening a port resets some controllers (those on Arduino boards).

use std::io::Write as _;
use std::time::{Duration, Instant};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_millis(250);

/// A question that moves nothing, and what its answer looks like. Of those that understand it, and of those that do not, none moves.
struct Question {
    driver: &'static str,
    baud: u32,
    ask: &'static [u8],
    is_answer: fn(&str) -> bool,
}

/// The most telling first. Sources: the manuals that the drivers cite. Those that end lines with CR have all that was asked before in the
/// beginning of theirs, so it is ended first.
const QUESTIONS: &[Question] = &[
    Question {
        driver: "zaber",
        baud: 115_200,
        ask: b"/\n",
        is_answer: |text| text.contains('@') && text.contains(" OK "),
    },
    Question { driver: "pi_gcs", baud: 115_200, ask: b"*IDN?\n", is_answer: is_pi },
    Question { driver: "pi_gcs", baud: 9_600, ask: b"*IDN?\n", is_answer: is_pi },
    Question { driver: "pi_gcs", baud: 38_400, ask: b"*IDN?\n", is_answer: is_pi },
    Question { driver: "asi", baud: 115_200, ask: b"\rV\r", is_answer: |text| text.contains(":A Version") },
    Question { driver: "asi", baud: 9_600, ask: b"\rV\r", is_answer: |text| text.contains(":A Version") },
    Question {
        driver: "tango",
        baud: 57_600,
        ask: b"\r?version\r",
        is_answer: |text| text.contains("TANGO"),
    },
    Question { driver: "gcode", baud: 115_200, ask: b"?", is_answer: |text| text.contains("Pos:") },
];

fn is_pi(text: &str) -> bool {
    text.contains("Physik Instrumente")
}

/// The driver whose question was answered at this port, with the answer; `None` if nobody has. It takes a quarter of a second for each
/// question that is not answered.
///
/// # Errors
/// If the port cannot be opened.
pub fn who_answers(port: &str) -> Result<Option<(&'static str, String)>, String> {
    let mut open = serialport::new(port, QUESTIONS[0].baud)
        .timeout(PATIENCE)
        .open()
        .map_err(|error| error.to_string())?;
    for question in QUESTIONS {
        // A pseudo-terminal has no speed.
        let _ = open.set_baud_rate(question.baud);
        let _ = open.clear(serialport::ClearBuffer::Input);
        open.write_all(question.ask).map_err(|error| error.to_string())?;
        let answer = read(open.as_mut());
        if (question.is_answer)(&answer) {
            return Ok(Some((question.driver, answer.trim().to_owned())));
        }
    }
    Ok(None)
}

/// What comes until nothing comes any more.
fn read(port: &mut dyn serialport::SerialPort) -> String {
    let until = Instant::now() + PATIENCE;
    let (mut answer, mut bytes) = (Vec::new(), [0; 256]);
    let _ = port.set_timeout(PATIENCE);
    while Instant::now() < until && answer.len() < 1024 {
        match port.read(&mut bytes) {
            Ok(n) if n > 0 => answer.extend_from_slice(&bytes[..n]),
            _ => break,
        }
        // The rest of it comes at once.
        let _ = port.set_timeout(PATIENCE / 5);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::axis::ControllerConfig;
    use crate::simulators::{Fault, Simulation};

    #[test]
    fn a_controller_is_known_by_its_answer() {
        let folder = tempfile::tempdir().unwrap();
        let port = folder.path().join("port");
        let start = |name: &str| {
            let driver = crate::find_controller(crate::CONTROLLERS, name).unwrap();
            let config = ControllerConfig::from_toml(driver.example()).unwrap();
            Simulation::start(driver.simulate(&config, None).unwrap(), &port).unwrap()
        };
        for question in QUESTIONS {
            let _simulation = start(question.driver);
            let (driver, answer) = who_answers(port.to_str().unwrap()).unwrap().unwrap();
            assert_eq!(driver, question.driver, "{answer}");
        }
        let simulation = start("zaber");
        let (_, answer) = who_answers(port.to_str().unwrap()).unwrap().unwrap();
        assert!(answer.starts_with("@01 0 OK IDLE"), "{answer}");
        simulation.set_fault(Fault::Mute);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(who_answers(port.to_str().unwrap()), Ok(None));
        drop(simulation);
        assert!(who_answers(port.to_str().unwrap()).is_err());
    }
}

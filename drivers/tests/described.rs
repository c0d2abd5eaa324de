//! Protocols that a file describes: what is wrong in a file is told with its line, and what is right is spoken as it says.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, helpers of tests too"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use beadscope_drivers::axes::described::Driver;
use beadscope_drivers::axis::{Alarm, AxisError, AxisState, Controller, ControllerConfig, ControllerDriver};
use beadscope_drivers::conformance::axes::check_controller;
use beadscope_drivers::link::Transcript;
use beadscope_drivers::simulators::smc100::Smc100;
use beadscope_drivers::simulators::zaber::Zaber;
use beadscope_drivers::simulators::{Body, Device, Lines, Simulation};
use tempfile::TempDir;

const SMC100: &str = include_str!("../src/axes/described/smc100.toml");

fn config(rig: &str) -> ControllerConfig {
    ControllerConfig::from_toml(&format!("driver = \"described\"\n{rig}")).unwrap()
}

/// What a controller says that cannot be opened: the description is read before the port is opened.
fn refusal(config: &ControllerConfig) -> String {
    match Driver.open(config) {
        Err(AxisError::Settings(what)) => what,
        Err(other) => panic!("not a mistake in the settings: {other}"),
        Ok(_) => panic!("it was opened"),
    }
}

/// A rig with a description of its own.
fn described(folder: &TempDir, description: &str, axes: &str) -> ControllerConfig {
    let file = folder.path().join("own.toml");
    std::fs::write(&file, description).unwrap();
    let mut config = config(axes);
    config.protocol = Some(file);
    config.port = folder.path().join("port").to_str().unwrap().to_owned();
    config.deadline_ms = 150.0;
    config
}

const AXIS: &str = "[[axes]]\nname = \"x\"\nat = \"1\"\nunit = \"mm\"\n";

#[test]
fn a_mistake_is_told_with_its_line_its_key_and_what_is_allowed() {
    // What stands in the description, what is written in its place, and what is said of it. The line is the one of what is written there.
    let mistakes = [
        // Not TOML, keys and values that there are not.
        ("decimals = 6", "decimals = = 6", "decimals: extra `=`"),
        ("decimals = 6", "decimal = 6", "unknown field `decimal`, expected one of `name`, `baud`"),
        ("decimals = 6", "decimals = \"6\"", "decimals: invalid type: string \"6\", expected u8"),
        ("decimals = 6", "decimals = 10", "decimals: 10 is not 0 to 9"),
        (
            "counts_in = \"mm\"",
            "counts_in = \"cm\"",
            "counts_in: unknown variant `cm`, expected one of `nm`, `um`, `mm`, `turns`",
        ),
        (
            "simulator = \"smc100\"",
            "simulator = \"smc\"",
            "simulator: unknown variant `smc`, expected `smc100`",
        ),
        (
            "alarm = \"stalled\"",
            "alarm = \"broken\"",
            "alarm.alarm: unknown variant `broken`, expected one of `stalled`",
        ),
        (
            "while_moving = \"stop\"",
            "while_moving = \"wait\"",
            "move.while_moving: unknown variant `wait`, expected `go_on` or `stop`",
        ),
        (
            "reference = \"told\"",
            "reference = \"never\"",
            "state.reference: unknown variant `never`, expected one of `told`, `always`, `since_homed`",
        ),
        ("send = \"{at}ST\"", "say = \"{at}ST\"", "stop.say: unknown field `say`, expected `send` or `done`"),
        ("ask = \"{at}TS\"\n", "", "read: missing field `ask`"),
        // Ends of lines and addresses.
        ("send_end = \"\\r\\n\"", "send_end = \"\"", "send_end: \"\" is not 1 to 4 ASCII characters"),
        (
            "address_numbers = [1, 31]",
            "address_numbers = [31, 1]",
            "address_numbers: the first comes first: [1, 31]",
        ),
        ("address_numbers = [1, 31]", "address_names = []", "address_names: at least one name"),
        (
            "address_numbers = [1, 31]",
            "address_numbers = [1, 31]\naddress_names = [\"X\"]",
            "address_names: there are address_numbers: only one of both",
        ),
        // Gaps.
        ("ask = \"{at}TS\"", "ask = \"{atTS\"", "read.ask: a gap is not closed: write {name}"),
        ("ask = \"{at}TS\"", "ask = \"{at}TS\\r\"", "read.ask: '\\r' is not allowed"),
        ("ask = \"{at}TS\"", "ask = \"TS\"", "read.ask: {at} is missing: it would go to all axes"),
        ("ask = \"{at}TS\"", "ask = \"{at}TS{state}\"", "read.ask: {state} is not known here, but {at}"),
        (
            "send = \"{at}PA{target}\"",
            "send = \"{at}PA\"",
            "move.send: {target} is missing: where the number goes",
        ),
        (
            "send = \"{at}PA{target}\"",
            "send = \"{at}PA{goal}\"",
            "move.send: {goal} is not known here, but {at} and {target}",
        ),
        ("send = \"{at}PA{target}\"", "send = \"{at}PA{target:9}\"", "move.send: {target} has a width"),
        ("{errors:4x}{state:2}", "{errors}{state:2}", "read.answer: nothing tells where {errors} ends"),
        ("{errors:4x}{state:2}", "{errors:4x}{errors:2}", "read.answer: {errors} is there twice"),
        (
            "{errors:4x}{state:2}",
            "{errors:0x}{state:2}",
            "read.answer: {errors:0x} has no width: {name:4} takes 4",
        ),
        ("answer = \"{at}TP{position}\"", "answer = \"{at}TP{x}\"", "read.answer: {position} is missing"),
        (
            "answer = \"{at}TP{position}\"",
            "answer = \"{at}TP{position} {state}\"",
            "read.answer: {state} is in the answer to another [[read]] already",
        ),
        ("answer = \"{at}TE{code}\"", "answer = \"{at}TE{what}\"", "error.answer: {code} is missing"),
        // What a late answer could be taken for.
        (
            "answer = \"{at}VE{version}\"",
            "answer = \"{version}\"",
            "identify.answer: some text in it must always",
        ),
        (
            "answer = \"{at}TP{position}\"",
            "answer = \"{at}{position}TP\"",
            "read.answer: nothing tells where {at} ends: put some text behind it",
        ),
        ("ask = \"{at}VE\"", "ask = \"{at}TP\"", "identify.ask: nothing else may ask this"),
        // Conditions.
        (
            "{ gap = \"state\", is = [\"10\", \"14\"] }",
            "{ gap = \"status\", is = [\"10\"] }",
            "alarm.when: \"status\" is no gap of an answer to [[read]]; there are errors, state, position",
        ),
        (
            "is = [\"10\", \"14\"]",
            "is = [\"10\", \"014\"]",
            "alarm.when: \"014\" is never what {state} takes",
        ),
        ("is = [\"10\", \"14\"]", "is = []", "alarm.when: at least one text"),
        ("any_bit = 0x00D0", "any_bit = 0", "alarm.when: any_bit = 0 never holds"),
        ("any_bit = 0x00D0", "any_bit = 1, is = [\"1\"]", "alarm.when: one of is, is_not and any_bit"),
        (
            "when = [{ gap = \"errors\", any_bit = 0x0300 }]",
            "when = []",
            "alarm.when: at least one condition",
        ),
        // What does not go together.
        (
            "reference = \"told\"",
            "reference = \"always\"",
            "state.referenced: it means something with reference = \"told\" only",
        ),
        ("ask = \"{at}VA?\"\n", "", "speed: ask and answer go together"),
        (
            "range = [1e-6, 1e12]",
            "range = [1.0, 0.5]",
            "speed.range: [1, 0.5] must be two numbers above 0, the least first",
        ),
        (
            "[limits.greatest]",
            "[limits]\ncounts = [0, 1]\n[limits.greatest]",
            "limits: either least and greatest, or counts",
        ),
        ("none = [\"@\"]", "none = []", "error.none: at least one code that says that nothing is wrong"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (from, to, said) in mistakes {
        let at = SMC100.find(from).unwrap_or_else(|| panic!("the description has no {from:?}"));
        let text = SMC100.replacen(from, to, 1);
        let told = refusal(&described(&folder, &text, AXIS));
        assert!(told.contains(said) && told.contains("own.toml, line "), "{to:?}: {told}");
        let line: usize = told.split("line ").nth(1).unwrap().split(':').next().unwrap().parse().unwrap();
        let expected = 1 + text[..at].matches('\n').count();
        // A key that is missing is told with the table that lacks it, and what does not go together with one of both.
        assert!(line.abs_diff(expected) <= 6, "{to:?} is in line {expected}: {told}");
        let is_there = text.lines().nth(line - 1).is_some_and(|line| to.lines().any(|to| line.contains(to)));
        let is_elsewhere = to.is_empty() || said.contains("either") || said.contains("means something with");
        assert!(is_there || is_elsewhere, "{to:?} is in line {expected}: {told}");
        println!("{told}");
    }
}

#[test]
fn what_needs_another_table_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let without = |table: &str| {
        let begin = SMC100.find(&format!("\n[{table}]")).unwrap();
        let end = begin + 1 + SMC100[begin + 1..].find("\n[").unwrap();
        SMC100[..begin].to_owned() + &SMC100[end..]
    };
    let since_homed = |text: String| {
        let begin = text.find("referenced = [").unwrap();
        let end = begin + text[begin..].find("}]").unwrap() + 2;
        (text[..begin].to_owned() + &text[end..])
            .replace("reference = \"told\"", "reference = \"since_homed\"")
    };
    for (text, said) in [
        (since_homed(without("home")), "state.reference: \"since_homed\" needs [home]"),
        (since_homed(SMC100.to_owned()), "home.when: \"unreferenced\" needs reference = \"told\""),
        (without("stop"), "missing field `stop`"),
        (without("move"), "missing field `move`"),
        (without("state"), "missing field `state`"),
        (without("identify"), "missing field `identify`"),
        (
            SMC100.replace("address_numbers = [1, 31]", ""),
            "{at} has no meaning here: there are no address_numbers and no address_names",
        ),
    ] {
        let told = refusal(&described(&folder, &text, AXIS));
        assert!(told.contains(said), "{said}: {told}");
    }
}

#[test]
fn a_rig_that_does_not_fit_says_what_is_allowed() {
    let axis = |at: &str| AXIS.replace("\"1\"", &format!("{at:?}"));
    for (rig, said) in [
        (AXIS.to_owned(), "protocol is missing: a file that ends in .toml, or one that is built in: smc100"),
        (
            format!("protocol = \"smc1000\"\n{AXIS}"),
            "is none that is built in (smc100), and no file that ends in .toml",
        ),
        (format!("protocol = \"/nowhere/x.toml\"\n{AXIS}"), "/nowhere/x.toml\" cannot be read"),
        (
            format!("protocol = \"smc100\"\n{}", axis("32")),
            "axis x: at = \"32\" must be a number from 1 to 31",
        ),
        (format!("protocol = \"smc100\"\n{}", axis("01")), "must be a number from 1 to 31"),
        (format!("protocol = \"smc100\"\n{}", axis("1\\rRS")), "must be a number from 1 to 31"),
        (
            format!("protocol = \"smc100\"\n{AXIS}{}", AXIS.replace("\"x\"", "\"y\"")),
            "axis y: there are two axes at \"1\"",
        ),
    ] {
        let told = refusal(&config(&rig));
        assert!(told.contains(said), "{said}: {told}");
    }
    // A protocol of one's own has no simulated device.
    let folder = tempfile::tempdir().unwrap();
    let own = described(&folder, &SMC100.replace("simulator = \"smc100\"", ""), AXIS);
    assert!(
        matches!(Driver.simulate(&own, None), Err(AxisError::Settings(what)) if what.contains("simulator = "))
    );
}

fn start(device: Box<dyn Device>, config: &ControllerConfig) -> Simulation {
    Simulation::start(device, Path::new(&config.port)).unwrap()
}

fn rest(controller: &mut dyn Controller, axis: usize) -> AxisState {
    let started = Instant::now();
    loop {
        let state = controller.read(axis).unwrap();
        if !state.is_moving {
            return state;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "it does not rest: {state:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_copy_of_what_is_built_in_is_spoken_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let config = described(&folder, SMC100, AXIS);
    let _simulation = start(Driver.simulate(&config, None).unwrap(), &config);
    let checks = check_controller(&Driver, &config, 0.0, true);
    assert!(checks.len() > 5 && checks.iter().all(|check| check.outcome.is_ok()), "{checks:?}");
}

#[test]
fn a_controller_without_reference_is_opened_homed_and_given_its_speed_then() {
    for tells_limits_unreferenced in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let keys = "limits = [1.0, 20.0]\nspeed = 5.0\nacceleration = 100.0\n";
        let mut config = described(&folder, SMC100, &(AXIS.to_owned() + keys));
        config.transcript = Some(Transcript::default());
        let mut device = Smc100::new(&config, None).unwrap();
        device.tells_limits_unreferenced = tells_limits_unreferenced;
        device.bodies()[0].lose_reference(2.0);
        let simulation = start(Box::new(device), &config);
        let mut controller = Driver.open(&config).unwrap();
        assert_eq!(controller.axes()[0].limits, [1.0, 20.0]);
        let state = controller.read(0).unwrap();
        assert!(!state.is_referenced && state.alarm.is_none(), "{state:?}");
        // The device says no, and why.
        let error = controller.move_to(0, 4.0).unwrap_err();
        assert!(matches!(&error, AxisError::Refused { code, .. } if code == "H"), "{error}");
        controller.stop(0).unwrap();
        controller.home(0).unwrap();
        assert!(rest(&mut *controller, 0).is_referenced);
        controller.move_to(0, 4.0).unwrap();
        assert!((rest(&mut *controller, 0).position - 4.0).abs() < 1e-5);
        assert_eq!(simulation.device().bodies()[0].rates(), [5.0, 100.0]);
        let spoken = config.transcript.unwrap().text();
        assert!(spoken.contains("> 1VA5.000000\\r\\n\n> 1TE\\r\\n\n< 1TE@\\r\\n"), "{spoken}");
    }
    // Who knows no limits at all is not opened.
    let folder = tempfile::tempdir().unwrap();
    let config = described(&folder, SMC100, AXIS);
    let mut device = Smc100::new(&config, None).unwrap();
    device.tells_limits_unreferenced = false;
    device.bodies()[0].lose_reference(2.0);
    let _simulation = start(Box::new(device), &config);
    assert!(refusal(&config).contains("axis x: limits are missing"));
}

#[test]
fn a_motor_that_switched_itself_off_says_so_and_is_switched_on_by_homing() {
    let folder = tempfile::tempdir().unwrap();
    let config = described(&folder, SMC100, AXIS);
    let simulation = start(Driver.simulate(&config, None).unwrap(), &config);
    let mut controller = Driver.open(&config).unwrap();
    simulation.device().bodies()[0].jam(true);
    controller.move_to(0, 4.0).unwrap();
    let started = Instant::now();
    let mut alarms = Vec::new();
    while alarms.len() < 2 && started.elapsed() < Duration::from_secs(5) {
        let alarm = controller.read(0).unwrap().alarm;
        if let Some(alarm) = alarm.filter(|alarm| alarms.last() != Some(alarm)) {
            alarms.push(alarm);
        }
    }
    // The device forgets the following error once it was told, and stays off.
    assert_eq!(alarms, [Alarm::Stalled, Alarm::MotorOff]);
    simulation.device().bodies()[0].jam(false);
    let error = controller.move_to(0, 4.0).unwrap_err();
    assert!(matches!(&error, AxisError::Refused { code, .. } if code == "J"), "{error}");
    controller.home(0).unwrap();
    controller.move_to(0, 4.0).unwrap();
    let state = rest(&mut *controller, 0);
    assert!((state.position - 4.0).abs() < 1e-5 && state.alarm.is_none() && state.is_referenced, "{state:?}");
}

/// A controller that answers every command, has letters for addresses, counts whole numbers, tells neither speed nor limits nor whether it has its
/// reference, and goes elsewhere while it moves.
const ACME: &str = r#"
name = "ACME 7"
baud = 9600
send_end = "\r"
answer_end = "\r\n"
decimals = 0
address_names = ["X", "Y"]
[identify]
ask = "ID"
answer = "ACME 7 {serial}"
[[read]]
ask = "W{at}"
answer = ":A {position} {busy:1}"
[state]
moving = [{ gap = "busy", is_not = ["N"] }]
reference = "since_homed"
[move]
send = "M{at}={target}"
done = ":A"
while_moving = "go_on"
[stop]
send = "H{at}"
done = ":A"
[home]
send = "O{at}"
done = ":A"
when = "always"
[speed]
send = "S{at}={speed}"
done = ":A"
range = [10, 1_000_000]
[limits]
counts = [0, 80_000]
[refused]
answer = ":N-{code}"
[meanings]
4 = "out of range"
"#;

/// It, as its manual would say. Its two motors, of 75 mm, are borrowed.
struct Acme {
    motors: Zaber,
    lines: Lines,
    is_another: Arc<AtomicBool>,
}

/// Its counts in a mm.
const COUNTS: f64 = 1000.0;

impl Acme {
    fn new(is_another: Arc<AtomicBool>) -> Self {
        let axis = |name, at| {
            format!("[[axes]]\nname = \"{name}\"\nat = \"{at}\"\nunit = \"mm\"\ncounts_per_unit = 1000\n")
        };
        let motors = Zaber::new(&config(&(axis("x", 1) + &axis("y", 2))), None).unwrap();
        Self { motors, lines: Lines::default(), is_another }
    }

    fn answer(&mut self, line: &str) -> String {
        if line == "ID" {
            let serial = if self.is_another.load(Ordering::Relaxed) { 4712 } else { 4711 };
            return format!("ACME 7 {serial}");
        }
        let body = &mut self.motors.bodies()[usize::from(line.as_bytes()[1] == b'Y')];
        let number = || line.split('=').nth(1).and_then(|number| number.parse::<i64>().ok());
        match (line.as_bytes()[0], number()) {
            (b'W', None) => {
                let busy = if body.is_moving() { 'B' } else { 'N' };
                format!(":A {:.0} {busy}", body.position() * COUNTS)
            }
            (b'M', Some(count)) => match body.go(count as f64 / COUNTS) {
                true => ":A".to_owned(),
                false => ":N-4".to_owned(),
            },
            (b'H', None) => {
                body.stop();
                ":A".to_owned()
            }
            (b'O', None) => {
                body.home();
                ":A".to_owned()
            }
            (b'S', Some(speed)) => {
                body.set_rates(speed as f64 / COUNTS, 1e4);
                ":A".to_owned()
            }
            _ => ":N-1".to_owned(),
        }
    }
}

impl Device for Acme {
    fn receive(&mut self, bytes: &[u8], reply: &mut Vec<u8>) {
        for line in self.lines.take(bytes, |byte| byte == b'\r') {
            reply.extend(self.answer(&line).bytes().chain(*b"\r\n"));
        }
    }

    fn bodies(&mut self) -> &mut [Body] {
        self.motors.bodies()
    }
}

const ACME_AXES: &str = "[[axes]]\nname = \"x\"\nat = \"X\"\nunit = \"mm\"\ncounts_per_unit = 1000\n\
                         [[axes]]\nname = \"y\"\nat = \"Y\"\nunit = \"mm\"\ncounts_per_unit = -1000\n";

#[test]
fn a_protocol_with_answers_to_commands_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let config = described(&folder, ACME, ACME_AXES);
    let is_another = Arc::new(AtomicBool::new(false));
    let simulation = start(Box::new(Acme::new(is_another.clone())), &config);
    let mut controller = Driver.open(&config).unwrap();
    assert_eq!(
        controller.axes().iter().map(|axis| axis.limits).collect::<Vec<_>>(),
        [[0.0, 80.0], [-80.0, 0.0]]
    );
    // Nobody knows whether it has its reference, before it was homed from here, and again after the port was opened anew.
    assert!(!controller.read(0).unwrap().is_referenced);
    controller.home(0).unwrap();
    assert!(rest(&mut *controller, 0).is_referenced);
    controller.home(0).unwrap();
    controller.stop(0).unwrap();
    assert!(!rest(&mut *controller, 0).is_referenced, "its way to the reference was stopped");
    controller.home(0).unwrap();
    assert!(rest(&mut *controller, 0).is_referenced);
    // It is where it would go, and rests: whether it has not begun yet, nobody knows at first.
    controller.home(0).unwrap();
    let state = controller.read(0).unwrap();
    assert!(state.is_moving && !state.is_referenced, "{state:?}");
    assert!(rest(&mut *controller, 0).is_referenced);
    controller.move_to(0, 12.345).unwrap();
    assert!((rest(&mut *controller, 0).position - 12.345).abs() < 1e-9);
    // What the description allows and the device does not is refused by the device.
    let error = controller.move_to(0, 78.0).unwrap_err();
    let AxisError::Refused { code, meaning, asked, .. } = &error else { panic!("{error}") };
    assert_eq!((code.as_str(), meaning.as_str(), asked.as_str()), ("4", "out of range", "MX=78000\\r"));
    assert!((controller.set_speed(0, 5.0004).unwrap() - 5.0).abs() < 1e-9);
    assert!(matches!(controller.set_acceleration(0, 5.0), Err(AxisError::Unsupported { .. })));
    controller.reconnect().unwrap();
    assert!(!controller.read(0).unwrap().is_referenced);
    // Another device at the same port is none that may be moved.
    is_another.store(true, Ordering::Relaxed);
    let error = controller.reconnect().unwrap_err();
    assert!(error.is_fault(), "{error}");
    assert!(matches!(controller.move_to(0, 1.0), Err(AxisError::OutOfStep { .. })));
    is_another.store(false, Ordering::Relaxed);
    controller.reconnect().unwrap();
    drop(controller);
    simulation.device().bodies().iter_mut().for_each(|body| body.set_rates(100.0, 1e5));
    let mut config = config;
    config.axes.iter_mut().for_each(|axis| axis.limits = Some([-10.0, 10.0]));
    config.transcript = Some(Transcript::default());
    let checks = check_controller(&Driver, &config, 0.2, true);
    let failed: Vec<_> = checks.iter().filter(|check| check.outcome.is_err()).collect();
    assert!(checks.len() > 10 && failed.is_empty(), "{failed:?}\n{}", config.transcript.unwrap().text());
}

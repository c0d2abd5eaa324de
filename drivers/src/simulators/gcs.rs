//! Controllers of Physik Instrumente that speak the General Command Set 2.0, as the manual MS249E of the C-863.12 describes it: a motor
//! controller for axes in mm or degrees, a piezo controller like the E-709 for those in µm. With addresses in the rig they are a chain.

use super::{Body, Device};
use crate::axes::gcs::{Place, Unit};
use crate::axis::{AxisConfig, AxisError, AxisUnit, ControllerConfig, Scale};
use crate::microscope::settings::MotorSettings;
use crate::microscope::stage::Shared;

/// Error codes (MS249E, section 8.7).
const SYNTAX: i32 = 1;
const UNKNOWN_COMMAND: i32 = 2;
const NO_SERVO_OR_REFERENCE: i32 = 5;
const BEYOND_LIMITS: i32 = 7;
const TOO_FAST: i32 = 8;
const STOPPED: i32 = 10;
const NO_SUCH_AXIS: i32 = 15;
const UNKNOWN_PARAMETER: i32 = 54;
const MOTION_ERROR: i32 = -1024;

/// What piezo and motor controllers know, and what motor controllers know besides. A piezo stage has an absolute sensor, so there is
/// nothing to look for, and no piezo controller halts a single axis.
const COMMANDS: [&str; 2] = [
    "*IDN? #5 #7 #24 CSV? ERR? HLP? HPA? MOV MOV? MVR ONT? POS? SAI? SPA? STP SVO SVO? TMN? TMX? VEL VEL? VER?",
    "#4 ACC ACC? DEC DEC? FNL FPL FRF FRF? HLT LIM? RON? SRG? TRS?",
];

/// Parameters of an axis.
const GREATEST_VELOCITY: u32 = 0xA;
const GREATEST_ACCELERATION: u32 = 0x4A;
const AXIS_UNIT: u32 = 0x0700_0601;
/// Their numbers, whether motor controllers only have them, and their types.
const PARAMETERS: [(u32, bool, &str); 3] = [
    (GREATEST_VELOCITY, true, "FLOAT\tmotorcontroller\tstep velocity maximum"),
    (GREATEST_ACCELERATION, true, "FLOAT\tmotorcontroller\tstep acceleration maximum"),
    (AXIS_UNIT, false, "CHAR\tcontroller\taxis unit"),
];

/// Simulated controllers.
pub struct Gcs {
    controllers: Vec<Controller>,
    axes: Vec<Axis>,
    bodies: Vec<Body>,
    /// The line so far.
    line: Vec<u8>,
}

struct Controller {
    number: Option<u8>,
    is_piezo: bool,
    axes: Vec<usize>,
    error: i32,
}

struct Axis {
    name: String,
    scale: Scale,
    unit: Option<Unit>,
    is_piezo: bool,
    /// In the controller's unit.
    limits: [f64; 2],
    has_servo: bool,
    /// `None` where it is held where it is.
    target: Option<f64>,
}

/// What a command answers, line by line, or its error.
type Answer = Result<Vec<String>, i32>;

impl Gcs {
    /// Controllers with the axes of a rig.
    ///
    /// # Errors
    /// [`AxisError::Settings`] if the table is not for these controllers.
    pub fn new(config: &ControllerConfig, stage: Option<&Shared>) -> Result<Self, AxisError> {
        let mut gcs =
            Self { controllers: Vec::new(), axes: Vec::new(), bodies: Vec::new(), line: Vec::new() };
        for axis in &config.axes {
            let Place { controller, axis: name } = Place::parse(&axis.at)?;
            let unit = told_unit(axis);
            let scale = axis.scale(unit.and_then(|unit| unit.counts_in(axis.unit)))?;
            let body = Body::new(axis, &own_motor(axis), stage)?;
            let [one, other] = body.limits().map(|limit| scale.count_from_unit(limit));
            let is_piezo = unit == Some(Unit::Micrometres);
            let place = gcs.axes.len();
            match gcs.controllers.iter_mut().find(|known| known.number == controller) {
                Some(known) => known.axes.push(place),
                None => {
                    let new = Controller { number: controller, is_piezo, axes: vec![place], error: 0 };
                    gcs.controllers.push(new);
                }
            }
            let limits = [one.min(other), one.max(other)];
            gcs.axes.push(Axis { name, scale, unit, is_piezo, limits, has_servo: false, target: None });
            gcs.bodies.push(body);
        }
        Ok(gcs)
    }

    /// A line came, or a single character behind perhaps an address.
    fn line(&mut self, line: &str, reply: &mut Vec<u8>) {
        let (number, command) = match line.split_once(' ') {
            Some((number, rest)) if number.parse::<u8>().is_ok() => (number.parse().ok(), rest),
            _ => (None, line),
        };
        // One that is not in a chain answers to 1 too, and whoever is 1 needs no address.
        let is_asked = |known: &Controller| known.number.unwrap_or(1) == number.unwrap_or(1);
        let Some(place) = self.controllers.iter().position(is_asked) else { return };
        let words: Vec<&str> = command.split_whitespace().collect();
        let Some(name) = words.first().map(|word| word.to_ascii_uppercase()) else { return };
        match self.command(place, &name, &words[1..]) {
            Err(code) => self.controllers[place].error = code,
            Ok(lines) => {
                let to = number.map_or(String::new(), |number| format!("0 {number} "));
                for (row, line) in lines.iter().enumerate() {
                    let is_last = row + 1 == lines.len();
                    let from = if row == 0 { to.as_str() } else { "" };
                    reply.extend(from.bytes());
                    // Latin-1.
                    reply.extend(line.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')));
                    reply.extend_from_slice(if is_last { b"\n" } else { b" \n" });
                }
            }
        }
    }

    fn command(&mut self, place: usize, name: &str, words: &[&str]) -> Answer {
        let controller = &mut self.controllers[place];
        let axes = controller.axes.clone();
        let is_piezo = controller.is_piezo;
        let known = &COMMANDS[..if is_piezo { 1 } else { 2 }];
        if !known.iter().any(|known| known.split(' ').any(|known| known == name)) {
            return Err(UNKNOWN_COMMAND);
        }
        match name {
            "*IDN?" => Ok(vec![identity(controller)]),
            "ERR?" => Ok(vec![std::mem::take(&mut controller.error).to_string()]),
            "CSV?" => Ok(vec!["2.0".to_owned()]),
            "VER?" => Ok(vec!["FW_ARM: V2.1.0".to_owned()]),
            "HLP?" => {
                let named = known.iter().flat_map(|known| known.split(' '));
                let help = std::iter::once("The following commands are valid:".to_owned())
                    .chain(named.map(|name| format!("{name} see the manual")));
                Ok(help.chain(std::iter::once("end of help".to_owned())).collect())
            }
            // As an E-871 lists them.
            "HPA?" => Ok(std::iter::once("The following parameters are valid:".to_owned())
                .chain(
                    PARAMETERS
                        .iter()
                        .filter(|(_, is_of_motors, _)| !(*is_of_motors && is_piezo))
                        .map(|(number, _, about)| format!("0x{number:X}=\t0\t1\t{about}")),
                )
                .chain(std::iter::once("end of help".to_owned()))
                .collect()),
            "SAI?" => Ok(axes.iter().map(|axis| self.axes[*axis].name.clone()).collect()),
            "#24" | "STP" => {
                axes.iter().for_each(|axis| self.stop(*axis, Body::halt));
                Err(STOPPED)
            }
            "#5" => Ok(vec![format!("{:X}", self.bits(&axes, |gcs, axis| gcs.bodies[axis].is_moving()))]),
            "#7" => {
                let is_busy = axes.iter().any(|axis| self.bodies[*axis].is_homing());
                Ok(vec![if is_busy { "\u{b0}" } else { "\u{b1}" }.to_owned()])
            }
            "#4" => Ok(vec![self.register(place, axes[0])]),
            "SPA?" | "SRG?" => {
                let [axis, number] = words else { return Err(SYNTAX) };
                let axis = self.find(&axes, axis)?;
                let is_register = name == "SRG?";
                let value =
                    if is_register { self.register(place, axis) } else { self.parameter(axis, number)? };
                Ok(vec![format!("{} {number}={value}", self.axes[axis].name)])
            }
            // Without an axis it is asked of all.
            query if query.ends_with('?') => {
                let asked = self.meant(axes, words)?;
                let tell = |axis: usize| format!("{}={}", self.axes[axis].name, self.get(query, axis));
                Ok(asked.into_iter().map(tell).collect())
            }
            "HLT" | "FRF" | "FNL" | "FPL" => {
                let meant = self.meant(axes, words)?;
                if name == "HLT" {
                    meant.into_iter().for_each(|axis| self.stop(axis, Body::stop));
                    return Err(STOPPED);
                }
                meant.into_iter().try_for_each(|axis| self.home(axis))?;
                Ok(Vec::new())
            }
            set => {
                let (pairs, []) = words.as_chunks::<2>() else { return Err(SYNTAX) };
                for [axis, value] in pairs {
                    let axis = self.find(&axes, axis)?;
                    self.set(set, axis, value.parse().map_err(|_| SYNTAX)?)?;
                }
                Ok(Vec::new())
            }
        }
    }

    /// Without names, all of them.
    fn meant(&self, axes: Vec<usize>, names: &[&str]) -> Result<Vec<usize>, i32> {
        if names.is_empty() { Ok(axes) } else { names.iter().map(|name| self.find(&axes, name)).collect() }
    }

    fn find(&self, axes: &[usize], name: &str) -> Result<usize, i32> {
        axes.iter().copied().find(|axis| self.axes[*axis].name == name).ok_or(NO_SUCH_AXIS)
    }

    fn bits(&self, axes: &[usize], is_set: impl Fn(&Self, usize) -> bool) -> u32 {
        axes.iter().enumerate().map(|(bit, axis)| u32::from(is_set(self, *axis)) << bit).sum()
    }

    /// The status register of an axis (MS249E, "SRG?").
    fn register(&self, place: usize, axis: usize) -> String {
        let body = &self.bodies[axis];
        let flags = [
            (15, self.is_on_target(axis)),
            (14, body.is_homing()),
            (13, body.is_moving()),
            (12, self.axes[axis].has_servo),
            (8, self.controllers[place].error != 0),
        ];
        let bits: u32 = flags.into_iter().map(|(bit, is_set)| u32::from(is_set) << bit).sum();
        format!("0x{bits:04X}")
    }

    fn is_on_target(&self, axis: usize) -> bool {
        let (body, Axis { target, scale, limits, has_servo, .. }) = (&self.bodies[axis], &self.axes[axis]);
        let away = target.map_or(0.0, |target| scale.count_from_unit(body.position()) - target);
        *has_servo && !body.is_moving() && away.abs() <= 1e-4 * (limits[1] - limits[0])
    }

    fn parameter(&self, axis: usize, number: &str) -> Result<String, i32> {
        let axis = &self.axes[axis];
        let digits = number.strip_prefix("0x").or_else(|| number.strip_prefix("0X"));
        let id = digits.map_or(number.parse().ok(), |digits| u32::from_str_radix(digits, 16).ok());
        match id {
            Some(GREATEST_VELOCITY) if !axis.is_piezo => Ok(format!("{:.5}", FASTEST[0])),
            Some(GREATEST_ACCELERATION) if !axis.is_piezo => Ok(format!("{:.5}", FASTEST[1])),
            Some(AXIS_UNIT) => Ok(match axis.unit {
                // An E-753 writes it so.
                Some(Unit::Micrometres) => "\u{b5}M",
                Some(Unit::Millimetres) => "MM",
                Some(Unit::Degrees) => "DEG",
                None => "STEPS",
            }
            .to_owned()),
            _ => Err(UNKNOWN_PARAMETER),
        }
    }

    fn get(&self, query: &str, axis: usize) -> String {
        let (body, settings) = (&self.bodies[axis], &self.axes[axis]);
        let at = settings.scale.count_from_unit(body.position());
        let [speed, acceleration] = body.rates().map(|rate| settings.scale.counts(rate));
        let yes = |is: bool| u8::from(is).to_string();
        let number = match query {
            "ONT?" => return yes(self.is_on_target(axis)),
            "SVO?" => return yes(settings.has_servo),
            "FRF?" => return yes(body.is_referenced),
            "TRS?" | "LIM?" | "RON?" => return yes(true),
            "MOV?" => settings.target.unwrap_or(at),
            "TMN?" => settings.limits[0],
            "TMX?" => settings.limits[1],
            "VEL?" => speed,
            "ACC?" | "DEC?" => acceleration,
            _ => at,
        };
        format!("{number:.5}")
    }

    fn stop(&mut self, axis: usize, how: impl Fn(&mut Body)) {
        how(&mut self.bodies[axis]);
        self.axes[axis].target = None;
    }

    fn home(&mut self, axis: usize) -> Result<(), i32> {
        if !self.axes[axis].has_servo {
            return Err(NO_SERVO_OR_REFERENCE);
        }
        self.axes[axis].target = None;
        self.bodies[axis].is_referenced = false;
        self.bodies[axis].home();
        Ok(())
    }

    fn set(&mut self, command: &str, axis: usize, value: f64) -> Result<(), i32> {
        let (body, settings) = (&mut self.bodies[axis], &mut self.axes[axis]);
        let [speed, acceleration] = body.rates();
        let rate = settings.scale.units(value);
        match command {
            "SVO" => {
                // It holds where it is when the servo goes on, and loses its motion when it goes off.
                (settings.has_servo, settings.target) = (value == 1.0, None);
                body.halt();
            }
            "VEL" | "ACC" | "DEC" if !(value > 0.0 && value <= FASTEST[usize::from(command != "VEL")]) => {
                return Err(TOO_FAST);
            }
            "VEL" => body.set_rates(rate, acceleration),
            "ACC" | "DEC" => body.set_rates(speed, rate),
            _ => {
                let from = settings.target.unwrap_or(settings.scale.count_from_unit(body.position()));
                let target = if command == "MVR" { from + value } else { value };
                if !settings.has_servo || !body.is_referenced {
                    return Err(NO_SERVO_OR_REFERENCE);
                }
                let is_inside = (settings.limits[0]..=settings.limits[1]).contains(&target);
                if !is_inside {
                    return Err(BEYOND_LIMITS);
                }
                let [least, greatest] = body.limits();
                // The last digit may lie a rounding beyond.
                body.go(settings.scale.unit_from_count(target).clamp(least, greatest));
                settings.target = Some(target);
            }
        }
        Ok(())
    }

    /// A motor that cannot follow is switched off; a piezo stage goes on trying.
    fn notice_stalls(&mut self) {
        for controller in &mut self.controllers {
            for place in &controller.axes {
                let (axis, body) = (&mut self.axes[*place], &mut self.bodies[*place]);
                if !axis.is_piezo && std::mem::take(&mut body.has_stalled) {
                    (axis.has_servo, controller.error) = (false, MOTION_ERROR);
                }
            }
        }
    }
}

/// Greatest velocity and acceleration that a controller takes, in its own unit.
const FASTEST: [f64; 2] = [1e5, 1e7];

/// In what a controller counts so that the rig is right.
fn told_unit(axis: &AxisConfig) -> Option<Unit> {
    let usual = match axis.unit {
        AxisUnit::Nm | AxisUnit::Um => Unit::Micrometres,
        AxisUnit::Mm => Unit::Millimetres,
        AxisUnit::Turns => Unit::Degrees,
    };
    let Some(counts) = axis.counts_per_unit else { return Some(usual) };
    let is_so = |unit: &Unit| {
        unit.counts_in(axis.unit).is_some_and(|usual| (counts.abs() - usual).abs() < 1e-9 * usual)
    };
    [Unit::Micrometres, Unit::Millimetres, Unit::Degrees].into_iter().find(is_so)
}

/// `(c)2013 Physik Instrumente(PI) Karlsruhe, C-863.11,0,1.3.0.7`: who, what, its serial number, its firmware.
fn identity(controller: &Controller) -> String {
    let number = 117_000_000 + u32::from(controller.number.unwrap_or_default());
    match controller.is_piezo {
        true => format!("(c)2015 Physik Instrumente (PI) GmbH & Co. KG, E-709.CHG, {number}, 2.1.0"),
        false => format!("(c)2013 Physik Instrumente(PI) Karlsruhe, C-863.11,{number},1.3.0.7"),
    }
}

/// A stage of its own: a piezo stage of 100 µm, an M-126 of 25 mm, or a turntable.
fn own_motor(axis: &AxisConfig) -> MotorSettings {
    let (limits, speed): ([f64; 2], f64) = match axis.unit.nm() {
        Some(nm) if told_unit(axis) == Some(Unit::Micrometres) => ([0.0, 1e5 / nm], 1e6 / nm),
        Some(nm) => ([0.0, 25e6 / nm], 5e6 / nm),
        None => ([-1000.0, 1000.0], 2.0),
    };
    MotorSettings {
        start: limits[0].max(0.0),
        limits,
        speed,
        acceleration: 20.0 * speed,
        play: 0.0,
        lag_s: 0.0,
    }
}

impl Device for Gcs {
    fn receive(&mut self, bytes: &[u8], reply: &mut Vec<u8>) {
        self.notice_stalls();
        for byte in bytes {
            let single = match byte {
                b'\n' => "",
                4 => "#4",
                5 => "#5",
                7 => "#7",
                24 => "#24",
                _ => {
                    if self.line.len() < 256 && *byte != b'\r' {
                        self.line.push(*byte);
                    }
                    continue;
                }
            };
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned() + single;
            self.line(&line, reply);
        }
    }

    fn bodies(&mut self) -> &mut [Body] {
        &mut self.bodies
    }
}

//! Mercury boards with a DC motor each, in a chain, as "Native Commands for Mercury Class Controllers" MS176E describes them.

use super::{Body, Device};
use crate::axes::c862::{END, FARTHEST, Place, Status};
use crate::axis::{AxisConfig, AxisError, ControllerConfig, Scale};
use crate::microscope::settings::MotorSettings;
use crate::microscope::stage::Shared;

/// Error numbers of the status.
const COMMAND_ERROR: u8 = 6;
const MOTOR_IS_OFF: u8 = 10;
/// The least that a search for the reference takes, s.
const SEARCH_S: f64 = 0.15;

/// A simulated chain.
pub struct Mercury {
    boards: Vec<Board>,
    bodies: Vec<Body>,
    /// The character 01 came; the next says who is selected.
    is_selecting: bool,
}

struct Board {
    number: u8,
    scale: Scale,
    is_selected: bool,
    is_motor_on: bool,
    is_brake_on: bool,
    has_lost_way: bool,
    is_searching: bool,
    /// How long it still takes, s: it comes off its switch and finds it again slowly.
    search_s: f64,
    /// Where it was sent, in counts.
    target: i64,
    error: u8,
    /// Its power was away, which it noticed.
    was_off: bool,
    line: Vec<u8>,
    /// The last command, which a carriage return alone repeats.
    last: String,
}

impl Mercury {
    /// A chain with the axes of a rig.
    ///
    /// # Errors
    /// [`AxisError::Settings`] if the table is not for these motors.
    pub fn new(config: &ControllerConfig, stage: Option<&Shared>) -> Result<Self, AxisError> {
        let mut mercury = Self { boards: Vec::new(), bodies: Vec::new(), is_selecting: false };
        for axis in &config.axes {
            let board = Board {
                number: Place::parse(&axis.at)?.board,
                scale: axis.scale(None)?,
                is_selected: false,
                is_motor_on: false,
                is_brake_on: true,
                has_lost_way: false,
                is_searching: false,
                search_s: 0.0,
                target: 0,
                error: 0,
                was_off: false,
                line: Vec::new(),
                last: String::new(),
            };
            mercury.bodies.push(Body::new(axis, &own_motor(axis), stage)?);
            mercury.boards.push(board);
        }
        Ok(mercury)
    }

    fn byte(&mut self, byte: u8, reply: &mut Vec<u8>) {
        if self.is_selecting {
            self.is_selecting = false;
            self.boards.iter_mut().for_each(|board| board.is_selected = board.number == byte);
        } else if byte == 1 {
            self.is_selecting = true;
        } else {
            for (board, body) in self.boards.iter_mut().zip(&mut self.bodies) {
                if board.is_selected {
                    board.byte(byte, body, reply);
                }
            }
        }
    }
}

impl Board {
    fn byte(&mut self, byte: u8, body: &mut Body, reply: &mut Vec<u8>) {
        let single = match byte {
            b'%' => "TS",
            b'\'' => "TP",
            b'!' => "AB",
            b'\\' => "moving",
            b'\r' => {
                let line = std::mem::take(&mut self.line);
                if !line.is_empty() {
                    self.last = String::from_utf8_lossy(&line).to_uppercase();
                }
                let all = self.last.clone();
                all.split(',').for_each(|command| self.command(command.trim(), body, reply));
                return;
            }
            // Other programs end a line with a line feed as well.
            b'\n' => return,
            _ => {
                if self.line.len() < 256 {
                    self.line.push(byte);
                }
                return;
            }
        };
        self.command(single, body, reply);
    }

    fn command(&mut self, command: &str, body: &mut Body, reply: &mut Vec<u8>) {
        let Some((name, argument)) = command.split_at_checked(2) else {
            self.error = COMMAND_ERROR;
            return;
        };
        let number = argument.trim().parse::<i64>().unwrap_or_default();
        let at = count(self.scale.count_from_unit(body.position()));
        let [speed, acceleration] = body.rates();
        let rate = self.scale.units(number as f64);
        let report = match (command, name) {
            ("moving", _) => u8::from(body.is_moving()).to_string(),
            (_, "TB") => format!("B:{}", char::from(self.number)),
            (_, "TP") => format!("P:{at:+011}"),
            (_, "TT") => format!("T:{:+011}", self.target),
            (_, "TE") => format!("E:{:+011}", self.target - at),
            (_, "TY") => format!("Y:{:+011}", count(self.scale.counts(speed))),
            (_, "TL") => format!("L:{:+011}", count(self.scale.counts(acceleration))),
            (_, "TS") => format!("S:{}", self.status(body).text()),
            (_, "VE") => "(c)2007 Physik Instrumente(PI) Karlsruhe, C-863, Ver. 1.09, 2007-08-28".to_owned(),
            _ => {
                match name {
                    "MN" => {
                        (self.is_motor_on, self.has_lost_way, self.target) = (true, false, at);
                        body.has_stalled = false;
                    }
                    "MF" => {
                        body.halt();
                        self.is_motor_on = false;
                    }
                    "BN" => self.is_brake_on = true,
                    "BF" => self.is_brake_on = false,
                    "SV" if number > 0 => body.set_rates(rate, acceleration),
                    "SA" if number > 0 => body.set_rates(speed, rate),
                    "DH" => {
                        body.halt();
                        body.set_position(self.scale.unit_from_count(number as f64));
                        (body.is_referenced, self.is_searching, self.target) = (true, false, number);
                    }
                    "AB" => {
                        body.halt();
                        (self.is_searching, self.target) =
                            (false, count(self.scale.count_from_unit(body.position())));
                    }
                    "MA" | "MR" | "GH" | "FE" => self.travel(name, number, at, body),
                    _ => self.error = COMMAND_ERROR,
                }
                return;
            }
        };
        reply.extend(report.bytes());
        reply.extend_from_slice(END);
    }

    fn travel(&mut self, name: &str, number: i64, at: i64, body: &mut Body) {
        if !self.is_motor_on || self.is_brake_on {
            self.error = MOTOR_IS_OFF;
            return;
        }
        let [least, greatest] = body.limits();
        // What its counter says too much.
        let wrong_by = body.position() - body.truth();
        (self.is_searching, self.search_s) = (name == "FE", SEARCH_S);
        let aim = match name {
            // Its switch is where a rig that is right has 0.
            "FE" => self.scale.unit_from_count(0.0).clamp(least, greatest),
            _ => {
                let aim = match name {
                    "MR" => self.target + number,
                    "GH" => 0,
                    _ => number,
                };
                self.target = aim.clamp(-(FARTHEST as i64), FARTHEST as i64);
                self.scale.unit_from_count(self.target as f64) - wrong_by
            }
        };
        let end = aim.clamp(least, greatest);
        if name != "FE" && self.scale.counts((end - aim).abs()) > 0.5 {
            // A limit switch: "The target is changed to the position at which the limit switch was encountered".
            self.target = count(self.scale.count_from_unit(end + wrong_by));
        } else if name == "FE" {
            self.target = at;
        }
        body.go(end + wrong_by);
    }

    fn status(&self, body: &Body) -> Status {
        Status {
            is_trajectory_complete: !body.is_moving(),
            has_lost_way: self.has_lost_way,
            is_motor_off: !self.is_motor_on,
            is_searching: self.is_searching && (body.is_moving() || self.search_s > 0.0),
            is_brake_on: self.is_brake_on,
            // They are a little beyond where the carriage goes.
            limits: [false; 2],
            error: self.error,
        }
    }

    /// What happened to its motor since.
    fn notice(&mut self, body: &Body) {
        if body.has_stalled && self.is_motor_on {
            (self.is_motor_on, self.has_lost_way, self.is_searching) = (false, true, false);
        }
        let is_off = !body.is_referenced;
        if is_off && !self.was_off {
            (self.is_selected, self.is_motor_on, self.is_brake_on) = (false, false, true);
        }
        self.was_off = is_off;
    }
}

fn count(counts: f64) -> i64 {
    counts.round() as i64
}

/// A motor of its own: an M-126.PD2, whose reference is at its lower end here, or a C-150.PD.
fn own_motor(axis: &AxisConfig) -> MotorSettings {
    let (limits, speed): ([f64; 2], f64) = match axis.unit.nm() {
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

impl Device for Mercury {
    fn receive(&mut self, bytes: &[u8], reply: &mut Vec<u8>) {
        for (board, body) in self.boards.iter_mut().zip(&self.bodies) {
            board.notice(body);
        }
        bytes.iter().for_each(|byte| self.byte(*byte, reply));
    }

    fn pass(&mut self, dt_s: f64, _reply: &mut Vec<u8>) {
        for (board, body) in self.boards.iter_mut().zip(&mut self.bodies) {
            body.pass(dt_s);
            board.search_s -= dt_s;
        }
    }

    fn bodies(&mut self) -> &mut [Body] {
        &mut self.bodies
    }
}

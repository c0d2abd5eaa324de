//! The axis contract as a program: does a driver do what [`crate::axis`] says?
//!
//! Run it on every new driver, first on its simulator, then on the device (`beadscope drivers check NAME --port PORT`). Without leave to move,
//! it only reads.

use std::time::{Duration, Instant};

use super::Check;
use crate::axis::{AxisError, AxisState, Controller, ControllerConfig, ControllerDriver};

/// What was seen, or what went wrong.
type Outcome = Result<String, String>;

/// One check of one axis.
type CheckFn = fn(&mut Bench, usize) -> Outcome;

/// The contract, in the order in which it is checked; those that move something come last.
const CHECKS: &[(&str, bool, CheckFn)] = &[
    ("an axis has a name, limits and abilities that make sense", false, info_makes_sense),
    ("a read answers within its deadline", false, reads_in_time),
    ("a position beyond the limits is refused, and nothing moves", true, refuses_beyond_limits),
    ("a speed that is none is refused", false, refuses_no_speed),
    ("stopping a resting axis is fine", false, stops_at_rest),
    ("it connects again, and is where it was", false, reconnects),
    ("an axis without reference says so, until it is homed", true, homes),
    ("a motion begins at once, is told, and ends where it should", true, moves),
    ("a motion may be sent elsewhere on its way", true, changes_its_mind),
    ("a stop ends a motion short of its target", true, stops_on_the_way),
    ("an emergency stop ends a motion short of its target", true, emergency_stops),
    ("half the speed takes longer", true, goes_slower),
];

/// How long a motion of a check may take.
const PATIENCE: Duration = Duration::from_secs(60);

struct Bench {
    controller: Box<dyn Controller>,
    deadline: Duration,
    /// The part of an axis' range that it may be moved by.
    part: f64,
    /// It may go all of its way to find its reference.
    may_home: bool,
}

/// Runs every check on the controller that `config` opens, on each of its axes. `part` is the part of its range by which an axis may be
/// moved, 0 to 1; with 0 nothing moves. Only with `may_home` an axis without reference is homed, which goes all of its way. If it does not open, that is the only check, and it failed.
pub fn check_controller(
    driver: &dyn ControllerDriver,
    config: &ControllerConfig,
    part: f64,
    may_home: bool,
) -> Vec<Check> {
    let opens = "the controller opens";
    let controller = match driver.open(config) {
        Ok(controller) => controller,
        Err(error) => return vec![Check { name: opens, outcome: Err(error.to_string()) }],
    };
    let axes = controller.axes().len();
    let mut bench = Bench { controller, deadline: config.deadline(), part, may_home };
    let mut checks = vec![Check { name: opens, outcome: Ok(format!("{axes} axes")) }];
    for (name, moves, check) in CHECKS {
        if *moves && part == 0.0 {
            continue;
        }
        if let Some(transcript) = &config.transcript {
            transcript.remark(name);
        }
        let mut seen = Vec::new();
        let outcome = (0..axes).try_for_each(|axis| {
            let name = bench.controller.axes()[axis].name.clone();
            let outcome = check(&mut bench, axis);
            // Whatever went wrong, nothing goes on moving.
            let stopped = bench
                .controller
                .stop(axis)
                .map_err(|error| format!("{name}: and then it did not stop: {error}"));
            seen.push(format!("{name}: {}", outcome.map_err(|wrong| format!("{name}: {wrong}"))?));
            stopped
        });
        checks.push(Check { name, outcome: outcome.map(|()| seen.join("; ")) });
    }
    checks
}

impl Bench {
    fn read(&mut self, axis: usize) -> Result<AxisState, String> {
        self.controller.read(axis).map_err(told)
    }

    fn go(&mut self, axis: usize, target: f64) -> Result<(), String> {
        self.controller.move_to(axis, target).map_err(told)
    }

    /// Waits until it rests.
    fn rest(&mut self, axis: usize) -> Result<AxisState, String> {
        let started = Instant::now();
        loop {
            let state = self.read(axis)?;
            if !state.is_moving {
                return Ok(state);
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("it still moves after {PATIENCE:?}, at {}", state.position));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Where to go from here and back, and how near is there: within the limits.
    fn way(&mut self, axis: usize) -> Result<Way, String> {
        let here = self.rest(axis)?.position;
        let [least, greatest] = self.controller.axes()[axis].limits;
        let span = (greatest - least) * self.part;
        let there = if here + span <= greatest { here + span } else { here - span };
        // A motor rounds to its own steps, a stage rests when it is near.
        Ok(Way { here, there: there.clamp(least, greatest), near: 2e-3 * span })
    }

    /// Checks that it rests short of where it was sent, and brings it back.
    fn is_short_of(&mut self, axis: usize, way: &Way) -> Outcome {
        let state = self.rest(axis)?;
        let left = (way.there - state.position).abs();
        if left < 0.1 * (way.there - way.here).abs() {
            return Err(format!("sent from {} to {}, it went on to {}", way.here, way.there, state.position));
        }
        self.go(axis, way.here)?;
        self.rest(axis)?;
        Ok(format!("stopped at {:.4} on the way to {:.4}", state.position, way.there))
    }
}

struct Way {
    here: f64,
    there: f64,
    near: f64,
}

fn told(error: AxisError) -> String {
    error.to_string()
}

fn info_makes_sense(bench: &mut Bench, axis: usize) -> Outcome {
    let info = &bench.controller.axes()[axis];
    let [least, greatest] = info.limits;
    let in_order = |pair: [f64; 2]| pair[0].is_finite() && pair[1].is_finite() && pair[0] < pair[1];
    if !in_order(info.limits) {
        return Err(format!("its limits are {least} to {greatest}"));
    }
    for rates in [info.can.speed, info.can.acceleration].into_iter().flatten() {
        if !(in_order(rates) && rates[0] > 0.0) {
            return Err(format!("a rate from {} to {}", rates[0], rates[1]));
        }
    }
    Ok(format!("{least} to {greatest} {}", info.unit.symbol()))
}

fn reads_in_time(bench: &mut Bench, axis: usize) -> Outcome {
    let started = Instant::now();
    let state = bench.read(axis)?;
    let took = started.elapsed();
    // A read is made of a few requests.
    if took > 4 * bench.deadline {
        return Err(format!("it took {took:?}"));
    }
    if !state.position.is_finite() {
        return Err(format!("it is at {}", state.position));
    }
    Ok(format!("at {} in {:.1} ms", state.position, 1e3 * took.as_secs_f64()))
}

fn refuses_beyond_limits(bench: &mut Bench, axis: usize) -> Outcome {
    let before = bench.rest(axis)?.position;
    let [least, greatest] = bench.controller.axes()[axis].limits;
    let beyond = 0.01 * (greatest - least);
    // The one that a driver cannot make a motion of by chance comes first.
    for target in [f64::NAN, f64::INFINITY, least - beyond, greatest + beyond] {
        match bench.controller.move_to(axis, target) {
            Err(AxisError::OutOfRange { .. }) => {}
            Err(other) => {
                return Err(format!("{target} is refused, but not as AxisError::OutOfRange: {other}"));
            }
            Ok(()) => return Err(format!("it was sent to {target}")),
        }
    }
    let after = bench.read(axis)?;
    match after.is_moving {
        true => Err(format!("it moves from {before}")),
        false => Ok("refused".to_owned()),
    }
}

fn refuses_no_speed(bench: &mut Bench, axis: usize) -> Outcome {
    for speed in [f64::NAN, -1.0, 0.0, 1e300] {
        match bench.controller.set_speed(axis, speed) {
            Err(AxisError::Unsupported { .. }) => {}
            Err(other) => {
                return Err(format!("{speed} is refused, but not as AxisError::Unsupported: {other}"));
            }
            Ok(applied) => return Err(format!("it took the speed {speed} as {applied}")),
        }
    }
    Ok("refused".to_owned())
}

fn stops_at_rest(bench: &mut Bench, axis: usize) -> Outcome {
    let before = bench.rest(axis)?.position;
    bench.controller.stop(axis).map_err(told)?;
    bench.controller.stop(axis).map_err(told)?;
    let after = bench.rest(axis)?.position;
    let [least, greatest] = bench.controller.axes()[axis].limits;
    match (before - after).abs() < 1e-3 * (greatest - least) {
        true => Ok("fine".to_owned()),
        false => Err(format!("it was at {before} and is at {after}")),
    }
}

fn reconnects(bench: &mut Bench, axis: usize) -> Outcome {
    let before = bench.rest(axis)?.position;
    bench.controller.reconnect().map_err(told)?;
    let after = bench.read(axis)?.position;
    let [least, greatest] = bench.controller.axes()[axis].limits;
    match (before - after).abs() < 1e-3 * (greatest - least) {
        true => Ok(format!("at {after}")),
        false => Err(format!("it was at {before} and is at {after}")),
    }
}

fn homes(bench: &mut Bench, axis: usize) -> Outcome {
    let can_home = bench.controller.axes()[axis].can.home;
    let is_referenced = bench.read(axis)?.is_referenced;
    if is_referenced {
        return Ok("it has its reference".to_owned());
    }
    if !can_home {
        return Err("it has no reference and cannot look for it".to_owned());
    }
    if !bench.may_home {
        return Err("it has no reference; home it first, or allow it to be homed, which goes all of its way"
            .to_owned());
    }
    bench.controller.home(axis).map_err(told)?;
    let state = bench.rest(axis)?;
    match state.is_referenced {
        true => Ok(format!("homed, at {}", state.position)),
        false => Err("it was homed and says that it has no reference".to_owned()),
    }
}

fn moves(bench: &mut Bench, axis: usize) -> Outcome {
    let way = bench.way(axis)?;
    let started = Instant::now();
    bench.go(axis, way.there)?;
    let took = started.elapsed();
    if took > 4 * bench.deadline {
        return Err(format!("sending it took {took:?}: it waits for the motion"));
    }
    let state = bench.rest(axis)?;
    if (state.position - way.there).abs() > way.near {
        return Err(format!("sent to {}, it rests at {}", way.there, state.position));
    }
    bench.go(axis, way.here)?;
    let back = bench.rest(axis)?.position;
    if (back - way.here).abs() > way.near {
        return Err(format!("sent back to {}, it rests at {back}", way.here));
    }
    Ok(format!("from {:.4} to {:.4} and back", way.here, state.position))
}

fn changes_its_mind(bench: &mut Bench, axis: usize) -> Outcome {
    let way = bench.way(axis)?;
    let other = way.here + 0.25 * (way.there - way.here);
    bench.go(axis, way.there)?;
    bench.go(axis, other)?;
    let state = bench.rest(axis)?;
    if (state.position - other).abs() > way.near {
        return Err(format!("sent to {} and then to {other}, it rests at {}", way.there, state.position));
    }
    bench.go(axis, way.here)?;
    bench.rest(axis)?;
    Ok(format!("at {:.4}", state.position))
}

fn stops_on_the_way(bench: &mut Bench, axis: usize) -> Outcome {
    let way = bench.way(axis)?;
    bench.go(axis, way.there)?;
    bench.controller.stop(axis).map_err(told)?;
    bench.is_short_of(axis, &way)
}

fn emergency_stops(bench: &mut Bench, axis: usize) -> Outcome {
    let way = bench.way(axis)?;
    bench.go(axis, way.there)?;
    bench.controller.emergency_stop().map_err(told)?;
    bench.is_short_of(axis, &way)
}

fn goes_slower(bench: &mut Bench, axis: usize) -> Outcome {
    let Some([least, greatest]) = bench.controller.axes()[axis].can.speed else {
        return Ok("it has one speed only".to_owned());
    };
    let way = bench.way(axis)?;
    let distance = (way.there - way.here).abs();
    let mut took = Vec::new();
    // A second or two for the way there, then twice as long.
    for seconds in [1.0, 2.0] {
        let speed = (distance / seconds).clamp(least, greatest);
        let applied = bench.controller.set_speed(axis, speed).map_err(told)?;
        if (applied - speed).abs() > 0.05 * speed {
            return Err(format!("asked for the speed {speed}, it has {applied}"));
        }
        let started = Instant::now();
        let target = if took.is_empty() { way.there } else { way.here };
        bench.go(axis, target)?;
        bench.rest(axis)?;
        took.push(started.elapsed().as_secs_f64());
    }
    match took[1] > 1.4 * took[0] {
        true => Ok(format!("{:.2} s, at half the speed {:.2} s", took[0], took[1])),
        false => Err(format!("{:.2} s, at half the speed {:.2} s", took[0], took[1])),
    }
}

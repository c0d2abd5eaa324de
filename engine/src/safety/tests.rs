//! Whatever anybody asks, in whatever order, with devices that fail: no motion reaches a device that the rules forbid. What is forbidden is
//! said here a second time, of true positions and speeds, and without a rule of the gate it happens.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use beadscope_drivers::axis::{Abilities, Alarm, AxisError, AxisInfo, AxisState, AxisUnit, Controller};

use super::*;
use crate::command::Sender;
use crate::hardware::Guard;
use crate::seeded::Seeded;

const SENDERS: [Sender; 6] =
    [Sender::Window, Sender::Text, Sender::Sweep, Sender::Ramp, Sender::Lock, Sender::Session];
const STEP: Duration = Duration::from_millis(50);

thread_local! {
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static BEGAN: Instant = Instant::now();
}

fn now() -> Instant {
    BEGAN.with(|began| *began) + PASSED.get()
}

/// An axis as it truly is, in the counts of its device.
#[derive(Clone, Debug)]
struct Truth {
    name: &'static str,
    device: [f64; 2],
    at: f64,
    target: f64,
    speed: f64,
    is_homing: bool,
    is_referenced: bool,
    has_stalled: bool,
    /// What its counter says too much.
    wrong_by: f64,
    /// It does not answer; what it is told may be done or not.
    is_silent: bool,
    was_seen: bool,
    owner: Option<Sender>,
    /// What locks have moved it by.
    locked: Vec<(Instant, f64)>,
    sent_to: Option<f64>,
}

/// What is true, and the first thing that should not have happened.
struct World {
    axes: Vec<Truth>,
    is_stopped: bool,
    /// Who asks; nobody while a motion goes on that was granted before.
    sender: Option<Sender>,
    wrong: Option<String>,
}

type Shared = Arc<Mutex<World>>;

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap()
}

fn rules() -> &'static SafetySection {
    static RULES: LazyLock<SafetySection> = LazyLock::new(make_rules);
    &RULES
}

fn make_rules() -> SafetySection {
    let axis = |rules: &str| toml::from_str::<AxisRules>(rules).unwrap();
    let axes = BTreeMap::from([
        (
            "height".to_owned(),
            axis(
                "limits = [1, 18]\nmax_speed = 5\nnear = { between = [1, 3], speed = 0.5 }\nlock_step = 0.2\nlock_per_minute = 0.5",
            ),
        ),
        (
            "turns".to_owned(),
            axis("limits = [-40, 40]\nmay_home = false\nnear = { between = [-5, 5], speed = 10 }"),
        ),
        ("focus".to_owned(), axis("limits = [-90, 90]\nlock_step = 5.0\nlock_per_minute = 20.0")),
    ]);
    let condition = |axis: &str, between, keeps: &str, within| Condition {
        axis: axis.to_owned(),
        between,
        keeps: keeps.to_owned(),
        within,
        why: "they would touch".to_owned(),
    };
    let conditions = vec![
        condition("height", [0.0, 4.0], "focus", [-100.0, 10.0]),
        condition("focus", [50.0, 100.0], "turns", [-10.0, 10.0]),
    ];
    SafetySection { axes, conditions }
}

impl World {
    fn new() -> Self {
        let axis = |name, device: [f64; 2], at: f64, speed| Truth {
            name,
            device,
            at,
            target: at,
            speed,
            is_homing: false,
            is_referenced: true,
            has_stalled: false,
            wrong_by: 0.0,
            is_silent: false,
            was_seen: false,
            owner: None,
            locked: Vec::new(),
            sent_to: None,
        };
        let axes = vec![
            axis("height", [0.0, 20.0], 8.0, 5.0),
            axis("turns", [-50.0, 50.0], 0.0, 30.0),
            axis("focus", [-100.0, 100.0], 0.0, 80.0),
        ];
        Self { axes, is_stopped: false, sender: None, wrong: None }
    }

    fn wrong(&mut self, axis: usize, what: &str) {
        let told = format!("{what}: {:?}, asked by {:?}", self.axes[axis], self.sender);
        self.wrong.get_or_insert(told);
    }

    /// What reaches a device is looked at before it is done.
    fn told_to_move(&mut self, axis: usize, is_home: bool) {
        if self.is_stopped {
            self.wrong(axis, "it moves after an emergency stop");
        }
        if !self.axes[axis].was_seen {
            self.wrong(axis, "it moves, and nobody sees it");
        }
        if self.axes[axis].owner.zip(self.sender).is_some_and(|(owner, sender)| owner != sender) {
            self.wrong(axis, "it moves for somebody who does not hold it");
        }
        if is_home && self.axes[axis].name == "turns" {
            self.wrong(axis, "it is homed");
        }
    }

    fn move_to(&mut self, axis: usize, count: f64) {
        self.told_to_move(axis, false);
        let limits = [[1.0, 18.0], [-40.0, 40.0], [-90.0, 90.0]][axis];
        // What zeros are put on moves it by roundings.
        if !(limits[0] - 1e-9..=limits[1] + 1e-9).contains(&count) {
            self.wrong(axis, &format!("it is sent to {count}"));
        }
        let truth = self.axes[axis].clone();
        if !truth.is_referenced || truth.is_homing {
            self.wrong(axis, "it moves without reference");
        }
        if truth.has_stalled {
            self.wrong(axis, "it moves after it stalled");
        }
        if self.sender == Some(Sender::Lock) {
            let by = (count - truth.wrong_by - truth.at).abs();
            let [step, per_minute] = [[0.2, 0.5], [0.0, 0.0], [5.0, 20.0]][axis];
            let recent = truth.locked.iter().filter(|(when, _)| now() - *when < Duration::from_secs(60));
            if by > step + 1e-9 {
                self.wrong(axis, &format!("a lock moves it by {by}"));
            }
            if recent.map(|(_, by)| by).sum::<f64>() + by > per_minute + 1e-9 {
                self.wrong(axis, "locks move it too far in a minute");
            }
            self.axes[axis].locked.push((now(), by));
        }
        let truth = &mut self.axes[axis];
        (truth.target, truth.sent_to) = (count - truth.wrong_by, Some(count));
    }

    fn pass(&mut self) {
        for axis in 0..self.axes.len() {
            let truth = &mut self.axes[axis];
            let is_homing = truth.is_homing;
            let way = truth.target - truth.at;
            let step = way.clamp(-truth.speed * STEP.as_secs_f64(), truth.speed * STEP.as_secs_f64());
            truth.at += step;
            let speed = step.abs() / STEP.as_secs_f64();
            if truth.is_homing && truth.at == truth.target {
                (truth.is_homing, truth.is_referenced, truth.wrong_by) = (false, true, 0.0);
                (truth.has_stalled, truth.sent_to) = (false, None);
            }
            let at = truth.at;
            if axis == 0 && !is_homing && step != 0.0 {
                // A step that begins before an edge may end behind it.
                let is_near = [at, at - step].iter().all(|at| (1.0..=3.0).contains(at));
                if speed > if is_near { 0.5 } else { 5.0 } + 1e-9 {
                    self.wrong(axis, &format!("it goes at {speed}"));
                }
            }
        }
        let [height, turns, focus] = [0, 1, 2].map(|axis: usize| self.axes[axis].at);
        if height > 1e-9 && height < 4.0 - 1e-9 && focus > 10.0 + 1e-9 {
            self.wrong(0, "magnets and focus touch");
        }
        if focus > 50.0 + 1e-9 && focus < 100.0 && turns.abs() > 10.0 + 1e-9 {
            self.wrong(2, "focus and turns touch");
        }
    }
}

struct Fake {
    infos: Vec<AxisInfo>,
    first: usize,
    world: Shared,
    random: Seeded,
}

impl Fake {
    fn new(world: &Shared, axes: std::ops::Range<usize>, seed: u64) -> Self {
        let info = |truth: &Truth| AxisInfo {
            name: truth.name.to_owned(),
            unit: if truth.name == "turns" { AxisUnit::Turns } else { AxisUnit::Mm },
            limits: truth.device,
            can: Abilities { home: true, speed: Some([0.01, 1000.0]), acceleration: None },
        };
        let first = axes.start;
        let infos = lock(world).axes[axes].iter().map(info).collect();
        Self { infos, first, world: world.clone(), random: seeded(seed) }
    }

    /// Does it, but a silent device may have done it or not, and nobody knows.
    fn act(&mut self, axis: usize, act: impl FnOnce(&mut World, usize)) -> Result<(), AxisError> {
        let mut world = lock(&self.world);
        let axis = self.first + axis;
        let is_silent = world.axes[axis].is_silent;
        if !is_silent || self.random.uniform() < 0.5 {
            act(&mut world, axis);
        }
        let silent = AxisError::Silent { device: String::new(), asked: String::new(), waited: STEP };
        if is_silent { Err(silent) } else { Ok(()) }
    }
}

impl Controller for Fake {
    fn axes(&self) -> &[AxisInfo] {
        &self.infos
    }
    fn read(&mut self, axis: usize) -> Result<AxisState, AxisError> {
        let mut seen = None;
        let silent = lock(&self.world).axes[self.first + axis].is_silent;
        lock(&self.world).axes[self.first + axis].was_seen = !silent;
        self.act(axis, |world, axis| {
            let truth = &world.axes[axis];
            seen = Some(AxisState {
                position: truth.at + truth.wrong_by,
                is_moving: truth.at != truth.target,
                is_referenced: truth.is_referenced,
                alarm: truth.has_stalled.then_some(Alarm::Stalled),
            });
        })?;
        Ok(seen.unwrap())
    }
    fn move_to(&mut self, axis: usize, target: f64) -> Result<(), AxisError> {
        self.act(axis, |world, axis| world.move_to(axis, target))
    }
    fn stop(&mut self, axis: usize) -> Result<(), AxisError> {
        self.act(axis, |world, axis| {
            let truth = &mut world.axes[axis];
            (truth.target, truth.is_homing, truth.sent_to) = (truth.at, false, None);
        })
    }
    fn emergency_stop(&mut self) -> Result<(), AxisError> {
        let stopped: Vec<_> = (0..self.infos.len()).map(|axis| self.stop(axis)).collect();
        stopped.into_iter().collect()
    }
    fn home(&mut self, axis: usize) -> Result<(), AxisError> {
        self.act(axis, |world, axis| {
            world.told_to_move(axis, true);
            let truth = &mut world.axes[axis];
            (truth.target, truth.is_homing, truth.sent_to) = (truth.device[0], true, None);
        })
    }
    fn set_speed(&mut self, axis: usize, speed: f64) -> Result<f64, AxisError> {
        self.act(axis, |world, axis| world.axes[axis].speed = speed)?;
        Ok(speed)
    }
    fn reconnect(&mut self) -> Result<(), AxisError> {
        Ok(())
    }
}

/// Who moves axes by itself takes them first.
fn take(guards: &[Guard; 2], world: &Shared, sender: Sender, axis: usize) {
    if guards[0].gate().take(sender, axis).is_ok() {
        lock(world).axes[axis].owner = Some(sender);
    }
}

/// What somebody does next.
fn act(guards: &mut [Guard; 2], world: &Shared, random: &mut Seeded) {
    let axis = random.below(3) as usize;
    let (guard, place) = if axis < 2 { (0, axis) } else { (1, 0) };
    let sender = SENDERS[random.below(SENDERS.len() as u64) as usize];
    let [least, greatest] = [[0.0, 20.0], [-50.0, 50.0], [-100.0, 100.0]][axis];
    let span = greatest - least;
    let somewhere = least + span * (1.2 * random.uniform() - 0.1);
    let obey = |guards: &mut [Guard; 2], wish| {
        if sender.must_hold() {
            take(guards, world, sender, axis);
        }
        lock(world).sender = Some(sender);
        let _ = guards[guard].obey(sender, place, wish);
        lock(world).sender = None;
    };
    match random.below(32) {
        0..6 => {
            let to = if random.uniform() < 0.02 { f64::NAN } else { somewhere };
            let speed = (random.uniform() < 0.3).then(|| span * random.uniform());
            obey(guards, Wish::Move { to, speed, clamp: random.uniform() < 0.3 });
        }
        6..10 => {
            // Now and then as small as a lock's.
            let part = if random.uniform() < 0.5 { 0.02 } else { 1.0 };
            obey(guards, Wish::Step { by: part * span * (2.0 * random.uniform() - 1.0) });
        }
        10..12 => obey(guards, Wish::Drive { speed: span * (2.0 * random.uniform() - 1.0) }),
        12 => obey(guards, Wish::Home),
        13 => {
            drop(guards[guard].stop(place));
            let owner = &mut lock(world).axes[axis].owner;
            *owner = owner.filter(|owner| !owner.must_hold());
        }
        14 if random.uniform() < 0.2 => {
            // The gate knows before the threads do.
            guards[0].gate().emergency();
            lock(world).is_stopped = true;
            if random.uniform() < 0.5 {
                drop(guards[guard].read(place));
            }
            guards.iter_mut().for_each(|guard| drop(guard.emergency_stop()));
            for truth in &mut lock(world).axes {
                truth.owner = truth.owner.filter(|owner| !owner.must_hold());
            }
        }
        15 | 16 => {
            if guards[0].gate().resume(sender).is_ok() {
                assert!(matches!(sender, Sender::Window | Sender::Text));
                lock(world).is_stopped = false;
            }
        }
        17 => {
            let before = lock(world).axes[axis].owner;
            take(guards, world, sender, axis);
            let is_taken = lock(world).axes[axis].owner != before;
            assert!(!is_taken || before.is_none() || sender == Sender::Window);
        }
        18 | 19 => {
            guards[0].gate().release(sender, axis);
            let owner = &mut lock(world).axes[axis].owner;
            if sender == Sender::Window || *owner == Some(sender) {
                *owner = None;
            }
        }
        24 => {
            // As a lock does: again and again, a little.
            take(guards, world, Sender::Lock, axis);
            lock(world).sender = Some(Sender::Lock);
            for _ in 0..6 {
                let by = 0.02 * span * (random.uniform() - 0.5);
                let _ = guards[guard].obey(Sender::Lock, place, Wish::Step { by });
            }
            lock(world).sender = None;
        }
        20 | 25 | 26 => drop(guards[0].gate().set_zero(1)),
        21 => lock(world).axes[axis].is_silent = random.uniform() < 0.3,
        22 if random.uniform() < 0.3 => {
            // A motor that stalls stands where it is and knows no position any more.
            let truth = &mut lock(world).axes[axis];
            (truth.has_stalled, truth.target, truth.is_homing) = (true, truth.at, false);
            truth.wrong_by += 0.05 * span;
        }
        23 if random.uniform() < 0.2 => {
            let truth = &mut lock(world).axes[axis];
            (truth.is_referenced, truth.wrong_by) = (false, 0.1 * span);
            (truth.target, truth.is_homing, truth.sent_to) = (truth.at, false, None);
        }
        _ => {
            for _ in 0..1 + random.below(8) {
                PASSED.set(PASSED.get() + STEP);
                lock(world).pass();
                // Threads look now and then, each in its own time.
                guards.iter_mut().for_each(|guard| {
                    if random.uniform() < 0.7 {
                        (0..guard.axes()).for_each(|axis| drop(guard.read(axis)));
                    }
                });
            }
        }
    }
}

fn seeded(seed: u64) -> Seeded {
    // Neighbours would begin alike.
    Seeded(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
}

/// Some commands, one after the other; what went wrong, if anything did.
fn sequence(seed: u64, commands: usize, without: Option<Rule>) -> Option<String> {
    let world: Shared = Arc::new(Mutex::new(World::new()));
    let controllers = [Fake::new(&world, 0..2, seed), Fake::new(&world, 2..3, !seed)];
    let infos =
        controllers.iter().flat_map(|fake| fake.infos.clone().into_iter().zip([Some(5.0), Some(30.0)]));
    let mut gate = Gate::new(infos.collect(), rules()).unwrap();
    gate.without = without;
    let gate = Arc::new(Mutex::new(gate));
    let [one, other] = controllers;
    let mut guards =
        [Guard::new(Box::new(one), gate.clone(), 0), Guard::new(Box::new(other), gate.clone(), 2)];
    guards.iter_mut().for_each(|guard| {
        guard.clock = now;
        (0..guard.axes()).for_each(|axis| drop(guard.read(axis)));
    });
    let mut random = seeded(seed);
    for _ in 0..commands {
        act(&mut guards, &world, &mut random);
        if let Some(wrong) = &lock(&world).wrong {
            return Some(format!("seed {seed}: {wrong}"));
        }
    }
    None
}

/// Commands of a sequence.
const COMMANDS: usize = 24;

#[test]
fn a_million_sequences_of_commands_move_nothing_out_of_its_limits() {
    let began = Instant::now();
    let sequences = 1_000_000;
    let wrong = (0..sequences).find_map(|seed| sequence(seed, COMMANDS, None));
    assert_eq!(wrong, None);
    eprintln!("{sequences} sequences of {COMMANDS} commands in {:?}", began.elapsed());
}

#[test]
fn without_any_of_its_rules_something_goes_wrong() {
    let rules = [
        Rule::Emergency,
        Rule::Owner,
        Rule::Seen,
        Rule::Referenced,
        Rule::Alarm,
        Rule::Limits,
        Rule::Condition,
        Rule::Homing,
        Rule::LockStep,
        Rule::LockPerMinute,
        Rule::Speed,
    ];
    for rule in rules {
        let found = (0..100_000).find_map(|seed| sequence(seed, COMMANDS, Some(rule)));
        let found = found.unwrap_or_else(|| panic!("nobody misses the rule {rule:?}"));
        eprintln!("without {rule:?}: {found}");
    }
}

//! A dry run: the motions of a script against the rules, with nothing moving.

use std::time::Instant;

use super::gate::{Gate, Wish};
use crate::command::{Command, Sender};
use crate::hardware::Order;
use crate::magnets::{ForceError, MAGNET_HEIGHT, MagnetModel};
use crate::script::{Step, step};

/// What became of the motions of a script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rehearsed {
    /// Motions that would have been made.
    pub motions: usize,
    /// Lines that would have been refused: number, line, why.
    pub refused: Vec<(usize, String, String)>,
    /// Lines whose motions depend on what happens meanwhile: number, line.
    pub not_tried: Vec<(usize, String)>,
}

/// Tries the lines of a script one after the other, each motion from where the one before has ended. What is no motion is only checked for
/// its form and ranges; when things happen is not looked at.
pub(crate) fn rehearse(gate: &Gate, magnets: Option<&MagnetModel>, script: &str) -> Rehearsed {
    let mut gate = gate.clone();
    let mut rehearsed = Rehearsed::default();
    for (number, line) in (1..).zip(script.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match try_line(&mut gate, magnets, line) {
            Ok(Tried::Moved) => rehearsed.motions += 1,
            Ok(Tried::Nothing) => {}
            Ok(Tried::Not) => rehearsed.not_tried.push((number, line.to_owned())),
            Err(why) => rehearsed.refused.push((number, line.to_owned(), why)),
        }
    }
    rehearsed
}

/// What became of a line.
enum Tried {
    Moved,
    Nothing,
    Not,
}

fn try_line(gate: &mut Gate, magnets: Option<&MagnetModel>, line: &str) -> Result<Tried, String> {
    let Step::Command(command) = step(line)? else { return Ok(Tried::Nothing) };
    let order = match &command {
        Command::ForceGo { force_pn } => {
            let to = magnets
                .ok_or(ForceError::NoModel.to_string())?
                .height_mm(*force_pn)
                .map_err(|error| error.to_string())?;
            let wish = Wish::Move { to, speed: None, clamp: false };
            Some(Order::Wish { axis: MAGNET_HEIGHT.to_owned(), wish })
        }
        Command::ForceRamp { .. } | Command::ZLutSweep { .. } => return Ok(Tried::Not),
        other => Order::of(other),
    };
    let Some(order) = order else { return Ok(Tried::Nothing) };
    let place = |gate: &Gate, name: &str| {
        gate.find(name)
            .ok_or_else(|| format!("there is no axis {name}; there are: {}", gate.names().join(", ")))
    };
    let (axis, wish) = match order {
        Order::Wish { axis, wish } => (place(gate, &axis)?, wish),
        Order::Emergency => {
            gate.emergency();
            return Ok(Tried::Nothing);
        }
        Order::Resume => {
            return gate.resume(Sender::Text).map(|()| Tried::Nothing).map_err(|error| error.to_string());
        }
        Order::Zero { axis } => {
            let axis = place(gate, &axis)?;
            return gate.set_zero(axis).map(|()| Tried::Nothing).map_err(|error| error.to_string());
        }
        _ => return Ok(Tried::Nothing),
    };
    gate.ask(Sender::Text, axis, wish, Instant::now()).map_err(|error| error.to_string())?;
    if wish == Wish::Home {
        gate.home_in_thought(axis);
    }
    gate.arrive();
    Ok(Tried::Moved)
}

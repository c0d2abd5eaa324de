//! A dry run: the motions of a script against the rules, with nothing moving.

use std::time::Instant;

use super::gate::{Gate, Wish};
use crate::command::{Command, ParseError, Sender};
use crate::hardware::Order;

/// What became of the motions of a script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rehearsed {
    /// Motions that would have been made.
    pub motions: usize,
    /// Lines that would have been refused: number, line, why.
    pub refused: Vec<(usize, String, String)>,
}

/// Tries the lines of a script one after the other, each motion from where the one before has ended. What is no motion is only checked for
/// its form and ranges; when things happen is not looked at.
pub(crate) fn rehearse(gate: &Gate, script: &str) -> Rehearsed {
    let mut gate = gate.clone();
    let mut rehearsed = Rehearsed::default();
    for (number, line) in (1..).zip(script.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match try_line(&mut gate, line) {
            Ok(moved) => rehearsed.motions += usize::from(moved),
            Err(why) => rehearsed.refused.push((number, line.to_owned(), why)),
        }
    }
    rehearsed
}

fn try_line(gate: &mut Gate, line: &str) -> Result<bool, String> {
    let command: Command = line.parse().map_err(|error: ParseError| error.to_string())?;
    command.check().map_err(|error| error.to_string())?;
    let Some(order) = Order::of(&command) else { return Ok(false) };
    let place = |gate: &Gate, name: &str| {
        gate.find(name)
            .ok_or_else(|| format!("there is no axis {name}; there are: {}", gate.names().join(", ")))
    };
    let (axis, wish) = match order {
        Order::Wish { axis, wish } => (place(gate, &axis)?, wish),
        Order::Emergency => {
            gate.emergency();
            return Ok(false);
        }
        Order::Resume => return gate.resume(Sender::Text).map(|()| false).map_err(|error| error.to_string()),
        Order::Zero { axis } => {
            let axis = place(gate, &axis)?;
            return gate.set_zero(axis).map(|()| false).map_err(|error| error.to_string());
        }
        _ => return Ok(false),
    };
    gate.ask(Sender::Text, axis, wish, Instant::now()).map_err(|error| error.to_string())?;
    if wish == Wish::Home {
        gate.home_in_thought(axis);
    }
    gate.arrive();
    Ok(true)
}

//! `beadscope commands`: what a running instrument obeys.

use anyhow::Result;
use beadscope_engine::command::{ArgumentSpec, COMMANDS, MAGSCOPE, Place, usage};

use crate::arguments::CommandsArguments;
use crate::output;

pub fn run(arguments: &CommandsArguments) -> Result<()> {
    match (arguments.magscope, arguments.json) {
        (true, true) => output::print_json(&MAGSCOPE),
        (true, false) => output::print(&magscope_text()),
        (false, true) => output::print_json(&COMMANDS),
        (false, false) => output::print(&text()),
    }
}

fn text() -> String {
    let mut text = String::new();
    for command in COMMANDS {
        text += &format!("{}\n    {}\n", usage(command.name), joined(command.help));
        for argument in command.arguments {
            let ArgumentSpec { name, kind, unit, least, greatest, help, .. } = argument;
            let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
            let range = if *kind == "true or false" {
                String::new()
            } else {
                format!(", {least} to {greatest}{unit}")
            };
            text += &format!("        {name}: {} ({kind}{range})\n", joined(help).trim_end_matches('.'));
        }
    }
    text
}

fn magscope_text() -> String {
    let line = |(name, place): &(&str, Place)| match place {
        Place::Commands(ours) => format!("{name}Command: {}\n", ours.join(", ")),
        Place::NotNeeded(why) => format!("{name}Command: not needed: {why}\n"),
    };
    MAGSCOPE.iter().map(line).collect()
}

fn joined(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

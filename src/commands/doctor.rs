//! `beadscope doctor`: what works on this machine.

use std::io::IsTerminal as _;

use anyhow::Result;
use beadscope_drivers::CAMERAS;
use beadscope_engine::doctor::{self, State};

use crate::arguments::DoctorArguments;
use crate::output;

pub fn run(arguments: &DoctorArguments) -> Result<()> {
    let findings = doctor::examine(CAMERAS, &arguments.folder, arguments.ask_ports);
    if arguments.json {
        return output::print_json(&serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "os": std::env::consts::OS,
            "findings": findings,
        }));
    }
    let coloured = std::io::stdout().is_terminal();
    let mut text = String::new();
    for finding in findings {
        let (word, colour) = match finding.state {
            State::Ok => ("ok", 32),
            State::Warning => ("warning", 33),
            State::Failed => ("FAILED", 31),
        };
        let word = if coloured { format!("\x1b[{colour}m{word:7}\x1b[0m") } else { format!("{word:7}") };
        text += &format!("{word}  {:8} {}\n", finding.area, finding.text);
        if let Some(advice) = finding.advice {
            text += &format!("                   {advice}\n");
        }
    }
    output::print(&text)
}

//! Beadscope: the composition root. Arguments in, devices and files chosen, engine started, window opened or not.
//!
//! The command line is a contract: exit 0 done, 1 failed (one line: what, to what, what to do), 2 wrong usage. Data goes
//! to standard output or `--out`; progress and logs go to standard error.

mod arguments;
mod commands;
mod logging;
mod output;
mod signals;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, BenchCommand, Command, DriversCommand, ZLutCommand};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runs_the_instrument = matches!(arguments.command, None | Some(Command::Run(_)));
    let logging = logging::start(runs_the_instrument);
    let done = match arguments.command {
        None => commands::window::run(&arguments.window, &logging),
        Some(Command::Run(arguments)) => commands::run::run(&arguments),
        Some(Command::Track(arguments)) => commands::track::run(&arguments),
        Some(Command::Find(arguments)) => commands::find::run(&arguments),
        Some(Command::Zlut { command: ZLutCommand::Build(arguments) }) => commands::zlut::build(&arguments),
        Some(Command::Zlut { command: ZLutCommand::Info(arguments) }) => commands::zlut::info(&arguments),
        Some(Command::Zlut { command: ZLutCommand::Convert(arguments) }) => {
            commands::zlut::convert(&arguments)
        }
        Some(Command::Zlut { command: ZLutCommand::Plot(arguments) }) => commands::zlut::plot(&arguments),
        Some(Command::Simulate(arguments)) => commands::simulate::run(&arguments),
        Some(Command::Bench { command: BenchCommand::Track(arguments) }) => {
            commands::bench::track(&arguments)
        }
        Some(Command::Bench { command: BenchCommand::Live(arguments) }) => commands::bench::live(&arguments),
        Some(Command::Bench { command: BenchCommand::Record(arguments) }) => {
            commands::bench::record(&arguments)
        }
        Some(Command::Commands(arguments)) => commands::command_list::run(&arguments),
        Some(Command::Drivers { command: DriversCommand::List(arguments) }) => {
            commands::drivers::list(&arguments)
        }
        Some(Command::Drivers { command: DriversCommand::Check(arguments) }) => {
            commands::drivers::check(&arguments)
        }
        Some(Command::Drivers { command: DriversCommand::Simulate(arguments) }) => {
            commands::drivers::simulate(&arguments)
        }
        Some(Command::Doctor(arguments)) => commands::doctor::run(&arguments),
        Some(Command::Compress(arguments)) => commands::compress::run(&arguments),
        Some(Command::Recover(arguments)) => commands::recover::run(&arguments),
        Some(Command::Info(arguments)) => commands::info::run(&arguments),
        Some(Command::Verify(arguments)) => commands::verify::run(&arguments),
        Some(Command::Export(arguments)) => commands::export::run(&arguments),
        Some(Command::Import(arguments)) => commands::import::run(&arguments),
        Some(Command::Rig(arguments)) => commands::rig::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("beadscope: {error:#}");
            ExitCode::FAILURE
        }
    }
}

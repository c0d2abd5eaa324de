//! The lines of text that `beadscope run --commands` obeys.

use std::fs::{File, metadata};
use std::io::{BufRead, BufReader, ErrorKind, stdin};
use std::path::Path;
use std::thread::sleep;

use anyhow::{Context as _, Result, ensure};
use beadscope_engine::command::{CommandBus, Sender};
use beadscope_engine::script::{Step, step, wait_for_rest};

/// The standard input.
const STANDARD_INPUT: &str = "-";

/// Whether commands can be read there, as far as that is known without waiting for who writes them.
pub fn check(path: &Path) -> Result<()> {
    if path == Path::new(STANDARD_INPUT) {
        return Ok(());
    }
    let cannot = || format!("cannot read the commands: {}", path.display());
    let kind = metadata(path).with_context(cannot)?.file_type();
    ensure!(!kind.is_dir(), "the commands are a folder; give a file or a pipe: {}", path.display());
    if kind.is_file() {
        File::open(path).with_context(cannot)?;
    }
    Ok(())
}

/// Carries out the lines of a file or pipe as they come, on a thread of its own, until its end. `-` is the standard input.
pub fn obey(path: &Path, bus: CommandBus) -> Result<()> {
    let path = path.to_owned();
    let obey = move || {
        let result = if path == Path::new(STANDARD_INPUT) {
            obey_lines(stdin().lock(), |line| obey_line(line, &bus))
        } else {
            // Opening a pipe waits for who writes into it.
            File::open(&path).and_then(|file| obey_lines(BufReader::new(file), |line| obey_line(line, &bus)))
        };
        if let Err(error) = result {
            tracing::error!("no more commands are read: {error}: {}", path.display());
        }
    };
    // It ends with its input, or with the program.
    std::thread::Builder::new().name("beadscope-text".to_owned()).spawn(obey)?;
    Ok(())
}

/// Calls `obey` with each line that holds a command.
fn obey_lines(input: impl BufRead, mut obey: impl FnMut(&str)) -> std::io::Result<()> {
    for (number, line) in (1..).zip(input.lines()) {
        match line {
            Ok(line) => {
                let line = line.trim();
                if !line.is_empty() && !line.starts_with('#') {
                    obey(line);
                }
            }
            // It was read to its end.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                tracing::error!("line {number} is not obeyed: it is not UTF-8 text");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn obey_line(line: &str, bus: &CommandBus) {
    let command = match step(line) {
        Ok(Step::Command(command)) => command,
        Ok(Step::Wait(how_long)) => return sleep(how_long),
        Ok(Step::WaitRest) => return wait_for_rest(bus),
        Err(error) => return tracing::error!("{line:?} is not obeyed: {error}"),
    };
    // The bus logs what changes anything, with its answer.
    let is_question = command.is_question();
    let answer = bus.send(Sender::Text, command);
    if is_question && let Ok(answer) = answer {
        tracing::info!("{line}: {answer}");
    }
}

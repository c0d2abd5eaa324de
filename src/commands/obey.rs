//! The lines of text that `beadscope run --commands` obeys.

use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::Path;

use anyhow::{Context as _, Result};
use beadscope_engine::command::{Command, CommandBus, Sender};

/// Carries out the lines of a file or pipe as they come, on a thread of its own, until its end. `-` is the standard input.
pub fn obey(path: &Path, bus: CommandBus) -> Result<()> {
    let input: Box<dyn BufRead + Send> = if path == Path::new("-") {
        Box::new(BufReader::new(stdin()))
    } else {
        let file =
            File::open(path).with_context(|| format!("cannot read the commands: {}", path.display()))?;
        Box::new(BufReader::new(file))
    };
    let obey = move || {
        for line in input.lines().map_while(Result::ok) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                obey_line(line, &bus);
            }
        }
    };
    // It ends with its input, or with the program.
    std::thread::Builder::new().name("beadscope-text".to_owned()).spawn(obey)?;
    Ok(())
}

fn obey_line(line: &str, bus: &CommandBus) {
    let command = match line.parse::<Command>() {
        Ok(command) => command,
        Err(error) => return tracing::error!("{line:?} is not obeyed: {error}"),
    };
    // The bus logs what changes anything, with its answer.
    let is_question = command.is_question();
    let answer = bus.send(Sender::Text, command);
    if is_question && let Ok(answer) = answer {
        tracing::info!("{line}: {answer}");
    }
}

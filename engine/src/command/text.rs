//! Commands as people write them: a name and, in TOML's notation, its arguments.

use std::fmt;
use std::str::FromStr;

use super::list::{COMMANDS, Command};
use super::spec::RangeError;

/// Why a text is no command.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// No command has this name.
    #[error("there is no command {0:?}; `beadscope commands` lists them")]
    Unknown(String),
    /// The arguments are not those of the command.
    #[error("{command}: {cause}; it is written: {usage}")]
    Arguments {
        /// The command.
        command: String,
        /// What is wrong.
        cause: String,
        /// How it is written.
        usage: String,
    },
    /// An argument is out of its range.
    #[error(transparent)]
    Range(#[from] RangeError),
}

impl FromStr for Command {
    type Err = ParseError;

    /// Reads `NAME` or `NAME KEY=VALUE, KEY=VALUE`, values as in TOML: `"text"`, `1.5`, `true`, `[1, 2]`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (name, arguments) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        if !COMMANDS.iter().any(|spec| spec.name == name) {
            return Err(ParseError::Unknown(name.to_owned()));
        }
        let failed = |cause: &str| ParseError::Arguments {
            command: name.to_owned(),
            cause: cause.lines().next().unwrap_or_default().to_owned(),
            usage: usage(name),
        };
        let table: toml::Table = format!("arguments = {{ {} }}", arguments.trim())
            .parse()
            .map_err(|error: toml::de::Error| failed(error.message()))?;
        let mut entries = table.into_iter();
        let (Some((_, toml::Value::Table(mut fields))), None) = (entries.next(), entries.next()) else {
            return Err(failed("the arguments are not KEY=VALUE, KEY=VALUE"));
        };
        // Numbers are numbers: 1 is as good as 1.0 where a fraction is allowed.
        for (key, value) in &mut fields {
            match (argument_kind(name, key), value) {
                (Some("number"), one) => become_fraction(one),
                (Some("list of numbers"), toml::Value::Array(list)) => {
                    list.iter_mut().for_each(become_fraction)
                }
                _ => {}
            }
        }
        fields.insert("command".to_owned(), name.into());
        let command: Self = toml::Value::Table(fields).try_into().map_err(|error| failed(error.message()))?;
        command.check()?;
        Ok(command)
    }
}

impl fmt::Display for Command {
    /// As [`FromStr`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        // Every argument is a number, a text, or a list of numbers.
        let Ok(toml::Value::Table(fields)) = toml::Value::try_from(self) else { return Err(fmt::Error) };
        let mut before = " ";
        for spec in COMMANDS.iter().filter(|spec| spec.name == self.name()) {
            for (name, value) in
                spec.arguments.iter().filter_map(|one| Some((one.name, fields.get(one.name)?)))
            {
                write!(f, "{before}{name}={value}")?;
                before = ", ";
            }
        }
        Ok(())
    }
}

/// A whole number as one with a fraction.
fn become_fraction(value: &mut toml::Value) {
    if let toml::Value::Integer(whole) = value {
        *value = toml::Value::Float(*whole as f64);
    }
}

fn argument_kind(command: &str, argument: &str) -> Option<&'static str> {
    let spec = COMMANDS.iter().find(|spec| spec.name == command)?;
    Some(spec.arguments.iter().find(|one| one.name == argument)?.kind)
}

/// How a command is written, such as `roi.add x_px=NUMBER, y_px=NUMBER`.
pub fn usage(command: &str) -> String {
    let arguments = COMMANDS.iter().filter(|spec| spec.name == command).flat_map(|spec| spec.arguments);
    let written: Vec<String> = arguments
        .map(|one| {
            let value = match one.kind {
                "text" => "\"TEXT\"",
                "list of whole numbers" | "list of numbers" => "[NUMBER, …]",
                "true or false" => "true|false",
                _ => "NUMBER",
            };
            let written = format!("{}={value}", one.name);
            if one.is_optional { format!("[{written}]") } else { written }
        })
        .collect();
    format!("{command} {}", written.join(", ")).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<Command>().unwrap_err().to_string()
    }

    #[test]
    fn a_command_reads_as_it_is_written() {
        for text in [
            "acquire on=false",
            "roi.move bead=3, dx_px=-1, dy_px=0",
            "roi.remove beads=[1, 2]",
            "roi.move_several beads=[1, 2], dx_px=3, dy_px=-4",
            "roi.add_several x_px=[1.5, 2.0], y_px=[3.0, 4.0], as_fits=true",
            "camera.set rate_hz=200.0",
            "mark text='5 pN, \"slow\"'",
            "record.start name=\"a\"",
            "roi.undo",
        ] {
            let command: Command = text.parse().unwrap();
            assert_eq!(command.to_string(), text);
            let json = serde_json::to_string(&command).unwrap();
            assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), command, "{json}");
        }
        assert_eq!("roi.add x_px=5, y_px=7".parse(), Ok(Command::RoiAdd { x_px: 5.0, y_px: 7.0 }));
        assert_eq!(
            "roi.add_several x_px=[5], y_px=[7.5]".parse(),
            Ok(Command::RoiAddSeveral { x_px: vec![5.0], y_px: vec![7.5], as_fits: None })
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_how_it_is_written() {
        assert_eq!(error("roi.fly"), "there is no command \"roi.fly\"; `beadscope commands` lists them");
        assert!(error("roi.add x_px=5").contains("missing field `y_px`"), "{}", error("roi.add x_px=5"));
        assert!(error("roi.add x_px=5").ends_with("it is written: roi.add x_px=NUMBER, y_px=NUMBER"));
        assert!(error("acquire on=1").contains("expected a boolean"), "{}", error("acquire on=1"));
        assert!(error("roi.undo bead=1").contains("unknown field `bead`"), "{}", error("roi.undo bead=1"));
        for text in
            ["mark text=\"a\" }\nx = 1", "roi.move bead=-1, dx_px=0, dy_px=0", "mark", "acquire on", ""]
        {
            assert!(text.parse::<Command>().is_err(), "{text:?}");
        }
        assert_eq!(
            error("camera.set rate_hz=1e6"),
            "camera.set: rate_hz = 1000000 is out of range: 0.01 to 100000 Hz"
        );
        assert!(error("roi.add x_px=nan, y_px=1").contains("NaN is out of range"));
        assert!(error(&format!("mark text=\"{}\"", "a".repeat(401))).contains("401 bytes is out of range"));
        assert!(error("roi.remove beads=[1, 70000]").contains("out of range: 0 to 65535"));
    }
}

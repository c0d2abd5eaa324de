//! The name that people give a run, with what is filled in when the run begins: `{date}`, `{n}` and others in braces.

use crate::clock::utc_text;
use crate::video::Mode;

/// What may stand in braces, and what it becomes.
pub const PLACEHOLDERS: [(&str, &str); 5] = [
    ("date", "the day, UTC"),
    ("time", "hours, minutes and seconds, UTC"),
    ("bead_count", "how many beads are tracked"),
    ("mode", "what is recorded"),
    ("n", "counts the runs in the folder that are called the same otherwise, from 1"),
];

/// Why a name cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunNameError {
    /// Nothing is called that.
    #[error("nothing is filled in for {{{0}}}; a name may hold {allowed}", allowed = allowed())]
    Unknown(String),
    /// A brace has no other.
    #[error("a brace has no other; a name may hold {allowed}", allowed = allowed())]
    Unpaired,
}

/// `{date}, {time} …`.
fn allowed() -> String {
    PLACEHOLDERS.map(|(name, _)| format!("{{{name}}}")).join(", ")
}

/// What is known of a run when it begins.
#[derive(Clone, Copy, Debug)]
pub struct RunFacts {
    /// When, ns since 1970 UTC.
    pub unix_ns: u64,
    /// Beads that are tracked.
    pub beads: usize,
    /// What is recorded.
    pub mode: Mode,
}

/// A name in pieces.
enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

fn pieces(name: &str) -> Result<Vec<Piece<'_>>, RunNameError> {
    let (mut pieces, mut rest) = (Vec::new(), name);
    while let Some((before, behind)) = rest.split_once(['{', '}']) {
        if rest.as_bytes().get(before.len()) == Some(&b'}') {
            return Err(RunNameError::Unpaired);
        }
        let (placeholder, behind) = behind.split_once('}').ok_or(RunNameError::Unpaired)?;
        if !PLACEHOLDERS.iter().any(|(known, _)| *known == placeholder) {
            return Err(RunNameError::Unknown(placeholder.to_owned()));
        }
        pieces.extend([Piece::Text(before), Piece::Placeholder(placeholder)]);
        rest = behind;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// Whether everything in braces is known.
///
/// # Errors
/// The first that is not, with what there is.
pub fn check(name: &str) -> Result<(), RunNameError> {
    pieces(name).map(|_| ())
}

/// The name of the folder of a run that begins now, `2026-11-22T08-05-00Z_NAME`. `others`: the folders beside it, for `{n}`.
///
/// # Errors
/// As [`check`].
pub fn folder_name<'a>(
    name: &str,
    facts: RunFacts,
    others: impl Iterator<Item = &'a str>,
) -> Result<String, RunNameError> {
    // Colons are not allowed in file names everywhere.
    let begun = utc_text(facts.unix_ns).replace(':', "-");
    let pieces = pieces(name)?;
    let with_number = |number: &str| {
        let texts = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => (*text).to_owned(),
            Piece::Placeholder("date") => begun.get(..10).unwrap_or_default().to_owned(),
            Piece::Placeholder("time") => begun.get(11..19).unwrap_or_default().to_owned(),
            Piece::Placeholder("bead_count") => facts.beads.to_string(),
            Piece::Placeholder("mode") => mode_name(facts.mode).to_owned(),
            Piece::Placeholder(_) => number.to_owned(),
        });
        allowed_in_names(&texts.collect::<String>())
    };
    let counts = pieces.iter().any(|piece| matches!(piece, Piece::Placeholder("n")));
    let number = if counts {
        // Whichever of the numbers in a name makes it ours.
        let numbers = others.filter_map(|other| {
            let (_, other) = other.split_once('_')?;
            let numbers = other.split(|letter: char| !letter.is_ascii_digit());
            numbers
                .filter(|number| with_number(number) == other)
                .filter_map(|number| number.parse().ok())
                .max()
        });
        numbers.max().map_or(1, |last: u64| last.saturating_add(1))
    } else {
        1
    };
    Ok(format!("{begun}_{}", with_number(&number.to_string())))
}

fn mode_name(mode: Mode) -> &'static str {
    Mode::NAMES.iter().find(|(known, _)| *known == mode).map_or("", |(_, name)| name)
}

/// A name as part of a folder's name: separators and what some systems refuse become `-`.
fn allowed_in_names(name: &str) -> String {
    let refused = |letter: char| letter.is_control() || "/\\:*?\"<>|".contains(letter);
    let name: String = name.trim().chars().map(|letter| if refused(letter) { '-' } else { letter }).collect();
    let name = name.trim_matches('.');
    if name.is_empty() { "run".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: RunFacts =
        RunFacts { unix_ns: 1_795_334_700_000_000_000, beads: 50, mode: Mode::TrackRoiVideo };

    fn named(name: &str, others: &[&str]) -> String {
        folder_name(name, FACTS, others.iter().copied()).unwrap().split_once('_').unwrap().1.to_owned()
    }

    #[test]
    fn what_stands_in_braces_is_filled_in() {
        let begun = utc_text(FACTS.unix_ns).replace(':', "-");
        assert_eq!(named("{bead_count} beads, {mode}", &[]), "50 beads, track+roi-video");
        assert_eq!(named("{date} {time}", &[]), format!("{} {}", &begun[..10], &begun[11..19]));
        assert_eq!(named("plain", &[]), "plain");
        assert!(folder_name("a", FACTS, std::iter::empty()).unwrap().starts_with(&begun));
    }

    #[test]
    fn runs_are_counted_that_are_called_the_same_otherwise() {
        let others = [
            "2026-11-21T00-00-00Z_tether_2",
            "2026-11-22T00-00-00Z_tether_11",
            "x_other_40",
            "tether_99",
            "x_tether_7b",
        ];
        assert_eq!(named("tether_{n}", &others), "tether_12");
        assert_eq!(named("tether_{n}", &[]), "tether_1");
        assert_eq!(named("{n}", &["x_3"]), "4");
        assert_eq!(named("50_{n} {bead_count}", &["x_50_50 50", "x_50_2 50"]), "50_51 50");
        // As it stands on the disk, not as it was typed.
        assert_eq!(named("a/b {n}", &["x_a-b 1"]), "a-b 2");
    }

    #[test]
    fn what_is_not_known_is_refused_with_what_there_is() {
        let told = check("{beads}").unwrap_err().to_string();
        assert!(told.contains("{beads}") && told.contains("{bead_count}") && told.contains("{n}"), "{told}");
        for name in ["{", "}", "a {n", "n} a", "{}", "{{n}}"] {
            assert!(check(name).is_err(), "{name}");
        }
        assert!(check("").is_ok());
    }
}

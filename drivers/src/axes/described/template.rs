//! What goes over the port: a text with gaps, `{at}PA{target}` or `{at}TS{errors:4x}{state:2}`.
//!
//! A gap is a name in braces. In what is sent it is filled; in what comes it takes what is there: as many characters as its width says, or all
//! up to the text behind it. `{at}` is the address of the axis in both. `x` behind the width says that the number there is hexadecimal. Braces
//! that are meant are written twice.

/// A text with gaps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Fixed(String),
    Gap(Gap),
}

/// A gap.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gap {
    pub(super) name: String,
    /// How many characters it takes; `None`: all up to what is behind it.
    pub(super) width: Option<usize>,
    /// What it takes is a hexadecimal number.
    pub(super) is_hex: bool,
}

/// The gap for the address of the axis.
pub(super) const AT: &str = "at";

impl Template {
    /// Reads a text with gaps.
    ///
    /// # Errors
    /// What is wrong in it, and what is allowed.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(other) = text.chars().find(|c| !c.is_ascii() || *c == '\r' || *c == '\n') {
            return Err(format!("{other:?} is not allowed: ASCII only, and no end of a line"));
        }
        let mut parts = Vec::new();
        let mut fixed = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if let Some(behind) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
                fixed.push(next);
                rest = behind;
            } else if let Some(inside) = rest.strip_prefix('{') {
                let (gap, behind) =
                    inside.split_once('}').ok_or("a gap is not closed: write {name}, or {{ for a brace")?;
                if !fixed.is_empty() {
                    parts.push(Part::Fixed(std::mem::take(&mut fixed)));
                }
                parts.push(Part::Gap(Gap::parse(gap)?));
                rest = behind;
            } else if next == '}' {
                return Err("a } closes nothing: write }} for a brace".to_owned());
            } else {
                fixed.push(next);
                rest = &rest[1..];
            }
        }
        if !fixed.is_empty() {
            parts.push(Part::Fixed(fixed));
        }
        match parts.is_empty() {
            true => Err("it is empty".to_owned()),
            false => Ok(Self(parts)),
        }
    }

    /// Its gaps.
    pub(super) fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.0.iter().filter_map(|part| match part {
            Part::Gap(gap) => Some(gap),
            Part::Fixed(_) => None,
        })
    }

    /// Whether it has this gap.
    pub(super) fn has(&self, name: &str) -> bool {
        self.gaps().any(|gap| gap.name == name)
    }

    /// How many characters are always the same.
    pub(super) fn fixed_length(&self) -> usize {
        let length = |part: &Part| if let Part::Fixed(text) = part { text.len() } else { 0 };
        self.0.iter().map(length).sum()
    }

    /// The first gap of which nothing tells where it ends, because another is right behind it: behind the address 1 what begins with a 2 would
    /// be taken for 12.
    pub(super) fn endless_gap(&self) -> Option<&Gap> {
        self.0.windows(2).find_map(|two| match two {
            [Part::Gap(gap), Part::Gap(_)] if gap.width.is_none() => Some(gap),
            _ => None,
        })
    }

    /// The text with its gaps filled; one that `values` lacks stays empty.
    pub(super) fn fill(&self, values: &[(&str, &str)]) -> String {
        let filled = |part: &Part| match part {
            Part::Fixed(text) => text.clone(),
            Part::Gap(gap) => {
                let value = values.iter().find(|(name, _)| *name == gap.name);
                value.map_or_else(String::new, |(_, value)| (*value).to_owned())
            }
        };
        self.0.iter().map(filled).collect()
    }

    /// What the gaps of a line take, with their names; `None` if the line is another, or that of another axis.
    pub(super) fn read(&self, line: &str, at: &str) -> Option<Vec<(String, String)>> {
        let mut taken = Vec::new();
        let mut rest = line;
        for (place, part) in self.0.iter().enumerate() {
            let gap = match part {
                Part::Fixed(text) => {
                    rest = rest.strip_prefix(text.as_str())?;
                    continue;
                }
                Part::Gap(gap) if gap.name == AT => {
                    rest = rest.strip_prefix(at)?;
                    continue;
                }
                Part::Gap(gap) => gap,
            };
            let end = match (gap.width, self.0.get(place + 1)) {
                (Some(width), _) => width,
                (None, Some(Part::Fixed(text))) => rest.find(text.as_str())?,
                (None, _) => rest.len(),
            };
            let value = rest.get(..end)?.trim();
            if value.is_empty() {
                return None;
            }
            taken.push((gap.name.clone(), value.to_owned()));
            rest = &rest[end..];
        }
        rest.trim().is_empty().then_some(taken)
    }
}

impl Gap {
    fn parse(text: &str) -> Result<Self, String> {
        let (name, width) = text.split_once(':').map_or((text, None), |(name, width)| (name, Some(width)));
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(format!("{{{text}}} is no gap: its name is of lower-case letters, digits and _"));
        }
        let is_hex = width.is_some_and(|width| width.ends_with('x'));
        let width = width.map(|width| width.trim_end_matches('x').parse::<usize>());
        match width {
            Some(Ok(1..=99)) | None => {}
            Some(_) => {
                return Err(format!("{{{text}}} has no width: {{name:4}} takes 4 characters, 1 to 99"));
            }
        }
        Ok(Self { name: name.to_owned(), width: width.and_then(Result::ok), is_hex })
    }

    /// The number that it took.
    pub(super) fn number(&self, value: &str) -> Option<u64> {
        u64::from_str_radix(value, if self.is_hex { 16 } else { 10 }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(template: &str, line: &str) -> Option<Vec<(String, String)>> {
        Template::parse(template).unwrap().read(line, "1")
    }

    fn taken(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn gaps_take_what_is_there_and_nothing_else() {
        assert_eq!(read("{at}TP{position}", "1TP-12.5"), taken(&[("position", "-12.5")]));
        assert_eq!(read("{at}TP{position}", "1TP 12.5 \r"), taken(&[("position", "12.5")]));
        assert_eq!(
            read("{at}TS{errors:4x}{state:2}", "1TS00201E"),
            taken(&[("errors", "0020"), ("state", "1E")])
        );
        assert_eq!(read(":A X={x} Y={y}", ":A X=1 Y=-2"), taken(&[("x", "1"), ("y", "-2")]));
        assert_eq!(read("{{{code}}}", "{7}"), taken(&[("code", "7")]));
        for (template, line) in [
            // Of another axis, another answer, with noise before it, too short, too long, empty.
            ("{at}TP{position}", "2TP1"),
            ("{at}TP{position}", "1TS000033"),
            ("{at}TP{position}", "\u{15}1TP1"),
            ("{at}TS{errors:4x}{state:2}", "1TS0033"),
            ("{at}TS{errors:4x}{state:2}", "1TS0000333"),
            ("{at}TP{position}", "1TP"),
            (":A X={x} Y={y}", ":A X=1"),
        ] {
            assert_eq!(read(template, line), None, "{template} {line}");
        }
    }

    #[test]
    fn a_text_is_filled() {
        let template = Template::parse("{at}PA{target}").unwrap();
        assert_eq!(template.fill(&[("target", "1.5"), ("at", "12")]), "12PA1.5");
    }

    #[test]
    fn hexadecimal_is_said_by_the_width() {
        let number =
            |template: &str, value| Template::parse(template).unwrap().gaps().next().unwrap().number(value);
        assert_eq!(
            (number("{e:4x}", "0020"), number("{e:4}", "0020"), number("{e}", "x")),
            (Some(32), Some(20), None)
        );
    }

    #[test]
    fn a_wrong_text_says_what_is_allowed() {
        for (text, told) in [
            ("", "empty"),
            ("{at", "not closed"),
            ("at}", "closes nothing"),
            ("{}", "is no gap"),
            ("{At}", "lower-case"),
            ("{a:}", "has no width"),
            ("{a:0}", "1 to 99"),
            ("{a:y}", "has no width"),
            ("1TP\r\n", "no end of a line"),
            ("µ", "ASCII only"),
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(error.contains(told), "{text:?}: {error}");
        }
    }
}

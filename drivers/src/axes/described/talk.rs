//! What is sent to a described controller, and what it says.

use std::sync::Arc;

use super::protocol::{Command, Condition, Protocol, Question};
use super::template::{AT, Template};
use crate::axis::{AxisError, finite, number};
use crate::link::Link;

/// What gaps took.
pub(super) type Taken = Vec<(String, String)>;

/// What this gap took.
pub(super) fn value<'a>(taken: &'a Taken, name: &str) -> Option<&'a str> {
    taken.iter().find(|(gap, _)| gap == name).map(|(_, value)| value.as_str())
}

/// A link over which this protocol is spoken. `at` is the address of an axis.
pub(super) struct Talk {
    pub(super) link: Link,
    pub(super) protocol: Arc<Protocol>,
}

impl Talk {
    /// A line as it is sent, with its end.
    pub(super) fn line(&self, at: &str, template: &Template, value: Option<(&str, &str)>) -> Vec<u8> {
        let values: Vec<(&str, &str)> = [(AT, at)].into_iter().chain(value).collect();
        (template.fill(&values) + &self.protocol.send_end).into_bytes()
    }

    /// Sends a line and gives what the gaps of its answer take.
    fn exchange(&mut self, at: &str, request: &[u8], answer: &Template) -> Result<Taken, AxisError> {
        let protocol = self.protocol.clone();
        let answered = self.link.ask_until(request, protocol.answer_end.as_bytes(), |line| {
            let line = std::str::from_utf8(line).ok()?;
            let refused = || protocol.refused.as_ref().and_then(|refused| refused.read(line, at));
            answer.read(line, at).map(Ok).or_else(|| refused().map(Err))
        })?;
        answered.map_err(|refused| self.refusal(request, &refused))
    }

    fn refusal(&self, request: &[u8], taken: &Taken) -> AxisError {
        let code = value(taken, "code").unwrap_or_default();
        let meaning = self.protocol.meanings.get(code).map_or("see its manual", String::as_str);
        self.link.refused(request, code, meaning)
    }

    /// Asks, and gives what the gaps of the answer take.
    pub(super) fn ask(&mut self, at: &str, question: &Question) -> Result<Taken, AxisError> {
        let request = self.line(at, &question.ask, None);
        self.exchange(at, &request, &question.answer)
    }

    /// Asks for a number, which this gap takes.
    pub(super) fn number(&mut self, at: &str, question: &Question, name: &str) -> Result<f64, AxisError> {
        let taken = self.ask(at, question)?;
        self.number_of(&taken, name)
    }

    /// The number that this gap took.
    pub(super) fn number_of(&mut self, taken: &Taken, name: &str) -> Result<f64, AxisError> {
        let text = value(taken, name).unwrap_or_default();
        finite(text).ok_or_else(|| self.link.garbled(name.as_bytes(), text.as_bytes()))
    }

    /// Has an axis do something, and looks whether it says no.
    pub(super) fn command(
        &mut self,
        at: &str,
        command: &Command,
        value: Option<(&str, &str)>,
    ) -> Result<(), AxisError> {
        let request = self.line(at, &command.send, value);
        if let Some(done) = &command.done {
            return self.exchange(at, &request, done).map(drop);
        }
        self.link.send(&request)?;
        let protocol = self.protocol.clone();
        let Some((question, none)) = &protocol.error else { return Ok(()) };
        let taken = self.ask(at, question)?;
        match taken.iter().any(|(name, code)| name == "code" && none.contains(code)) {
            true => Ok(()),
            false => Err(self.refusal(&request, &taken)),
        }
    }

    /// What was refused before is not refused now.
    pub(super) fn forget_error(&mut self, at: &str) -> Result<(), AxisError> {
        let protocol = self.protocol.clone();
        protocol.error.as_ref().map(|(question, _)| self.ask(at, question)).transpose().map(drop)
    }

    /// All that is asked to know how an axis is.
    pub(super) fn see(&mut self, at: &str) -> Result<Taken, AxisError> {
        let protocol = self.protocol.clone();
        let mut seen = Vec::new();
        for question in &protocol.reads {
            seen.extend(self.ask(at, question)?);
        }
        Ok(seen)
    }

    /// Whether one of these conditions holds.
    pub(super) fn any(&mut self, conditions: &[Condition], seen: &Taken) -> Result<bool, AxisError> {
        for condition in conditions {
            match condition.holds(seen) {
                Some(true) => return Ok(true),
                Some(false) => {}
                None => {
                    let told: Vec<&str> = seen.iter().map(|(_, value)| value.as_str()).collect();
                    return Err(self.link.garbled(b"", told.join(" ").as_bytes()));
                }
            }
        }
        Ok(false)
    }
}

/// A range in steps of the last digit, rounded towards the inside; what is a millionth of a step outside is in it.
pub(super) fn steps([least, greatest]: [f64; 2], decimals: usize) -> [f64; 2] {
    number::steps_in([least, greatest], 10_f64.powi(decimals as i32))
}

/// A number as it is sent: rounded to its digits, and within its range.
pub(super) fn written(number: f64, range: [f64; 2], decimals: usize) -> String {
    let number = number::rounded(number, range, 10_f64.powi(decimals as i32));
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_rounded_and_stays_within_its_range() {
        let limits = [-0.00005, 12.345_67];
        for (number, decimals, sent) in [
            (1.0, 6, "1.000000"),
            (12.345_67, 6, "12.345670"),
            // To the nearest it would be 12.3457, and -0.0001.
            (12.345_67, 4, "12.3456"),
            (-0.00005, 4, "0.0000"),
            (99.0, 0, "12"),
        ] {
            assert_eq!(written(number, limits, decimals), sent);
        }
        // 0.1 is a little more than a tenth, but no step more.
        assert_eq!(written(0.1, [0.1, 0.3], 6), "0.100000");
    }
}

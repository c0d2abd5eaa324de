//! Whether everything in a description fits together. Every mistake is told with its line, its key, what is wrong and what is allowed.

use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;

use super::file::{self, Conditions, File, HomeWhen, Reference, Text};
use super::protocol::{Addresses, Command, Condition, Limits, Protocol, Question, Rate, Test};
use super::source::Source;
use super::template::{AT, Gap, Template};
use crate::axis::AxisError;
use crate::link::Line;

/// So much of an identification is always the same, at least.
const FIXED: usize = 2;

/// The protocol that a text describes.
///
/// # Errors
/// [`AxisError::Settings`] with the first mistake.
pub(super) fn protocol(source: Source<'_>) -> Result<Protocol, AxisError> {
    let file: File = toml::from_str(source.text).map_err(|error| {
        let at = error.span().unwrap_or_default();
        source.wrong(&at, &source.key(&at), error.message().replace('\n', " "))
    })?;
    let mut check = Check { source, addresses: Addresses::None, gaps: Vec::new() };
    check.addresses = check.addresses(&file)?;
    check.protocol(&file)
}

struct Check<'a> {
    source: Source<'a>,
    addresses: Addresses,
    /// What the answers to `[[read]]` take.
    gaps: Vec<Gap>,
}

impl Check<'_> {
    fn wrong<T>(&self, at: &Range<usize>, key: &str, what: impl Display) -> Result<T, AxisError> {
        Err(self.source.wrong(at, key, what))
    }

    fn protocol(mut self, file: &File) -> Result<Protocol, AxisError> {
        let decimals = *file.decimals.get_ref();
        if decimals > 9 {
            return self.wrong(&file.decimals.span(), "decimals", format!("{decimals} is not 0 to 9"));
        }
        let reads = self.reads(&file.read)?;
        let alarms = file
            .alarm
            .iter()
            .map(|alarm| Ok((alarm.alarm.into(), self.conditions("alarm.when", &alarm.when)?)));
        Ok(Protocol {
            name: file.name.clone(),
            line: Line { baud: file.baud, rts_cts: file.rts_cts },
            send_end: self.end("send_end", &file.send_end)?,
            answer_end: self.end("answer_end", &file.answer_end)?,
            decimals: decimals.into(),
            counts_in: file.counts_in,
            simulator: file.simulator,
            identify: self.identify(file)?,
            moving: self.conditions("state.moving", &file.state.moving)?,
            reference: *file.state.reference.get_ref(),
            referenced: self.referenced(file)?,
            alarms: alarms.collect::<Result<_, AxisError>>()?,
            motion: self.command("move", &file.motion.send, file.motion.done.as_ref(), Some("target"))?,
            while_moving: file.motion.while_moving,
            stop: self.command("stop", &file.stop.send, file.stop.done.as_ref(), None)?,
            emergency_stop: self.emergency_stop(file)?,
            home: self.home(file)?,
            enable: self.enable(file)?,
            speed: self.rate("speed", file.speed.as_ref())?,
            acceleration: self.rate("acceleration", file.acceleration.as_ref())?,
            limits: self.limits(file.limits.as_ref())?,
            refused: self.refused(file)?,
            error: self.error(file)?,
            meanings: file.meanings.clone(),
            reads,
            addresses: self.addresses,
        })
    }

    fn addresses(&self, file: &File) -> Result<Addresses, AxisError> {
        match (&file.address_numbers, &file.address_names) {
            (None, None) => Ok(Addresses::None),
            (Some(numbers), None) => match *numbers.get_ref() {
                [least, greatest] if least <= greatest => Ok(Addresses::Numbers([least, greatest])),
                _ => self.wrong(&numbers.span(), "address_numbers", "the first comes first: [1, 31]"),
            },
            (None, Some(names)) => {
                let is_name = |name: &String| !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic());
                match !names.get_ref().is_empty() && names.get_ref().iter().all(is_name) {
                    true => Ok(Addresses::Names(names.get_ref().clone())),
                    false => {
                        self.wrong(&names.span(), "address_names", "at least one name, of ASCII: [\"X\"]")
                    }
                }
            }
            (Some(_), Some(names)) => {
                self.wrong(&names.span(), "address_names", "there are address_numbers: only one of both")
            }
        }
    }

    fn end(&self, key: &str, end: &Text) -> Result<String, AxisError> {
        let text = end.get_ref();
        match text.is_ascii() && (1..=4).contains(&text.len()) {
            true => Ok(text.clone()),
            false => self.wrong(&end.span(), key, format!("{text:?} is not 1 to 4 ASCII characters")),
        }
    }

    fn template(&self, key: &str, text: &Text) -> Result<Template, AxisError> {
        let template = Template::parse(text.get_ref()).or_else(|what| self.wrong(&text.span(), key, what))?;
        if template.has(AT) && self.addresses == Addresses::None {
            let what = "{at} has no meaning here: there are no address_numbers and no address_names";
            return self.wrong(&text.span(), key, what);
        }
        Ok(template)
    }

    /// What is sent: with `{at}` where there are addresses, if it `needs_at`, and with the gap for its value.
    fn sent(
        &self,
        key: &str,
        text: &Text,
        value: Option<&str>,
        needs_at: bool,
    ) -> Result<Template, AxisError> {
        let template = self.template(key, text)?;
        let allowed = |name: &str| Some(name) == value || (name == AT && self.addresses != Addresses::None);
        if let Some(gap) = template.gaps().find(|gap| !allowed(&gap.name)) {
            let at = (self.addresses != Addresses::None).then_some("{at}".to_owned());
            let names: Vec<String> =
                at.into_iter().chain(value.map(|value| format!("{{{value}}}"))).collect();
            let allowed = if names.is_empty() { "no gap".to_owned() } else { names.join(" and ") };
            return self.wrong(
                &text.span(),
                key,
                format!("{{{}}} is not known here, but {allowed}", gap.name),
            );
        }
        if let Some(gap) = template.gaps().find(|gap| gap.width.is_some()) {
            let what = format!("{{{}}} has a width, which means something in what comes only", gap.name);
            return self.wrong(&text.span(), key, what);
        }
        if let Some(value) = value.filter(|value| !template.has(value)) {
            return self.wrong(&text.span(), key, format!("{{{value}}} is missing: where the number goes"));
        }
        if needs_at && self.addresses != Addresses::None && !template.has(AT) {
            return self.wrong(&text.span(), key, "{at} is missing: it would go to all axes");
        }
        Ok(template)
    }

    /// What comes, with the gap that has to be in it.
    fn answer(&self, key: &str, text: &Text, needed: Option<&str>) -> Result<Template, AxisError> {
        let template = self.template(key, text)?;
        if let Some(gap) = template.endless_gap() {
            let advice = if gap.name == AT { "put some text behind it" } else { "give it a width, {name:2}" };
            let what = format!("nothing tells where {{{}}} ends: {advice}", gap.name);
            return self.wrong(&text.span(), key, what);
        }
        let names: Vec<&String> = template.gaps().map(|gap| &gap.name).collect();
        if let Some((_, twice)) =
            names.iter().enumerate().find(|(place, name)| names[..*place].contains(name))
        {
            return self.wrong(&text.span(), key, format!("{{{twice}}} is there twice"));
        }
        if let Some(needed) = needed.filter(|needed| !template.has(needed)) {
            return self.wrong(
                &text.span(),
                key,
                format!("{{{needed}}} is missing: where the device tells it"),
            );
        }
        Ok(template)
    }

    fn question(
        &self,
        key: &str,
        ask: &Text,
        answer: &Text,
        needed: Option<&str>,
    ) -> Result<Question, AxisError> {
        Ok(Question {
            ask: self.sent(&format!("{key}.ask"), ask, None, true)?,
            answer: self.answer(&format!("{key}.answer"), answer, needed)?,
        })
    }

    fn command(
        &self,
        key: &str,
        send: &Text,
        done: Option<&Text>,
        value: Option<&str>,
    ) -> Result<Command, AxisError> {
        Ok(Command {
            send: self.sent(&format!("{key}.send"), send, value, true)?,
            done: done.map(|done| self.answer(&format!("{key}.done"), done, None)).transpose()?,
        })
    }

    fn reads(&mut self, reads: &[file::Question]) -> Result<Vec<Question>, AxisError> {
        let mut questions = Vec::new();
        for read in reads {
            let question = self.question("read", &read.ask, &read.answer, None)?;
            for gap in question.answer.gaps().filter(|gap| gap.name != AT) {
                if self.gaps.iter().any(|before| before.name == gap.name) {
                    let what = format!("{{{}}} is in the answer to another [[read]] already", gap.name);
                    return self.wrong(&read.answer.span(), "read.answer", what);
                }
                self.gaps.push(gap.clone());
            }
            questions.push(question);
        }
        let last = reads.last().map_or(0..0, |read| read.answer.span());
        match self.gaps.iter().any(|gap| gap.name == "position") {
            true => Ok(questions),
            false => {
                self.wrong(&last, "read.answer", "{position} is missing: the answer to one [[read]] has it")
            }
        }
    }

    fn identify(&self, file: &File) -> Result<Question, AxisError> {
        let asked = &file.identify.ask;
        let ask = self.sent("identify.ask", asked, None, false)?;
        let answer = self.answer("identify.answer", &file.identify.answer, None)?;
        if answer.fixed_length() < FIXED {
            let what = "some text in it must always be the same, 2 characters at least; else a late answer to \
                        something else is taken for it";
            return self.wrong(&file.identify.answer.span(), "identify.answer", what);
        }
        let limits = file.limits.as_ref();
        let others = file.read.iter().chain(limits.and_then(|limits| limits.least.as_ref()));
        let others = others.chain(limits.and_then(|limits| limits.greatest.as_ref())).map(|other| &other.ask);
        let rates =
            [&file.speed, &file.acceleration].into_iter().flatten().filter_map(|rate| rate.ask.as_ref());
        let mut others = others.chain(rates).chain(file.error.as_ref().map(|error| &error.ask));
        match others.any(|other| other.get_ref() == asked.get_ref()) {
            true => self.wrong(&asked.span(), "identify.ask", "nothing else may ask this"),
            false => Ok(Question { ask, answer }),
        }
    }

    fn conditions(&self, key: &str, conditions: &Conditions) -> Result<Vec<Condition>, AxisError> {
        if conditions.get_ref().is_empty() {
            return self.wrong(&conditions.span(), key, "at least one condition");
        }
        conditions.get_ref().iter().map(|condition| self.condition(key, condition)).collect()
    }

    fn condition(&self, key: &str, condition: &file::Condition) -> Result<Condition, AxisError> {
        let name = condition.gap.get_ref();
        let Some(gap) = self.gaps.iter().find(|gap| gap.name == *name) else {
            let names: Vec<&str> = self.gaps.iter().map(|gap| gap.name.as_str()).collect();
            let what = format!("{name:?} is no gap of an answer to [[read]]; there are {}", names.join(", "));
            return self.wrong(&condition.gap.span(), key, what);
        };
        let test = match (&condition.is, &condition.is_not, &condition.any_bit) {
            (Some(values), None, None) => Test::Is(self.values(key, gap, values)?),
            (None, Some(values), None) => Test::IsNot(self.values(key, gap, values)?),
            (None, None, Some(bits)) if *bits.get_ref() > 0 => Test::AnyBit(*bits.get_ref()),
            (None, None, Some(bits)) => return self.wrong(&bits.span(), key, "any_bit = 0 never holds"),
            _ => return self.wrong(&condition.gap.span(), key, "one of is, is_not and any_bit"),
        };
        Ok(Condition { gap: gap.clone(), test })
    }

    fn values(&self, key: &str, gap: &Gap, values: &Spanned<Vec<String>>) -> Result<Vec<String>, AxisError> {
        let values_of = values.get_ref();
        if values_of.is_empty() {
            return self.wrong(&values.span(), key, "at least one text");
        }
        let never = |value: &&String| {
            value.trim() != value.as_str()
                || value.is_empty()
                || gap.width.is_some_and(|width| value.len() > width)
        };
        match values_of.iter().find(never) {
            Some(value) => {
                let what = format!(
                    "{value:?} is never what {{{}}} takes: look at its width and at blanks",
                    gap.name
                );
                self.wrong(&values.span(), key, what)
            }
            None => Ok(values_of.clone()),
        }
    }

    fn referenced(&self, file: &File) -> Result<Vec<Condition>, AxisError> {
        let (reference, told) = (&file.state.reference, &file.state.referenced);
        match (reference.get_ref(), told) {
            (Reference::Told, Some(told)) => self.conditions("state.referenced", told),
            (Reference::Told, None) => self.wrong(
                &reference.span(),
                "state.reference",
                "\"told\" needs referenced = [...]; where the device does not tell, it is \"always\" or \"since_homed\"",
            ),
            (_, Some(told)) => {
                self.wrong(&told.span(), "state.referenced", "it means something with reference = \"told\" only")
            }
            (Reference::SinceHomed, None) if file.home.is_none() => {
                self.wrong(&reference.span(), "state.reference", "\"since_homed\" needs [home]")
            }
            (Reference::Always | Reference::SinceHomed, None) => Ok(Vec::new()),
        }
    }

    fn home(&self, file: &File) -> Result<Option<(Command, HomeWhen)>, AxisError> {
        let Some(home) = &file.home else { return Ok(None) };
        let when = *home.when.get_ref();
        if when == HomeWhen::Unreferenced && *file.state.reference.get_ref() != Reference::Told {
            let what = "\"unreferenced\" needs reference = \"told\": else nobody knows";
            return self.wrong(&home.when.span(), "home.when", what);
        }
        Ok(Some((self.command("home", &home.send, home.done.as_ref(), None)?, when)))
    }

    fn emergency_stop(&self, file: &File) -> Result<Option<Command>, AxisError> {
        let Some(stop) = &file.emergency_stop else { return Ok(None) };
        Ok(Some(Command {
            // It may be one for all axes.
            send: self.sent("emergency_stop.send", &stop.send, None, false)?,
            done: stop
                .done
                .as_ref()
                .map(|done| self.answer("emergency_stop.done", done, None))
                .transpose()?,
        }))
    }

    fn enable(&self, file: &File) -> Result<Option<(Command, Vec<Condition>)>, AxisError> {
        let Some(enable) = &file.enable else { return Ok(None) };
        let command = self.command("enable", &enable.send, enable.done.as_ref(), None)?;
        Ok(Some((command, self.conditions("enable.when", &enable.when)?)))
    }

    fn rate(&self, key: &str, rate: Option<&file::Rate>) -> Result<Option<Rate>, AxisError> {
        let Some(rate) = rate else { return Ok(None) };
        let set = self.command(key, &rate.send, rate.done.as_ref(), Some(key))?;
        let ask = match (&rate.ask, &rate.answer) {
            (Some(ask), Some(answer)) => Some(self.question(key, ask, answer, Some(key))?),
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => {
                return self.wrong(&one.span(), key, "ask and answer go together");
            }
        };
        let [least, greatest] = *rate.range.get_ref();
        match least > 0.0 && least < greatest && greatest.is_finite() {
            true => Ok(Some(Rate { set, ask, range: [least, greatest] })),
            false => {
                let what = format!("[{least}, {greatest}] must be two numbers above 0, the least first");
                self.wrong(&rate.range.span(), &format!("{key}.range"), what)
            }
        }
    }

    fn limits(&self, limits: Option<&file::Limits>) -> Result<Limits, AxisError> {
        let Some(limits) = limits else { return Ok(Limits::Unknown) };
        let question = |key, question: &file::Question| {
            self.question(key, &question.ask, &question.answer, Some("limit"))
        };
        match (&limits.least, &limits.greatest, &limits.counts) {
            (Some(least), Some(greatest), None) => {
                Ok(Limits::Asked([question("limits.least", least)?, question("limits.greatest", greatest)?]))
            }
            (None, None, Some(counts)) => match *counts.get_ref() {
                [least, greatest] if least < greatest && (greatest - least).is_finite() => {
                    Ok(Limits::Counts([least, greatest]))
                }
                _ => self.wrong(&counts.span(), "limits.counts", "must be two numbers, the least first"),
            },
            (least, greatest, counts) => {
                let one = [least, greatest].into_iter().flatten().map(|question| question.ask.span()).next();
                let span = one.or(counts.as_ref().map(Spanned::span)).unwrap_or_default();
                self.wrong(&span, "limits", "either least and greatest, or counts")
            }
        }
    }

    fn refused(&self, file: &File) -> Result<Option<Template>, AxisError> {
        let refused = file.refused.as_ref();
        refused.map(|refused| self.answer("refused.answer", &refused.answer, Some("code"))).transpose()
    }

    fn error(&self, file: &File) -> Result<Option<(Question, Vec<String>)>, AxisError> {
        let Some(error) = &file.error else { return Ok(None) };
        if error.none.get_ref().is_empty() {
            let what = "at least one code that says that nothing is wrong";
            return self.wrong(&error.none.span(), "error.none", what);
        }
        let question = self.question("error", &error.ask, &error.answer, Some("code"))?;
        Ok(Some((question, error.none.get_ref().clone())))
    }
}

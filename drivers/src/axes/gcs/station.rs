//! A controller on the port, alone or in a daisy chain, and how it is asked.
//!
//! In a chain a command begins with the controller's number, `2 POS? 1`, and its answer with that of the computer, which is 0, and its own:
//! `0 2 1=5.0` (MS249E, section 8.3). The one controller of a port is asked without numbers and answers without.

use super::answers::{STOPPED, UNKNOWN_COMMAND, integer};
use crate::axis::AxisError;
use crate::link::Link;

/// One controller.
pub(super) struct Station {
    /// What goes before a command: nothing, or `2 `.
    to: String,
    /// What comes before its answer: nothing, or `0 2 `.
    from: String,
    /// What it calls itself, once it was asked.
    identity: Option<String>,
}

impl Station {
    pub(super) fn new(controller: Option<u8>) -> Self {
        let to = controller.map_or(String::new(), |number| format!("{number} "));
        let from = controller.map_or(String::new(), |number| format!("0 {number} "));
        Self { to, from, identity: None }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.to == other.to
    }

    /// Asks something; the first line that `read` can read is the answer.
    pub(super) fn ask<T>(
        &self,
        link: &mut Link,
        query: &str,
        mut read: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<T, AxisError> {
        let request = format!("{}{query}\n", self.to);
        link.ask_until(request.as_bytes(), b"\n", |line| read(line.strip_prefix(self.from.as_bytes())?))
    }

    /// Asks what the controller may not know. Then it answers nothing, so it is asked for its error behind it.
    pub(super) fn probe<T>(
        &self,
        link: &mut Link,
        query: &str,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, AxisError> {
        let mut answer = None;
        let both = format!("{query}\n{}ERR?", self.to);
        self.ask(link, &both, |line| match read(line) {
            Some(read) => {
                answer = Some(read);
                None
            }
            None => integer(line).map(drop),
        })?;
        Ok(answer)
    }

    /// What went wrong last; it is forgotten by that.
    pub(super) fn error(&self, link: &mut Link) -> Result<i32, AxisError> {
        self.ask(link, "ERR?", integer)
    }

    /// Sends a command, which is not answered, and gives the error that it made: not that of something before.
    pub(super) fn command(&self, link: &mut Link, command: &str) -> Result<i32, AxisError> {
        let all = format!("ERR?\n{to}{command}\n{to}ERR?", to = self.to);
        let mut is_second = false;
        self.ask(link, &all, |line| {
            let code = integer(line)?;
            std::mem::replace(&mut is_second, true).then_some(code)
        })
    }

    /// Stops everything that it moves, whatever the link is in. Nothing is answered.
    pub(super) fn stop_regardless(&self, link: &mut Link) -> Result<(), AxisError> {
        match self.to.is_empty() {
            // "#24": one byte, at any time. In a chain it needs an address; with that it is spelled out.
            true => link.send_regardless(b"\x18"),
            false => link.send_regardless(format!("{}STP\n", self.to).as_bytes()),
        }
    }

    /// Asks who it is. It answers in turn, so what comes before is the answer to something older.
    pub(super) fn identify(&mut self, link: &mut Link) -> Result<(), AxisError> {
        let query = "*IDN?";
        let told = self.ask(link, query, |line| {
            let line = String::from_utf8_lossy(line).trim().to_owned();
            line.contains("Physik Instrumente").then_some(line)
        })?;
        if *self.identity.get_or_insert_with(|| told.clone()) == told {
            return Ok(());
        }
        // Another controller was plugged in: its unit and its limits are not those that were asked for.
        Err(link.garbled(query.as_bytes(), told.as_bytes()))
    }

    /// Stops an axis smoothly where the controller can do that (`HLT`), otherwise all of them; the error that came of it, that of `HLT` too if
    /// the controller knows it and did not do it.
    pub(super) fn halt(&self, link: &mut Link, axis: &str, halts: &mut bool) -> Result<i32, AxisError> {
        if *halts {
            match self.command(link, &format!("HLT {axis}"))? {
                code @ (0 | STOPPED) => return Ok(code),
                UNKNOWN_COMMAND => *halts = false,
                code => {
                    self.command(link, "STP")?;
                    return Ok(code);
                }
            }
        }
        self.command(link, "STP")
    }
}

//! What lines say to the machine, and what it says.

use super::words::Block;
use super::{Body, Gcode, Motion, State};

/// Position of the work offset in reports: in every so manieth, while it rests or moves (config.h).
const OFFSET_EVERY: [u32; 2] = [30, 10];

impl Gcode {
    /// Executes what waits, unless something else has to be over first.
    pub(super) fn work(&mut self, reply: &mut Vec<u8>) {
        while matches!(self.state, State::Idle | State::Run | State::Jog | State::Alarm) {
            let Some(line) = self.lines.pop_front() else { return };
            let answer = if line.is_empty() {
                Ok(true)
            } else if let Some(command) = line.strip_prefix('$') {
                self.command(command, reply)
            } else if matches!(self.state, State::Alarm | State::Jog) {
                Err(9)
            } else {
                self.execute(&line, reply)
            };
            match answer {
                Ok(true) => reply.extend(b"ok\r\n"),
                Ok(false) => {}
                Err(code) => reply.extend(format!("error:{code}\r\n").bytes()),
            }
        }
    }

    /// A command of its own (commands.md): whether it is answered now.
    fn command(&mut self, command: &str, reply: &mut Vec<u8>) -> Result<bool, u8> {
        let is_free = matches!(self.state, State::Idle | State::Alarm);
        match command {
            "$" if self.state == State::Run => return Err(8),
            "$" => {
                for (number, value) in &self.settings {
                    let is_whole = matches!(number, 0..=10 | 13..=23 | 26 | 30..=32);
                    let value = if is_whole { format!("{value}") } else { format!("{value:.3}") };
                    reply.extend(format!("${number}={value}\r\n").bytes());
                }
            }
            "G" => {
                let modes = [usize::from(self.motion), 54, 17, if self.mm == 1.0 { 21 } else { 20 }];
                let modes = modes.map(|mode| format!("G{mode}")).join(" ");
                let distance = if self.is_relative { 91 } else { 90 };
                let (tool, feed) = (self.tool, self.feed);
                reply.extend(format!("[GC:{modes} G{distance} G94 M5 M9 T{tool} F{feed} S0]\r\n").bytes());
            }
            "X" => {
                if self.state == State::Alarm {
                    reply.extend(b"[MSG:Caution: Unlocked]\r\n");
                    self.state = State::Idle;
                }
            }
            _ if command.starts_with(['$', 'G', 'X', 'C']) => return Err(3),
            _ if command.starts_with('J') => {
                if !matches!(self.state, State::Idle | State::Jog) {
                    return Err(8);
                }
                return self.jog(command.strip_prefix("J=").ok_or(3)?);
            }
            _ if !is_free => return Err(8),
            "I" => reply.extend(b"[VER:1.1h.20190830:]\r\n[OPT:V,15,128]\r\n"),
            "H" if self.setting(22) == 0.0 => return Err(5),
            "H" => {
                self.home();
                return Ok(false);
            }
            _ => {
                let (number, value) = command.split_once('=').ok_or(3)?;
                let (number, value) = (number.parse().map_err(|_| 2)?, value.parse().map_err(|_| 2)?);
                *self.settings.get_mut(&number).ok_or(3)? = value;
            }
        }
        Ok(true)
    }

    pub(super) fn setting(&self, number: u8) -> f64 {
        self.settings.get(&number).copied().unwrap_or_default()
    }

    /// A jog (jogging.md): it changes no mode, and one beyond the travel is refused.
    fn jog(&mut self, line: &str) -> Result<bool, u8> {
        let block = Block::parse(line)?;
        if block.motion.is_some() || block.tool.is_some() {
            return Err(16);
        }
        if !block.goes_somewhere() {
            return Err(26);
        }
        let feed = block.feed.ok_or(22)?;
        let mm = block.mm.unwrap_or(self.mm);
        let targets = self.targets(&block, mm, block.is_relative.unwrap_or(self.is_relative));
        if !self.is_within_travel(targets) {
            return Err(15);
        }
        self.push(Motion { targets, feed: Some(feed * mm) }, State::Jog);
        Ok(true)
    }

    /// A line of G-code.
    fn execute(&mut self, line: &str, reply: &mut Vec<u8>) -> Result<bool, u8> {
        let block = Block::parse(line)?;
        self.motion = block.motion.unwrap_or(self.motion);
        self.is_relative = block.is_relative.unwrap_or(self.is_relative);
        self.mm = block.mm.unwrap_or(self.mm);
        self.feed = block.feed.map_or(self.feed, |feed| feed * self.mm);
        // It is tracked only, and 0 where a line has none (gcode.c).
        self.tool = block.tool.unwrap_or(0);
        if !block.goes_somewhere() {
            return Ok(true);
        }
        let feed = if self.motion == 0 { None } else { Some(self.feed) };
        if feed == Some(0.0) {
            return Err(22);
        }
        let targets = self.targets(&block, self.mm, self.is_relative);
        if !self.is_within_travel(targets) {
            self.state = State::Critical;
            self.bodies.iter_mut().for_each(Body::stop);
            reply.extend(b"ALARM:2\r\n[MSG:Reset to continue]\r\n");
            return Ok(false);
        }
        self.push(Motion { targets, feed }, State::Run);
        Ok(true)
    }

    /// Where a block goes, from the end of what is queued.
    fn targets(&self, block: &Block, mm: f64, is_relative: bool) -> [Option<f64>; 3] {
        [0, 1, 2].map(|place| {
            let from = || {
                let queued = self.queue.iter().rev().find_map(|motion| motion.targets[place]);
                queued.unwrap_or_else(|| self.position(place))
            };
            let number = block.axes[place]? * mm;
            Some(if is_relative && !block.is_machine { from() + number } else { number })
        })
    }

    fn is_within_travel(&self, targets: [Option<f64>; 3]) -> bool {
        let is_within = |(place, target): (usize, Option<f64>)| {
            let travel = self.setting(130 + place as u8);
            target.is_none_or(|target| (-travel - 1e-3..=1e-3).contains(&target))
        };
        self.setting(20) == 0.0 || targets.into_iter().enumerate().all(is_within)
    }

    pub(super) fn report(&mut self, reply: &mut Vec<u8>) {
        let state = match self.state {
            State::Cancel => "Jog".to_owned(),
            State::Hold => format!("Hold:{}", u8::from(self.is_moving())),
            State::Home { .. } => "Home".to_owned(),
            State::Critical => "Alarm".to_owned(),
            state => format!("{state:?}"),
        };
        let [x, y, z] = [0, 1, 2].map(|place| self.position(place));
        let feed = self.queue.front().and_then(|motion| motion.feed).unwrap_or(0.0);
        let every = OFFSET_EVERY[usize::from(self.is_moving())];
        let offset = if self.reports.is_multiple_of(every) { "|WCO:0.000,0.000,0.000" } else { "" };
        self.reports += 1;
        reply.extend(format!("<{state}|MPos:{x:.3},{y:.3},{z:.3}|FS:{feed:.0},0{offset}>\r\n").bytes());
    }
}

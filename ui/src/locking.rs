//! The pane of the locks: ROIs that follow their beads, and a focus that follows beads that are stuck to the surface, with how far both
//! have drifted.

use beadscope_engine::command::Command;
use beadscope_engine::locks::{LocksState, ZPhase};
use eframe::egui::emath::Numeric;
use eframe::egui::{self, Button, DragValue, Grid, ProgressBar, RichText};
use egui_plot::{Corner, Legend, Line, Plot, PlotPoints};

use crate::theme;

/// Corrections that are shown, at most: a day of one every ten seconds.
const MOST: usize = 8640;

/// What was seen of the Z-lock, and what is typed.
#[derive(Default)]
pub struct Locking {
    /// Time since the session's start in min, error and way of the focus in nm, at each correction.
    seen: Vec<[f64; 3]>,
    /// What the lock said last.
    last: Option<(u64, f64)>,
    was_on: bool,
    /// The height to hold, if not the one that there is, nm.
    target_nm: f64,
    has_target: bool,
    /// A field that is being changed, and what it shows.
    edited: Option<(&'static str, f64)>,
}

/// What the bar tells of the locks, and whether one has given up; `None` if all are off.
pub fn summary(state: &LocksState) -> Option<(String, bool)> {
    let z = match (&state.z.phase, state.z.error_nm) {
        (ZPhase::Off, _) => None,
        (ZPhase::Lost(_), _) => Some(("Z lost".to_owned(), true)),
        (ZPhase::Holding, Some(error_nm)) => Some((format!("Z {error_nm:+.0} nm"), false)),
        _ => Some(("Z waits".to_owned(), false)),
    };
    match (state.xy.is_on, z) {
        (false, z) => z,
        (true, None) => Some(("XY".to_owned(), false)),
        (true, Some((z, is_lost))) => Some((format!("XY+{z}"), is_lost)),
    }
}

impl Locking {
    /// Takes what the locks do at a time of the session, s. Why the Z-lock has given up, once.
    pub fn take(&mut self, now_s: f64, state: &LocksState) -> Option<String> {
        let is_on = state.z.phase.is_on();
        if is_on && !self.was_on {
            (self.seen, self.last) = (Vec::new(), None);
        }
        let said = state.z.error_nm.map(|error_nm| (state.z.corrections, error_nm));
        if is_on && said != self.last {
            self.last = said;
            if self.seen.len() == MOST {
                self.seen.remove(0);
            }
            self.seen.extend(said.map(|(_, error_nm)| [now_s / 60.0, error_nm, state.z.focus_by_nm]));
        }
        let had_been_on = std::mem::replace(&mut self.was_on, is_on);
        match &state.z.phase {
            ZPhase::Lost(why) if had_been_on => Some(why.clone()),
            _ => None,
        }
    }

    /// Draws the pane; what is asked for. `references`: beads that are stuck to the surface.
    pub fn show(
        &mut self,
        ui: &mut egui::Ui,
        state: &LocksState,
        references: &[u32],
        is_live: bool,
    ) -> Vec<Command> {
        let mut asked = Vec::new();
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.add_enabled_ui(is_live, |ui| {
                asked.extend(self.xy(ui, state));
                ui.separator();
                asked.extend(self.z(ui, state, references));
            });
            self.drift(ui);
        });
        asked
    }

    fn xy(&mut self, ui: &mut egui::Ui, state: &LocksState) -> Option<Command> {
        let mut asked = None;
        ui.horizontal_wrapped(|ui| {
            let mut on = state.xy.is_on;
            let hint = "Moves the ROIs after their beads, by whole pixels. Positions do not change by it: they are those in the frame.";
            if ui.checkbox(&mut on, RichText::new("XY-lock").strong()).on_hover_text(hint).changed() {
                asked = Some(Command::LockXy { on });
            }
            let once = ui.button("Center once").on_hover_text("Moves every ROI onto its bead now (C); Ctrl+Z takes it back");
            if once.clicked() {
                asked = Some(Command::RoiCenter { beads: None });
            }
            if let Some(left_s) = state.xy.next_s {
                next(ui, left_s, state.rules.xy_every_s);
                ui.label(format!("{} moved", state.xy.moved)).on_hover_text("Times that a ROI was moved since it is on");
            }
        });
        let rules = &state.rules;
        Grid::new("xy-lock").num_columns(2).show(ui, |ui| {
            let mut field = |name, value: f64, label, unit, range, hint| {
                let changed = self.field(ui, name, value, label, unit, range, hint);
                asked = asked.take().or(changed);
            };
            field(
                "locks.xy_every_s",
                rules.xy_every_s,
                "every",
                " s",
                0.1..=3600.0,
                "How often it looks where the beads are",
            );
            field(
                "locks.xy_most_px",
                rules.xy_most_px.to_f64(),
                "at most",
                " px",
                1.0..=512.0,
                "A ROI goes no further at once",
            );
            field(
                "locks.xy_frames",
                rules.xy_frames.to_f64(),
                "mean of",
                " frames",
                1.0..=10_000.0,
                "Frames whose mean says where a bead is",
            );
        });
        asked
    }

    fn z(&mut self, ui: &mut egui::Ui, state: &LocksState, references: &[u32]) -> Option<Command> {
        let colors = theme::colors(ui);
        let mut asked = None;
        let is_on = state.z.phase.is_on();
        ui.horizontal_wrapped(|ui| {
            let mut on = is_on;
            let can = is_on || !references.is_empty();
            let checkbox = egui::Checkbox::new(&mut on, RichText::new("Z-lock").strong());
            let target_nm = Some(self.target_nm).filter(|_| self.has_target);
            let changed = ui
                .add_enabled(can, checkbox)
                .on_hover_text("Moves the focus so that the reference beads keep their heights. It holds the focus; Escape ends it.")
                .on_disabled_hover_text("Make beads that are stuck to the surface references first: select them and press G")
                .changed();
            if changed {
                asked = Some(Command::LockZ { on, beads: None, target_nm: target_nm.filter(|_| on) });
            }
            if let Some(left_s) = state.z.next_s {
                next(ui, left_s, state.rules.z_every_s);
            }
            let (text, color) = match (&state.z.phase, state.z.target_nm, state.z.error_nm) {
                (ZPhase::Holding, Some(target_nm), Some(error_nm)) => {
                    (format!("holds {target_nm:.1} nm, off by {error_nm:+.1} nm"), colors.value)
                }
                (ZPhase::Lost(why), ..) => (format!("off: {why}"), colors.danger),
                (ZPhase::Off, ..) if references.is_empty() => ("needs reference beads".to_owned(), colors.warning),
                (ZPhase::Off, ..) => ("off".to_owned(), colors.label),
                _ => ("waits for heights".to_owned(), colors.warning),
            };
            ui.label(RichText::new(text).color(color));
        });
        let beads = if is_on { &state.z.beads } else { references };
        let names: Vec<String> = beads.iter().map(u32::to_string).collect();
        if !names.is_empty() {
            let label = ui.label(RichText::new(format!("by beads {}", names.join(", "))).color(colors.label));
            label.on_hover_text(
                "The references when it was switched on. Each keeps its own height; their mean error counts.",
            );
        }
        ui.horizontal(|ui| {
            let hint = "Off: it holds the heights that there are when it is switched on";
            ui.add_enabled_ui(!is_on, |ui| {
                let checkbox = ui.checkbox(&mut self.has_target, "hold their mean at").on_hover_text(hint);
                let drag = DragValue::new(&mut self.target_nm)
                    .speed(1.0)
                    .range(-1e6..=1e6)
                    .suffix(" nm")
                    .max_decimals(1);
                ui.add_enabled(self.has_target, drag).labelled_by(checkbox.id);
                let now = Button::new("as it is").small();
                if let Some(target_nm) = state.z.target_nm
                    && ui.add(now).on_hover_text("The height that was held last").clicked()
                {
                    (self.target_nm, self.has_target) = (target_nm, true);
                }
            });
        });
        let rules = &state.rules;
        Grid::new("z-lock").num_columns(2).show(ui, |ui| {
            let mut field = |name, value: f64, label, unit, range, hint| {
                let changed = self.field(ui, name, value, label, unit, range, hint);
                asked = asked.take().or(changed);
            };
            field(
                "locks.z_every_s",
                rules.z_every_s,
                "every",
                " s",
                0.1..=3600.0,
                "How often it corrects the focus",
            );
            field(
                "locks.z_most_nm",
                rules.z_most_nm,
                "at most",
                " nm",
                0.1..=1e5,
                "The focus goes no further at once",
            );
            field(
                "locks.z_frames",
                rules.z_frames.to_f64(),
                "mean of",
                " frames",
                1.0..=10_000.0,
                "Frames whose mean says how high the beads are",
            );
            field(
                "locks.z_gain",
                rules.z_gain,
                "gain",
                "",
                0.01..=1.0,
                "Share of the error that a correction takes away",
            );
            field(
                "locks.z_lost_nm",
                rules.z_lost_nm,
                "gives up beyond",
                " nm",
                1.0..=1e5,
                "With a greater error nothing is moved any more",
            );
        });
        let mut reversed = rules.z_reversed;
        let hint = "Heights of the Z-LUT grow as the focus goes up, as those of MagScope do. The wrong way is noticed after three corrections.";
        if ui.checkbox(&mut reversed, "reversed Z-LUT").on_hover_text(hint).changed() {
            asked = Some(set("locks.z_reversed", reversed.to_string()));
        }
        asked
    }

    /// A setting that is changed when the mouse or the field lets it go.
    #[expect(clippy::too_many_arguments, reason = "one row of a table")]
    fn field(
        &mut self,
        ui: &mut egui::Ui,
        name: &'static str,
        value: f64,
        label: &str,
        unit: &str,
        range: std::ops::RangeInclusive<f64>,
        hint: &str,
    ) -> Option<Command> {
        let label = ui.label(RichText::new(label).color(theme::colors(ui).label));
        let mut shown = self.edited.filter(|(edited, _)| *edited == name).map_or(value, |(_, shown)| shown);
        let whole = matches!(unit, " px" | " frames");
        let drag =
            DragValue::new(&mut shown).range(range).suffix(unit).max_decimals(if whole { 0 } else { 2 });
        let drag = if whole { drag.speed(0.2) } else { drag.speed(0.01 * value.abs().max(0.1)) };
        let field = ui.add(drag).labelled_by(label.id).on_hover_text(format!("{hint} ({name})"));
        ui.end_row();
        if field.changed() {
            self.edited = Some((name, shown));
        }
        if field.drag_stopped() || field.lost_focus() {
            let edited = self.edited.take_if(|(edited, _)| *edited == name);
            return edited.filter(|(_, shown)| *shown != value).map(|(_, shown)| {
                let shown = if whole { shown.round() } else { shown };
                set(name, shown.to_string())
            });
        }
        None
    }

    /// How far the beads were off, and how far the focus has gone.
    fn drift(&self, ui: &mut egui::Ui) {
        if self.seen.len() < 2 {
            return;
        }
        let colors = theme::colors(ui);
        let line =
            |column: usize| self.seen.iter().map(|seen| [seen[0], seen[column]]).collect::<PlotPoints<'_>>();
        ui.label(RichText::new("Drift (nm) against time (min)").color(colors.label));
        Plot::new("drift")
            .height(160.0)
            .allow_scroll(false)
            .legend(Legend::default().position(Corner::LeftTop))
            .show(ui, |plot| {
                plot.line(Line::new("focus has gone (nm)", line(2)).color(colors.value));
                plot.line(Line::new("beads are off (nm)", line(1)).color(colors.accent));
            });
    }
}

fn set(name: &str, value: String) -> Command {
    Command::SettingSet { name: name.to_owned(), value }
}

/// How long until it acts again.
fn next(ui: &mut egui::Ui, left_s: f64, every_s: f64) {
    let part = (1.0 - left_s / every_s).clamp(0.0, 1.0) as f32;
    ui.add(ProgressBar::new(part).desired_width(80.0).text(format!("{left_s:.1} s")))
        .on_hover_text("Until it looks again");
}

#[cfg(test)]
mod tests {
    use beadscope_engine::locks::ZState;

    use super::*;

    #[test]
    fn each_correction_is_a_point_and_the_end_is_told_once() {
        let mut locking = Locking::default();
        let z = |phase, corrections, error_nm| LocksState {
            z: ZState {
                phase,
                corrections,
                error_nm,
                focus_by_nm: 5.0 * corrections as f64,
                ..ZState::default()
            },
            ..LocksState::default()
        };
        assert_eq!(locking.take(0.0, &z(ZPhase::Off, 0, None)), None);
        assert_eq!(locking.take(1.0, &z(ZPhase::Waiting, 0, None)), None);
        for _ in 0..3 {
            assert_eq!(locking.take(60.0, &z(ZPhase::Holding, 1, Some(4.0))), None);
        }
        locking.take(120.0, &z(ZPhase::Holding, 2, Some(4.0)));
        assert_eq!(locking.seen, [[1.0, 4.0, 5.0], [2.0, 4.0, 10.0]]);
        let lost = z(ZPhase::Lost("no bead".to_owned()), 2, Some(4.0));
        assert_eq!(locking.take(121.0, &lost), Some("no bead".to_owned()));
        assert_eq!(locking.take(122.0, &lost), None, "once");
        assert_eq!(summary(&lost), Some(("Z lost".to_owned(), true)));
        locking.take(130.0, &z(ZPhase::Holding, 1, Some(1.0)));
        assert_eq!(locking.seen.len(), 1, "another lock begins anew");
        assert_eq!(summary(&z(ZPhase::Holding, 1, Some(-1.2))), Some(("Z -1 nm".to_owned(), false)));
        assert_eq!(summary(&LocksState::default()), None);
    }
}

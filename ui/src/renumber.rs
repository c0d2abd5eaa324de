//! The question before beads are numbered from 0: what will be called what.

use eframe::egui::{self, Grid, Id, Modal};

use crate::beads::Beads;

/// Beads that are shown by name; of the others it is said how many they are.
const MOST_ROWS: usize = 8;

/// The question, asked or not.
#[derive(Default)]
pub struct Renumbering {
    is_asked: bool,
}

impl Renumbering {
    /// Asks.
    pub fn ask(&mut self) {
        self.is_asked = true;
    }

    /// It is on the screen; Escape closes it.
    pub fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Draws the question while it is asked; true if it was answered with yes.
    pub fn show(&mut self, context: &egui::Context, beads: &Beads, is_recording: bool) -> bool {
        if !self.is_asked {
            return false;
        }
        let mut is_agreed = false;
        let shown = Modal::new(Id::unique("renumber")).show(context, |ui| {
            ui.set_width(380.0);
            ui.heading("Number the beads from 0");
            let changes = changes(beads);
            if changes.is_empty() {
                ui.label("They are numbered from 0 already: nothing changes.");
            } else {
                ui.label(format!("{} of {} beads get another number:", changes.len(), beads.all.len()));
                Grid::new("numbers").num_columns(2).striped(true).show(ui, |ui| {
                    for (old, new) in changes.iter().take(MOST_ROWS) {
                        ui.monospace(format!("{old:>5} → {new}"));
                        ui.end_row();
                    }
                });
                if let Some(more @ 1..) = changes.len().checked_sub(MOST_ROWS) {
                    ui.weak(format!("and {more} more"));
                }
                ui.label("References stay references, and what is selected stays selected. Ctrl+Z takes it back.");
                if is_recording {
                    ui.label(
                        "The recording that runs says when: rows before have the old numbers, rows after it the new ones.",
                    );
                }
            }
            ui.horizontal(|ui| {
                let ok = ui.add_enabled(!changes.is_empty(), egui::Button::new("Renumber"));
                is_agreed = ok.on_hover_text("Numbers the beads in their order").clicked();
                let cancel = ui.button("Cancel").on_hover_text("The numbers stay as they are").clicked();
                cancel || is_agreed
            })
            .inner
        });
        self.is_asked = !(shown.inner || shown.should_close());
        is_agreed
    }
}

/// The beads that get another number: the old and the new one.
fn changes(beads: &Beads) -> Vec<(u32, u32)> {
    let both = beads.all.iter().map(|bead| bead.roi.bead).zip(0..);
    both.filter(|(old, new)| old != new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beads::tests::beads;

    #[test]
    fn only_beads_whose_numbers_change_are_told() {
        let mut four = beads(4);
        assert!(changes(&four).is_empty());
        four.all.remove(1);
        assert_eq!(changes(&four), [(2, 1), (3, 2)]);
    }
}

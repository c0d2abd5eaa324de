//! Looking for beads in the picture: a search of its own thread, a slider for how alike they must be, and a look before they are added.

use std::path::Path;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::Builder;

use beadscope_engine::command::Command;
use beadscope_engine::find::{Candidate, FindError, Image, Options, Verdict, find};
use beadscope_engine::rois::to_csv;
use eframe::egui::{self, Slider, Spinner, Window};

use crate::beads::Beads;
use crate::export::{free_path, write};
use crate::picture::Picture;

/// The lowest score that is asked for: what is below is nothing like a bead.
const LOWEST: f32 = 0.3;
/// The score that is asked for at first beside a seed.
const USUAL: f32 = 0.85;

/// The search, open or not.
#[derive(Default)]
pub struct Finder {
    search: Option<Search>,
}

struct Search {
    /// The number of the bead that the others are to be like; `None`: any round one.
    seed: Option<u32>,
    /// `None` once it has answered.
    running: Option<Receiver<Result<Vec<Candidate>, FindError>>>,
    candidates: Vec<Candidate>,
    refused: Option<String>,
    threshold: f32,
    roi_px: u32,
}

/// What became of a search.
pub enum Found {
    /// Nothing yet.
    Nothing,
    /// The beads, with those there were, are in a file that is to be loaded.
    Load(Command),
    /// The file could not be written.
    Failed(String),
}

impl Finder {
    /// Begins to search in this picture: for beads like the selected one, if one is selected.
    pub fn begin(&mut self, picture: &Picture, beads: &Beads) {
        let roi_px = beads.roi_px;
        let seed = beads.selected_bead().filter(|bead| bead.newest.is_some_and(|row| row.x_px.is_finite()));
        let seed_px = seed.and_then(|bead| bead.newest).map(|row| (row.x_px, row.y_px));
        let (pixels, width_px, height_px) = (picture.grey(), picture.width_px, picture.height_px);
        let (send, receive) = sync_channel(1);
        // As `beadscope find` does it: what is less alike is told, and the slider takes it or leaves it.
        let options = Options { roi_px: roi_px as usize, seed_px, threshold: None };
        let thread = Builder::new().name("beadscope-find".to_owned()).spawn(move || {
            // Nobody listens to a search that was given up.
            let _ = send.send(find(&Image { pixels: &pixels, width_px, height_px }, &options));
        });
        self.search = Some(Search {
            seed: seed.map(|bead| bead.roi.bead),
            refused: thread.err().map(|error| error.to_string()),
            running: Some(receive),
            candidates: Vec::new(),
            threshold: if seed.is_some() { USUAL } else { LOWEST },
            roi_px,
        });
    }

    /// Ends the search.
    pub fn close(&mut self) {
        self.search = None;
    }

    /// Where beads would be added, px.
    pub fn preview(&self, beads: &Beads) -> Vec<(f64, f64)> {
        self.search.as_ref().map_or(Vec::new(), |search| search.chosen(beads))
    }

    /// Side of their ROIs, px.
    pub fn roi_px(&self) -> Option<u32> {
        self.search.as_ref().map(|search| search.roi_px)
    }

    /// Draws the window of the search, if there is one.
    pub fn show(&mut self, context: &egui::Context, beads: &Beads, folder: &Path) -> Found {
        let Some(search) = &mut self.search else { return Found::Nothing };
        search.take_answer();
        let (mut is_open, mut found) = (true, Found::Nothing);
        let mut is_done = false;
        Window::new("Find beads")
            .open(&mut is_open)
            .collapsible(false)
            .default_width(360.0)
            .default_pos([460.0, 120.0])
            .show(context, |ui| {
                match search.seed {
                    Some(bead) => ui.label(format!(
                        "Beads like bead {bead}, in the picture of the moment when it began."
                    )),
                    None => ui.label("Round ringed things. Select a bead first to look for others like it."),
                };
                if search.running.is_some() {
                    ui.horizontal(|ui| {
                        ui.add(Spinner::new());
                        ui.label("Searching; tracking and recording go on");
                    });
                }
                if let Some(why) = &search.refused {
                    ui.colored_label(crate::theme::colors(ui).danger, why);
                }
                let label = ui.label("How much alike (0 to 1)");
                ui.add(Slider::new(&mut search.threshold, LOWEST..=1.0).fixed_decimals(2))
                    .labelled_by(label.id)
                    .on_hover_text(
                        "Score of a candidate: 1 is the same. Candidates are green in the picture",
                    );
                let chosen = search.chosen(beads);
                ui.label(format!(
                    "{} new beads are marked in the picture, of {} candidates",
                    chosen.len(),
                    search.candidates.len()
                ));
                ui.horizontal(|ui| {
                    let add = ui.add_enabled(
                        !chosen.is_empty(),
                        egui::Button::new(format!("Add {} beads", chosen.len())),
                    );
                    if add.on_hover_text("Ctrl+Z takes all of them back").clicked() {
                        found = add_to(beads, &chosen, search.roi_px, folder);
                    }
                    is_done |= ui.button("Cancel").on_hover_text("No bead is added").clicked();
                });
            });
        if is_done || !is_open {
            self.search = None;
        }
        found
    }
}

impl Search {
    fn take_answer(&mut self) {
        let Some(running) = &self.running else { return };
        match running.try_recv() {
            Ok(Ok(candidates)) => {
                let has_seed = self.seed.is_some();
                self.candidates =
                    candidates.into_iter().filter(|one| wanted(one.verdict, has_seed)).collect();
            }
            Ok(Err(error)) => self.refused = Some(error.to_string()),
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => {
                self.refused = Some("the search has failed; please report it".to_owned())
            }
        }
        self.running = None;
    }

    /// Candidates that are alike enough and are not tracked already.
    fn chosen(&self, beads: &Beads) -> Vec<(f64, f64)> {
        let is_free = |one: &&Candidate| beads.at(one.x_px as f32, one.y_px as f32).is_none();
        let alike = self.candidates.iter().filter(|one| one.score >= self.threshold);
        alike.filter(is_free).map(|one| (one.x_px, one.y_px)).collect()
    }
}

/// A single bead; beside a seed also one that was left out only because it is not alike enough, which the slider decides. Without one
/// `Unlike` is round debris.
fn wanted(verdict: Verdict, has_seed: bool) -> bool {
    verdict == Verdict::Bead || (has_seed && verdict == Verdict::Unlike)
}

/// Writes the beads there are and the new ones into a ROI file, which is then loaded: one edit, which can be undone.
fn add_to(beads: &Beads, new: &[(f64, f64)], roi_px: u32, folder: &Path) -> Found {
    let there = beads.all.iter().map(|bead| {
        let (x_px, y_px) = bead.roi.center_px();
        (bead.roi.bead, x_px, y_px, f32::NAN)
    });
    let added = (beads.next_number..).zip(new).map(|(bead, (x_px, y_px))| (bead, *x_px, *y_px, f32::NAN));
    let path = free_path(folder, "rois", "csv");
    let text = to_csv(roi_px, &there.chain(added).collect::<Vec<_>>());
    match write(&path, text.as_bytes()) {
        Ok(()) => Found::Load(Command::RoiLoad { path: path.display().to_string() }),
        Err(error) => Found::Failed(error),
    }
}

#[cfg(test)]
mod tests {
    use beadscope_engine::roi::Roi;

    use super::*;

    #[test]
    fn only_what_is_alike_and_not_tracked_yet_is_added_after_those_there_are() {
        let roi = Roi { bead: 7, left_px: 0, top_px: 0, size_px: 20 };
        let beads = Beads::new(&[roi], 100.0);
        let candidate = |x_px, score| Candidate { x_px, y_px: 10.0, score, verdict: Verdict::Bead };
        let search = Search {
            seed: None,
            running: None,
            candidates: vec![candidate(10.0, 0.99), candidate(60.0, 0.9), candidate(90.0, 0.5)],
            refused: None,
            threshold: 0.8,
            roi_px: 20,
        };
        assert_eq!(search.chosen(&beads), [(60.0, 10.0)], "one is tracked, one is not alike");
        let folder = tempfile::tempdir().unwrap();
        let Found::Load(Command::RoiLoad { path }) =
            add_to(&beads, &search.chosen(&beads), 20, folder.path())
        else {
            unreachable!("it was written")
        };
        let rois = beadscope_engine::rois::read(Path::new(&path), None).unwrap();
        assert_eq!(rois.iter().map(|roi| roi.bead).collect::<Vec<_>>(), [7, 8]);
        assert_eq!((rois[0].left_px, rois[1].left_px), (0, 50));
    }
}

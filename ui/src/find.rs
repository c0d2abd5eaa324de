//! Looking for beads in the picture: a search on a thread of its own, a slider for how alike they must be, a look before they are added.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::Builder;

use beadscope_engine::command::Command;
use beadscope_engine::find::{Candidate, FindError, Image, Options, Verdict, find_watched};
use eframe::egui::{self, ProgressBar, Slider, Window};

use crate::beads::Beads;
use crate::picture::Picture;

/// The lowest score that is asked for: what is below is nothing like a bead.
const LOWEST: f32 = 0.3;
/// The score that is asked for at first.
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
    progress: Arc<Progress>,
    candidates: Vec<Candidate>,
    /// Those that are not tracked already, by falling score; and of which edit of the beads this is true.
    free: (Vec<Candidate>, Option<u64>),
    refused: Option<String>,
    threshold: f32,
    roi_px: u32,
    /// They are on their way to be tracked.
    is_adding: bool,
}

/// Between the window and the thread that searches.
#[derive(Default)]
struct Progress {
    /// What is done, in thousandths.
    done: AtomicU32,
    is_cancelled: AtomicBool,
}

impl Drop for Search {
    /// The thread stops soon after.
    fn drop(&mut self) {
        self.progress.is_cancelled.store(true, Ordering::Relaxed);
    }
}

impl Finder {
    /// Begins to search in this picture: for beads like the selected one, if one is selected.
    pub fn begin(&mut self, picture: &mut Picture, beads: &Beads) {
        picture.decode();
        let roi_px = beads.roi_px;
        let seed = beads.selected_bead().filter(|bead| bead.newest.is_some_and(|row| row.x_px.is_finite()));
        let seed_px = seed.and_then(|bead| bead.newest).map(|row| (row.x_px, row.y_px));
        let levels = picture.levels().to_vec();
        let (width_px, height_px) = (picture.width_px, picture.height_px);
        let (send, receive) = sync_channel(1);
        let progress = Arc::<Progress>::default();
        let options = options(roi_px, seed_px);
        let told = progress.clone();
        let thread = Builder::new().name("beadscope-find".to_owned()).spawn(move || {
            let pixels: Vec<f32> = levels.into_iter().map(f32::from).collect();
            let found = find_watched(&Image { pixels: &pixels, width_px, height_px }, &options, &|share| {
                told.done.store((1e3 * share) as u32, Ordering::Relaxed);
                !told.is_cancelled.load(Ordering::Relaxed)
            });
            // Nobody listens to a search that was given up.
            let _ = send.send(found);
        });
        self.search = Some(Search {
            seed: seed.map(|bead| bead.roi.bead),
            refused: thread.err().map(|error| error.to_string()),
            running: Some(receive),
            progress,
            candidates: Vec::new(),
            free: (Vec::new(), None),
            threshold: USUAL,
            roi_px,
            is_adding: false,
        });
    }

    /// Ends the search.
    pub fn close(&mut self) {
        self.search = None;
    }

    /// What was found was not added.
    pub fn not_added(&mut self) {
        if let Some(search) = &mut self.search {
            search.is_adding = false;
        }
    }

    /// Candidates that would be added, by falling score.
    pub fn preview(&self) -> &[Candidate] {
        self.search.as_ref().map_or(&[], Search::chosen)
    }

    /// Side of their ROIs, px.
    pub fn roi_px(&self) -> Option<u32> {
        self.search.as_ref().map(|search| search.roi_px)
    }

    /// Draws the window of the search, if there is one. What adds those that were found, once that is asked for.
    pub fn show(&mut self, context: &egui::Context, beads: &Beads) -> Option<Command> {
        let search = self.search.as_mut()?;
        search.take_answer();
        search.leave_tracked(beads);
        let (mut is_open, mut add, mut is_done) = (true, None, false);
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
                    let done = search.progress.done.load(Ordering::Relaxed) as f32 * 1e-3;
                    ui.label("Searching; tracking and recording go on");
                    ui.add(ProgressBar::new(done).show_percentage());
                }
                if let Some(why) = &search.refused {
                    ui.colored_label(crate::theme::colors(ui).danger, why);
                }
                let label = ui.label("How much alike (0 to 1)");
                ui.add(Slider::new(&mut search.threshold, LOWEST..=1.0).fixed_decimals(2))
                    .labelled_by(label.id)
                    .on_hover_text(
                        "Score of a candidate: 1 is the same, or perfectly round. Candidates are green in the picture, with their scores",
                    );
                let chosen = search.chosen();
                ui.label(format!(
                    "{} new beads are marked in the picture, of {} candidates",
                    chosen.len(),
                    search.candidates.len()
                ));
                ui.horizontal(|ui| {
                    let can_be_added = !chosen.is_empty() && !search.is_adding && !beads.is_locked;
                    let button = egui::Button::new(format!("Add {} beads", chosen.len()));
                    let button = ui
                        .add_enabled(can_be_added, button)
                        .on_hover_text(
                            "Ctrl+Z takes all of them back. Where there is no room for all, those with the best scores are added",
                        )
                        .on_disabled_hover_text(match beads.is_locked {
                            true => "The beads are locked; unlock them with L",
                            false => "There is nothing to add",
                        });
                    if button.clicked() {
                        add = Some(add_command(chosen));
                    }
                    is_done |= ui.button("Cancel").on_hover_text("Ends the search; nothing is added").clicked();
                });
            });
        search.is_adding |= add.is_some();
        if is_done || !is_open {
            self.search = None;
        }
        add
    }
}

/// What is searched for. Whatever may be wanted: the slider takes it or leaves it.
fn options(roi_px: u32, seed_px: Option<(f64, f64)>) -> Options {
    // With a seed what is less alike is told as well; without one, what is less round only from this score on.
    let threshold = if seed_px.is_some() { None } else { Some(LOWEST) };
    Options { roi_px: roi_px as usize, seed_px, threshold }
}

impl Search {
    fn take_answer(&mut self) {
        let Some(running) = &self.running else { return };
        match running.try_recv() {
            Ok(Ok(candidates)) => {
                let has_seed = self.seed.is_some();
                self.candidates =
                    candidates.into_iter().filter(|one| wanted(one.verdict, has_seed)).collect();
                self.free.1 = None;
            }
            Ok(Err(error)) => self.refused = Some(error.to_string()),
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => {
                self.refused.get_or_insert_with(|| "the search has failed; please report it".to_owned());
            }
        }
        self.running = None;
    }

    /// Leaves those out that are tracked, if the beads are others than when this was done last: with thousands it takes a while.
    fn leave_tracked(&mut self, beads: &Beads) {
        if self.free.1 == Some(beads.edits) {
            return;
        }
        let is_free = |one: &&Candidate| beads.at(one.x_px as f32, one.y_px as f32).is_none();
        let mut free: Vec<Candidate> = self.candidates.iter().filter(is_free).copied().collect();
        free.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.free = (free, Some(beads.edits));
    }

    /// Those that are alike enough, by falling score.
    fn chosen(&self) -> &[Candidate] {
        let (free, _) = &self.free;
        &free[..free.partition_point(|one| one.score >= self.threshold)]
    }
}

/// A single bead; beside a seed also one that was left out only because it is not alike enough, which the slider decides. Without one
/// `Unlike` is round debris.
fn wanted(verdict: Verdict, has_seed: bool) -> bool {
    verdict == Verdict::Bead || (has_seed && verdict == Verdict::Unlike)
}

/// Adds them in one edit, the best first, as many as there is room for.
fn add_command(chosen: &[Candidate]) -> Command {
    // The ROI is that around the nearest pixel: so much is said.
    Command::RoiAddSeveral {
        x_px: chosen.iter().map(|one| one.x_px.round()).collect(),
        y_px: chosen.iter().map(|one| one.y_px.round()).collect(),
        as_fits: Some(true),
    }
}

#[cfg(test)]
mod tests {
    use beadscope_drivers::camera::PixelFormat;
    use beadscope_engine::bead_set::Beads as BeadsNow;
    use beadscope_engine::frame::FrameView;
    use beadscope_engine::roi::Roi;

    use super::*;

    fn search(candidates: Vec<Candidate>) -> Search {
        Search {
            seed: None,
            running: None,
            progress: Arc::default(),
            candidates,
            free: (Vec::new(), None),
            refused: None,
            threshold: 0.8,
            roi_px: 20,
            is_adding: false,
        }
    }

    #[test]
    fn only_what_is_alike_and_not_tracked_yet_is_added_the_best_first() {
        let roi = |left_px| Roi { bead: 7, left_px, top_px: 0, size_px: 20 };
        let mut beads = Beads::new(&[roi(0)], 100.0);
        let candidate = |x_px, score| Candidate { x_px, y_px: 10.4, score, verdict: Verdict::Bead };
        let mut search = search(vec![
            candidate(10.0, 0.99),
            candidate(60.6, 0.9),
            candidate(90.0, 0.5),
            candidate(120.0, 0.95),
        ]);
        let chosen = |search: &Search| search.chosen().iter().map(|one| one.x_px).collect::<Vec<_>>();
        search.leave_tracked(&beads);
        assert_eq!(chosen(&search), [120.0, 60.6], "one is tracked, one is not alike");
        search.threshold = 0.4;
        assert_eq!(chosen(&search), [120.0, 60.6, 90.0]);
        let Command::RoiAddSeveral { x_px, y_px, as_fits: Some(true) } = add_command(search.chosen()) else {
            unreachable!("as many as fit")
        };
        assert_eq!((x_px, y_px), (vec![120.0, 61.0, 90.0], vec![10.0; 3]));
        beads.replace(&BeadsNow::from(vec![roi(110)]));
        search.leave_tracked(&beads);
        assert_eq!(chosen(&search), [10.0, 60.6, 90.0], "the beads have changed");
    }

    #[test]
    fn without_a_seed_the_slider_decides_how_round_a_bead_is() {
        assert_eq!(options(64, None).threshold, Some(LOWEST));
        assert_eq!(options(64, Some((5.0, 5.0))).threshold, None);
    }

    #[test]
    fn a_search_that_is_given_up_stops_its_thread() {
        let mut picture = Picture::default();
        let bytes = vec![7_u8; 4];
        let format = PixelFormat::Mono8;
        picture.take(1, &FrameView { bytes: &bytes, width_px: 2, height_px: 2, format });
        let mut finder = Finder::default();
        finder.begin(&mut picture, &Beads::new(&[], 100.0));
        let progress = finder.search.as_ref().unwrap().progress.clone();
        assert!(!progress.is_cancelled.load(Ordering::Relaxed));
        finder.close();
        assert!(progress.is_cancelled.load(Ordering::Relaxed), "what the thread looks at before each step");
    }
}

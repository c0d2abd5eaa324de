//! The windows that help: a tour at the first start, all keys, and what this is.

use eframe::egui::{self, Grid, RichText, ScrollArea, Window};

use crate::actions::ALL;
use crate::palette::keys_text;
use crate::panes::Pane;

/// What the tour says, a step each; the pane is brought to the front.
const STEPS: [(Option<Pane>, &str, &str); 6] = [
    (
        Some(Pane::Camera),
        "The picture",
        "Every bead has a square, its ROI. Click one to select it, Ctrl-click more. Shift-click adds a bead, dragging a selected ROI moves it, \
         Delete removes it, and Ctrl+Z takes it back. The wheel zooms.",
    ),
    (
        Some(Pane::Plots),
        "Plots",
        "x, y and z of the selected beads. Press G on a bead that is stuck to the surface to make it a reference, then take its drift off with \
         \"− references\".",
    ),
    (
        Some(Pane::Analysis),
        "Analysis",
        "Noise of the selected bead: Allan deviation, spectrum, histogram, and its rings beside those of the Z-LUT.",
    ),
    (
        Some(Pane::Motors),
        "Motors",
        "Magnets and focus. Raise the magnets to 8 mm and see the tethers relax. Escape stops every motor.",
    ),
    (
        Some(Pane::Run),
        "Recording",
        "R records, M marks a moment. The bar at the bottom accounts for every frame; red says what was lost, and by whom.",
    ),
    (
        None,
        "Everything else",
        "Ctrl+K searches every action, setting and command. Panes can be dragged by their tabs, closed, and put into windows of their own.",
    ),
];

/// What is open.
#[derive(Default)]
pub struct Help {
    step: Option<usize>,
    keys: bool,
    about: bool,
}

impl Help {
    /// Begins the tour.
    pub fn tour(&mut self) {
        self.step = Some(0);
    }

    /// Shows the keys, or no longer.
    pub fn toggle_keys(&mut self) {
        self.keys = !self.keys;
    }

    /// Tells what this is.
    pub fn about(&mut self) {
        self.about = true;
    }

    /// Draws what is open; the pane that is talked about.
    pub fn show(&mut self, context: &egui::Context) -> Option<Pane> {
        Window::new("Keys").open(&mut self.keys).default_width(420.0).show(context, |ui| {
            ScrollArea::vertical().max_height(480.0).show(ui, |ui| {
                Grid::new("keys").num_columns(2).striped(true).show(ui, |ui| {
                    for entry in ALL.iter().filter(|entry| !entry.keys.is_empty()) {
                        ui.label(entry.name);
                        ui.monospace(entry.keys.iter().map(keys_text).collect::<Vec<_>>().join(" or "));
                        ui.end_row();
                    }
                    for (keys, does) in [
                        ("Shift-click", "Add a bead in the picture"),
                        ("Ctrl-click", "Select beads together"),
                        ("Ctrl-drag", "Select the beads in a box"),
                        ("Drag", "Move the ROI of a selected bead, or the picture"),
                        ("Wheel", "Zoom the picture about the cursor"),
                        ("Double click", "Fit the picture"),
                        ("Hold ◀ or ▶", "Drive a motor as long as it is held"),
                        ("Two clicks", "Measure between two places in the plots"),
                        ("Right-click a tab", "Give a pane a window of its own"),
                        ("Ctrl + and Ctrl −", "Larger or smaller letters; Ctrl 0 as they were"),
                        ("Tab, Space", "Go from control to control; press the button"),
                        ("Shift-Escape", "Stop every motor at once, whatever is open"),
                    ] {
                        ui.label(does);
                        ui.monospace(keys);
                        ui.end_row();
                    }
                });
            });
        });
        Window::new("About Beadscope").open(&mut self.about).collapsible(false).resizable(false).show(context, |ui| {
            ui.label(RichText::new(format!("Beadscope {}", env!("CARGO_PKG_VERSION"))).heading());
            ui.label("Runs a magnetic-tweezers microscope: films beads, tracks them in x, y, z, and loses nothing.");
            ui.label("Licence: MIT or Apache-2.0, as you like.");
            ui.weak("Help: docs/ in the source, `beadscope --help`, and F1 for the keys.");
        });
        self.show_tour(context)
    }

    fn show_tour(&mut self, context: &egui::Context) -> Option<Pane> {
        let step = self.step?;
        let (_, title, text) = STEPS.get(step)?;
        let mut next = Some(step);
        let mut is_open = true;
        let corner = egui::Align2::RIGHT_BOTTOM;
        let window = Window::new("Tour")
            .open(&mut is_open)
            .collapsible(false)
            .resizable(false)
            .anchor(corner, [-24.0, -120.0]);
        window.default_width(380.0).show(context, |ui| {
            ui.label(RichText::new(*title).heading());
            ui.label(*text);
            ui.horizontal(|ui| {
                ui.weak(format!("{} of {}", step + 1, STEPS.len()));
                if step > 0 && ui.button("Back").on_hover_text("The step before").clicked() {
                    next = Some(step - 1);
                }
                if step + 1 < STEPS.len() {
                    if ui.button("Next").on_hover_text("The next step, with its pane").clicked() {
                        next = Some(step + 1);
                    }
                    if ui.button("Skip the tour").on_hover_text("Help > Tour shows it again").clicked() {
                        next = None;
                    }
                } else if ui.button("Done").on_hover_text("Help > Tour shows it again").clicked() {
                    next = None;
                }
            });
        });
        self.step = next.filter(|_| is_open);
        // Only when it is talked about first, so that the experimenter may look elsewhere.
        let moved = self.step.filter(|now| *now != step)?;
        STEPS.get(moved)?.0
    }
}

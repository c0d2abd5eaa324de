//! The live picture: the newest frame as a texture, with the beads over it, and what the mouse does to them.
//!
//! Only the part that is seen is uploaded, once per drawn frame at most, so that the cost is bounded by the screen and
//! not by the sensor.

use beadscope_engine::command::Command;
use beadscope_engine::find::Candidate;
use eframe::egui::{
    self, Color32, ColorImage, CursorIcon, DragValue, Rect, Response, RichText, Sense, Stroke, StrokeKind,
    TextureFilter, TextureHandle, TextureOptions, pos2, vec2,
};

use crate::actions::Action;
use crate::beads::Beads;
use crate::contrast::{Contrast, MOST_CLIPPED, Mode, Shades};
use crate::overlay;
use crate::picture::{Picture, Region};
use crate::scale::measured;
use crate::theme;
use crate::viewport::Viewport;

/// Pixels stay squares when they are large: what is seen is what the tracker gets.
const TEXTURE: TextureOptions = TextureOptions {
    magnification: TextureFilter::Nearest,
    minification: TextureFilter::Linear,
    wrap_mode: egui::TextureWrapMode::ClampToEdge,
    mipmap_mode: None,
};
/// One notch of the wheel, 50 points, zooms by 1.25.
const ZOOM_PER_POINT: f32 = 1.004_47;

/// The picture panel.
#[derive(Default)]
pub struct Video {
    /// What part of the frame is seen.
    pub viewport: Viewport,
    contrast: Contrast,
    hide_rois: bool,
    /// The paths of the selected beads are drawn.
    pub shows_trails: bool,
    texture: Option<(Shown, TextureHandle)>,
    drag: Option<Drag>,
}

/// What a drag with the mouse does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Drag {
    /// Moves the picture.
    Picture,
    /// Moves the ROIs of the selected beads; where one of them was taken hold of, px.
    Rois { from_px: (f32, f32) },
    /// Selects what is in a box; its first corner, px.
    Box { from_px: (f32, f32) },
}

/// What lies over the picture beside the beads.
pub struct Over<'a> {
    /// Size of a pixel in the sample, nm.
    pub pixel_size_nm: f64,
    /// What the camera does, in words.
    pub camera: &'a str,
    /// Paths of the selected beads, px.
    pub trails: &'a [Vec<(f32, f32)>],
    /// Beads that are proposed, and the side of their ROIs, px.
    pub proposed: (&'a [Candidate], u32),
}

/// What is asked for in the picture.
pub enum Asked {
    /// One of the window's actions.
    Action(Action),
    /// A command of the engine.
    Command(Command),
}

/// What a texture holds; another one is uploaded only if this changes.
#[derive(Clone, Copy, PartialEq)]
struct Shown {
    frame: u64,
    region: Region,
    step: usize,
    limits: (f32, f32),
    gamma: f32,
}

impl Video {
    /// Draws the panel: a line of controls, and the picture in what is left. What is asked for with the mouse.
    pub fn show(
        &mut self,
        ui: &mut egui::Ui,
        picture: &mut Picture,
        beads: &mut Beads,
        over: &Over<'_>,
    ) -> Option<Asked> {
        picture.decode();
        self.controls(ui, over.camera);
        let panel = ui.available_rect_before_wrap();
        let response =
            ui.allocate_rect(panel, Sense::click_and_drag()).on_hover_cursor(CursorIcon::Crosshair);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "live picture"));
        let painter = ui.painter_at(panel);
        painter.rect_filled(panel, 0, Color32::BLACK);
        self.viewport.place(panel, picture.width_px, picture.height_px);
        if picture.is_empty() {
            let text = "waiting for the first frame";
            painter.text(
                panel.center(),
                egui::Align2::CENTER_CENTER,
                text,
                egui::FontId::proportional(16.0),
                theme::ROI,
            );
            return None;
        }
        let asked = self.drag(ui, &response, beads);
        self.zoom(ui, &response);
        self.picture(ui, &painter, picture);
        if !self.hide_rois {
            overlay::rois(&painter, &self.viewport, beads);
        }
        overlay::trails(&painter, &self.viewport, over.trails);
        overlay::proposed(&painter, &self.viewport, over.proposed.0, over.proposed.1);
        self.draw_drag(&painter, &response, beads);
        overlay::scale_bar(&painter, &self.viewport, over.pixel_size_nm);
        overlay::saturated(&painter, &self.viewport, picture.saturated);
        if !self.viewport.is_fitted() {
            overlay::minimap(&painter, &self.viewport, beads);
        }
        if let Some(cursor) = response.hover_pos() {
            overlay::pixel(&painter, &self.viewport, picture, cursor);
        }
        let chosen = menu(&response);
        let pointed = self.point_at(ui, response, beads, over.proposed);
        chosen.map(Asked::Action).or(asked.or(pointed).map(Asked::Command))
    }

    /// Chooses how grey levels are shown.
    pub fn set_contrast(&mut self, mode: Mode) {
        self.contrast.mode = mode;
        self.contrast.fixed = None;
    }

    /// Shows ROIs over the picture, or none.
    pub fn toggle_rois(&mut self) {
        self.hide_rois ^= true;
    }

    fn controls(&mut self, ui: &mut egui::Ui, camera: &str) {
        let colors = theme::colors(ui);
        ui.horizontal(|ui| {
            let fit = egui::Button::new("Fit").selected(self.viewport.is_fitted());
            if ui.add(fit).on_hover_text("Show the whole frame (F, or double click)").clicked() {
                self.viewport.fit();
            }
            ui.separator();
            ui.label(RichText::new("contrast").color(colors.label));
            ui.selectable_value(&mut self.contrast.mode, Mode::Auto, "Auto")
                .on_hover_text("From the darkest to the brightest pixels of the frame, but for those that are clipped");
            if self.contrast.mode == Mode::Auto {
                let clipped = DragValue::new(&mut self.contrast.clipped).range(0.0..=MOST_CLIPPED).speed(0.02);
                ui.add(clipped.max_decimals(2).prefix("clip ").suffix(" %"))
                    .on_hover_text("Of the pixels, so many are shown as black, and as many as white");
            }
            ui.selectable_value(&mut self.contrast.mode, Mode::Full, "Full")
                .on_hover_text("From 0 to the level of a saturated pixel");
            let fixed = ui.selectable_value(&mut self.contrast.mode, Mode::Fixed, "Fixed");
            if fixed.on_hover_text("Between two levels that you choose").clicked() {
                self.contrast.fixed = None;
            }
            if self.contrast.mode == Mode::Fixed && let Some((low, high)) = &mut self.contrast.fixed {
                ui.add(DragValue::new(low).max_decimals(0)).on_hover_text("Grey level shown as black");
                ui.add(DragValue::new(high).max_decimals(0)).on_hover_text("Grey level shown as white");
                *high = high.max(*low + 1.0);
            }
            ui.add(DragValue::new(&mut self.contrast.gamma).range(0.2..=5.0).speed(0.01).prefix("γ ").max_decimals(2))
                .on_hover_text("Exponent of the brightness: below 1 dark levels are told apart better. Saturated pixels are red, also \
                     where many pixels share one of the screen; top left is how many there are");
            ui.separator();
            let mut shown = !self.hide_rois;
            ui.checkbox(&mut shown, "ROIs")
                .on_hover_text(
                    "Squares, numbers and positions of the beads over the picture: white, green for references, orange where something is \
                     to be remarked\nShift-click adds a bead, dragging a selected one moves all selected ones, Ctrl-drag selects \
                     those in a box",
                );
            self.hide_rois = !shown;
            ui.checkbox(&mut self.shows_trails, "Trails").on_hover_text("The path of the selected beads in the last two seconds");
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let zoom = format!("{:.0} %", self.viewport.zoom() * ui.ctx().pixels_per_point() * 100.0);
                ui.label(RichText::new(zoom).monospace().color(colors.label)).on_hover_text(
                    "Screen pixels per camera pixel; the wheel zooms about the cursor, dragging moves",
                );
                let text = RichText::new(camera).color(colors.label);
                ui.add(egui::Label::new(text).truncate()).on_hover_text("What the camera has applied");
            });
        });
    }

    /// Moves the picture or a ROI, or selects what is in a box, from where the drag began to where it ends.
    fn drag(&mut self, ui: &egui::Ui, response: &Response, beads: &mut Beads) -> Option<Command> {
        if response.double_clicked() {
            self.viewport.fit();
        }
        let pointer = response.interact_pointer_pos()?;
        let at_px = self.viewport.frame_from_screen(pointer);
        if ui.input(|input| input.key_pressed(egui::Key::Escape)) {
            self.drag = None;
        }
        if response.drag_started() {
            let from = ui.input(|input| input.pointer.press_origin()).unwrap_or(pointer);
            let from_px = self.viewport.frame_from_screen(from);
            let held = beads
                .at(from_px.0, from_px.1)
                .filter(|place| beads.is_selected(*place) && !beads.is_locked && !self.hide_rois);
            self.drag = Some(match held {
                _ if ui.input(|input| input.modifiers.command) => Drag::Box { from_px },
                Some(_) => Drag::Rois { from_px },
                None => Drag::Picture,
            });
        }
        if let Some(Drag::Picture) = self.drag
            && response.dragged()
        {
            let delta = response.drag_delta();
            self.viewport.pan(delta.x, delta.y);
        }
        if !response.drag_stopped() {
            return None;
        }
        match self.drag.take()? {
            Drag::Picture => None,
            Drag::Rois { from_px } => {
                Some(moved(from_px, at_px)).filter(|by| *by != [0, 0]).and_then(|by| beads.move_command(by))
            }
            Drag::Box { from_px } => {
                let inside = beads.within(from_px, at_px);
                beads.select_all(inside);
                None
            }
        }
    }

    /// What a drag is about to do.
    fn draw_drag(&self, painter: &egui::Painter, response: &Response, beads: &Beads) {
        let Some(pointer) = response.interact_pointer_pos() else { return };
        let stroke = Stroke::new(1.5, theme::ROI_SELECTED);
        match self.drag {
            Some(Drag::Box { from_px }) => {
                let from = self.viewport.screen_from_frame(from_px.0, from_px.1);
                painter.rect_stroke(Rect::from_two_pos(from, pointer), 0, stroke, StrokeKind::Middle);
            }
            Some(Drag::Rois { from_px }) => {
                let [dx_px, dy_px] = moved(from_px, self.viewport.frame_from_screen(pointer));
                for roi in beads.shown(usize::MAX).into_iter().map(|place| beads.all[place].roi) {
                    let corner = ((roi.left_px + dx_px) as f32 - 0.5, (roi.top_px + dy_px) as f32 - 0.5);
                    let corner = self.viewport.screen_from_frame(corner.0, corner.1);
                    let side = roi.size_px as f32 * self.viewport.zoom();
                    let square = Rect::from_min_size(corner, vec2(side, side));
                    painter.rect_stroke(square, 0, stroke, StrokeKind::Middle);
                }
            }
            _ => {}
        }
    }

    fn zoom(&mut self, ui: &egui::Ui, response: &Response) {
        if let Some(cursor) = response.hover_pos() {
            let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
            let factor = ZOOM_PER_POINT.powf(wheel) * pinch;
            if factor != 1.0 {
                self.viewport.zoom_about(cursor, factor);
            }
        }
    }

    fn picture(&mut self, ui: &egui::Ui, painter: &egui::Painter, picture: &Picture) {
        let (region, step) = self.viewport.visible(picture, ui.ctx().pixels_per_point());
        let size = Picture::shades_size(region, step);
        if size.contains(&0) {
            return;
        }
        let (limits, gamma) = (self.contrast.limits(picture), self.contrast.gamma);
        let shown = Shown { frame: picture.frame, region, step, limits, gamma };
        let image = || {
            let shades = Shades::new(limits, gamma, picture.max_level);
            ColorImage::new(size, picture.shades(region, step, |level| shades.of(level)))
        };
        let texture = match &mut self.texture {
            Some((old, texture)) => {
                if *old != shown {
                    if texture.size() == size {
                        // Into the texture that there is: another one would be made for every frame.
                        texture.set_partial([0, 0], image(), TEXTURE);
                    } else {
                        texture.set(image(), TEXTURE);
                    }
                    *old = shown;
                }
                texture
            }
            none => &mut none.insert((shown, ui.ctx().load_texture("frame", image(), TEXTURE))).1,
        };
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        painter.image(texture.id(), self.viewport.screen_rect(region, step), whole, Color32::WHITE);
    }

    /// Selects the bead that is clicked, tells about the one under the cursor. A bead that is to be added.
    fn point_at(
        &mut self,
        ui: &egui::Ui,
        response: Response,
        beads: &mut Beads,
        (proposed, side_px): (&[Candidate], u32),
    ) -> Option<Command> {
        let cursor = response.hover_pos().filter(|_| !self.hide_rois)?;
        let (x_px, y_px) = self.viewport.frame_from_screen(cursor);
        let modifiers = ui.input(|input| input.modifiers);
        if response.clicked() && modifiers.shift && !beads.is_locked {
            return Some(Command::RoiAdd { x_px: f64::from(x_px).max(0.0), y_px: f64::from(y_px).max(0.0) });
        }
        let Some(place) = beads.at(x_px, y_px) else {
            let half_px = f64::from(side_px) / 2.0;
            let is_here = |one: &&Candidate| {
                (one.x_px - f64::from(x_px)).abs() <= half_px && (one.y_px - f64::from(y_px)).abs() <= half_px
            };
            if let Some(Candidate { score, .. }) = proposed.iter().find(is_here) {
                response.on_hover_text_at_pointer(format!("Candidate, score {score:.3}"));
            }
            return None;
        };
        if response.clicked() {
            if modifiers.command { beads.toggle(place) } else { beads.select(place) }
        }
        let bead = beads.all.get(place)?;
        if response.dragged() {
            return None;
        }
        response.on_hover_ui_at_pointer(|ui| {
            let colors = theme::colors(ui);
            ui.label(RichText::new(format!("Bead {}", bead.roi.bead)).strong());
            if let Some(row) = &bead.newest {
                let (x, y, z) = (measured(row.x_px, 2), measured(row.y_px, 2), measured(row.z_nm, 0));
                ui.label(RichText::new(format!("x {x} px\ny {y} px\nz {z} nm")).monospace());
            }
            if let Some(remark) = bead.remark() {
                ui.label(RichText::new(remark).color(colors.warning));
            }
        });
        None
    }
}

/// What can be done with the picture.
fn menu(response: &Response) -> Option<Action> {
    let mut chosen = None;
    response.context_menu(|ui| {
        for (text, hint, action) in [
            (
                "Snapshot (PNG)",
                "Writes the frame with all its grey levels into the folder of the recordings (S)",
                Action::Snapshot,
            ),
            (
                "Snapshot (TIFF)",
                "As 16 bit grey levels with the size of a pixel, for ImageJ and others",
                Action::SnapshotTiff,
            ),
            ("Show the whole frame", "As a double click (F)", Action::FitPicture),
        ] {
            if ui.button(text).on_hover_text(hint).clicked() {
                chosen = Some(action);
                ui.close();
            }
        }
    });
    chosen
}

/// By how many whole pixels something was moved.
fn moved(from_px: (f32, f32), to_px: (f32, f32)) -> [i32; 2] {
    [(to_px.0 - from_px.0).round() as i32, (to_px.1 - from_px.1).round() as i32]
}

#[cfg(test)]
mod tests {
    use beadscope_drivers::camera::PixelFormat;
    use beadscope_engine::frame::FrameView;

    use super::*;

    #[test]
    fn each_frame_goes_into_the_texture_that_there_is() {
        let context = egui::Context::default();
        let (mut video, mut picture) = (Video::default(), Picture::default());
        let mut beads = Beads::new(&[], 100.0);
        let mut uploaded = Vec::new();
        for frame in 0..6_u8 {
            let bytes: Vec<u8> = (0..64 * 48).map(|place| (place % 251) as u8 ^ frame).collect();
            let (width_px, height_px, format) = (64, 48, PixelFormat::Mono8);
            picture.take(u64::from(frame), &FrameView { bytes: &bytes, width_px, height_px, format });
            let mut output = context.run_ui(egui::RawInput::default(), |ui| {
                let over = Over { pixel_size_nm: 100.0, camera: "", trails: &[], proposed: (&[], 0) };
                video.show(ui, &mut picture, &mut beads, &over);
            });
            let texture = video.texture.as_ref().unwrap().1.id();
            let set = output.textures_delta.set.iter().filter(|(id, _)| **id == texture);
            uploaded.extend(set.flat_map(|(_, deltas)| deltas).map(|delta| delta.is_whole()));
            // Nothing draws them.
            output.textures_delta.clear();
        }
        // The panel may have another size in the second frame; after that every frame is part of the same texture.
        assert!(
            uploaded.len() == 6 && uploaded[0] && uploaded[2..].iter().all(|is_whole| !is_whole),
            "{uploaded:?}"
        );
    }
}

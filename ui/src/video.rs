//! The live picture: the newest frame as a texture, with the beads over it.
//!
//! Only the part that is seen is uploaded, once per drawn frame at most, so that the cost is bounded by the screen and
//! not by the sensor.

use eframe::egui::{
    self, Color32, ColorImage, CursorIcon, Rect, Response, RichText, Sense, TextureFilter, TextureHandle,
    TextureOptions, pos2,
};

use crate::beads::Beads;
use crate::contrast::{Contrast, Mode};
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
    texture: Option<(Shown, TextureHandle)>,
}

/// What a texture holds; another one is uploaded only if this changes.
#[derive(Clone, Copy, PartialEq)]
struct Shown {
    frame: u64,
    region: Region,
    step: usize,
    limits: (f32, f32),
}

impl Video {
    /// Draws the panel: a line of controls, and the picture in what is left. `camera`: what the camera does, in words.
    /// Returns the place in the frame, px, where a bead is to be added.
    pub fn show(
        &mut self,
        ui: &mut egui::Ui,
        picture: &Picture,
        beads: &mut Beads,
        pixel_size_nm: f64,
        camera: &str,
    ) -> Option<(f64, f64)> {
        self.controls(ui, camera);
        let panel = ui.available_rect_before_wrap();
        let response =
            ui.allocate_rect(panel, Sense::click_and_drag()).on_hover_cursor(CursorIcon::Crosshair);
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
        self.navigate(ui, &response);
        self.picture(ui, &painter, picture);
        if !self.hide_rois {
            overlay::rois(&painter, &self.viewport, beads);
        }
        overlay::scale_bar(&painter, &self.viewport, pixel_size_nm);
        if let Some(cursor) = response.hover_pos() {
            overlay::pixel(&painter, &self.viewport, picture, cursor);
        }
        self.point_at(ui, response, beads)
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
            ui.selectable_value(&mut self.contrast.mode, Mode::Auto, "Auto").on_hover_text(
                "From the darkest to the brightest pixels of the frame (0.2 % clipped at both ends)",
            );
            ui.selectable_value(&mut self.contrast.mode, Mode::Full, "Full")
                .on_hover_text("From 0 to the level of a saturated pixel");
            ui.separator();
            let mut shown = !self.hide_rois;
            ui.checkbox(&mut shown, "ROIs")
                .on_hover_text(
                    "Squares, numbers and positions of the beads over the picture\nShift-click adds a bead, Delete removes \
                     the selected one, Alt and an arrow key moves it, G makes it a reference, Ctrl+Z undoes, Ctrl+Y redoes",
                );
            self.hide_rois = !shown;
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

    fn navigate(&mut self, ui: &egui::Ui, response: &Response) {
        if response.double_clicked() {
            self.viewport.fit();
        } else if response.dragged() {
            let delta = response.drag_delta();
            self.viewport.pan(delta.x, delta.y);
        }
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
        let shown = Shown { frame: picture.frame, region, step, limits: self.contrast.limits(picture) };
        let image = || ColorImage::from_gray(size, &picture.shades(region, step, shown.limits));
        let texture = match &mut self.texture {
            Some((old, texture)) => {
                if *old != shown {
                    texture.set(image(), TEXTURE);
                    *old = shown;
                }
                texture
            }
            none => &mut none.insert((shown, ui.ctx().load_texture("frame", image(), TEXTURE))).1,
        };
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        painter.image(texture.id(), self.viewport.screen_rect(region, step), whole, Color32::WHITE);
    }

    /// Selects the bead that is clicked, tells about the one under the cursor. Returns where a bead is to be added.
    fn point_at(&self, ui: &egui::Ui, response: Response, beads: &mut Beads) -> Option<(f64, f64)> {
        let cursor = response.hover_pos().filter(|_| !self.hide_rois)?;
        let (x_px, y_px) = self.viewport.frame_from_screen(cursor);
        if response.clicked() && ui.input(|input| input.modifiers.shift) {
            return Some((f64::from(x_px), f64::from(y_px)));
        }
        let place = beads.at(x_px, y_px)?;
        if response.clicked() {
            beads.select(place);
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

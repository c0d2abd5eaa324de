//! Where the picture lies on the screen: zoom, pan, and the way between pixels and points.

use eframe::egui::{Pos2, Rect, vec2};

use crate::picture::{Picture, Region};

/// The nearest view, points per pixel: a ROI of 16 px fills the panel.
const NEAREST: f32 = 64.0;
/// The farthest view, as a share of the fitting one.
const FARTHEST: f32 = 0.5;

/// What part of the frame is seen. Pixel centres lie at integers, so pixel 0 reaches from −0.5 to 0.5.
#[derive(Clone, Copy, Debug)]
pub struct Viewport {
    /// Chosen by hand: frame coordinates in the middle of the panel and points per pixel. `None` fits the frame.
    chosen: Option<((f32, f32), f32)>,
    panel: Rect,
    size_px: (f32, f32),
}

impl Default for Viewport {
    fn default() -> Self {
        Self { chosen: None, panel: Rect::ZERO, size_px: (0.0, 0.0) }
    }
}

impl Viewport {
    /// Tells the panel and the frame's size; to be called before anything is drawn.
    pub fn place(&mut self, panel: Rect, width_px: usize, height_px: usize) {
        self.panel = panel;
        let size_px = (width_px as f32, height_px as f32);
        if size_px != self.size_px {
            // Another frame size: the old place means nothing in it.
            (self.size_px, self.chosen) = (size_px, None);
        }
    }

    /// Shows the whole frame, and keeps doing so when the panel changes.
    pub fn fit(&mut self) {
        self.chosen = None;
    }

    /// True while the whole frame is shown.
    pub fn is_fitted(&self) -> bool {
        self.chosen.is_none()
    }

    /// Points per pixel.
    pub fn zoom(&self) -> f32 {
        self.chosen.map_or(self.fitting(), |(_, zoom)| zoom)
    }

    fn fitting(&self) -> f32 {
        let panel = self.panel;
        (panel.width() / self.size_px.0.max(1.0)).min(panel.height() / self.size_px.1.max(1.0)).max(1e-3)
    }

    fn center_px(&self) -> (f32, f32) {
        self.chosen.map_or(((self.size_px.0 - 1.0) / 2.0, (self.size_px.1 - 1.0) / 2.0), |(center, _)| center)
    }

    /// Where a place in the frame lies on the screen.
    pub fn screen_from_frame(&self, x_px: f32, y_px: f32) -> Pos2 {
        let (center, zoom) = (self.center_px(), self.zoom());
        self.panel.center() + vec2((x_px - center.0) * zoom, (y_px - center.1) * zoom)
    }

    /// Which place in the frame a point of the screen shows.
    pub fn frame_from_screen(&self, point: Pos2) -> (f32, f32) {
        let (center, zoom) = (self.center_px(), self.zoom());
        let offset = point - self.panel.center();
        (center.0 + offset.x / zoom, center.1 + offset.y / zoom)
    }

    /// Zooms by `factor`; what lies under `point` stays there.
    pub fn zoom_about(&mut self, point: Pos2, factor: f32) {
        let (x_px, y_px) = self.frame_from_screen(point);
        let fitting = self.fitting();
        let zoom = (self.zoom() * factor).clamp((FARTHEST * fitting).min(NEAREST), NEAREST.max(fitting));
        let offset = point - self.panel.center();
        self.chosen = Some((self.inside((x_px - offset.x / zoom, y_px - offset.y / zoom)), zoom));
    }

    /// Moves the picture by this many points.
    pub fn pan(&mut self, x: f32, y: f32) {
        let (center, zoom) = (self.center_px(), self.zoom());
        self.chosen = Some((self.inside((center.0 - x / zoom, center.1 - y / zoom)), zoom));
    }

    /// Brings a place into the middle of the panel if it is not seen.
    pub fn reveal(&mut self, x_px: f32, y_px: f32) {
        if !self.panel.shrink(8.0).contains(self.screen_from_frame(x_px, y_px)) {
            self.chosen = Some((self.inside((x_px, y_px)), self.zoom()));
        }
    }

    /// The middle of the panel always shows the frame, so that the picture cannot be lost.
    fn inside(&self, (x_px, y_px): (f32, f32)) -> (f32, f32) {
        (
            x_px.clamp(-0.5, (self.size_px.0 - 0.5).max(-0.5)),
            y_px.clamp(-0.5, (self.size_px.1 - 0.5).max(-0.5)),
        )
    }

    /// The pixels that are seen, and how many of them to skip so that at most two share a screen pixel.
    pub fn visible(&self, picture: &Picture, pixels_per_point: f32) -> (Region, usize) {
        let (left, top) = self.frame_from_screen(self.panel.min);
        let (right, bottom) = self.frame_from_screen(self.panel.max);
        let from = |edge: f32, side: usize| ((edge + 0.5).floor().max(0.0) as usize).min(side);
        let to = |edge: f32, side: usize| ((edge + 0.5).ceil().max(0.0) as usize).min(side);
        let region = Region {
            from_px: (from(left, picture.width_px), from(top, picture.height_px)),
            to_px: (to(right, picture.width_px), to(bottom, picture.height_px)),
        };
        let px_per_screen_pixel = 1.0 / (self.zoom() * pixels_per_point).max(1e-6);
        (region, ((px_per_screen_pixel / 2.0).ceil() as usize).max(1))
    }

    /// Where a texture of these pixels lies on the screen.
    pub fn screen_rect(&self, region: Region, step: usize) -> Rect {
        let [columns, rows] = Picture::shades_size(region, step);
        let corner = |(x, y): (usize, usize)| self.screen_from_frame(x as f32 - 0.5, y as f32 - 0.5);
        let end = (region.from_px.0 + columns * step, region.from_px.1 + rows * step);
        Rect::from_min_max(corner(region.from_px), corner(end))
    }

    /// Columns and rows of the frame, px.
    pub fn frame_px(&self) -> (f32, f32) {
        self.size_px
    }

    /// The panel itself.
    pub fn panel(&self) -> Rect {
        self.panel
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::pos2;

    use super::*;
    use crate::picture::tests::ramp;

    fn viewport() -> Viewport {
        let mut viewport = Viewport::default();
        viewport.place(Rect::from_min_size(pos2(10.0, 20.0), vec2(400.0, 300.0)), 200, 100);
        viewport
    }

    #[test]
    fn fits_the_whole_frame_with_pixel_centres_at_integers() {
        let viewport = viewport();
        assert_eq!(viewport.zoom(), 2.0);
        assert_eq!(viewport.screen_from_frame(-0.5, 49.5), pos2(10.0, 170.0));
        let (x_px, y_px) = viewport.frame_from_screen(viewport.screen_from_frame(12.25, 77.5));
        assert!((x_px - 12.25).abs() < 1e-4 && (y_px - 77.5).abs() < 1e-4);
    }

    #[test]
    fn what_lies_under_the_cursor_stays_there_while_zooming() {
        let mut viewport = viewport();
        let cursor = pos2(150.0, 140.0);
        let before = viewport.frame_from_screen(cursor);
        viewport.zoom_about(cursor, 3.0);
        let after = viewport.frame_from_screen(cursor);
        assert!(
            (before.0 - after.0).abs() < 1e-3 && (before.1 - after.1).abs() < 1e-3,
            "{before:?} {after:?}"
        );
        viewport.zoom_about(cursor, 1e9);
        assert_eq!(viewport.zoom(), NEAREST);
        viewport.fit();
        assert_eq!(viewport.zoom(), 2.0);
    }

    #[test]
    fn the_picture_cannot_be_lost_and_another_size_fits_again() {
        let mut viewport = viewport();
        viewport.pan(1e6, -1e6);
        let (x_px, y_px) = viewport.frame_from_screen(viewport.panel().center());
        assert!((x_px + 0.5).abs() < 1e-3 && (y_px - 99.5).abs() < 1e-3, "{x_px} {y_px}");
        viewport.place(viewport.panel(), 50, 50);
        assert!(viewport.is_fitted());
    }

    #[test]
    fn only_what_is_seen_becomes_a_texture() {
        let picture = ramp(200, 100);
        let mut viewport = viewport();
        assert_eq!(viewport.visible(&picture, 1.0), (Region { from_px: (0, 0), to_px: (200, 100) }, 1));
        viewport.zoom_about(viewport.panel().center(), 10.0);
        let (region, step) = viewport.visible(&picture, 1.0);
        assert_eq!(step, 1);
        assert!(region.from_px.0 > 80 && region.to_px.0 < 120, "{region:?}");
        let drawn = viewport.screen_rect(region, step);
        assert!(drawn.contains_rect(viewport.panel().shrink(1.0)), "{drawn:?}");
        viewport.place(viewport.panel(), 4000, 4000);
        let huge = ramp(1, 1);
        assert!(viewport.visible(&huge, 1.0).1 >= 6, "a 4000 px frame on 300 points is thinned");
    }
}

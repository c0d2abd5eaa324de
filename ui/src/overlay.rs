//! What is drawn over the picture: ROIs, crosshairs, the scale bar and the pixel under the cursor.

use beadscope_engine::find::Candidate;
use eframe::egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Stroke, StrokeKind, pos2, vec2};

use crate::beads::{Bead, Beads};
use crate::picture::Picture;
use crate::scale;
use crate::theme::{self, ROI, ROI_FLAGGED, ROI_REFERENCE, ROI_SELECTED, SHADE};
use crate::viewport::Viewport;

/// Longest scale bar, points.
const BAR: f64 = 140.0;
/// From the panel's edge, points.
const MARGIN: f32 = 12.0;
/// Below this size on the screen, points, a ROI's number would hide its bead.
const LEAST_FOR_NUMBER: f32 = 18.0;

/// Below this size on the screen, points, the scores of neighbours would lie over each other.
const LEAST_FOR_SCORE: f32 = 28.0;

/// Draws every ROI that is seen, the selected one last.
pub fn rois(painter: &Painter, viewport: &Viewport, beads: &Beads) {
    let others = (0..beads.all.len()).filter(|place| !beads.is_selected(*place));
    for place in others.chain(beads.shown(usize::MAX)) {
        if let Some(bead) = beads.all.get(place) {
            roi(painter, viewport, bead, beads.is_selected(place));
        }
    }
}

/// Draws the paths of beads.
pub fn trails(painter: &Painter, viewport: &Viewport, trails: &[Vec<(f32, f32)>]) {
    for (number, trail) in trails.iter().enumerate() {
        let color = if number == 0 { ROI_SELECTED } else { theme::other(number) };
        let points = trail.iter().map(|(x_px, y_px)| viewport.screen_from_frame(*x_px, *y_px)).collect();
        painter.line(points, Stroke::new(1.0, color.gamma_multiply(0.8)));
    }
}

/// Draws ROIs that are proposed around candidates, with their scores where there is room for them.
pub fn proposed(painter: &Painter, viewport: &Viewport, candidates: &[Candidate], side_px: u32) {
    let side = side_px as f32 * viewport.zoom();
    for Candidate { x_px, y_px, score, .. } in candidates {
        let middle = viewport.screen_from_frame(*x_px as f32, *y_px as f32);
        let square = Rect::from_center_size(middle, vec2(side, side));
        if !painter.clip_rect().intersects(square) {
            continue;
        }
        if side >= LEAST_FOR_SCORE {
            let at = square.left_bottom() + vec2(0.0, 2.0);
            label(painter, at, Align2::LEFT_TOP, &format!("{score:.2}"), 12.0, ROI_REFERENCE);
        }
        painter.rect_stroke(square, 0, Stroke::new(3.5, SHADE), StrokeKind::Middle);
        painter.rect_stroke(square, 0, Stroke::new(1.5, ROI_REFERENCE), StrokeKind::Middle);
    }
}

/// The whole frame in small, top right: the beads as dots, and what is seen.
pub fn minimap(painter: &Painter, viewport: &Viewport, beads: &Beads) {
    const WIDTH: f32 = 130.0;
    let (width_px, height_px) = viewport.frame_px();
    let size = vec2(WIDTH, WIDTH * height_px / width_px.max(1.0));
    let panel = viewport.panel();
    let map = Rect::from_min_size(pos2(panel.right() - WIDTH - MARGIN, panel.top() + MARGIN), size);
    let at = |x_px: f32, y_px: f32| {
        map.min + vec2((x_px + 0.5) / width_px * size.x, (y_px + 0.5) / height_px * size.y)
    };
    painter.rect_filled(map, 2, SHADE);
    painter.rect_stroke(map, 2, Stroke::new(1.0, ROI), StrokeKind::Outside);
    for bead in &beads.all {
        let (x_px, y_px) = bead.roi.center_px();
        painter.circle_filled(at(x_px as f32, y_px as f32), 1.5, ROI);
    }
    let corners = [panel.min, panel.max].map(|corner| viewport.frame_from_screen(corner));
    let seen = Rect::from_min_max(at(corners[0].0, corners[0].1), at(corners[1].0, corners[1].1));
    painter.rect_stroke(seen.intersect(map), 0, Stroke::new(1.5, ROI_SELECTED), StrokeKind::Inside);
}

fn roi(painter: &Painter, viewport: &Viewport, bead: &Bead, is_selected: bool) {
    let square = roi_rect(viewport, bead);
    if !painter.clip_rect().intersects(square) {
        return;
    }
    let is_flagged = bead.is_flagged();
    let color = match (is_selected, is_flagged, bead.is_reference) {
        (_, true, _) => ROI_FLAGGED,
        (true, false, _) => ROI_SELECTED,
        (false, false, true) => ROI_REFERENCE,
        (false, false, false) => ROI.gamma_multiply(0.75),
    };
    let width = if is_selected { 2.0 } else { 1.0 };
    if square.width() < LEAST_FOR_NUMBER && !is_selected {
        // Of thousands of beads at once each is a small square: shade, cross and number would hide it, and take long.
        painter.rect_stroke(square, 0, Stroke::new(width, color), StrokeKind::Middle);
        return;
    }
    painter.rect_stroke(square, 0, Stroke::new(width + 2.0, SHADE), StrokeKind::Middle);
    painter.rect_stroke(square, 0, Stroke::new(width, color), StrokeKind::Middle);
    if is_selected && is_flagged {
        // Flagged keeps its colour; a second frame says that it is selected.
        painter.rect_stroke(square.expand(3.5), 0, Stroke::new(2.0, ROI_SELECTED), StrokeKind::Middle);
    }
    crosshair(painter, viewport, bead, color, is_selected);
    if square.width() >= LEAST_FOR_NUMBER {
        let size = if is_selected { 14.0 } else { 12.0 };
        let is_below_edge = square.top() - 2.0 * size > painter.clip_rect().top();
        label(
            painter,
            // Outside the square: at a low zoom the number would hide the bead. At the top edge it goes inside.
            square.left_top() + vec2(0.0, if is_below_edge { -2.0 } else { 1.0 }),
            if is_below_edge { Align2::LEFT_BOTTOM } else { Align2::LEFT_TOP },
            &bead.name(),
            size,
            color,
        );
    }
}

fn roi_rect(viewport: &Viewport, bead: &Bead) -> Rect {
    let roi = &bead.roi;
    let corner = (roi.left_px as f32 - 0.5, roi.top_px as f32 - 0.5);
    let side = roi.size_px as f32;
    Rect::from_min_max(
        viewport.screen_from_frame(corner.0, corner.1),
        viewport.screen_from_frame(corner.0 + side, corner.1 + side),
    )
}

/// A cross with an open middle where the bead was located.
fn crosshair(painter: &Painter, viewport: &Viewport, bead: &Bead, color: Color32, is_selected: bool) {
    let Some(row) = bead.newest.filter(|row| row.x_px.is_finite() && row.y_px.is_finite()) else { return };
    let center = viewport.screen_from_frame(row.x_px as f32, row.y_px as f32);
    let (inner, outer) = if is_selected { (3.0, 11.0) } else { (2.0, 6.0) };
    for direction in [vec2(1.0, 0.0), vec2(-1.0, 0.0), vec2(0.0, 1.0), vec2(0.0, -1.0)] {
        let arm = [center + direction * inner, center + direction * outer];
        painter.line_segment(arm, Stroke::new(3.0, SHADE));
        painter.line_segment(arm, Stroke::new(1.2, color));
    }
}

/// The scale bar, bottom left.
pub fn scale_bar(painter: &Painter, viewport: &Viewport, pixel_size_nm: f64) {
    let nm_per_point = pixel_size_nm / f64::from(viewport.zoom());
    let Some((length_um, points)) = scale::scale_bar(nm_per_point, BAR) else { return };
    let panel = viewport.panel();
    let (left, bottom) = (panel.left() + MARGIN, panel.bottom() - MARGIN);
    let length = points as f32;
    let back = Rect::from_min_max(
        pos2(left - 6.0, bottom - 28.0),
        pos2(left + length.max(48.0) + 6.0, bottom + 5.0),
    );
    painter.rect_filled(back, 4, SHADE);
    painter.rect_filled(
        Rect::from_min_max(pos2(left, bottom - 4.0), pos2(left + length, bottom)),
        0,
        Color32::WHITE,
    );
    let text = scale::length_text(length_um);
    painter.text(
        pos2(left, bottom - 8.0),
        Align2::LEFT_BOTTOM,
        text,
        FontId::proportional(13.0),
        Color32::WHITE,
    );
}

/// Column, row and grey level of the pixel under the cursor, bottom right.
pub fn pixel(painter: &Painter, viewport: &Viewport, picture: &Picture, cursor: Pos2) {
    let (x_px, y_px) = viewport.frame_from_screen(cursor);
    let (x_px, y_px) = (x_px.round() as i64, y_px.round() as i64);
    let Some(level) = picture.level(x_px, y_px) else { return };
    let text = format!("x {x_px}  y {y_px} px   level {level}/{}", picture.max_level);
    let at = viewport.panel().right_bottom() - vec2(MARGIN, MARGIN - 5.0);
    let color = if level >= picture.max_level { ROI_FLAGGED } else { Color32::WHITE };
    label(painter, at, Align2::RIGHT_BOTTOM, &text, 13.0, color);
}

/// How many pixels are saturated, top left; nothing if none is.
pub fn saturated(painter: &Painter, viewport: &Viewport, count: usize) {
    if count == 0 {
        return;
    }
    let at = viewport.panel().left_top() + vec2(MARGIN, MARGIN);
    let text = format!("{} saturated px", scale::grouped(count as u64));
    label(painter, at, Align2::LEFT_TOP, &text, 13.0, ROI_FLAGGED);
}

/// Text on a dark ground, legible on any grey.
fn label(painter: &Painter, at: Pos2, align: Align2, text: &str, size: f32, color: Color32) {
    let galley = painter.layout_no_wrap(text.to_owned(), theme::digits(size), color);
    let rect = align.anchor_size(at, galley.size() + vec2(6.0, 2.0));
    painter.rect_filled(rect, 2, SHADE);
    painter.galley(rect.min + vec2(3.0, 1.0), galley, color);
}

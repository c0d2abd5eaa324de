//! Draws beads into a frame, row by row, and adds the camera's noise.
//!
//! Runs on the camera thread; [`Renderer::render`] never allocates. Rows without a bead are copied from ready-made
//! background; rows with one are summed as real numbers, so that neighbouring rings and dirt add up as they should.

use super::chord::{BLOCK, add_chord};
use super::noise::{Noise, Rng};
use super::optics::RadialTable;
use super::sensor::Pattern;
use crate::camera::SensorWindow;

/// One thing with rings: a bead, or at less contrast a speck of dirt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    /// Centre in the sensor, in px.
    pub(super) x_px: f64,
    /// Centre in the sensor, in px.
    pub(super) y_px: f64,
    /// Height above the surface, in nm.
    pub(super) z_nm: f64,
    /// Strength of the rings; 1 for a bead.
    pub(super) contrast: f32,
    /// Which of the sizes it has.
    pub(super) size: usize,
}

/// The camera's view of the sample.
#[derive(Debug)]
pub(super) struct Renderer {
    pub(super) noise: Noise,
    /// Images of each size, of equally many rings.
    tables: Vec<RadialTable>,
    pattern: Option<Pattern>,
    background: f64,
    window: SensorWindow,
    /// What is drawn in this frame, sorted by first row.
    drawn: Vec<Drawn>,
    /// Profiles of all that is drawn, in grey levels, one after the other.
    profiles: Vec<f32>,
    /// What crosses the current row.
    crossing: Vec<Chord>,
    /// Mean grey levels of the current row.
    levels: Vec<f32>,
}

/// A patch in window coordinates, and which of the profiles is its own.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    x_px: f64,
    y_px: f64,
    first_row: usize,
    end_row: usize,
    profile: usize,
}

/// The columns of one row, from `begin` up to `end`, that a patch reaches; none if they are equal.
#[derive(Clone, Copy, Debug)]
struct Chord {
    drawn: usize,
    begin: usize,
    end: usize,
}

impl Renderer {
    /// A renderer with room for `patches` things in one frame, and images of each size.
    pub(super) fn new(
        tables: Vec<RadialTable>,
        pattern: Option<Pattern>,
        noise: Noise,
        background: f64,
        window: SensorWindow,
        patches: usize,
    ) -> Self {
        let mut renderer = Self {
            noise,
            pattern,
            background,
            window,
            drawn: Vec::with_capacity(patches),
            profiles: vec![0.0; patches * n_rings(&tables)],
            crossing: Vec::with_capacity(patches),
            levels: Vec::new(),
            tables,
        };
        renderer.set_window(window);
        renderer
    }

    pub(super) fn set_window(&mut self, window: SensorWindow) {
        self.window = window;
        self.levels = vec![0.0; window.width_px as usize];
    }

    pub(super) fn frame_bytes(&self) -> usize {
        self.window.width_px as usize * self.window.height_px as usize * self.noise.format().bytes_per_px()
    }

    /// Draws `patches` and noise into `slot`, rows from top to bottom, with the lamp so much brighter than usual.
    pub(super) fn render(
        &mut self,
        patches: impl Iterator<Item = Patch>,
        flicker: f32,
        rng: &mut Rng,
        slot: &mut [u8],
    ) {
        self.prepare(patches);
        let bytes_per_px = self.noise.format().bytes_per_px();
        let row_bytes = self.window.width_px as usize * bytes_per_px;
        let mut waiting = 0;
        self.crossing.clear();
        for (row, pixels) in slot.chunks_exact_mut(row_bytes).enumerate() {
            while waiting < self.drawn.len() && self.drawn[waiting].first_row <= row {
                self.crossing.push(Chord { drawn: waiting, begin: 0, end: 0 });
                waiting += 1;
            }
            self.crossing.retain(|chord| self.drawn[chord.drawn].end_row > row);
            if self.pattern.is_some() || flicker != 1.0 {
                self.draw_uneven_row(row, flicker, rng, pixels);
            } else {
                self.noise.write_background(rng, pixels);
                self.draw_row(row, rng, pixels);
            }
        }
    }

    /// Mean grey levels, without noise, of a square of `side_px` with `patch` in the square's coordinates.
    pub(super) fn levels(&self, patch: &Patch, side_px: u32) -> Vec<f32> {
        let side = side_px as usize;
        let background = self.background_level();
        let mut profile = vec![0.0; n_rings(&self.tables)];
        self.tables[patch.size].profile(patch.z_nm, patch.contrast * background, &mut profile);
        let mut levels = vec![background; side * side];
        for (row, levels) in levels.chunks_exact_mut(side).enumerate() {
            let dy_px = row as f64 - patch.y_px;
            let (begin, end) = chord(self.radius_px(), patch.x_px, dy_px, side);
            add_chord(&profile, patch.x_px, dy_px, begin, &mut levels[begin..end]);
        }
        levels
    }

    /// Moves what is in view into window coordinates, sorted by row, and looks up its profile.
    fn prepare(&mut self, patches: impl Iterator<Item = Patch>) {
        let radius = self.radius_px();
        let scale = self.background_level();
        let (width, height) = (f64::from(self.window.width_px), f64::from(self.window.height_px));
        self.drawn.clear();
        let profiles = self.profiles.chunks_exact_mut(n_rings(&self.tables)).enumerate();
        for (patch, (index, profile)) in patches.zip(profiles) {
            let x_px = patch.x_px - f64::from(self.window.x_px);
            let y_px = patch.y_px - f64::from(self.window.y_px);
            let outside =
                x_px + radius < 0.0 || x_px - radius > width || y_px + radius < 0.0 || y_px - radius > height;
            if outside {
                continue;
            }
            self.tables[patch.size].profile(patch.z_nm, patch.contrast * scale, profile);
            // Float-to-integer casts saturate at 0: what sticks out above is cut off.
            let (first_row, end_row) =
                ((y_px - radius).ceil() as usize, (y_px + radius).floor() as usize + 1);
            self.drawn.push(Drawn { x_px, y_px, first_row, end_row, profile: index });
        }
        self.drawn.sort_unstable_by_key(|drawn| drawn.first_row);
    }

    /// Sums the rings that cross this row, then writes them with noise over the background.
    fn draw_row(&mut self, row: usize, rng: &mut Rng, pixels: &mut [u8]) {
        let width = self.levels.len();
        let bytes_per_px = self.noise.format().bytes_per_px();
        let background = self.background_level();
        let radius = self.radius_px();
        for crossing in &mut self.crossing {
            let drawn = self.drawn[crossing.drawn];
            (crossing.begin, crossing.end) = chord(radius, drawn.x_px, row as f64 - drawn.y_px, width);
            self.levels[crossing.begin..crossing.end].fill(background);
        }
        self.add_chords(row);
        // Where chords overlap the later writes the same sum again, with fresh noise.
        for crossing in &self.crossing {
            let pixels = &mut pixels[crossing.begin * bytes_per_px..crossing.end * bytes_per_px];
            self.noise.write_levels(rng, &self.levels[crossing.begin..crossing.end], pixels);
        }
    }

    /// The same where no two pixels of the background are alike.
    fn draw_uneven_row(&mut self, row: usize, flicker: f32, rng: &mut Rng, pixels: &mut [u8]) {
        let (width, radius) = (self.levels.len(), self.radius_px());
        for crossing in &mut self.crossing {
            let drawn = self.drawn[crossing.drawn];
            (crossing.begin, crossing.end) = chord(radius, drawn.x_px, row as f64 - drawn.y_px, width);
        }
        let (background, white) = (self.background_level(), self.noise.white());
        self.levels.fill(background);
        self.add_chords(row);
        let SensorWindow { x_px, y_px, .. } = self.window;
        match &self.pattern {
            Some(pattern) => {
                pattern.apply(&mut self.levels, x_px as usize, y_px as usize + row, flicker, white)
            }
            None => self.levels.iter_mut().for_each(|level| *level *= flicker),
        }
        self.noise.write_levels(rng, &self.levels, pixels);
    }

    /// Adds the light of what crosses a row.
    fn add_chords(&mut self, row: usize) {
        for crossing in &self.crossing {
            let drawn = self.drawn[crossing.drawn];
            let n_rings = n_rings(&self.tables);
            let profile = &self.profiles[drawn.profile * n_rings..][..n_rings];
            let levels = &mut self.levels[crossing.begin..crossing.end];
            add_chord(profile, drawn.x_px, row as f64 - drawn.y_px, crossing.begin, levels);
        }
    }

    /// Distance from the centre of anything, in px, from which on there is only background.
    fn radius_px(&self) -> f64 {
        self.tables.first().map_or(0.0, RadialTable::radius_px)
    }

    fn background_level(&self) -> f32 {
        self.background as f32 * self.noise.white()
    }
}

/// Rings of a profile, the same for every size.
fn n_rings(tables: &[RadialTable]) -> usize {
    tables.first().map_or(0, RadialTable::n_rings)
}

/// The columns within `radius_px` of a centre that is `dy_px` away from their row, as begin and end in `0..=width`.
fn chord(radius_px: f64, x_px: f64, dy_px: f64, width: usize) -> (usize, usize) {
    let half = (radius_px * radius_px - dy_px * dy_px).max(0.0).sqrt();
    // Casts saturate at 0, which cuts off what sticks out on the left; `+ 1` makes them round up and end after the last.
    let end = ((x_px + half + 1.0) as usize).min(width);
    let begin = ((x_px - half + 1.0) as usize).min(end);
    // Whole blocks are quicker; beyond the rings there is only background.
    (begin, (begin + (end - begin).next_multiple_of(BLOCK)).min(width))
}

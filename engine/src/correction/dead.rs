//! Pixels that cannot be corrected, and which good ones stand in for each. Found once, before tracking.

use std::ops::Range;

/// How many steps, sideways or up and down, the stand-ins of a dead pixel may be away. The rings of a bead are as narrow
/// as that: a mean over more would invent them.
pub(super) const REACH_PX: usize = 4;

/// Dead pixels, by row and column.
#[derive(Clone, Debug)]
pub(super) struct DeadPixels {
    pixels: Vec<Dead>,
    /// Where each row begins in `pixels`; one more than there are rows.
    rows: Vec<usize>,
    /// Column and row of the stand-ins, one dead pixel after the other.
    neighbours: Vec<[u32; 2]>,
}

#[derive(Clone, Debug)]
struct Dead {
    x_px: usize,
    neighbours: Range<usize>,
}

impl DeadPixels {
    /// The stand-ins of a dead pixel are the good ones among the four that share a side with it; if there are none, among
    /// those one step further away, and so on. Four, because the mean of eight is off by half as much again where a
    /// ring is curved.
    ///
    /// # Errors
    /// Column and row of a dead pixel without a good one in reach.
    pub(super) fn find(is_dead: &[bool], width_px: usize) -> Result<Self, (usize, usize)> {
        let height_px = is_dead.len() / width_px.max(1);
        let mut found = Self { pixels: Vec::new(), rows: vec![0], neighbours: Vec::new() };
        for (y_px, row) in is_dead.chunks_exact(width_px.max(1)).enumerate() {
            for x_px in (0..width_px).filter(|x_px| row[*x_px]) {
                let first = found.neighbours.len();
                for steps_px in 1..=REACH_PX {
                    let around = around((x_px, y_px), steps_px, (width_px, height_px));
                    let good = around.filter(|(x_px, y_px)| !is_dead[y_px * width_px + x_px]);
                    found.neighbours.extend(good.map(|(x_px, y_px)| [x_px as u32, y_px as u32]));
                    if found.neighbours.len() > first {
                        break;
                    }
                }
                let neighbours = first..found.neighbours.len();
                if neighbours.is_empty() {
                    return Err((x_px, y_px));
                }
                found.pixels.push(Dead { x_px, neighbours });
            }
            found.rows.push(found.pixels.len());
        }
        Ok(found)
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.pixels.len()
    }

    /// Those of row `y_px` in `columns`: the column of each, and column and row of its stand-ins.
    pub(super) fn in_row(
        &self,
        y_px: usize,
        columns: Range<usize>,
    ) -> impl Iterator<Item = (usize, &[[u32; 2]])> {
        let row = &self.pixels[self.rows[y_px]..self.rows[y_px + 1]];
        let from = row.partition_point(|dead| dead.x_px < columns.start);
        let dead = row[from..].iter().take_while(move |dead| dead.x_px < columns.end);
        dead.map(|dead| (dead.x_px, &self.neighbours[dead.neighbours.clone()]))
    }
}

/// The pixels of a frame that are just `steps_px` steps away from one.
fn around(
    (x_px, y_px): (usize, usize),
    steps_px: usize,
    (width_px, height_px): (usize, usize),
) -> impl Iterator<Item = (usize, usize)> {
    let near =
        |center: usize, side: usize| center.saturating_sub(steps_px)..(center + steps_px + 1).min(side);
    let columns = near(x_px, width_px);
    near(y_px, height_px)
        .flat_map(move |y_px| columns.clone().map(move |x_px| (x_px, y_px)))
        .filter(move |place| place.0.abs_diff(x_px) + place.1.abs_diff(y_px) == steps_px)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand_ins(dead: &[(usize, usize)], (width_px, height_px): (usize, usize)) -> Vec<usize> {
        let mut is_dead = vec![false; width_px * height_px];
        dead.iter().for_each(|(x_px, y_px)| is_dead[y_px * width_px + x_px] = true);
        let found = DeadPixels::find(&is_dead, width_px).unwrap();
        assert_eq!(found.len(), dead.len());
        let rows = (0..height_px).flat_map(|y_px| found.in_row(y_px, 0..width_px));
        rows.inspect(|(_, places)| {
            assert!(places.iter().all(|[x_px, y_px]| !dead.contains(&(*x_px as usize, *y_px as usize))));
        })
        .map(|(_, places)| places.len())
        .collect()
    }

    #[test]
    fn only_good_pixels_inside_the_frame_stand_in() {
        assert_eq!(stand_ins(&[(3, 3)], (8, 7)), [4]);
        assert_eq!(stand_ins(&[(0, 0), (7, 0), (7, 6)], (8, 7)), [2, 2, 2]);
        assert_eq!(stand_ins(&[(3, 3), (4, 3)], (8, 7)), [3, 3]);
        let block: Vec<_> = (0..9).map(|i| (2 + i % 3, 2 + i / 3)).collect();
        // Two steps from the middle there are eight pixels, of which the corners of the block are dead.
        assert_eq!(stand_ins(&block, (8, 8)), [2, 1, 2, 1, 4, 1, 2, 1, 2]);
    }

    #[test]
    fn a_row_gives_those_between_two_columns() {
        let mut is_dead = vec![false; 60];
        for place in [12, 13, 17, 19, 32] {
            is_dead[place] = true;
        }
        let found = DeadPixels::find(&is_dead, 10).unwrap();
        let columns = |y_px, range| found.in_row(y_px, range).map(|(x_px, _)| x_px).collect::<Vec<_>>();
        assert_eq!(columns(1, 0..10), [2, 3, 7, 9]);
        assert_eq!(columns(1, 3..9), [3, 7]);
        assert_eq!(columns(0, 0..10), [0; 0]);
        assert_eq!(columns(3, 0..10), [2]);
    }

    #[test]
    fn a_hole_is_told_by_where_it_is_too_wide() {
        let hole = |side: usize| -> Vec<bool> {
            (0..400).map(|i| (5..5 + side).contains(&(i % 20)) && (5..5 + side).contains(&(i / 20))).collect()
        };
        let widest = 2 * REACH_PX;
        assert_eq!(DeadPixels::find(&hole(widest), 20).unwrap().len(), widest * widest);
        let middle = 5 + REACH_PX;
        assert_eq!(DeadPixels::find(&hole(widest + 1), 20).unwrap_err(), (middle, middle));
        assert_eq!(DeadPixels::find(&[true; 9], 3).unwrap_err(), (0, 0));
    }
}

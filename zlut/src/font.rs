//! A bitmap font of 5 × 7 pixels for the labels of [`crate::plot`]: pictures look the same on every machine.

use image::{Rgb, RgbImage};

/// Width and height of a letter in font pixels.
const SIZE: (u32, u32) = (5, 7);
/// From one letter to the next.
const ADVANCE: u32 = 6;

/// Which way a text runs.
#[derive(Clone, Copy, PartialEq)]
pub enum Run {
    /// From left to right.
    Right,
    /// From bottom to top, as beside a vertical axis.
    Up,
}

/// Length of `text` along its run in px, `scale` px per font pixel.
pub fn length_px(text: &str, scale: u32) -> u32 {
    (text.chars().count() as u32 * ADVANCE).saturating_sub(ADVANCE - SIZE.0) * scale
}

/// Height of a letter in px.
pub fn height_px(scale: u32) -> u32 {
    SIZE.1 * scale
}

/// Draws `text` in black with its upper left corner (for [`Run::Up`], its lower left) at (x, y). What
/// reaches over the edge of the picture is cut off.
pub fn draw(picture: &mut RgbImage, text: &str, (x, y): (i64, i64), scale: u32, run: Run) {
    for (index, letter) in text.chars().enumerate() {
        let rows = glyph(letter);
        let drop = if "gpqyµ".contains(letter) { 2 } else { 0 };
        for dot in
            (0..SIZE.0 * SIZE.1).filter(|dot| rows[(dot / SIZE.0) as usize] >> (4 - dot % SIZE.0) & 1 == 1)
        {
            let along = index as u32 * ADVANCE + dot % SIZE.0;
            let down = dot / SIZE.0 + drop;
            for pixel in 0..scale * scale {
                let along = i64::from(along * scale + pixel % scale);
                let down = i64::from(down * scale + pixel / scale);
                let (px, py) = if run == Run::Right { (x + along, y + down) } else { (x + down, y - along) };
                if let (Ok(px), Ok(py)) = (u32::try_from(px), u32::try_from(py))
                    && let Some(pixel) = picture.get_pixel_mut_checked(px, py)
                {
                    *pixel = Rgb([0, 0, 0]);
                }
            }
        }
    }
}

/// Seven rows of five dots, the leftmost dot in bit 4; those of g, p, q, y and µ start two rows lower. An
/// unknown letter is a box.
fn glyph(letter: char) -> [u8; 7] {
    GLYPHS.iter().find(|(known, _)| *known == letter).map_or([31, 17, 17, 17, 17, 17, 31], |(_, rows)| *rows)
}

#[rustfmt::skip]
const GLYPHS: &[(char, [u8; 7])] = &[
    (' ', [0, 0, 0, 0, 0, 0, 0]), ('0', [14, 17, 17, 17, 17, 17, 14]), ('1', [4, 12, 4, 4, 4, 4, 14]),
    ('2', [14, 17, 1, 2, 4, 8, 31]), ('3', [31, 2, 4, 2, 1, 17, 14]), ('4', [2, 6, 10, 18, 31, 2, 2]),
    ('5', [31, 16, 30, 1, 1, 17, 14]), ('6', [6, 8, 16, 30, 17, 17, 14]), ('7', [31, 1, 2, 4, 8, 8, 8]),
    ('8', [14, 17, 17, 14, 17, 17, 14]), ('9', [14, 17, 17, 15, 1, 2, 12]),
    ('A', [14, 17, 17, 17, 31, 17, 17]), ('B', [30, 17, 17, 30, 17, 17, 30]),
    ('C', [14, 17, 16, 16, 16, 17, 14]), ('D', [28, 18, 17, 17, 17, 18, 28]),
    ('E', [31, 16, 16, 30, 16, 16, 31]), ('F', [31, 16, 16, 30, 16, 16, 16]),
    ('G', [14, 17, 16, 23, 17, 17, 15]), ('H', [17, 17, 17, 31, 17, 17, 17]),
    ('I', [14, 4, 4, 4, 4, 4, 14]), ('J', [7, 2, 2, 2, 2, 18, 12]), ('K', [17, 18, 20, 24, 20, 18, 17]),
    ('L', [16, 16, 16, 16, 16, 16, 31]), ('M', [17, 27, 21, 21, 17, 17, 17]),
    ('N', [17, 17, 25, 21, 19, 17, 17]), ('O', [14, 17, 17, 17, 17, 17, 14]),
    ('P', [30, 17, 17, 30, 16, 16, 16]), ('Q', [14, 17, 17, 17, 21, 18, 13]),
    ('R', [30, 17, 17, 30, 20, 18, 17]), ('S', [15, 16, 16, 14, 1, 1, 30]), ('T', [31, 4, 4, 4, 4, 4, 4]),
    ('U', [17, 17, 17, 17, 17, 17, 14]), ('V', [17, 17, 17, 17, 17, 10, 4]),
    ('W', [17, 17, 17, 21, 21, 21, 10]), ('X', [17, 17, 10, 4, 10, 17, 17]),
    ('Y', [17, 17, 17, 10, 4, 4, 4]), ('Z', [31, 1, 2, 4, 8, 16, 31]), ('a', [0, 0, 14, 1, 15, 17, 15]),
    ('b', [16, 16, 22, 25, 17, 17, 30]), ('c', [0, 0, 14, 16, 16, 17, 14]),
    ('d', [1, 1, 13, 19, 17, 17, 15]), ('e', [0, 0, 14, 17, 31, 16, 14]), ('f', [6, 9, 8, 28, 8, 8, 8]),
    ('g', [15, 17, 17, 15, 1, 1, 14]), ('h', [16, 16, 22, 25, 17, 17, 17]), ('i', [4, 0, 12, 4, 4, 4, 14]),
    ('j', [2, 0, 6, 2, 2, 18, 12]), ('k', [16, 16, 18, 20, 24, 20, 18]), ('l', [12, 4, 4, 4, 4, 4, 14]),
    ('m', [0, 0, 26, 21, 21, 21, 21]), ('n', [0, 0, 22, 25, 17, 17, 17]), ('o', [0, 0, 14, 17, 17, 17, 14]),
    ('p', [30, 17, 17, 30, 16, 16, 16]), ('q', [15, 17, 17, 15, 1, 1, 1]), ('r', [0, 0, 22, 25, 16, 16, 16]),
    ('s', [0, 0, 14, 16, 14, 1, 30]), ('t', [8, 8, 28, 8, 8, 9, 6]), ('u', [0, 0, 17, 17, 17, 19, 13]),
    ('v', [0, 0, 17, 17, 17, 10, 4]), ('w', [0, 0, 17, 17, 21, 21, 10]), ('x', [0, 0, 17, 10, 4, 10, 17]),
    ('y', [17, 17, 17, 15, 1, 1, 14]), ('z', [0, 0, 31, 2, 4, 8, 31]), ('.', [0, 0, 0, 0, 0, 12, 12]),
    (',', [0, 0, 0, 0, 12, 4, 8]), (':', [0, 12, 12, 0, 12, 12, 0]), (';', [0, 12, 12, 0, 12, 4, 8]),
    ('-', [0, 0, 0, 14, 0, 0, 0]), ('−', [0, 0, 0, 31, 0, 0, 0]), ('+', [0, 4, 4, 31, 4, 4, 0]),
    ('=', [0, 0, 31, 0, 31, 0, 0]), ('_', [0, 0, 0, 0, 0, 0, 31]), ('(', [2, 4, 8, 8, 8, 4, 2]),
    (')', [8, 4, 2, 2, 2, 4, 8]), ('[', [14, 8, 8, 8, 8, 8, 14]), (']', [14, 2, 2, 2, 2, 2, 14]),
    ('/', [0, 1, 2, 4, 8, 16, 0]), ('%', [24, 25, 2, 4, 8, 19, 3]), ('#', [10, 10, 31, 10, 31, 10, 10]),
    ('*', [0, 4, 21, 14, 21, 4, 0]), ('\'', [4, 4, 8, 0, 0, 0, 0]), ('"', [10, 10, 0, 0, 0, 0, 0]),
    ('!', [4, 4, 4, 4, 4, 0, 4]), ('?', [14, 17, 1, 2, 4, 0, 4]), ('<', [2, 4, 8, 16, 8, 4, 2]),
    ('>', [8, 4, 2, 1, 2, 4, 8]), ('@', [14, 17, 23, 21, 23, 16, 14]), ('&', [12, 18, 20, 8, 21, 18, 13]),
    ('µ', [17, 17, 17, 19, 29, 16, 16]), ('×', [0, 17, 10, 4, 10, 17, 0]), ('|', [4, 4, 4, 4, 4, 4, 4]),
];

//! Figures and pictures as files, in the folder of the recordings. No file is replaced.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use beadscope_engine::clock::{unix_ns_now, utc_text};
use eframe::egui::{self, ColorImage, Rect, ScreenshotCallback, ViewportCommand, ViewportId};

use crate::errands::{Done, Errand};
use crate::figure::Figure;

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The data as text.
    Csv,
    /// A drawing.
    Svg,
    /// What the screen shows.
    Png,
}

/// A figure that is to become a file.
pub struct Export {
    kind: Kind,
    figure: Figure,
    what: &'static str,
    on_screen: Rect,
    scale: f32,
    window: ViewportId,
}

impl Export {
    /// A figure, its place in the window that is being drawn, points, and what goes into the name of its file.
    pub fn new(ui: &egui::Ui, kind: Kind, figure: Figure, what: &'static str, on_screen: Rect) -> Self {
        Self {
            kind,
            figure,
            what,
            // What is scrolled away is not on the screen.
            on_screen: on_screen.intersect(ui.clip_rect()),
            // Of this window: another one may be on a screen of another scale.
            scale: ui.ctx().pixels_per_point(),
            window: ui.ctx().viewport_id(),
        }
    }
}

/// Draws the menu; what was chosen from it.
pub fn button(ui: &mut egui::Ui) -> Option<Kind> {
    let mut chosen = None;
    let menu = ui.menu_button("⬇", |ui| {
        for (kind, text, hint) in [
            (Kind::Csv, "Data (CSV)", "The points that are drawn, with units"),
            (Kind::Svg, "Drawing (SVG)", "Opens in Inkscape, Illustrator and browsers"),
            (Kind::Png, "Picture (PNG)", "What the screen shows"),
        ] {
            if ui.button(text).on_hover_text(hint).clicked() {
                chosen = Some(kind);
                ui.close();
            }
        }
    });
    menu.response.on_hover_text("Export: writes what is shown into the folder of the recordings");
    chosen
}

/// A part of a window that is to become a file once the window has been drawn.
struct Wanted {
    on_screen: Rect,
    scale: f32,
    folder: PathBuf,
    what: &'static str,
    taken: Receiver<Arc<ColorImage>>,
}

/// Pictures of the screen that have been asked for.
#[derive(Default)]
pub struct Screenshots {
    waiting: Vec<Wanted>,
}

impl Screenshots {
    /// What writes a figure; nothing yet for a picture: that comes once the screen has been drawn, see [`taken`](Self::taken).
    pub fn export(&mut self, context: &egui::Context, folder: PathBuf, export: Export) -> Option<Errand> {
        let Export { kind, figure, what, on_screen, scale, window } = export;
        let (extension, text): (_, fn(&Figure) -> String) = match kind {
            Kind::Csv => ("csv", Figure::csv),
            Kind::Svg => ("svg", Figure::svg),
            Kind::Png => {
                let (tell, taken) = sync_channel(1);
                let callback = ScreenshotCallback::new(move |image| {
                    // Nobody waits for it once the window is closed.
                    let _ = tell.try_send(image);
                });
                context.send_viewport_cmd_to(window, ViewportCommand::Screenshot(callback));
                self.waiting.push(Wanted { on_screen, scale, folder, what, taken });
                return None;
            }
        };
        let bytes = move || Ok(text(&figure).into_bytes());
        Some(Box::new(move || Done::Written(written(&folder, what, extension, bytes))))
    }

    /// What writes the pictures that have been taken since.
    pub fn taken(&mut self) -> Vec<Errand> {
        let mut errands: Vec<Errand> = Vec::new();
        self.waiting.retain(|wanted| {
            let image = match wanted.taken.try_recv() {
                Ok(image) => image,
                Err(nothing) => return nothing == TryRecvError::Empty,
            };
            let Wanted { on_screen, scale, what, .. } = *wanted;
            let folder = wanted.folder.clone();
            errands.push(Box::new(move || {
                let bytes = || {
                    let part = cut(&image, on_screen, scale);
                    png(&part.ok_or_else(|| io::Error::other("it is not on the screen any more"))?)
                };
                Done::Written(written(&folder, what, "png", bytes))
            }));
            false
        });
        errands
    }
}

/// Makes a new file of what comes; its path.
fn written(
    folder: &Path,
    what: &str,
    extension: &str,
    bytes: impl FnOnce() -> io::Result<Vec<u8>>,
) -> Result<PathBuf, String> {
    let path = free_path(folder, what, extension);
    let bytes = bytes().map_err(|error| failed(&path, &error))?;
    write(&path, &bytes).map(|()| path)
}

/// The part of a window's picture that is in `place`, points. `None` if nothing of it is there: the window may have shrunk.
fn cut(image: &ColorImage, place: Rect, scale: f32) -> Option<ColorImage> {
    let [width, height] = image.size;
    // `as` saturates: negative and NaN become 0.
    let pixel = |at: f32, most: usize| ((at * scale).round() as usize).min(most);
    let [left, right] = [place.min.x, place.max.x].map(|x| pixel(x, width));
    let [top, bottom] = [place.min.y, place.max.y].map(|y| pixel(y, height));
    let is_there = left < right && top < bottom;
    is_there.then(|| image.region_by_pixels([left, top], [right - left, bottom - top]))
}

/// An image as PNG.
fn png(image: &ColorImage) -> io::Result<Vec<u8>> {
    let [width, height] = image.size.map(|side| u32::try_from(side).unwrap_or(0));
    let bytes: Vec<u8> = image.pixels.iter().flat_map(|pixel| pixel.to_array()).collect();
    let mut file = io::Cursor::new(Vec::new());
    image::write_buffer_with_format(
        &mut file,
        &bytes,
        width,
        height,
        image::ExtendedColorType::Rgba8,
        image::ImageFormat::Png,
    )
    .map_err(io::Error::other)?;
    Ok(file.into_inner())
}

/// `FOLDER/2026-11-22T08-05-00Z_plots.csv`; with a number if there is one already.
pub fn free_path(folder: &Path, what: &str, extension: &str) -> PathBuf {
    let when = utc_text(unix_ns_now()).replace(':', "-");
    let named = |number: usize| {
        let number = if number > 1 { format!("_{number}") } else { String::new() };
        folder.join(format!("{when}_{what}{number}.{extension}"))
    };
    (1..).map(named).find(|path| !path.exists()).unwrap_or_else(|| named(1))
}

/// Writes a new file.
///
/// # Errors
/// Why not, and where.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let written = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| File::create_new(path)?.write_all(bytes));
    written.map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("not exported: {error}; choose another folder in the pane Run: {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let first = free_path(&folder.path().join("new"), "plots", "csv");
        write(&first, b"a").unwrap();
        let second = free_path(&folder.path().join("new"), "plots", "csv");
        assert_ne!(first, second);
        assert!(write(&first, b"b").unwrap_err().starts_with("not exported"));
        assert_eq!(std::fs::read(&first).unwrap(), b"a");
        let name = first.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.ends_with("Z_plots.csv") && !name.contains(':'), "{name}");
    }

    #[test]
    fn what_is_cut_out_stays_within_the_window_whatever_its_scale_and_size() {
        let pixels = (0..24).map(egui::Color32::from_gray).collect();
        let image = ColorImage::new([6, 4], pixels);
        let rect = |x: f32, y: f32, to_x: f32, to_y: f32| {
            Rect::from_min_max(egui::pos2(x, y), egui::pos2(to_x, to_y))
        };
        let part = cut(&image, rect(1.0, 0.5, 2.0, 1.0), 2.0).unwrap();
        assert_eq!((part.size, part.pixels[0], part.pixels[1]), ([2, 1], image[(2, 1)], image[(3, 1)]));
        // Wider than the window, which has shrunk or has another scale than was thought.
        assert_eq!(cut(&image, rect(-3.0, 1.0, 40.0, 90.0), 1.0).unwrap().size, [6, 3]);
        for nothing in [
            rect(7.0, 0.0, 9.0, 2.0),
            rect(2.0, 2.0, 1.0, 3.0),
            Rect::NOTHING,
            rect(f32::NAN, 0.0, f32::NAN, 4.0),
        ] {
            assert_eq!(cut(&image, nothing, 1.5), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_picture_that_was_taken_becomes_a_file_off_the_window_and_one_that_cannot_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut screenshots = Screenshots::default();
        let mut taken = |on_screen: Rect| {
            let (tell, taken) = sync_channel(1);
            let folder = folder.path().to_owned();
            screenshots.waiting.push(Wanted { on_screen, scale: 1.0, folder, what: "plots", taken });
            assert!(screenshots.taken().is_empty(), "not drawn yet");
            tell.send(Arc::new(ColorImage::filled([4, 4], egui::Color32::RED))).unwrap();
            let errand = screenshots.taken().pop().unwrap();
            let Done::Written(written) = errand() else { unreachable!("it writes") };
            written
        };
        let path = taken(Rect::from_min_max(egui::Pos2::ZERO, egui::pos2(2.0, 3.0))).unwrap();
        assert_eq!(image::image_dimensions(path).unwrap(), (2, 3));
        assert!(taken(Rect::NOTHING).unwrap_err().contains("not on the screen"));
    }

    #[test]
    fn a_part_of_the_screen_becomes_a_png() {
        let image = ColorImage::new([4, 2], vec![egui::Color32::RED; 8]);
        let read = image::load_from_memory(&png(&image).unwrap()).unwrap().to_rgba8();
        assert_eq!((read.dimensions(), read.get_pixel(3, 1).0), ((4, 2), [255, 0, 0, 255]));
    }
}

//! Figures and pictures as files, in the folder of the recordings. No file is replaced.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use beadscope_engine::clock::{unix_ns_now, utc_text};
use eframe::egui::{self, ColorImage, Rect, ScreenshotCallback, ViewportCommand, ViewportId};

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
    /// Which kind.
    pub kind: Kind,
    /// The data.
    pub figure: Figure,
    /// Goes into the name.
    pub what: &'static str,
    /// Where it is in its window, points.
    pub on_screen: Rect,
    /// Its window.
    pub window: ViewportId,
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

/// Pictures of the screen that have been asked for.
#[derive(Default)]
pub struct Screenshots {
    waiting: Vec<Receiver<Result<PathBuf, String>>>,
}

impl Screenshots {
    /// Writes a figure; its path. A picture is written once the screen has been drawn, see [`taken`](Self::taken).
    ///
    /// # Errors
    /// Why it was not written, and where.
    pub fn export(
        &mut self,
        context: &egui::Context,
        folder: &Path,
        export: Export,
    ) -> Result<Option<PathBuf>, String> {
        let extension = match export.kind {
            Kind::Csv => "csv",
            Kind::Svg => "svg",
            Kind::Png => "png",
        };
        let path = free_path(folder, export.what, extension);
        let text = match export.kind {
            Kind::Csv => export.figure.csv(),
            Kind::Svg => export.figure.svg(),
            Kind::Png => {
                let (tell, told) = sync_channel(1);
                let (rect, scale) = (export.on_screen, context.pixels_per_point());
                let taken = ScreenshotCallback::new(move |image| {
                    let part = png(&image.region(&rect, Some(scale))).map_err(|error| failed(&path, &error));
                    // Nobody waits for it once the window is closed.
                    let _ = tell.send(part.and_then(|bytes| write(&path, &bytes)).map(|()| path));
                });
                context.send_viewport_cmd_to(export.window, ViewportCommand::Screenshot(taken));
                self.waiting.push(told);
                return Ok(None);
            }
        };
        write(&path, text.as_bytes()).map(|()| Some(path))
    }

    /// The path of each picture that has been written since, or why not.
    pub fn taken(&mut self) -> Vec<Result<PathBuf, String>> {
        let mut taken = Vec::new();
        self.waiting.retain(|told| match told.try_recv() {
            Ok(written) => {
                taken.push(written);
                false
            }
            Err(nothing) => nothing == TryRecvError::Empty,
        });
        taken
    }
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
    fn a_part_of_the_screen_becomes_a_png() {
        let image = ColorImage::new([4, 2], vec![egui::Color32::RED; 8]);
        let read = image::load_from_memory(&png(&image).unwrap()).unwrap().to_rgba8();
        assert_eq!((read.dimensions(), read.get_pixel(3, 1).0), ((4, 2), [255, 0, 0, 255]));
    }
}

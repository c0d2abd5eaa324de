//! Images and stacks of images as frames: `.npy`, TIFF, PNG, JPEG, or a folder of images.
//!
//! A file is known by its first bytes, not by its name. Large stacks are read frame by frame.

mod error;
mod images;
mod multipage;

use std::path::{Path, PathBuf};

use crate::camera::PixelFormat;
use crate::npy::NpyStack;
pub use error::StackError;
use images::{Folder, Picture};
use multipage::MultiPage;

/// Frames in a file or folder, all of one size and pixel format.
///
/// Eight-bit sources are [`PixelFormat::Mono8`], all others [`PixelFormat::Mono16`]: a file does not say how many
/// bits its camera had.
#[derive(Debug)]
pub struct Stack {
    path: PathBuf,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Npy(NpyStack),
    MultiPage(Box<MultiPage>),
    Picture(Picture),
    Folder(Folder),
}

impl Stack {
    /// Opens a `.npy` stack, an image, or a folder of images sorted by the numbers in their names.
    ///
    /// # Errors
    /// [`StackError`] if it cannot be read, is damaged or truncated, or is of a kind we do not read.
    pub fn open(path: &Path) -> Result<Self, StackError> {
        let source = if path.is_dir() {
            Source::Folder(Folder::open(path)?)
        } else {
            match Kind::of_file(path)? {
                Kind::Npy => Source::Npy(NpyStack::open(path)?),
                Kind::Tiff => Source::MultiPage(Box::new(MultiPage::open(path)?)),
                Kind::Picture => Source::Picture(Picture::open(path)?),
            }
        };
        Ok(Self { path: path.to_owned(), source })
    }

    /// The files that frames are read from, at least 1.
    pub fn files(&self) -> &[PathBuf] {
        match &self.source {
            Source::Folder(folder) => &folder.files,
            Source::Npy(_) | Source::MultiPage(_) | Source::Picture(_) => std::slice::from_ref(&self.path),
        }
    }

    /// Number of frames, at least 1.
    #[allow(clippy::len_without_is_empty, reason = "an empty stack is an error at open")]
    pub fn len(&self) -> usize {
        match &self.source {
            Source::Npy(stack) => stack.len,
            Source::MultiPage(pages) => pages.len,
            Source::Picture(_) => 1,
            Source::Folder(folder) => folder.len(),
        }
    }

    /// Columns of each frame, in px.
    pub fn width_px(&self) -> u32 {
        self.shape().0
    }

    /// Rows of each frame, in px.
    pub fn height_px(&self) -> u32 {
        self.shape().1
    }

    /// How pixels lie in the bytes that [`Stack::read_frame`] writes.
    pub fn format(&self) -> PixelFormat {
        self.shape().2
    }

    /// Bytes of one frame.
    pub fn frame_bytes(&self) -> usize {
        let (width_px, height_px, format) = self.shape();
        width_px as usize * height_px as usize * format.bytes_per_px()
    }

    /// What was changed in reading, for the user to know: colour turned into grey. `None` if nothing.
    pub fn note(&self) -> Option<&'static str> {
        let was_colour = match &self.source {
            Source::Picture(picture) => picture.was_colour,
            Source::Folder(folder) => folder.was_colour,
            Source::Npy(_) | Source::MultiPage(_) => false,
        };
        was_colour.then_some("colour converted to luma (Rec. 709)")
    }

    /// Writes frame `index` into `out` as a camera would into a slot.
    ///
    /// # Errors
    /// [`StackError`] if there is no such frame, `out` is not one frame long, or the source is damaged there.
    pub fn read_frame(&mut self, index: usize, out: &mut [u8]) -> Result<(), StackError> {
        if index >= self.len() {
            return Err(StackError::NoSuchFrame { index, len: self.len(), path: self.path.clone() });
        }
        let expected = self.frame_bytes();
        if out.len() != expected {
            return Err(StackError::WrongSize { got: out.len(), expected, path: self.path.clone() });
        }
        match &mut self.source {
            Source::Npy(stack) => stack.read_frame(index, out),
            Source::MultiPage(pages) => pages.read_frame(index, out),
            Source::Picture(picture) => {
                out.copy_from_slice(&picture.bytes);
                Ok(())
            }
            Source::Folder(folder) => folder.read_frame(index, out),
        }
    }

    fn shape(&self) -> (u32, u32, PixelFormat) {
        match &self.source {
            Source::Npy(stack) => (stack.width_px, stack.height_px, stack.format),
            Source::MultiPage(pages) => (pages.width_px, pages.height_px, pages.format),
            Source::Picture(picture) => (picture.width_px, picture.height_px, picture.format),
            Source::Folder(folder) => (folder.width_px, folder.height_px, folder.format),
        }
    }
}

/// What a file is, from its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Npy,
    Tiff,
    Picture,
}

impl Kind {
    fn of_file(path: &Path) -> Result<Self, StackError> {
        use std::io::Read;

        let mut start = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(8).read_to_end(&mut start))
            .map_err(|error| StackError::read(&error, path))?;
        match start.as_slice() {
            [] => Err(StackError::damaged("the file is empty".to_owned(), path)),
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Ok(Self::Npy),
            // 42 is TIFF, 43 is BigTIFF, in either byte order.
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Ok(Self::Tiff),
            [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, 0xff, ..] => Ok(Self::Picture),
            _ => Err(StackError::unsupported(
                "a file that is not .npy, TIFF, PNG or JPEG".to_owned(),
                "convert it, for example with ImageJ or numpy.save",
                path,
            )),
        }
    }
}

//! A video as BigTIFF, for ImageJ and whatever reads no Zarr: a folder with a stack of whole frames, or one for each bead.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tiff::TiffError;
use tiff::encoder::colortype::{ColorType, Gray8, Gray16};
use tiff::encoder::{Rational, TiffEncoder, TiffKindBig, TiffValue};
use tiff::tags::{ResolutionUnit, Tag};

use super::frame_record::NO_BEAD;
use super::layout::{Layout, Picture};
use super::shard_reader::ShardReader;
use super::zarr;

/// Stacks that are written at a time: systems limit the files that a program has open.
const AT_ONCE: usize = 64;
/// Says which frame each page is.
const FRAMES: &str = "frames.csv";

/// Why a video was not written as TIFF.
#[derive(Debug, thiserror::Error)]
pub enum TiffExportError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Nothing was filmed, or a crash left the first shard open.
    #[error("the video has no whole shard yet; if a crash left it, `beadscope recover` makes it whole: {}", .0.display())]
    Empty(PathBuf),
    /// The TIFF library refuses.
    #[error("cannot write TIFF: {0}")]
    Tiff(#[from] TiffError),
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stacks {
    /// Pages of each.
    pub frames: u64,
    /// How many.
    pub stacks: u64,
}

/// Writes the video in `folder` into the new folder `out`: `frames.tif`, or `bead_N.tif` for each bead, black where it was not there;
/// and `frames.csv` with a line for each page. `progress` hears how many of how many pages are done.
///
/// # Errors
/// If the video has no frames or cannot be read, or the folder exists or cannot be written; there is none then.
pub fn write(folder: &Path, out: &Path, progress: &dyn Fn(u64, u64)) -> Result<Stacks, TiffExportError> {
    let video = Video::open(folder)?;
    if video.frames == 0 {
        return Err(TiffExportError::Empty(folder.to_path_buf()));
    }
    fs::create_dir(out)?;
    video.write(out, progress).inspect_err(|_| drop(fs::remove_dir_all(out)))
}

struct Video<'a> {
    folder: &'a Path,
    layout: Layout,
    frames: u64,
    about: zarr::Scale,
}

type Stack<'a> = TiffEncoder<&'a mut BufWriter<File>, TiffKindBig>;

impl<'a> Video<'a> {
    fn open(folder: &'a Path) -> io::Result<Self> {
        let layout = zarr::read_layout(folder)?;
        let frames = zarr::read_extent(folder)?.frames;
        Ok(Self { folder, layout, frames, about: zarr::read_scale(folder)? })
    }

    fn write(&self, out: &Path, progress: &dyn Fn(u64, u64)) -> Result<Stacks, TiffExportError> {
        let beads = self.list(&out.join(FRAMES))?;
        let stacks = match self.layout.picture {
            Picture::Full => vec![(None, "frames.tif".to_owned())],
            Picture::Rois => beads.iter().map(|bead| (Some(*bead), format!("bead_{bead}.tif"))).collect(),
        };
        let (mut done, all) = (0, self.frames * stacks.len() as u64);
        for some in stacks.chunks(AT_ONCE) {
            let create = |(_, name): &(_, String)| Ok(BufWriter::new(File::create(out.join(name))?));
            let mut files = some.iter().map(create).collect::<io::Result<Vec<_>>>()?;
            let mut open = Vec::new();
            for ((bead, _), file) in some.iter().zip(&mut files) {
                open.push((*bead, TiffEncoder::new_big(file)?));
            }
            self.each_shard(|shard| {
                for frame in 0..shard.contents().frames() {
                    for (bead, stack) in &mut open {
                        self.add_page(stack, shard.picture(frame, *bead)?)?;
                        done += 1;
                    }
                    progress(done, all);
                }
                Ok(())
            })?;
            drop(open);
            // The library leaves the end in the buffer; dropped, it would not say that the disk is full.
            files.iter_mut().try_for_each(BufWriter::flush)?;
        }
        Ok(Stacks { frames: self.frames, stacks: stacks.len() as u64 })
    }

    /// Writes which frame each page is; the beads that there were.
    fn list(&self, path: &Path) -> Result<BTreeSet<i32>, TiffExportError> {
        let mut beads = BTreeSet::new();
        let mut list = BufWriter::new(File::create(path)?);
        writeln!(list, "frame,device_frame,time_ns,unix_ns,segment")?;
        self.each_shard(|shard| {
            let contents = shard.contents();
            for id in contents.ids() {
                let (frame, device_frame, segment) = (id.frame, id.device_frame, id.segment);
                writeln!(list, "{frame},{device_frame},{},{},{segment}", id.time_ns, id.unix_ns)?;
            }
            beads.extend(contents.places().map(|place| place.bead).filter(|bead| *bead != NO_BEAD));
            Ok(())
        })?;
        list.flush()?;
        Ok(beads)
    }

    fn each_shard(
        &self,
        mut look: impl FnMut(&mut ShardReader) -> Result<(), TiffExportError>,
    ) -> Result<(), TiffExportError> {
        for number in 0..self.frames.div_ceil(self.layout.frames_per_shard as u64) {
            look(&mut ShardReader::open(self.folder, &self.layout, number)?)?;
        }
        Ok(())
    }

    /// Adds this picture, or a black one.
    fn add_page(&self, stack: &mut Stack<'_>, picture: Option<&[u8]>) -> Result<(), TiffExportError> {
        let black;
        let bytes = match picture {
            Some(bytes) => bytes,
            None => {
                black = vec![0; self.layout.picture_bytes()];
                &black
            }
        };
        if self.layout.format.bytes_per_px() == 1 {
            self.add::<Gray8>(stack, bytes)
        } else {
            let levels: Vec<u16> =
                bytes.as_chunks::<2>().0.iter().map(|px| u16::from_le_bytes(*px)).collect();
            self.add::<Gray16>(stack, &levels)
        }
    }

    fn add<C: ColorType>(&self, stack: &mut Stack, levels: &[C::Inner]) -> Result<(), TiffExportError>
    where
        [C::Inner]: TiffValue,
    {
        let side = |px: usize| u32::try_from(px).map_err(io::Error::other);
        let mut page = stack.new_image::<C>(side(self.layout.width_px)?, side(self.layout.height_px)?)?;
        let zarr::Scale { pixel_size_nm, rate_hz } = self.about;
        // ImageJ's own words, which it reads from the first page: pixels per unit, and seconds between two frames.
        let described = format!(
            "ImageJ=1.54f\nimages={frames}\nframes={frames}\nunit=micron\nfinterval={}\n",
            1.0 / rate_hz,
            frames = self.frames
        );
        let per_um = Rational { n: (1e6 * 1e3 / pixel_size_nm).round() as u32, d: 1_000_000 };
        let tags = page.encoder();
        tags.write_tag(Tag::ImageDescription, &*described)?;
        tags.write_tag(Tag::ResolutionUnit, ResolutionUnit::None.to_u16())?;
        tags.write_tag(Tag::XResolution, per_um.clone())?;
        tags.write_tag(Tag::YResolution, per_um)?;
        Ok(page.write_data(levels)?)
    }
}

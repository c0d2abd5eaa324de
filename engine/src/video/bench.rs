//! How much video this disk takes, all the way from the frame ring: the frames of no camera, in full or as crops.

use std::path::Path;
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use beadscope_drivers::camera::{CameraConfig, PixelFormat, SensorWindow};
use serde::Serialize;

use super::Mode;
use super::film::{self, POOL_BYTES, Parts, Source};
use super::layout::Picture;
use super::plan::Plan;
use super::status::VideoHealth;
use crate::clock::Clock;
use crate::frame::FrameHeader;
use crate::record::error::RecordError;
use crate::ring::monitor::Monitor;
use crate::ring::{Ends, ring};
use crate::roi::Roi;
use crate::session::frame_slots;
use crate::status::Status;

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub struct VideoBench {
    /// Frames per second, Hz.
    pub rate_hz: f64,
    /// Columns and rows of a frame of 8 bits.
    pub size_px: (u32, u32),
    /// Crops of so many beads, of this side in px; `None` writes whole frames.
    pub rois: Option<(usize, u32)>,
    /// For how long.
    pub duration: Duration,
}

/// What was written.
#[derive(Clone, Debug, Serialize)]
pub struct VideoSpeed {
    /// Frames per second that came, Hz: less than asked for on a machine that cannot make them.
    pub rate_hz: f64,
    /// Frames that found no room in the frame ring; positions would be lost.
    pub ring_full: u64,
    /// The fullest that the frame ring was, 0 to 1.
    pub ring_fill: f64,
    /// Where the others went, and how fast.
    #[serde(flatten)]
    pub video: VideoHealth,
}

/// Writes a video into the folder `run`, which exists.
///
/// # Errors
/// If the disk refuses, or the system refuses a thread.
pub fn record(run: &Path, bench: &VideoBench) -> Result<VideoSpeed, RecordError> {
    let VideoBench { rate_hz, size_px: (width_px, height_px), rois, duration } = *bench;
    let window = SensorWindow { x_px: 0, y_px: 0, width_px, height_px };
    let config = CameraConfig { window, format: PixelFormat::Mono8, rate_hz, exposure_us: 1.0 };
    let (beads, roi_px) = rois.unwrap_or((1, width_px.min(height_px)));
    let picture = if rois.is_some() { Picture::Rois } else { Picture::Full };
    let plan = Plan { picture, config, roi_px, beads, room: beads, pixel_size_nm: 100.0 };
    let store = plan.create(run, beads, rate_hz)?;
    let capacity = frame_slots(config.frame_bytes());
    let Ends { writer: mut ring, lossless: [frames], skipping: [] } =
        ring::<FrameHeader, 1, 0>(capacity, config.frame_bytes(), ["video"]);
    let watch = Monitor::new(&ring);
    let status = Arc::new(Status::default());
    let _ = status.video.mode.set(if rois.is_some() { Mode::RoiVideo } else { Mode::FullVideo });
    let source = Source {
        frames,
        capacity,
        config,
        rois: grid(beads, roi_px, (width_px, height_px)),
        room: beads,
        max_record_bytes: plan.max_record_bytes(),
        pool_bytes: POOL_BYTES,
        status: status.clone(),
        clock: Clock::start(),
        hurry: Arc::default(),
    };
    let Parts { film, disk, handle: _handle } = film::prepare(source, Some(store));
    let refused = |error| RecordError::io("start a thread", run, error);
    let disk =
        Builder::new().name("beadscope-video-disk".to_owned()).spawn(|| disk.run()).map_err(refused)?;
    let film = Builder::new().name("beadscope-video".to_owned()).spawn(|| film.run()).map_err(refused)?;

    let start = Instant::now();
    let (mut frame, mut ring_full, mut behind) = (0, 0, 0);
    while start.elapsed() < duration {
        let due = start + Duration::from_secs_f64(frame as f64 / rate_hz);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let time_ns = start.elapsed().as_nanos() as u64;
        match ring.claim() {
            Ok(slot) => {
                slot.publish(FrameHeader { frame, device_frame: frame, time_ns, ..FrameHeader::default() })
            }
            Err(_) => ring_full += 1,
        }
        frame += 1;
        behind = watch.readers().map(|reader| reader.behind).fold(behind, u64::max);
    }
    let rate_hz = frame as f64 / start.elapsed().as_secs_f64();
    let ring_fill = behind as f64 / capacity as f64;
    drop(ring);
    // A panic in one of them is a bug, and shows in what was written.
    let _ = film.join();
    let _ = disk.join();
    Ok(VideoSpeed { rate_hz, ring_full, ring_fill, video: status.video.health().unwrap_or_default() })
}

/// ROIs side by side, row after row, and again from the top where the frame ends.
fn grid(beads: usize, roi_px: u32, (width_px, height_px): (u32, u32)) -> Arc<[Roi]> {
    let (columns, rows) = ((width_px / roi_px).max(1), (height_px / roi_px).max(1));
    let roi = |bead: u32| {
        let (column, row) = (bead % columns, bead / columns % rows);
        Roi { bead, left_px: (column * roi_px) as i32, top_px: (row * roi_px) as i32, size_px: roi_px }
    };
    (0..).take(beads).map(roi).collect()
}

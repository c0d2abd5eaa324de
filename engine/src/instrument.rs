//! From a rig to an instrument that is ready to run: camera open, beads found, Z-LUT loaded.

use std::time::{Duration, Instant};

use beadscope_drivers::axis::ControllerDriver;
use beadscope_drivers::camera::{Camera, CameraConfig, CameraDriver, CameraError, CameraRequest};
use beadscope_drivers::find_camera;
use beadscope_shaders::magtrack::OptionError;
use beadscope_shaders::pipeline::{Method, ParamError, Params};
use beadscope_zlut::{FileError, ReadOptions, ZLut};

use crate::calibrate::{self, CalibrateError};
use crate::correction::{Correction, CorrectionError};
use crate::find::{self, FindError, Verdict};
use crate::frame::FrameView;
use crate::hardware::{Motors, MotorsError};
use crate::magtrack_options::options_from_toml;
use crate::prepared_zlut::{ZLutMismatch, correction_warning, pixel_size_warning, prepare_zlut};
use crate::rig::{DEFAULT_ROI_PX, Rig};
use crate::roi::Roi;
use crate::rois::{self, RoisError};
use crate::track::backend::{BackendError, BeadTracker};
use crate::track::cpu::{CpuTracker, TrackError};

/// How long a camera may take to show its first frame.
const FIRST_FRAME: Duration = Duration::from_secs(10);

/// An instrument that is ready to run.
pub struct Instrument {
    /// The camera, configured and stopped.
    pub camera: Box<dyn Camera>,
    /// What the camera applied.
    pub config: CameraConfig,
    /// Magnets, stages and focus, connected and at rest.
    pub motors: Motors,
    /// Finds x, y, z of every bead.
    pub tracker: BeadTracker,
    /// The Z-LUT in use.
    pub zlut: Option<ZLut>,
    /// Size of a camera pixel in the sample, nm.
    pub pixel_size_nm: f64,
    /// What was found and left out, one sentence each.
    pub notes: Vec<String>,
    /// What may make the numbers wrong: assumptions made, things that do not fit. One sentence each.
    pub warnings: Vec<String>,
}

/// Why a rig makes no instrument.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No driver of this name.
    #[error("no camera driver is called {asked:?}; there are: {offered}")]
    NoDriver {
        /// The name in the rig.
        asked: String,
        /// The names there are.
        offered: String,
    },
    /// The camera refused.
    #[error(transparent)]
    Camera(#[from] CameraError),
    /// A motor refused.
    #[error(transparent)]
    Motors(#[from] MotorsError),
    /// The dark or flat frames cannot be used.
    #[error(transparent)]
    Correction(#[from] CorrectionError),
    /// The ROI file cannot be used.
    #[error(transparent)]
    Rois(#[from] RoisError),
    /// A ROI has no pixel in the frame.
    #[error(
        "the ROI of bead {bead} at {left_px}, {top_px} px lies outside the frame of {width_px} x {height_px} px"
    )]
    RoiOutside {
        /// The bead.
        bead: u32,
        /// The ROI's leftmost column.
        left_px: i32,
        /// The ROI's topmost row.
        top_px: i32,
        /// Columns of the frame.
        width_px: usize,
        /// Rows of the frame.
        height_px: usize,
    },
    /// The finder refused the frame.
    #[error(transparent)]
    Find(#[from] FindError),
    /// Nothing to track.
    #[error(
        "no bead was found in the first frame; mark them in a ROI file (see beadscope find) and name it in [tracking] rois"
    )]
    NoBeads,
    /// The Z-LUT file cannot be used.
    #[error(transparent)]
    ZLut(#[from] FileError),
    /// The Z-LUT does not fit the ROIs.
    #[error(transparent)]
    Mismatch(#[from] ZLutMismatch),
    /// The simulated focus sweep made no Z-LUT.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// The tracker refused the settings.
    #[error(transparent)]
    Track(#[from] TrackError),
    /// Tracking cannot compute where the rig says.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// No such method.
    #[error(transparent)]
    Method(ParamError),
    /// An option of the method `magtrack` is wrong.
    #[error("[tracking.magtrack] {0}")]
    MagTrack(OptionError),
    /// Positions in nm need it.
    #[error("the size of a pixel is not known; set [optics] pixel_size_nm in the rig")]
    NoPixelSize,
}

impl Instrument {
    /// Opens the rig's camera and motors from these drivers, reads the frames that correct it, finds or loads the beads, loads or makes the Z-LUT.
    ///
    /// # Errors
    /// The first thing that is missing or does not fit, with what to do.
    pub fn open(
        rig: &Rig,
        cameras: &[&dyn CameraDriver],
        controllers: &[&dyn ControllerDriver],
    ) -> Result<Self, OpenError> {
        let (mut camera, config) = open_camera(rig, cameras)?;
        let motors = Motors::open(&rig.motors, &rig.magnets, controllers, camera.as_ref())?;
        let method: Method = rig.tracking.method.parse().map_err(OpenError::Method)?;
        let magtrack = options_from_toml(&rig.tracking.magtrack).map_err(OpenError::MagTrack)?;
        let params = Params { method, magtrack, ..Params::default() };
        let pixel_size_nm =
            rig.optics.pixel_size_nm.or(camera.pixel_size_nm()).ok_or(OpenError::NoPixelSize)?;
        let asked_px = rig.tracking.roi_px;
        let roi_px = asked_px.unwrap_or(DEFAULT_ROI_PX);
        let mut notes = Vec::new();
        let mut warnings = Vec::new();
        let correction = Correction::read(&rig.correction, &FrameView::new(&config, &[]))?;
        notes.extend(correction.iter().map(|correction| correction.used().to_string()));

        let rois = match &rig.tracking.rois {
            Some(path) => check_rois(
                rois::read(path, asked_px).or_else(|error| match error {
                    RoisError::NoSize(_) => rois::read(path, Some(roi_px)),
                    other => Err(other),
                })?,
                &config,
            )?,
            None => find_beads(camera.as_mut(), &config, correction.as_ref(), roi_px, &mut notes)?,
        };
        let roi_px = rois.first().map_or(roi_px, |roi| roi.size_px);

        let zlut = match &rig.tracking.zlut {
            Some(name) => {
                let options =
                    ReadOptions { z_step_nm: rig.tracking.z_step_nm, ..read_options(method, roi_px) };
                Some(beadscope_zlut::file::read_named(name, &options)?)
            }
            None => sweep(camera.as_ref(), roi_px, pixel_size_nm, &params)?,
        };
        let (table, doubts) = prepare_zlut(zlut.as_ref(), roi_px, &params)?;
        match &zlut {
            Some(zlut) => {
                warnings.extend(zlut.origin.assumed.iter().cloned().chain(doubts));
                warnings.extend(pixel_size_warning(zlut, pixel_size_nm));
                warnings.extend(correction_warning(zlut, correction.as_ref()));
            }
            None => notes.push("no Z-LUT: x and y are tracked, z is not".to_owned()),
        }
        let tracker = CpuTracker::new(roi_px, rois, &params, table, rig.threads.tracking_threads())?
            .with_correction(correction);
        let tracker = BeadTracker::new(tracker, &rig.tracking.backend_request())?;
        if tracker.is_on_gpu() {
            notes.push(format!("beads are tracked on the GPU: {}", tracker.on().adapter));
        }
        Ok(Self { camera, config, motors, tracker, zlut, pixel_size_nm, notes, warnings })
    }
}

fn open_camera(
    rig: &Rig,
    drivers: &[&dyn CameraDriver],
) -> Result<(Box<dyn Camera>, CameraConfig), OpenError> {
    let driver = find_camera(drivers, &rig.camera.driver).ok_or_else(|| OpenError::NoDriver {
        asked: rig.camera.driver.clone(),
        offered: drivers.iter().map(|driver| driver.name()).collect::<Vec<_>>().join(", "),
    })?;
    let mut camera = driver.open(&rig.camera.settings)?;
    let request = CameraRequest {
        rate_hz: Some(rig.camera.rate_hz),
        exposure_us: rig.camera.exposure_us,
        ..CameraRequest::default()
    };
    let config = camera.configure(&request)?;
    Ok((camera, config))
}

/// One frame from a camera that is stopped; it is stopped again afterwards.
fn first_frame(camera: &mut dyn Camera, config: &CameraConfig) -> Result<Vec<u8>, CameraError> {
    let mut bytes = vec![0; config.frame_bytes()];
    camera.start()?;
    let started = Instant::now();
    let read = loop {
        match camera.read_into(&mut bytes, Duration::from_millis(200)) {
            Err(CameraError::Timeout(_)) if started.elapsed() < FIRST_FRAME => {}
            read => break read,
        }
    };
    camera.stop()?;
    read.map(|_| bytes)
}

fn find_beads(
    camera: &mut dyn Camera,
    config: &CameraConfig,
    correction: Option<&Correction>,
    roi_px: u32,
    notes: &mut Vec<String>,
) -> Result<Vec<Roi>, OpenError> {
    let bytes = first_frame(camera, config)?;
    let frame = FrameView::new(config, &bytes);
    let levels = frame.to_levels(correction);
    let image = find::Image { pixels: &levels, width_px: frame.width_px, height_px: frame.height_px };
    let options = find::Options { roi_px: roi_px as usize, seed_px: None, threshold: None };
    let candidates = find::find(&image, &options)?;
    let beads: Vec<_> = candidates.iter().filter(|found| found.verdict == Verdict::Bead).collect();
    notes.push(format!("{} beads found, {} left out", beads.len(), candidates.len() - beads.len()));
    let roi = |(bead, found): (u32, &&find::Candidate)| Roi::around(bead, (found.x_px, found.y_px), roi_px);
    let rois: Vec<Roi> = (0..).zip(&beads).map(roi).collect();
    if rois.is_empty() { Err(OpenError::NoBeads) } else { Ok(rois) }
}

/// Refuses ROIs that have no pixel in the frame; those that only reach over its edge are flagged while tracking.
fn check_rois(rois: Vec<Roi>, config: &CameraConfig) -> Result<Vec<Roi>, OpenError> {
    let frame = FrameView::new(config, &[]);
    let (width_px, height_px) = (frame.width_px, frame.height_px);
    match rois.iter().find(|roi| !roi.touches(width_px, height_px)) {
        Some(&Roi { bead, left_px, top_px, .. }) => {
            Err(OpenError::RoiOutside { bead, left_px, top_px, width_px, height_px })
        }
        None => Ok(rois),
    }
}

/// What is known of a Z-LUT before it is read: MagTrack's profiles always span half the ROI.
pub fn read_options(method: Method, roi_px: u32) -> ReadOptions {
    ReadOptions { roi_px: (method == Method::MagTrack).then_some(roi_px), ..ReadOptions::default() }
}

fn sweep(
    camera: &dyn Camera,
    roi_px: u32,
    pixel_size_nm: f64,
    params: &Params,
) -> Result<Option<ZLut>, CalibrateError> {
    let Some(sweep) = camera.focus_sweep(roi_px) else { return Ok(None) };
    let source = "focus sweep of the simulated microscope at start".to_owned();
    let zlut = match params.method {
        Method::MagTrack => {
            calibrate::magtrack_zlut_from_sweep(&sweep, &params.magtrack, Some(pixel_size_nm), source)
        }
        _ => calibrate::zlut_from_sweep(&sweep, Some(pixel_size_nm), source),
    };
    zlut.map(Some)
}

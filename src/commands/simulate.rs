//! `beadscope simulate`: frames with the truth beside them, and a rig that replays them.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail, ensure};
use beadscope_drivers::cameras::simulated::{Scene, Settings};
use beadscope_drivers::npy::NpyWriter;
use beadscope_engine::calibrate::zlut_from_sweep;
use beadscope_engine::rig::Rig;
use beadscope_engine::rois;
use beadscope_zlut::aside;

use crate::arguments::SimulateArguments;
use crate::output;

const FRAMES: &str = "frames.npy";
const TRUTH: &str = "truth.csv";
const ROIS: &str = "rois.csv";
const ZLUT: &str = "bead.zlut.h5";
const RIG: &str = "rig.toml";
/// What the folder will hold.
const FILES: [&str; 5] = [FRAMES, TRUTH, ROIS, ZLUT, RIG];

pub fn run(arguments: &SimulateArguments) -> Result<()> {
    let SimulateArguments { beads, frames, seed, rate_hz, roi_px, out } = arguments;
    ensure!(*frames > 0, "nothing to write: give --frames of at least 1");
    ensure!(*rate_hz > 0.0 && rate_hz.is_finite(), "a rate of {rate_hz} Hz is not possible");
    let table = toml::Table::from_iter([
        ("beads".to_owned(), i64::from(*beads).into()),
        ("seed".to_owned(), i64::try_from(*seed).context("the seed is too large")?.into()),
        ("roi_px".to_owned(), i64::from(*roi_px).into()),
    ]);
    let settings = Settings::from_table(&table)?;
    let mut scene = Scene::new(&settings)?;
    let format = settings.pixel_format().context("the simulated camera has no such number of bits")?;

    let cannot = || format!("cannot write into {}", out.display());
    if let Some(name) = FILES.into_iter().find(|name| out.join(name).exists()) {
        bail!("{name} exists already, nothing was written; give a new folder: {}", out.display());
    }
    std::fs::create_dir_all(out).with_context(cannot)?;
    let mut truth =
        format!("# seed = {seed}\n# rate_hz = {rate_hz}\n# pixel_size_nm = {}\n", settings.pixel_size_nm);
    truth.push_str("frame,bead,x_px,y_px,z_nm,is_reference,force_pn,state\n");
    let mut slot = vec![0; scene.frame_bytes()];
    let centers: Vec<_> =
        (0..).zip(scene.beads()).map(|(bead, found)| (bead, found.x_px, found.y_px, 1.0)).collect();
    let bar = output::progress(Some(*frames), "frames");
    aside::write(&out.join(FRAMES), |path| -> Result<()> {
        let mut stack = NpyWriter::create(path, settings.width_px, settings.height_px, format)?;
        for frame in 0..*frames {
            scene.render(&mut slot);
            stack.append(&slot)?;
            for bead in scene.beads() {
                let reference = u8::from(bead.is_reference);
                writeln!(
                    truth,
                    "{frame},{},{:.6},{:.6},{:.4},{reference},{:.4},{}",
                    bead.bead, bead.x_px, bead.y_px, bead.z_nm, bead.force_pn, bead.state
                )?;
            }
            scene.advance(1.0 / rate_hz);
            bar.inc(1);
        }
        stack.finish()?;
        Ok(())
    })
    .with_context(cannot)?;
    bar.finish_and_clear();

    let write = |name: &str, text: &str| {
        aside::write(&out.join(name), |path| std::fs::write(path, text)).with_context(cannot)
    };
    write(TRUTH, &truth)?;
    write(ROIS, &rois::to_csv(*roi_px, &centers))?;
    write_zlut(arguments, &scene)?;
    write(RIG, &rig(arguments, settings.pixel_size_nm).to_toml()?)?;
    output::print(&format!(
        "{frames} frames of {} beads in {}; replay them with: beadscope run --rig {}\n",
        centers.len(),
        out.display(),
        out.join(RIG).display()
    ))
}

/// The Z-LUT of the simulated bead, from a simulated focus sweep.
fn write_zlut(arguments: &SimulateArguments, scene: &Scene) -> Result<()> {
    let sweep =
        scene.focus_sweep(arguments.roi_px).context("the simulated microscope made no focus sweep")?;
    let source = format!("simulated focus sweep, seed {}", arguments.seed);
    let zlut = zlut_from_sweep(&sweep, Some(scene.settings().pixel_size_nm), source)?;
    Ok(beadscope_zlut::file::write(&arguments.out.join(ZLUT), &zlut)?)
}

/// A rig that replays the folder it lies in.
fn rig(arguments: &SimulateArguments, pixel_size_nm: f64) -> Rig {
    let mut rig = Rig::default();
    rig.camera.driver = "replay".to_owned();
    rig.camera.rate_hz = arguments.rate_hz;
    rig.camera.settings.insert("path".to_owned(), FRAMES.into());
    rig.optics.pixel_size_nm = Some(pixel_size_nm);
    rig.tracking.roi_px = Some(arguments.roi_px);
    rig.tracking.rois = Some(ROIS.into());
    rig.tracking.zlut = Some(ZLUT.into());
    rig
}

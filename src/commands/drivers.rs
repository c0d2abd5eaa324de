//! `beadscope drivers`: which there are, whether one does what it should, and devices to try without hardware.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use beadscope_drivers::axis::{ControllerConfig, ControllerDriver};
use beadscope_drivers::conformance::axes::check_controller;
use beadscope_drivers::conformance::{Check, check_camera};
use beadscope_drivers::link::Transcript;
use beadscope_drivers::{CAMERAS, CONTROLLERS, find_camera, find_controller};

use crate::arguments::{DriversCheckArguments, DriversListArguments, DriversSimulateArguments};
use crate::output;

/// The part of its range by which an axis of a simulated device is moved.
const SIMULATED_PART: f64 = 0.1;

pub fn list(arguments: &DriversListArguments) -> Result<()> {
    if let Some(name) = &arguments.name {
        let driver = controller(name)?;
        let heading = |line: &str| {
            let name = line.strip_prefix("[[").and_then(|rest| rest.strip_prefix("axes]]"));
            name.map_or_else(|| line.to_owned(), |_| "[[motors.controllers.axes]]".to_owned())
        };
        let lines: Vec<String> = driver.example().lines().map(heading).collect();
        let port = "port = \"/dev/ttyUSB0\"  # or \"simulated\"";
        return output::print(&format!("[[motors.controllers]]\n{port}\n{}\n", lines.join("\n").trim_end()));
    }
    if arguments.json {
        let controllers = CONTROLLERS.iter().map(|driver| {
            serde_json::json!({ "name": driver.name(), "about": driver.about(), "example": driver.example() })
        });
        return output::print_json(&serde_json::json!({
            "cameras": CAMERAS.iter().map(|driver| driver.name()).collect::<Vec<_>>(),
            "motors": controllers.collect::<Vec<_>>(),
        }));
    }
    let mut text = String::new();
    for driver in CAMERAS {
        writeln!(text, "camera  {}", driver.name())?;
    }
    for driver in CONTROLLERS {
        writeln!(text, "motors  {:<14} {}", driver.name(), driver.about())?;
    }
    text += "\nAll that a rig may say of one: beadscope drivers list NAME\n";
    output::print(&text)
}

pub fn check(arguments: &DriversCheckArguments) -> Result<()> {
    let DriversCheckArguments { name, port, settings, may_move, may_home, transcript, json } = arguments;
    ensure!((0.0..=1.0).contains(may_move), "--may-move is a part of the range, 0 to 1");
    let checks = if let Some(camera) = find_camera(CAMERAS, name) {
        let table = settings.as_deref().map(read).transpose()?.unwrap_or_default();
        check_camera(camera, &table.parse().context("the settings are no TOML")?)
    } else {
        let driver = controller(name)?;
        let mut config = config(driver, settings.as_deref())?;
        let written = Transcript::default();
        config.transcript = Some(written.clone());
        let checks = match port {
            Some(port) => {
                // The example's scale and limits are of another device.
                ensure!(
                    settings.is_some(),
                    "--port needs --settings with the device's table: beadscope drivers list {name}"
                );
                check_controller(
                    driver,
                    &ControllerConfig { port: port.clone(), ..config },
                    *may_move,
                    *may_home,
                )
            }
            None => check_simulated(driver, config)?,
        };
        if let Some(path) = transcript {
            std::fs::write(path, written.text())
                .with_context(|| format!("cannot write: {}", path.display()))?;
        }
        checks
    };
    tell(&checks, *json)?;
    let failed = checks.iter().filter(|check| check.outcome.is_err()).count();
    ensure!(failed == 0, "{name} fails {failed} of {} checks", checks.len());
    Ok(())
}

fn tell(checks: &[Check], as_json: bool) -> Result<()> {
    if as_json {
        let row = |check: &Check| {
            let (Ok(text) | Err(text)) = &check.outcome;
            serde_json::json!({ "check": check.name, "passed": check.outcome.is_ok(), "seen": text })
        };
        return output::print_json(&checks.iter().map(row).collect::<Vec<_>>());
    }
    let mut text = String::new();
    for Check { name, outcome } in checks {
        let (word, Ok(seen) | Err(seen)) = (if outcome.is_ok() { "ok    " } else { "FAILED" }, outcome);
        writeln!(text, "{word}  {name}: {seen}")?;
    }
    output::print(&text)
}

fn controller(name: &str) -> Result<&'static dyn ControllerDriver> {
    find_controller(CONTROLLERS, name).ok_or_else(|| {
        let there: Vec<&str> = CONTROLLERS.iter().map(|driver| driver.name()).collect();
        anyhow!("no driver of motors is called {name:?}; there are: {}", there.join(", "))
    })
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read: {}", path.display()))
}

fn config(driver: &dyn ControllerDriver, settings: Option<&Path>) -> Result<ControllerConfig> {
    let text = settings.map(read).transpose()?;
    let config = ControllerConfig::from_toml(text.as_deref().unwrap_or(driver.example()))?;
    ensure!(
        config.driver == driver.name(),
        "the settings are for {}, not for {}",
        config.driver,
        driver.name()
    );
    Ok(config)
}

#[cfg(unix)]
fn check_simulated(driver: &dyn ControllerDriver, mut config: ControllerConfig) -> Result<Vec<Check>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("port");
    config.port = path.to_string_lossy().into_owned();
    let simulation = start(driver, &config, &path)?;
    let checks = check_controller(driver, &config, SIMULATED_PART, true);
    drop(simulation);
    Ok(checks)
}

#[cfg(unix)]
fn start(
    driver: &dyn ControllerDriver,
    config: &ControllerConfig,
    path: &Path,
) -> Result<beadscope_drivers::simulators::Simulation> {
    let device = driver.simulate(config, None)?;
    beadscope_drivers::simulators::Simulation::start(device, path)
        .with_context(|| format!("the simulated device cannot be started: {}", path.display()))
}

#[cfg(unix)]
pub fn simulate(arguments: &DriversSimulateArguments) -> Result<()> {
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    let driver = controller(&arguments.name)?;
    let config = config(driver, arguments.settings.as_deref())?;
    let free = || std::env::temp_dir().join(format!("beadscope-{}-{}", driver.name(), std::process::id()));
    let path = arguments.pty.clone().unwrap_or_else(free);
    if path.is_symlink() && path.exists() {
        bail!("there is something already; choose another --pty: {}", path.display());
    }
    let signals = crate::signals::Signals::listen()?;
    let simulation = start(driver, &config, &path)?;
    output::print(&format!("{}\n", simulation.path().display()))?;
    tracing::info!("a simulated {} runs; Ctrl-C ends it", driver.name());
    while !signals.stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(simulation);
    Ok(())
}

#[cfg(not(unix))]
fn check_simulated(_driver: &dyn ControllerDriver, _config: ControllerConfig) -> Result<Vec<Check>> {
    bail!("this system has no pseudo-terminals for simulated devices; give --port")
}

#[cfg(not(unix))]
pub fn simulate(_arguments: &DriversSimulateArguments) -> Result<()> {
    bail!("this system has no pseudo-terminals; Linux and macOS do")
}

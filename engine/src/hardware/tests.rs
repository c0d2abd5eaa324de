//! Orders, readings, and what happens when a controller dies.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle, sleep};

use beadscope_drivers::axis::Abilities;

use super::*;

/// What a fake controller does.
#[derive(Default)]
struct Device {
    at: f64,
    target: f64,
    is_there: bool,
    /// Its next answer is lost.
    is_deaf: bool,
    stops: u32,
    emergencies: u32,
}

/// Axes that are where they were sent at once, or on their way for good.
struct Fake {
    axes: Vec<AxisInfo>,
    device: Arc<Mutex<Device>>,
    is_slow: bool,
}

fn fake(names: &[&str], is_slow: bool) -> (OpenController, Arc<Mutex<Device>>) {
    let device = Arc::new(Mutex::new(Device { at: 4.0, target: 4.0, is_there: true, ..Device::default() }));
    let can = Abilities::default();
    let axis = |name: &&str| AxisInfo {
        name: (*name).to_owned(),
        unit: if *name == "turns" { AxisUnit::Turns } else { AxisUnit::Mm },
        limits: [0.0, 10.0],
        can,
    };
    let controller =
        Box::new(Fake { axes: names.iter().map(axis).collect(), device: device.clone(), is_slow });
    let poll = Duration::from_millis(10);
    (OpenController { controller, usual_speeds: vec![None; names.len()], poll }, device)
}

impl Fake {
    fn device(&self) -> Result<MutexGuard<'_, Device>, AxisError> {
        let device = self.device.lock().unwrap();
        let (name, asked) = (self.axes[0].name.clone(), "?".to_owned());
        let silent = AxisError::Silent { device: name, asked, waited: PATIENCE };
        if device.is_there { Ok(device) } else { Err(silent) }
    }
}

impl Controller for Fake {
    fn axes(&self) -> &[AxisInfo] {
        &self.axes
    }
    fn read(&mut self, _axis: usize) -> Result<AxisState, AxisError> {
        let mut device = self.device()?;
        if std::mem::take(&mut device.is_deaf) {
            return Err(AxisError::Gone { device: String::new(), reason: String::new() });
        }
        Ok(AxisState::at(device.at, device.at != device.target))
    }
    fn move_to(&mut self, _axis: usize, target: f64) -> Result<(), AxisError> {
        let mut device = self.device()?;
        device.target = target;
        if !self.is_slow {
            device.at = target;
        }
        Ok(())
    }
    fn stop(&mut self, _axis: usize) -> Result<(), AxisError> {
        self.device.lock().unwrap().stops += 1;
        let mut device = self.device()?;
        device.target = device.at;
        Ok(())
    }
    fn emergency_stop(&mut self) -> Result<(), AxisError> {
        self.device.lock().unwrap().emergencies += 1;
        let mut device = self.device()?;
        device.target = device.at;
        Ok(())
    }
    fn reconnect(&mut self) -> Result<(), AxisError> {
        self.device().map(drop)
    }
}

/// Threads that run until this is over, and what they recorded.
struct Running {
    handle: HardwareHandle,
    is_over: Arc<AtomicBool>,
    has_failed: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    recorded: Arc<Mutex<Vec<AxisReading>>>,
}

impl Running {
    fn new(controllers: Vec<OpenController>) -> Self {
        let recorded: Arc<Mutex<Vec<AxisReading>>> = Arc::default();
        let into = recorded.clone();
        let record = move || {
            let into = into.clone();
            move |readings: Vec<AxisReading>| into.lock().unwrap().extend(readings)
        };
        let (ports, handle) = prepare(controllers, &SafetySection::default(), record).unwrap();
        let (is_over, has_failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let threads = ports.into_iter().map(|port| {
            let (is_over, has_failed) = (is_over.clone(), has_failed.clone());
            let work =
                move || port.run(|| is_over.load(Ordering::Relaxed), || has_failed.load(Ordering::Relaxed));
            Builder::new().name("test-hardware".to_owned()).spawn(work).unwrap()
        });
        let threads = threads.collect();
        Self { handle, is_over, has_failed, threads, recorded }
    }

    fn ask(&self, line: &str) -> Result<(), HardwareError> {
        let command: Command = line.parse().unwrap();
        self.handle.ask(Sender::Window, Order::of(&command).unwrap())
    }

    fn wait(&self, what: impl Fn(&[AxisReading]) -> bool) {
        let began = Instant::now();
        while !what(&self.handle.readings()) {
            assert!(began.elapsed() < Duration::from_secs(20), "{:?}", self.handle.readings());
            sleep(Duration::from_millis(5));
        }
    }

    fn end(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn what_waits_before_a_stop_or_too_long_is_not_done() {
    let (open, device) = fake(&["height"], false);
    let (mut ports, handle) = prepare(vec![open], &SafetySection::default(), || |_| ()).unwrap();
    let asked = |order, late: bool| {
        let (answer, told) = sync_channel(1);
        let until = Instant::now() + PATIENCE;
        let until = if late { until - 2 * PATIENCE } else { until };
        (Asked { order, sender: Sender::Window, until, answer }, told)
    };
    let to =
        |to| Order::Wish { axis: "height".to_owned(), wish: Wish::Move { to, speed: None, clamp: false } };
    let orders = [(to(1.0), false), (Order::Stop { axis: None }, false), (to(2.0), false), (to(3.0), true)];
    let (orders, answers): (Vec<_>, Vec<_>) =
        orders.into_iter().map(|(order, late)| asked(order, late)).unzip();
    let mut orders = orders.into_iter();
    let first = orders.next().unwrap();
    orders.for_each(|asked| handle.ports[0].1.try_send(asked).map_err(drop).unwrap());
    ports[0].obey_all(first);
    let answers: Vec<_> = answers.into_iter().map(|told| told.recv().unwrap()).collect();
    assert_eq!(answers, [Err(HardwareError::Stopped), Ok(()), Ok(()), Err(HardwareError::Busy)]);
    assert_eq!(device.lock().unwrap().at, 2.0);
}

#[test]
fn orders_are_carried_out_and_told() {
    let (one, _) = fake(&["height", "turns"], false);
    let (other, _) = fake(&["focus"], false);
    let mut running = Running::new(vec![one, other]);
    let at = |axis: usize| running.handle.readings()[axis].state.unwrap().position;
    running.ask(r#"axis.move axis="height", to=7.0"#).unwrap();
    assert_eq!((at(0), running.handle.readings()[0].target), (7.0, Some(7.0)));
    running.ask(r#"axis.step axis="height", by=-0.5"#).unwrap();
    assert_eq!(at(0), 6.5);
    running.ask(r#"axis.move axis="focus", to=2.0"#).unwrap();
    assert_eq!((at(0), at(2)), (6.5, 2.0));
    running.ask(r#"axis.stop axis="height""#).unwrap();
    assert_eq!(running.handle.readings()[0].target, None);
    let error = running.ask(r#"axis.move axis="width", to=1.0"#).unwrap_err();
    assert_eq!(error.to_string(), "there is no axis width; there are: height, turns, focus");
    let error = running.ask(r#"axis.move axis="focus", to=10.5"#).unwrap_err();
    let refused = "focus goes from 0 to 10 mm, not to 10.5 (its limits in the rig and of the device)";
    assert_eq!(error.to_string(), refused);
    running.ask(r#"axis.move axis="focus", to=10.5, clamp=true"#).unwrap();
    assert_eq!(at(2), 10.0);
    let error = running.ask(r#"axis.drive axis="focus", speed=-1.0"#).unwrap_err();
    assert_eq!(error.to_string(), "focus does not go at 1 mm/s: it takes no speed");
    let error = running.ask(r#"axis.home axis="focus""#).unwrap_err();
    assert_eq!(error.to_string(), "focus is not homed: its controller cannot look for its reference");
    running.ask(r#"axis.zero axis="turns""#).unwrap();
    assert_eq!((at(1), running.handle.readings()[1].info.limits), (0.0, [-6.5, 3.5]));
    running.end();
    // All at the beginning, then what has changed; steps and stops are there.
    let heights: Vec<_> = running
        .recorded
        .lock()
        .unwrap()
        .iter()
        .filter(|reading| reading.info.name == "height")
        .map(|reading| (reading.state.unwrap().position, reading.target))
        .collect();
    for told in [(4.0, None), (7.0, Some(7.0)), (6.5, Some(6.5)), (6.5, None)] {
        assert!(heights.contains(&told), "{heights:?}");
    }
    assert_eq!(running.ask("axis.stop"), Err(HardwareError::Ended));
}

#[test]
fn a_held_axis_obeys_its_holder_and_stops_for_everybody() {
    let (open, _) = fake(&["height"], false);
    let mut running = Running::new(vec![open]);
    let order = |order: &str| Order::of(&order.parse().unwrap()).unwrap();
    let ask = |sender, line: &str| running.handle.ask(sender, order(line));
    ask(Sender::Sweep, r#"axis.take axis="height""#).unwrap();
    let held = ask(Sender::Text, r#"axis.move axis="height", to=1.0"#).unwrap_err().to_string();
    assert_eq!(
        held,
        "height is held by the focus sweep; wait for its end, stop it, or take it in the pane Motors of the window"
    );
    assert!(ask(Sender::Text, r#"axis.take axis="height""#).is_err());
    ask(Sender::Sweep, r#"axis.move axis="height", to=1.0"#).unwrap();
    ask(Sender::Text, "axis.stop").unwrap();
    // A person at the window takes it from anybody.
    ask(Sender::Window, r#"axis.take axis="height""#).unwrap();
    assert!(ask(Sender::Sweep, r#"axis.move axis="height", to=2.0"#).is_err());
    ask(Sender::Window, r#"axis.release axis="height""#).unwrap();
    ask(Sender::Text, r#"axis.move axis="height", to=2.0"#).unwrap();
    running.end();
}

#[test]
fn nothing_moves_after_an_emergency_before_a_person_resumes() {
    let (one, first) = fake(&["height"], true);
    let (other, second) = fake(&["focus"], true);
    let mut running = Running::new(vec![one, other]);
    running.ask(r#"axis.move axis="height", to=9.0"#).unwrap();
    running.ask(r#"axis.move axis="focus", to=9.0"#).unwrap();
    running.handle.ask(Sender::Lock, Order::Emergency).unwrap();
    for device in [&first, &second] {
        let device = device.lock().unwrap();
        assert!(device.emergencies > 0 && device.target == device.at);
    }
    let error = running.ask(r#"axis.step axis="focus", by=1.0"#).unwrap_err().to_string();
    assert!(error.starts_with("everything is stopped after an emergency stop"), "{error}");
    assert!(running.handle.ask(Sender::Lock, Order::Resume).is_err());
    assert!(running.handle.readings()[0].is_stopped);
    running.ask("axis.resume").unwrap();
    running.ask(r#"axis.step axis="focus", by=1.0"#).unwrap();
    running.end();
}

#[test]
fn a_controller_that_dies_stops_all_and_is_found_again() {
    let (one, first) = fake(&["height"], true);
    let (other, second) = fake(&["focus"], true);
    let mut running = Running::new(vec![one, other]);
    running.ask(r#"axis.move axis="focus", to=9.0"#).unwrap();
    first.lock().unwrap().is_there = false;
    running.wait(|readings| readings[0].error.is_some() && readings[1].target.is_none());
    assert!(second.lock().unwrap().stops > 0, "the other one goes on");
    assert!(first.lock().unwrap().emergencies > 0, "it may still hear us");
    let error = running.ask(r#"axis.move axis="height", to=1.0"#).unwrap_err().to_string();
    assert!(error.starts_with("height does not answer, so nobody knows where it is"), "{error}");
    // The other one still does what it is told.
    running.ask(r#"axis.move axis="focus", to=8.0"#).unwrap();
    first.lock().unwrap().is_there = true;
    running.wait(|readings| readings[0].state.is_some());
    running.ask(r#"axis.move axis="height", to=1.0"#).unwrap();
    running.end();
}

#[test]
fn a_session_that_fails_leaves_nothing_moving() {
    for has_failed in [false, true] {
        let (open, device) = fake(&["height"], true);
        let mut running = Running::new(vec![open]);
        running.ask(r#"axis.move axis="height", to=9.0"#).unwrap();
        running.has_failed.store(has_failed, Ordering::Relaxed);
        running.end();
        assert_eq!(device.lock().unwrap().target == 4.0, has_failed);
    }
}

#[test]
fn one_answer_that_is_lost_stops_nothing() {
    let (open, device) = fake(&["height"], true);
    let mut running = Running::new(vec![open]);
    running.ask(r#"axis.move axis="height", to=9.0"#).unwrap();
    device.lock().unwrap().is_deaf = true;
    let began = Instant::now();
    while device.lock().unwrap().is_deaf {
        assert!(began.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(1));
    }
    sleep(Duration::from_millis(50));
    let reading = &running.handle.readings()[0];
    assert_eq!((reading.target, reading.state.unwrap().is_moving), (Some(9.0), true));
    {
        let device = device.lock().unwrap();
        assert_eq!((device.target, device.stops), (9.0, 0));
    }
    running.end();
}

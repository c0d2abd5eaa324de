//! Cores and priorities: what a rig asks for its threads, and what the system grants. Neither is needed to run, so a
//! refusal is told and never a failure.

use core_affinity::CoreId;
use serde::{Deserialize, Serialize};

/// Priority of the camera thread, of 1 to 99: above all that does not ask, below the interrupts of Linux at 50.
const REALTIME_PRIORITY: u8 = 20;

/// `[threads]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThreadsSection {
    /// The camera thread goes before all threads that are not real-time.
    pub realtime: bool,
    /// The core of the camera thread, from 0; `None` leaves it to the system.
    pub camera_core: Option<usize>,
    /// One tracking thread on each of these cores; none leaves it to the system, with a thread for every core.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tracking_cores: Vec<usize>,
}

/// What became of a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) is_granted: bool,
    /// One sentence; a refusal says what to do.
    pub(crate) sentence: String,
}

impl ThreadsSection {
    /// Tracking threads asked for; `None` is one for each core.
    pub fn tracking_threads(&self) -> Option<usize> {
        (!self.tracking_cores.is_empty()).then_some(self.tracking_cores.len())
    }

    /// Sets up the calling thread, which is the camera's.
    pub(crate) fn set_camera(&self) -> Vec<Answer> {
        let pinned = self.camera_core.map(|core| pin("the camera thread", core));
        let realtime = self.realtime.then(|| make_realtime("the camera thread"));
        pinned.into_iter().chain(realtime).collect()
    }

    /// Sets up the calling thread, which is tracking thread `index`.
    pub(crate) fn set_tracking(&self, index: usize) -> Option<Answer> {
        self.tracking_cores.get(index).map(|core| pin(&format!("tracking thread {index}"), *core))
    }
}

fn pin(thread: &str, core: usize) -> Answer {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let is_granted =
        cores.iter().any(|there| there.id == core) && core_affinity::set_for_current(CoreId { id: core });
    let sentence = if is_granted {
        format!("{thread} runs on core {core}")
    } else {
        let offered: Vec<String> = cores.iter().map(|core| core.id.to_string()).collect();
        format!(
            "{thread} was refused core {core} and runs anywhere; choose in [threads] from the cores {}",
            offered.join(", ")
        )
    };
    Answer { is_granted, sentence }
}

fn make_realtime(thread: &str) -> Answer {
    match ask_for_realtime() {
        Ok(()) => Answer { is_granted: true, sentence: format!("{thread} runs in real time") },
        Err(error) => {
            let cause = match error {
                thread_priority::Error::OS(code) => std::io::Error::from_raw_os_error(code).to_string(),
                other => other.to_string(),
            };
            let sentence =
                format!("{thread} was refused real time and runs as any other: {cause}; {}", how_to_allow());
            Answer { is_granted: false, sentence }
        }
    }
}

#[cfg(unix)]
fn ask_for_realtime() -> Result<(), thread_priority::Error> {
    use thread_priority::{
        RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id,
    };
    // The constant is in range; the least is real time as well.
    let priority = REALTIME_PRIORITY.try_into().map_or(ThreadPriority::Min, ThreadPriority::Crossplatform);
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    set_thread_priority_and_policy(thread_native_id(), priority, policy)
}

#[cfg(not(unix))]
fn ask_for_realtime() -> Result<(), thread_priority::Error> {
    thread_priority::set_current_thread_priority(thread_priority::ThreadPriority::Max)
}

fn how_to_allow() -> String {
    if !cfg!(target_os = "linux") {
        return "run Beadscope as a user who may raise priorities, or set realtime = false in [threads]"
            .to_owned();
    }
    let program = std::env::current_exe().map_or("beadscope".to_owned(), |path| path.display().to_string());
    format!(
        "add the line `@users - rtprio {REALTIME_PRIORITY}` to /etc/security/limits.conf (for a group that you are in) and \
         log in again, or run: sudo setcap cap_sys_nice+ep {program}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_is_there_is_granted_and_another_refused_with_those_that_are() {
        // On a thread of its own: pinning lasts as long as the thread.
        let answers = std::thread::scope(|scope| {
            let set = || {
                let here = core_affinity::get_core_ids().unwrap()[0].id;
                let section = ThreadsSection { camera_core: Some(here), ..ThreadsSection::default() };
                let granted = section.set_camera();
                let cores = core_affinity::get_core_ids().unwrap();
                assert_eq!(cores.iter().map(|core| core.id).collect::<Vec<_>>(), [here]);
                let refused = ThreadsSection { camera_core: Some(9999), ..section }.set_camera();
                [granted, refused].concat()
            };
            scope.spawn(set).join().unwrap()
        });
        assert!(answers[0].is_granted && answers[0].sentence.starts_with("the camera thread runs on core "));
        assert!(!answers[1].is_granted && answers[1].sentence.contains("core 9999"), "{answers:?}");
    }

    #[test]
    fn real_time_is_granted_or_refused_with_what_to_do() {
        let realtime = ThreadsSection { realtime: true, ..ThreadsSection::default() };
        let answers = std::thread::scope(|scope| scope.spawn(|| realtime.set_camera()).join().unwrap());
        let [Answer { is_granted, sentence }] = &answers[..] else { panic!("{answers:?}") };
        let told = if *is_granted { "runs in real time" } else { "refused real time" };
        assert!(sentence.contains(told), "{sentence}");
        let what_to_do = if cfg!(target_os = "linux") { "cap_sys_nice" } else { "realtime = false" };
        assert_eq!(!is_granted, sentence.contains(what_to_do), "{sentence}");
    }

    #[test]
    fn nothing_asked_for_is_nothing_done() {
        let nothing = ThreadsSection::default();
        assert_eq!(
            (nothing.set_camera(), nothing.set_tracking(0), nothing.tracking_threads()),
            (vec![], None, None)
        );
    }
}

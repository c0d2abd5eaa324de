//! Processor time and memory of this program, as Linux tells them in `/proc`. Elsewhere they are not known.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::vitals::{Cpu, ThreadCpu};

/// Ticks of `/proc/*/stat` in a second: `USER_HZ`, which Linux has promised to programs on all that Rust runs on.
const TICKS_PER_S: f64 = 100.0;
/// The kernel keeps 15 letters of a thread's name, so the workers have that of the tracking thread.
const WORKERS: (&str, &str) = ("beadscope-track", "beadscope-track-N");

/// The session's threads: each tells itself once, before its work.
#[derive(Default)]
pub(crate) struct Threads(Mutex<Vec<(&'static str, u64)>>);

impl Threads {
    /// Enters the calling thread.
    pub(crate) fn enter(&self, name: &'static str) {
        // The only way to the number without a call into libc. Where there is none, nothing is known of the thread.
        let Ok(link) = fs::read_link("/proc/thread-self") else { return };
        let number = link.file_name().and_then(|number| number.to_str()?.parse().ok());
        if let Some(number) = number {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((name, number));
        }
    }

    fn name_of(&self, number: u64) -> Option<&'static str> {
        let threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        threads.iter().find(|(_, known)| *known == number).map(|(name, _)| *name)
    }
}

/// Ticks so far, of the whole program and by thread.
struct Ticks {
    at: Instant,
    process: u64,
    threads: Vec<(&'static str, u64)>,
}

/// Measures the processor time between two looks.
#[derive(Default)]
pub(super) struct CpuClock(Option<Ticks>);

impl CpuClock {
    /// The shares since the last look; `None` at the first one.
    pub(super) fn look(&mut self, threads: &Threads) -> Option<Cpu> {
        let now = Ticks::read(threads)?;
        let then = self.0.replace(now)?;
        let now = self.0.as_ref()?;
        let seconds = now.at.duration_since(then.at).as_secs_f64();
        let share = |now: u64, then: u64| now.saturating_sub(then) as f64 / TICKS_PER_S / seconds;
        let of_thread = |(name, ticks): &(&'static str, u64)| {
            let (_, before) = then.threads.iter().find(|(known, _)| known == name)?;
            Some(ThreadCpu { name, share: share(*ticks, *before) })
        };
        let threads = now.threads.iter().filter_map(of_thread).collect();
        (seconds > 0.0).then(|| Cpu { process: share(now.process, then.process), threads })
    }
}

impl Ticks {
    fn read(known: &Threads) -> Option<Self> {
        let at = Instant::now();
        let (_, process) = name_and_ticks(&fs::read_to_string("/proc/self/stat").ok()?)?;
        let mut threads: Vec<(&'static str, u64)> = Vec::new();
        for entry in fs::read_dir("/proc/self/task").ok()?.flatten() {
            // A thread may end while we look.
            let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
            let Some((name, ticks)) = name_and_ticks(&stat) else { continue };
            let number = entry.file_name().to_str().and_then(|number| number.parse().ok());
            let ours = number.and_then(|number| known.name_of(number));
            let Some(name) = ours.or_else(|| (name == WORKERS.0).then_some(WORKERS.1)) else { continue };
            match threads.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += ticks,
                None => threads.push((name, ticks)),
            }
        }
        Some(Self { at, process, threads })
    }
}

/// Name, and ticks in the program and in the kernel for it: fields 2, 14 and 15 of `proc_pid_stat(5)`.
fn name_and_ticks(stat: &str) -> Option<(&str, u64)> {
    // A name may contain spaces and brackets; nothing behind it does.
    let (before, after) = stat.rsplit_once(") ")?;
    let (_, name) = before.split_once('(')?;
    let mut fields = after.split(' ').skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((name, ticks()? + ticks()?))
}

/// Main memory in use, bytes.
pub(super) fn memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(kilobytes.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_understood_whatever_the_name() {
        let stat = "7 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 11 12 0 0 20 0";
        assert_eq!(name_and_ticks(stat), Some(("a) b (c", 23)));
        assert_eq!(name_and_ticks("7 (a"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_busy_thread_is_told_from_an_idle_one() {
        let (threads, mut clock) = (Threads::default(), CpuClock::default());
        std::thread::scope(|scope| {
            let (end, ended) = std::sync::mpsc::sync_channel::<()>(0);
            let threads = &threads;
            scope.spawn(move || {
                threads.enter("idle");
                let _ = ended.recv();
            });
            threads.enter("busy");
            while threads.0.lock().unwrap().len() < 2 {
                std::thread::yield_now();
            }
            assert_eq!(clock.look(threads), None, "there is nothing to compare with");
            let mut used = 0.0;
            while used < 0.05 {
                // Until the kernel has seen it at work, however busy the machine is.
                let cpu = clock.look(threads).unwrap();
                let share = |name| cpu.threads.iter().find(|thread| thread.name == name).unwrap().share;
                assert_eq!(share("idle"), 0.0);
                used = share("busy").min(cpu.process);
                let start = Instant::now();
                while start.elapsed().as_millis() < 100 {
                    std::hint::black_box(start.elapsed());
                }
            }
            drop(end);
        });
        assert!(memory_bytes().unwrap() > 100_000);
    }
}

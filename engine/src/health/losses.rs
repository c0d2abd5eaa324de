//! Tells the log when frames begin to be lost and when it is over: two lines, however many there are.

use std::fmt;

use crate::ledger::Lost;

/// Without a loss for this long it is over, ns. So there is a pair of lines in five seconds at most.
const OVER_AFTER_NS: u64 = 5_000_000_000;

/// What is to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Frames are being lost.
    Begun(Lost),
    /// For so long, ns, so many were lost.
    Over(u64, Lost),
}

/// Follows the counters of lost frames.
#[derive(Default)]
pub(super) struct Losses {
    seen: Lost,
    burst: Option<Burst>,
}

struct Burst {
    before: Lost,
    begun_ns: u64,
    last_ns: u64,
}

impl Losses {
    /// Looks at the counters; `ending` is the last look.
    pub(super) fn look(&mut self, now_ns: u64, lost: Lost, ending: bool) -> Option<News> {
        let before = std::mem::replace(&mut self.seen, lost);
        let more = lost != before;
        match &mut self.burst {
            None if more => {
                self.burst = Some(Burst { before, begun_ns: now_ns, last_ns: now_ns });
                Some(News::Begun(since(&lost, &before)))
            }
            Some(burst) => {
                burst.last_ns = if more { now_ns } else { burst.last_ns };
                let is_over = now_ns.saturating_sub(burst.last_ns) >= OVER_AFTER_NS || ending;
                let burst = self.burst.take_if(|_| is_over)?;
                Some(News::Over(burst.last_ns - burst.begun_ns, since(&lost, &burst.before)))
            }
            None => None,
        }
    }
}

fn since(now: &Lost, then: &Lost) -> Lost {
    Lost {
        camera: now.camera.saturating_sub(then.camera),
        ring_full: now.ring_full.saturating_sub(then.ring_full),
        recorder_late: now.recorder_late.saturating_sub(then.recorder_late),
        record_failed: now.record_failed.saturating_sub(then.record_failed),
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begun(lost) => write!(f, "frames are being lost: {}", Named(lost)),
            Self::Over(ns, lost) => {
                write!(f, "no more frames are lost: in {:.1} s it were {}", *ns as f64 / 1e9, Named(lost))
            }
        }
    }
}

/// Frames by who lost them.
struct Named<'a>(&'a Lost);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lost { camera, ring_full, recorder_late, record_failed } = *self.0;
        let by = [
            (camera, "by the camera"),
            (ring_full, "as tracking was late"),
            (recorder_late, "as the recorder was late"),
            (record_failed, "as the recording had stopped"),
        ];
        let named = by.iter().filter(|(count, _)| *count > 0);
        let named: Vec<String> = named.map(|(count, by)| format!("{count} {by}")).collect();
        f.write_str(&named.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn many_losses_make_two_lines() {
        let mut losses = Losses::default();
        let lost = |ring_full| Lost { ring_full, ..Lost::default() };
        assert_eq!(losses.look(0, lost(0), false), None);
        assert_eq!(losses.look(S, lost(3), false), Some(News::Begun(lost(3))));
        for second in 2..10 {
            assert_eq!(losses.look(second * S, lost(2 + second), false), None);
        }
        assert_eq!(losses.look(13 * S, lost(11), false), None);
        let over = losses.look(14 * S, lost(11), false).unwrap();
        assert_eq!(over, News::Over(8 * S, lost(11)));
        assert_eq!(over.to_string(), "no more frames are lost: in 8.0 s it were 11 as tracking was late");
        assert_eq!(losses.look(15 * S, lost(12), false), Some(News::Begun(lost(1))));
        assert_eq!(losses.look(15 * S, lost(12), true), Some(News::Over(0, lost(1))));
        assert_eq!(losses.look(15 * S, lost(12), true), None);
    }
}

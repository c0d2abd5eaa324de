//! Errands to a disk: figures and settings are written, and it is looked whether a file is there. The window goes on, however long a disk
//! takes.
//!
//! Runs on: `main`, which gives errands and takes what came of them; `beadscope-window-files`, which runs them one after the other.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};

use eframe::egui;

/// Errands that may wait.
const WAITING: usize = 64;

/// What came of an errand.
#[derive(Debug, PartialEq)]
pub enum Done {
    /// A file was written, or why not.
    Written(Result<PathBuf, String>),
    /// Whether there is a file of this name, as it was typed.
    Looked(String, bool),
    /// The text of a script, or why there is none.
    Script(Result<String, String>),
    /// Something is kept in the user's settings, and what; nothing if it was so before; or why it is not.
    Kept(Result<Option<String>, String>),
}

/// Something to do.
pub type Errand = Box<dyn FnOnce() -> Done + Send>;

/// The thread, and the ways to it and back.
pub struct Errands {
    give: Option<SyncSender<Errand>>,
    done: Option<Receiver<Done>>,
    thread: Option<JoinHandle<()>>,
    under_way: usize,
}

impl Errands {
    /// Begins; the window is drawn when an errand is done.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn new(context: &egui::Context) -> std::io::Result<Self> {
        let (give, errands) = sync_channel::<Errand>(WAITING);
        // Room for all that wait, the one that runs, and those that nobody has taken yet.
        let (tell, done) = sync_channel(2 * WAITING);
        let context = context.clone();
        let thread = Builder::new().name("beadscope-window-files".to_owned()).spawn(move || {
            for errand in errands {
                // Once the window has closed nobody wants to know; it is done all the same.
                let _ = tell.send(errand());
                context.request_repaint();
            }
        })?;
        Ok(Self { give: Some(give), done: Some(done), thread: Some(thread), under_way: 0 })
    }

    /// Has something done. It waits for nobody.
    ///
    /// # Errors
    /// If too much is under way, or nobody does it any more; it is not done then.
    pub fn give(&mut self, errand: Errand) -> Result<(), &'static str> {
        let given = self.give.as_ref().map_or(Err("nothing is written any more; close the window"), |give| {
            give.try_send(errand).map_err(|refused| match refused {
                TrySendError::Full(_) => {
                    "not written: the disk is slow and much waits for it; do it again later"
                }
                TrySendError::Disconnected(_) => {
                    "not written: what writes files has failed; start Beadscope again"
                }
            })
        });
        self.under_way += usize::from(given.is_ok());
        given
    }

    /// What came of the next one that is done.
    pub fn done(&mut self) -> Option<Done> {
        let done = self.done.as_ref()?.try_recv().ok()?;
        self.under_way -= 1;
        Some(done)
    }

    #[cfg(test)]
    pub fn under_way(&self) -> usize {
        self.under_way
    }
}

impl Drop for Errands {
    /// What was given is done before.
    fn drop(&mut self) {
        (self.give, self.done) = (None, None);
        // A panic is in the log; there is nobody to tell it to any more.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn errands_are_run_in_their_order_while_the_window_goes_on_and_all_before_it_closes() {
        let mut errands = Errands::new(&egui::Context::default()).unwrap();
        let ran = Arc::<Mutex<Vec<usize>>>::default();
        let (go, gone) = sync_channel::<()>(1);
        let started = Instant::now();
        let waits: Errand = Box::new(move || {
            let _ = gone.recv();
            Done::Looked("slow".to_owned(), true)
        });
        errands.give(waits).unwrap();
        let next = |number| -> Errand {
            let ran = ran.clone();
            Box::new(move || {
                ran.lock().unwrap().push(number);
                Done::Kept(Ok(None))
            })
        };
        // The first may have been taken already.
        let given =
            (0..2 * WAITING).map(|number| errands.give(next(number))).take_while(Result::is_ok).count();
        assert!((WAITING - 1..=WAITING).contains(&given), "more is refused and not waited for: {given}");
        assert!(started.elapsed() < Duration::from_secs(5), "the window does not wait for a disk");
        assert!(ran.lock().unwrap().is_empty() && errands.done().is_none());
        assert_eq!(errands.under_way(), given + 1);
        go.send(()).unwrap();
        drop(errands);
        assert_eq!(*ran.lock().unwrap(), (0..given).collect::<Vec<_>>());
    }
}

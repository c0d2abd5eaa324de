//! What went wrong, was done or is to be known: a line each, until it is dismissed. What was done goes by itself.

use std::time::{Duration, Instant};

use beadscope_engine::status::{Health, Notice};
use eframe::egui::{self, Color32, Frame, Margin, RichText};

use crate::actions::Action;
use crate::theme::{self, Colors, named};

/// More lines than this would push the picture off the screen; the oldest go.
const MOST: usize = 4;

/// What was done is told for so long: nothing has to be done about it.
const TOLD: Duration = Duration::from_secs(8);

/// How serious a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something was done.
    Done,
    /// The session tells something: the camera is lost or back, the disk fills, the CPU tracks for the GPU.
    Notice,
    /// Something failed.
    Failed,
}

impl Kind {
    fn color(self, colors: &Colors) -> Color32 {
        match self {
            Self::Done => colors.accent,
            Self::Notice => colors.warning,
            Self::Failed => colors.danger,
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Done => "✔",
            Self::Notice => "ℹ",
            Self::Failed => "⚠",
        }
    }
}

/// A message, and since when it is shown.
struct Message {
    kind: Kind,
    text: String,
    since: Instant,
    /// Its text, and what it does.
    button: Option<(&'static str, Action)>,
}

/// The messages on show.
#[derive(Default)]
pub struct Messages {
    shown: Vec<Message>,
    /// Notices of the session that were told, as they were last.
    told: Vec<Notice>,
}

impl Messages {
    /// Shows a message until it is dismissed, and logs it.
    pub fn add(&mut self, kind: Kind, text: impl Into<String>) {
        self.add_with(kind, text, None);
    }

    /// The same, with a button that does something about it.
    pub fn add_with(&mut self, kind: Kind, text: impl Into<String>, button: Option<(&'static str, Action)>) {
        let text = text.into();
        match kind {
            Kind::Done => tracing::info!("{text}"),
            Kind::Notice | Kind::Failed => tracing::warn!("{text}"),
        }
        // The same failure again is no news.
        self.shown.retain(|old| old.text != text);
        self.shown.push(Message { kind, text, since: Instant::now(), button });
        let surplus = self.shown.len().saturating_sub(MOST);
        self.shown.drain(..surplus);
    }

    /// Shows what the recording is told too, and what the disk has to say, each once: what was dismissed stays away as long as it is
    /// so, and where a count rises, it rises in its place. What went and comes again is told again.
    pub fn tell_notices(&mut self, health: &Health) {
        let disk = health.vitals.disk.iter().filter_map(|disk| disk.notice.as_ref().map(Notice::from));
        let notices: Vec<Notice> = health.notices().into_iter().chain(disk).collect();
        self.told.retain(|told| notices.iter().any(|notice| notice.matter == told.matter));
        for notice in notices {
            let Some(told) = self.told.iter_mut().find(|told| told.matter == notice.matter) else {
                self.add(Kind::Notice, notice.text.clone());
                self.told.push(notice);
                continue;
            };
            if let Some(shown) = self.shown.iter_mut().find(|shown| shown.text == told.text) {
                shown.text.clone_from(&notice.text);
            }
            *told = notice;
        }
    }

    #[cfg(test)]
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.shown.iter().map(|message| message.text.as_str())
    }

    /// Takes away what was told long enough.
    fn forget(&mut self, now: Instant) {
        self.shown.retain(|message| message.kind != Kind::Done || now - message.since < TOLD);
    }

    /// Draws the messages below each other; what one of their buttons asks for.
    pub fn show(&mut self, ui: &mut egui::Ui) -> Option<Action> {
        let colors = theme::colors(ui);
        let (mut dismissed, mut asked) = (None, None);
        self.forget(Instant::now());
        for (place, Message { kind, text, button, .. }) in self.shown.iter().enumerate() {
            let color = kind.color(&colors);
            strip(ui, color, |ui| {
                let dismiss = ui.button("✖").on_hover_text("Dismiss this message");
                named(&dismiss, "Dismiss this message".to_owned());
                if dismiss.clicked() {
                    dismissed = Some(place);
                }
                ui.label(RichText::new(kind.mark()).color(color));
                if let Some((name, action)) = button
                    && ui.button(*name).on_hover_text("Takes it back").clicked()
                {
                    (asked, dismissed) = (Some(*action), Some(place));
                }
                ui.add(egui::Label::new(text).wrap());
            });
        }
        if let Some(place) = dismissed {
            self.shown.remove(place);
        }
        asked
    }
}

/// A strip over the whole width with a coloured edge.
pub fn strip(ui: &mut egui::Ui, color: Color32, contents: impl FnOnce(&mut egui::Ui)) {
    let frame = Frame::new()
        .fill(color.gamma_multiply(0.14))
        .stroke(egui::Stroke::new(1.0, color.gamma_multiply(0.6)))
        .corner_radius(4)
        .inner_margin(Margin::symmetric(8, 4));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(contents);
    });
}

/// The banner of a session that has ended by itself: why, and what to do.
pub fn ended(ui: &mut egui::Ui, colors: &Colors, why: &str, what_to_do: &str, failed: bool) {
    let color = if failed { colors.danger } else { colors.accent };
    strip(ui, color, |ui| {
        ui.label(RichText::new(if failed { "⚠" } else { "■" }).color(color).size(18.0));
        ui.vertical(|ui| {
            ui.add(egui::Label::new(RichText::new(why).strong().size(15.0)).wrap());
            ui.add(egui::Label::new(what_to_do).wrap());
        });
    });
}

#[cfg(test)]
mod tests {
    use beadscope_engine::video::status::VideoHealth;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn the_newest_messages_stay_and_repeats_do_not_pile_up() {
        let mut messages = Messages::default();
        for text in ["a", "b", "c", "d", "e", "d"] {
            messages.add(Kind::Failed, text);
        }
        let texts: Vec<_> = messages.texts().collect();
        assert_eq!(texts, ["b", "c", "e", "d"]);
    }

    #[test]
    fn what_was_done_goes_and_what_failed_stays() {
        let mut messages = Messages::default();
        [Kind::Done, Kind::Notice, Kind::Failed]
            .into_iter()
            .for_each(|kind| messages.add(kind, format!("{kind:?}")));
        messages.forget(Instant::now());
        assert_eq!(messages.texts().count(), 3);
        messages.forget(Instant::now() + TOLD);
        assert_eq!(messages.texts().collect::<Vec<_>>(), ["Notice", "Failed"]);
    }

    #[test]
    fn a_lost_gpu_and_a_lost_camera_are_told_once() {
        let mut messages = Messages::default();
        let mut health = Health::default();
        messages.tell_notices(&health);
        assert_eq!(messages.texts().count(), 0);
        health.on.notice = Some("the GPU failed".to_owned());
        health.camera.notices = vec!["the camera is lost".to_owned()];
        messages.tell_notices(&health);
        assert_eq!(messages.texts().collect::<Vec<_>>(), ["the GPU failed", "the camera is lost"]);
        messages.shown.clear();
        health.camera.notices.push("the camera is back".to_owned());
        messages.tell_notices(&health);
        assert_eq!(messages.texts().collect::<Vec<_>>(), ["the camera is back"], "the others were dismissed");
        assert_eq!(messages.shown[0].kind, Kind::Notice, "good news is not shown as a failure");
        health.not_located = 7;
        messages.tell_notices(&health);
        assert!(messages.texts().any(|text| text.starts_with("7 frames at the end")), "as in the recording");
    }

    #[test]
    fn an_alarm_that_comes_again_is_told_again_and_logged() {
        let alarm = Notice { matter: "axis focus".to_owned(), text: "focus: it has stalled".to_owned() };
        let (well, ill) = (Health::default(), Health { motors: vec![alarm], ..Health::default() });
        let log = crate::log::Log::default();
        let lines = log.clone();
        let mut messages = Messages::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), || {
            for health in [&ill, &ill, &well, &ill, &ill] {
                messages.tell_notices(health);
                messages.shown.clear();
            }
        });
        assert_eq!(lines.texts(), ["focus: it has stalled"; 2], "once for each time that it came");
    }

    #[test]
    fn a_count_that_rises_stays_one_message() {
        let mut messages = Messages::default();
        messages.add(Kind::Done, "saved");
        let mut health = Health { video: Some(VideoHealth::default()), ..Health::default() };
        let mut late = |messages: &mut Messages, count| {
            health.video.as_mut().unwrap().lost.video_late = count;
            messages.tell_notices(&health);
        };
        for count in 1..1000 {
            late(&mut messages, count);
        }
        let texts: Vec<_> = messages.texts().collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[1].starts_with("999 frames are not in the video"), "{texts:?}");
        messages.shown.clear();
        late(&mut messages, 1000);
        assert_eq!(messages.texts().count(), 0, "it was dismissed");
    }
}

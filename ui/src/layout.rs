//! Where the panes are: side by side, in tabs, in windows of their own, or closed. Kept in a file between two starts, with how the window
//! looks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use eframe::egui::{
    self, Color32, Frame, Margin, Rect, ViewportBuilder, ViewportCommand, ViewportId, WidgetText,
};
use egui_tiles::{Behavior, EditAction, SimplificationOptions, Tile, TileId, Tiles, Tree, UiResponse};
use serde::{Deserialize, Serialize};

use crate::guard::Guard;
use crate::panes::Pane;
use crate::theme::Look;

/// The file's version; another one is not read.
const VERSION: u32 = 1;
/// A pane in a window of its own, points.
const FLOATING: [f32; 2] = [640.0, 480.0];

/// Draws what is in a pane.
pub trait Contents {
    /// Draws it.
    fn show(&mut self, ui: &mut egui::Ui, pane: Pane);

    /// Obeys the keys of a window.
    fn obey_keys(&mut self, context: &egui::Context);
}

/// Where the panes are.
pub struct Layout {
    tree: Tree<Pane>,
    floating: BTreeSet<Pane>,
    /// Knows the panes that panicked.
    guard: Guard,
    /// Where those windows were when they were opened; later moves are the system's.
    opened_at: BTreeMap<Pane, Place>,
    /// A pane whose window is to come to the front.
    raised: Option<Pane>,
    /// As it was before it was reset.
    before: Option<(Tree<Pane>, BTreeSet<Pane>)>,
    kept: Kept,
    file: Option<PathBuf>,
    is_changed: bool,
}

/// What is kept besides the places of the panes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Colours and size of letters.
    pub look: Look,
    /// The window.
    pub window: Option<WindowSize>,
    /// Where recordings go, if somebody has chosen it.
    pub folder: Option<Folder>,
    /// Windows of panes.
    places: BTreeMap<Pane, Place>,
}

/// The window's size, as the system counts it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowSize {
    /// Width and height, points without zoom.
    pub size: [f32; 2],
    /// It fills the screen.
    pub is_maximized: bool,
}

/// A folder for recordings that was chosen in the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Folder {
    /// It.
    pub chosen: String,
    /// What the settings said then: once they say something else, they hold.
    pub settings: String,
}

/// A window of a pane: its left upper corner, if the system tells, and its size, points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    corner: Option<[f32; 2]>,
    size: [f32; 2],
}

/// What the file holds.
#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    tree: Tree<Pane>,
    floating: BTreeSet<Pane>,
    #[serde(default)]
    kept: Kept,
}

impl Layout {
    /// As the file says; the usual one if there is none. A file that cannot be read is told of and kept beside it.
    pub fn load(file: Option<PathBuf>) -> (Self, Option<String>) {
        let usual = |file| Self {
            tree: usual(),
            floating: BTreeSet::new(),
            guard: Guard::default(),
            opened_at: BTreeMap::new(),
            raised: None,
            before: None,
            kept: Kept::default(),
            file,
            is_changed: false,
        };
        let Some(path) = file else { return (usual(None), None) };
        match read(&path) {
            Ok(Some(saved)) => {
                let Saved { tree, floating, kept, .. } = saved;
                let opened_at = kept.places.clone();
                (Self { tree, floating, kept, opened_at, ..usual(Some(path)) }, None)
            }
            // Written even if nobody moves a pane: the next start is not the first.
            Ok(None) => (Self { is_changed: true, ..usual(Some(path)) }, None),
            Err(error) => {
                let kept = path.with_extension("json.unreadable");
                let _ = std::fs::rename(&path, &kept);
                let told = format!(
                    "the window has its usual layout, as the saved one cannot be read: {error}: {}",
                    kept.display()
                );
                (usual(Some(path)), Some(told))
            }
        }
    }

    /// What is kept besides the places of the panes.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Keeps this from now on.
    pub fn keep(&mut self, change: impl FnOnce(&mut Kept)) {
        let before = self.kept.clone();
        change(&mut self.kept);
        self.is_changed |= self.kept != before;
    }

    /// Puts every pane back where it was before it was reset.
    pub fn undo_reset(&mut self) {
        if let Some((tree, floating)) = self.before.take() {
            (self.tree, self.floating, self.is_changed) = (tree, floating, true);
        }
    }

    /// Puts every pane back where it was at first.
    pub fn reset(&mut self) {
        let tree = std::mem::replace(&mut self.tree, usual());
        self.before = Some((tree, std::mem::take(&mut self.floating)));
        self.is_changed = true;
        self.guard.forget();
    }

    /// Brings a pane to the front; opens it if it was closed.
    pub fn open(&mut self, pane: Pane) {
        if self.floating.contains(&pane) {
            self.raised = Some(pane);
            return;
        }
        if self.tree.tiles.find_pane(&pane).is_none() {
            self.dock(pane);
        }
        self.tree.make_active(|_, tile| matches!(tile, Tile::Pane(other) if *other == pane));
        self.is_changed = true;
    }

    /// Whether it can be seen without a click on its tab.
    pub fn is_seen(&self, pane: Pane) -> bool {
        let active = self.tree.active_tiles();
        self.floating.contains(&pane)
            || self.tree.tiles.find_pane(&pane).is_some_and(|tile| active.contains(&tile))
    }

    /// Closes a pane, wherever it is.
    pub fn close(&mut self, pane: Pane) {
        if let Some(tile) = self.tree.tiles.find_pane(&pane) {
            self.tree.remove_recursively(tile);
        }
        self.floating.remove(&pane);
        self.is_changed = true;
    }

    /// Gives a pane a window of its own.
    pub fn float(&mut self, pane: Pane) {
        self.close(pane);
        self.floating.insert(pane);
        self.opened_at = self.kept.places.clone();
    }

    /// Beside the last of the tabs, or alone.
    fn dock(&mut self, pane: Pane) {
        let tile = self.tree.tiles.insert_pane(pane);
        let tabs = self.tree.tiles.iter().filter_map(|(id, tile)| match tile {
            Tile::Container(container) if container.kind() == egui_tiles::ContainerKind::Tabs => Some(*id),
            _ => None,
        });
        let tabs = tabs.max_by_key(|id| id.0);
        match (tabs, self.tree.root) {
            (Some(tabs), _) => self.tree.move_tile_to_container(tile, tabs, usize::MAX, false),
            (None, Some(root)) => {
                self.tree.root = Some(self.tree.tiles.insert_horizontal_tile(vec![root, tile]));
            }
            (None, None) => self.tree.root = Some(tile),
        }
    }

    /// Draws all panes. One that panics is told about in its place, and the others go on.
    pub fn show(&mut self, ui: &mut egui::Ui, contents: &mut dyn Contents) {
        let mut placing =
            Placing { contents, guard: &mut self.guard, floated: None, is_changed: &mut self.is_changed };
        self.tree.ui(&mut placing, ui);
        let floated = placing.floated;
        let mut docked = None;
        for pane in self.floating.clone() {
            let place = self.opened_at.get(&pane).copied().unwrap_or(Place { corner: None, size: FLOATING });
            let builder = ViewportBuilder::default()
                .with_title(format!("Beadscope: {}", pane.title()))
                .with_inner_size(place.size);
            let builder = match place.corner {
                Some(corner) => builder.with_position(corner),
                None => builder,
            };
            let id = ViewportId::from_hash_of(("floating", pane));
            if self.raised.take_if(|raised| *raised == pane).is_some() {
                for command in [ViewportCommand::Minimized(false), ViewportCommand::Focus] {
                    ui.ctx().send_viewport_cmd_to(id, command);
                }
            }
            ui.ctx().show_viewport_immediate(id, builder, |ui, _| {
                let seen = ui.input(|input| (input.viewport().outer_rect, input.viewport().inner_rect));
                if let (outer, Some(inner)) = seen {
                    let corner = outer.map(|outer: Rect| outer.min.into());
                    let place = Place { corner, size: inner.size().into() };
                    self.is_changed |= self.kept.places.insert(pane, place) != Some(place);
                }
                contents.obey_keys(&ui.ctx().clone());
                egui::CentralPanel::default().show(ui, |ui| {
                    let back = ui.button("⬅ Dock").on_hover_text("Back into the main window");
                    if back.clicked() || ui.input(|input| input.viewport().close_requested()) {
                        docked = Some(pane);
                    }
                    self.guard.show(ui, pane.part(), |ui| contents.show(ui, pane));
                });
            });
        }
        if let Some(pane) = floated {
            self.float(pane);
        }
        if let Some(pane) = docked {
            self.floating.remove(&pane);
            self.open(pane);
        }
    }

    /// Writes the file, if anything has changed since.
    ///
    /// # Errors
    /// What the disk said.
    pub fn save(&mut self) -> Result<(), String> {
        let Some(path) = self.file.as_ref().filter(|_| std::mem::take(&mut self.is_changed)) else {
            return Ok(());
        };
        let (tree, floating, kept) = (self.tree.clone(), self.floating.clone(), self.kept.clone());
        let saved = Saved { version: VERSION, tree, floating, kept };
        let written = serde_json::to_string(&saved).map_err(std::io::Error::other).and_then(|text| {
            let aside = path.with_extension("json.new");
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(&aside, text)?;
            std::fs::rename(&aside, path)
        });
        written.map_err(|error| format!("the layout of the window is not kept: {error}: {}", path.display()))
    }
}

/// The file of the layout, beside the user's file of settings.
pub fn file_beside(user_file: &Path) -> PathBuf {
    user_file.with_file_name("window.json")
}

/// The size that the window had; `None` if nobody knows.
pub fn kept_size(file: &Path) -> Option<WindowSize> {
    let size = read(file).ok()??.kept.window?;
    // One from a screen that is gone, or from a file that somebody has edited, helps nobody.
    size.size.iter().all(|side| (200.0..20_000.0).contains(side)).then_some(size)
}

/// `None` if there is no such file.
fn read(path: &Path) -> Result<Option<Saved>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let saved: Saved = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if saved.version != VERSION {
        return Err(format!("it has version {}, not {VERSION}", saved.version));
    }
    let panes = saved.tree.tiles.tiles().filter_map(|tile| match tile {
        Tile::Pane(pane) => Some(*pane),
        Tile::Container(_) => None,
    });
    let panes: Vec<Pane> = panes.chain(saved.floating.iter().copied()).collect();
    if panes.iter().collect::<BTreeSet<_>>().len() != panes.len() {
        return Err("a pane is in it twice".to_owned());
    }
    if saved.tree.root.is_some_and(|root| saved.tree.tiles.get(root).is_none()) {
        return Err("it has no root".to_owned());
    }
    Ok(Some(saved))
}

/// Camera and beads on the left, plots and the rest on the right, motors below.
fn usual() -> Tree<Pane> {
    let mut tiles = Tiles::default();
    let [camera, beads, plots, motors] =
        [Pane::Camera, Pane::Beads, Pane::Plots, Pane::Motors].map(|pane| tiles.insert_pane(pane));
    let behind = [
        Pane::Analysis,
        Pane::Run,
        Pane::Locking,
        Pane::Experiment,
        Pane::ZLut,
        Pane::Preferences,
        Pane::Log,
    ]
    .map(|pane| tiles.insert_pane(pane));
    let right = tiles.insert_tab_tile([vec![plots], behind.to_vec()].concat());
    let mut column = |children: [TileId; 2], share| {
        tiles.insert_container(egui_tiles::Linear::new_binary(
            egui_tiles::LinearDir::Vertical,
            children,
            share,
        ))
    };
    let left = column([camera, beads], 0.74);
    let across = tiles.insert_container(egui_tiles::Linear::new_binary(
        egui_tiles::LinearDir::Horizontal,
        [left, right],
        0.6,
    ));
    let mut column = |children: [TileId; 2], share| {
        tiles.insert_container(egui_tiles::Linear::new_binary(
            egui_tiles::LinearDir::Vertical,
            children,
            share,
        ))
    };
    let root = column([across, motors], 0.82);
    Tree::new(egui::Id::unique("panes"), root, tiles)
}

/// What the tree asks while it is drawn.
struct Placing<'a> {
    contents: &'a mut dyn Contents,
    guard: &'a mut Guard,
    floated: Option<Pane>,
    is_changed: &'a mut bool,
}

impl Behavior<Pane> for Placing<'_> {
    fn pane_ui(&mut self, ui: &mut egui::Ui, _tile: TileId, pane: &mut Pane) -> UiResponse {
        let frame = Frame::new().fill(ui.visuals().panel_fill).inner_margin(Margin::symmetric(8, 6));
        frame.show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            let contents = &mut *self.contents;
            self.guard.show(ui, pane.part(), |ui| contents.show(ui, *pane));
        });
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> WidgetText {
        pane.title().into()
    }

    fn tab_text_color(
        &self,
        visuals: &egui::Visuals,
        _tiles: &Tiles<Pane>,
        _tile: TileId,
        state: &egui_tiles::TabState,
    ) -> Color32 {
        if state.active { visuals.hyperlink_color } else { visuals.weak_text_color() }
    }

    fn is_tab_closable(&self, tiles: &Tiles<Pane>, tile: TileId) -> bool {
        tiles.get_pane(&tile).is_some()
    }

    fn on_tab_close(&mut self, _tiles: &mut Tiles<Pane>, _tile: TileId) -> bool {
        *self.is_changed = true;
        true
    }

    fn on_tab_button(
        &mut self,
        tiles: &mut Tiles<Pane>,
        tile: TileId,
        response: egui::Response,
    ) -> egui::Response {
        let Some(pane) = tiles.get_pane(&tile) else { return response };
        response.context_menu(|ui| {
            if ui.button("Own window").on_hover_text("Takes the pane out of this window").clicked() {
                self.floated = Some(*pane);
                ui.close();
            }
        });
        response.on_hover_text(format!("{}\nDrag to move it, right-click for more", pane.hint()))
    }

    fn on_edit(&mut self, _action: EditAction) {
        *self.is_changed = true;
    }

    fn simplification_options(&self) -> SimplificationOptions {
        // Every pane has a tab: there it can be dragged, closed and floated.
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_comes_back_as_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/window.json");
        let (mut layout, told) = Layout::load(Some(file.clone()));
        assert_eq!(told, None);
        assert!(layout.is_seen(Pane::Camera) && !layout.is_seen(Pane::Log));
        layout.save().unwrap();
        std::fs::remove_file(&file).unwrap();
        layout.save().unwrap();
        assert!(!file.exists(), "nothing has changed since");
        layout.close(Pane::Motors);
        layout.open(Pane::Log);
        layout.float(Pane::Plots);
        layout.save().unwrap();
        let (again, told) = Layout::load(Some(file.clone()));
        assert_eq!(told, None);
        assert!(again.tree.tiles.find_pane(&Pane::Motors).is_none() && again.floating.contains(&Pane::Plots));
        layout.keep(|kept| kept.window = Some(WindowSize { size: [1400.0, 900.0], is_maximized: true }));
        layout.save().unwrap();
        assert_eq!(kept_size(&file).map(|kept| kept.size), Some([1400.0, 900.0]));
        layout.keep(|kept| kept.window = Some(WindowSize { size: [1.0, 900.0], is_maximized: false }));
        layout.save().unwrap();
        assert_eq!(kept_size(&file), None, "no window of no size");
        let (mut again, _) = Layout::load(Some(file));
        again.open(Pane::Motors);
        assert!(again.is_seen(Pane::Motors));
        again.reset();
        assert!(Pane::ALL.iter().all(|pane| again.tree.tiles.find_pane(pane).is_some()));
        again.undo_reset();
        assert!(again.floating.contains(&Pane::Plots), "as it was before");
    }

    #[test]
    fn a_damaged_layout_is_told_and_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("window.json");
        let (mut layout, _) = Layout::load(Some(file.clone()));
        layout.open(Pane::Log);
        layout.save().unwrap();
        let whole = std::fs::read_to_string(&file).unwrap();
        for damaged in [
            "",
            "{}",
            &whole[..whole.len() / 2],
            &whole.replace("\"version\":1", "\"version\":7"),
            &whole.replace("\"log\"", "\"run\""),
        ] {
            std::fs::write(&file, damaged).unwrap();
            let (layout, told) = Layout::load(Some(file.clone()));
            assert!(told.unwrap().contains("usual layout"), "{damaged}");
            assert!(layout.is_seen(Pane::Camera));
            assert_eq!(std::fs::read_to_string(file.with_extension("json.unreadable")).unwrap(), damaged);
        }
    }

    #[test]
    fn every_pane_closed_can_be_opened_again() {
        let (mut layout, _) = Layout::load(None);
        Pane::ALL.into_iter().for_each(|pane| layout.close(pane));
        Pane::ALL.into_iter().for_each(|pane| layout.open(pane));
        assert!(Pane::ALL.iter().all(|pane| layout.tree.tiles.find_pane(pane).is_some()));
    }

    /// One pane fails; the others are drawn, and it can be tried again.
    #[test]
    fn a_pane_that_panics_takes_nothing_with_it() {
        struct Panes {
            is_broken: bool,
        }
        impl Contents for Panes {
            fn show(&mut self, ui: &mut egui::Ui, pane: Pane) {
                assert!(!(self.is_broken && pane == Pane::Camera), "a bug");
                ui.label(format!("this is {}", pane.title()));
            }

            fn obey_keys(&mut self, _context: &egui::Context) {}
        }
        let (mut layout, _) = Layout::load(None);
        let mut panes = Panes { is_broken: true };
        let mut harness = egui_kittest::Harness::new_ui_state(
            |ui, (layout, panes): &mut (Layout, Panes)| layout.show(ui, panes),
            {
                layout.open(Pane::Log);
                panes.is_broken = true;
                (layout, panes)
            },
        );
        use egui_kittest::kittest::Queryable as _;
        harness.step();
        harness.step();
        assert!(harness.query_by_label_contains("The pane Camera has failed: a bug").is_some());
        assert!(
            harness.query_by_label("this is Log").is_some()
                && harness.query_by_label("this is Beads").is_some()
        );
        harness.state_mut().1.is_broken = false;
        harness.get_by_label("Try again").click();
        harness.step();
        harness.step();
        assert!(harness.query_by_label("this is Camera").is_some());
    }
}

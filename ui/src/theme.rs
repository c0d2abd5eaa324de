//! Colours and sizes. Dark, light or as the system has it; the colour of what is selected is chosen; the picture is always grey on black.

use eframe::egui::{
    self, Color32, CornerRadius, FontFamily, FontId, Rgba, Stroke, TextStyle, Theme, ThemePreference,
};
use serde::{Deserialize, Serialize};

/// How the window looks, as it is kept between two starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Look {
    /// Dark, light, or as the system has it.
    pub shade: Shade,
    /// The colour of what is selected, red, green and blue; `None`: the usual one.
    pub accent: Option<[u8; 3]>,
    /// How large everything is; 1 is as the system has it.
    pub zoom: f32,
}

impl Default for Look {
    fn default() -> Self {
        Self { shade: Shade::System, accent: None, zoom: 1.0 }
    }
}

/// Dark or light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shade {
    /// As the system has it.
    #[default]
    System,
    /// Light letters.
    Dark,
    /// Dark letters.
    Light,
}

impl Shade {
    fn preference(self) -> ThemePreference {
        match self {
            Self::System => ThemePreference::System,
            Self::Dark => ThemePreference::Dark,
            Self::Light => ThemePreference::Light,
        }
    }

    fn of(context: &egui::Context) -> Self {
        match context.options(|options| options.theme_preference) {
            ThemePreference::System => Self::System,
            ThemePreference::Dark => Self::Dark,
            ThemePreference::Light => Self::Light,
        }
    }
}

/// Colours to choose from. They are made lighter or darker until they can be read.
pub const ACCENTS: [(&str, [u8; 3]); 6] = [
    ("Blue", [64, 156, 255]),
    ("Teal", [0, 158, 150]),
    ("Green", [60, 160, 70]),
    ("Orange", [230, 130, 20]),
    ("Magenta", [204, 80, 160]),
    ("Violet", [130, 100, 240]),
];

/// Letters and lines stand out from what is behind them by this at least (WCAG 2.1, level AA).
const CONTRAST: f32 = 4.5;

/// Colours with a meaning. Those of x, y, z keep apart for colour-blind readers (after Okabe and Ito 2008).
#[derive(Clone, Copy)]
pub struct Colors {
    /// Selected, active.
    pub accent: Color32,
    /// Worth a look.
    pub warning: Color32,
    /// Lost or failed; recording.
    pub danger: Color32,
    /// Lines of x, y and z.
    pub channels: [Color32; 3],
    /// Labels beside values.
    pub label: Color32,
    /// Values.
    pub value: Color32,
}

/// ROIs on the grey picture, in either theme.
pub const ROI: Color32 = Color32::from_rgb(214, 222, 230);
/// The selected ROI on the picture.
pub const ROI_SELECTED: Color32 = Color32::from_rgb(64, 196, 255);
/// A reference bead's ROI on the picture.
pub const ROI_REFERENCE: Color32 = Color32::from_rgb(96, 220, 130);
/// A flagged bead's ROI on the picture.
pub const ROI_FLAGGED: Color32 = Color32::from_rgb(255, 152, 48);
/// Behind text and lines on the picture.
pub const SHADE: Color32 = Color32::from_black_alpha(170);

const DARK: Colors = Colors {
    accent: Color32::from_rgb(64, 196, 255),
    warning: Color32::from_rgb(255, 170, 70),
    danger: Color32::from_rgb(255, 100, 90),
    channels: [
        Color32::from_rgb(86, 180, 233),
        Color32::from_rgb(230, 140, 190),
        Color32::from_rgb(60, 205, 150),
    ],
    label: Color32::from_rgb(158, 166, 176),
    value: Color32::from_rgb(232, 236, 240),
};

const LIGHT: Colors = Colors {
    accent: Color32::from_rgb(0, 104, 176),
    warning: Color32::from_rgb(172, 88, 0),
    danger: Color32::from_rgb(196, 30, 30),
    channels: [
        Color32::from_rgb(0, 104, 176),
        Color32::from_rgb(168, 60, 122),
        Color32::from_rgb(0, 122, 86),
    ],
    label: Color32::from_rgb(86, 94, 104),
    value: Color32::from_rgb(24, 28, 32),
};

/// The colours of the theme in use.
pub fn colors(ui: &egui::Ui) -> Colors {
    let colors = if ui.visuals().dark_mode { DARK } else { LIGHT };
    Colors { accent: ui.visuals().hyperlink_color, ..colors }
}

/// How much two colours stand out from each other, 1 to 21 (WCAG 2.1).
fn contrast(a: Color32, b: Color32) -> f32 {
    let light = |color: Color32| {
        let color = Rgba::from(color);
        0.2126 * color.r() + 0.7152 * color.g() + 0.0722 * color.b() + 0.05
    };
    let (a, b) = (light(a), light(b));
    if a > b { a / b } else { b / a }
}

/// The colour, or one between it and `towards` that can be told from `from`: letters from what is behind them, or that from letters.
fn readable(color: Color32, from: Color32, towards: Color32) -> Color32 {
    let steps = (0..=20_u8).map(|step| color.lerp_to_gamma(towards, f32::from(step) / 20.0));
    steps.into_iter().find(|color| contrast(*color, from) >= CONTRAST).unwrap_or(towards)
}

/// Paints what is selected, active or a link in this colour, in both themes.
pub fn paint(context: &egui::Context, accent: Option<[u8; 3]>) {
    for (theme, usual, text, far) in
        [(Theme::Dark, DARK, DARK.value, Color32::WHITE), (Theme::Light, LIGHT, LIGHT.value, Color32::BLACK)]
    {
        context.style_mut_of(theme, |style| {
            let visuals = &mut style.visuals;
            let chosen = accent.map_or(usual.accent, |[r, g, b]| Color32::from_rgb(r, g, b));
            let panel = visuals.panel_fill;
            let accent = readable(chosen, panel, far);
            visuals.hyperlink_color = accent;
            visuals.selection.bg_fill = readable(chosen.lerp_to_gamma(panel, 0.45), text, panel);
            visuals.selection.stroke = Stroke::new(1.0, text);
        });
    }
}

/// Sets both themes up, and makes the window look as it did.
pub fn begin(context: &egui::Context, look: &Look) {
    apply(context);
    paint(context, look.accent);
    set_shade(context, look.shade);
    if look.zoom.is_finite() {
        context.set_zoom_factor(look.zoom.clamp(0.2, 5.0));
    }
}

/// Dark or light from now on.
pub fn set_shade(context: &egui::Context, shade: Shade) {
    context.set_theme(shade.preference());
}

/// How it looks now, by whatever way it was changed.
pub fn now(context: &egui::Context, accent: Option<[u8; 3]>) -> Look {
    Look { shade: Shade::of(context), accent, zoom: context.zoom_factor() }
}

/// Draws the choice of theme and colour.
pub fn chooser(ui: &mut egui::Ui, accent: &mut Option<[u8; 3]>) {
    egui::widgets::global_theme_preference_buttons(ui);
    let before = *accent;
    let name = ACCENTS.iter().find(|(_, color)| Some(*color) == *accent).map(|(name, _)| *name);
    let shown = accent.map_or("Usual colour", |_| name.unwrap_or("Own colour"));
    let choice = egui::ComboBox::from_id_salt("accent").width(110.0).selected_text(shown).show_ui(ui, |ui| {
        ui.selectable_value(accent, None, "Usual colour");
        for (name, color) in ACCENTS {
            let [r, g, b] = color;
            let text = egui::RichText::new(name).color(readable(
                Color32::from_rgb(r, g, b),
                ui.visuals().window_fill,
                ui.visuals().text_color(),
            ));
            ui.selectable_value(accent, Some(color), text);
        }
    });
    let hint = "Colour of what is selected; it is made lighter or darker until it can be read";
    named(&choice.response.on_hover_text(hint), "Colour of what is selected".to_owned());
    let [r, g, b, _] = colors(ui).accent.to_array();
    let mut own = accent.unwrap_or([r, g, b]);
    let pick = ui.color_edit_button_srgb(&mut own).on_hover_text("Any other colour");
    named(&pick, "Own colour".to_owned());
    if pick.changed() {
        *accent = Some(own);
    }
    if *accent != before {
        paint(ui.ctx(), *accent);
    }
}

/// The colour of another bead in a plot, beside the selected one's: 1 is the first other.
pub fn other(number: usize) -> Color32 {
    const OTHERS: [Color32; 7] = [
        Color32::from_rgb(230, 159, 0),
        Color32::from_rgb(213, 94, 0),
        Color32::from_rgb(150, 150, 150),
        Color32::from_rgb(204, 121, 167),
        Color32::from_rgb(240, 228, 66),
        Color32::from_rgb(0, 158, 115),
        Color32::from_rgb(120, 94, 240),
    ];
    OTHERS[number.saturating_sub(1) % OTHERS.len()]
}

/// A fixed-width font for numbers that change, so that they do not dance.
pub fn digits(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

/// Gives a control a name for those who do not see what it stands beside.
pub fn named(response: &egui::Response, name: String) {
    response.ctx.accesskit_node_builder(response.id, |node| node.set_label(name));
}

/// Sets both themes up, once.
fn apply(context: &egui::Context) {
    context.all_styles_mut(|style| {
        style.text_styles.insert(TextStyle::Body, FontId::proportional(14.0));
        style.text_styles.insert(TextStyle::Button, FontId::proportional(14.0));
        style.text_styles.insert(TextStyle::Heading, FontId::proportional(17.0));
        style.text_styles.insert(TextStyle::Small, FontId::proportional(12.0));
        style.text_styles.insert(TextStyle::Monospace, digits(13.0));
        style.spacing.item_spacing = egui::vec2(8.0, 6.0);
        style.spacing.button_padding = egui::vec2(8.0, 4.0);
        style.animation_time = 0.0;
        for widget in [
            &mut style.visuals.widgets.noninteractive,
            &mut style.visuals.widgets.inactive,
            &mut style.visuals.widgets.hovered,
            &mut style.visuals.widgets.active,
            &mut style.visuals.widgets.open,
        ] {
            widget.corner_radius = CornerRadius::same(4);
        }
    });
    context.style_mut_of(Theme::Dark, |style| {
        let visuals = &mut style.visuals;
        visuals.panel_fill = Color32::from_rgb(24, 26, 30);
        visuals.window_fill = Color32::from_rgb(32, 35, 40);
        visuals.extreme_bg_color = Color32::from_rgb(15, 17, 20);
        visuals.faint_bg_color = Color32::from_rgb(31, 34, 39);
        visuals.override_text_color = Some(DARK.value);
        visuals.weak_text_color = Some(DARK.label);
    });
    context.style_mut_of(Theme::Light, |style| {
        let visuals = &mut style.visuals;
        visuals.panel_fill = Color32::from_rgb(246, 247, 249);
        visuals.extreme_bg_color = Color32::WHITE;
        visuals.faint_bg_color = Color32::from_rgb(234, 237, 241);
        visuals.override_text_color = Some(LIGHT.value);
        visuals.weak_text_color = Some(LIGHT.label);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_colour_that_is_chosen_can_be_read_in_both_themes() {
        let context = egui::Context::default();
        apply(&context);
        let own = [[0, 0, 0], [255, 255, 255], [255, 255, 0], [0, 0, 255], [128, 128, 128]];
        for color in ACCENTS.map(|(_, color)| color).into_iter().chain(own).map(Some).chain([None]) {
            paint(&context, color);
            for (theme, text) in [(Theme::Dark, DARK.value), (Theme::Light, LIGHT.value)] {
                let style = context.style_of(theme);
                let visuals = &style.visuals;
                assert!(
                    contrast(visuals.hyperlink_color, visuals.panel_fill) >= CONTRAST,
                    "{color:?} {theme:?}"
                );
                assert!(contrast(text, visuals.selection.bg_fill) >= CONTRAST, "{color:?} {theme:?}");
            }
        }
        assert!((contrast(Color32::WHITE, Color32::BLACK) - 21.0).abs() < 0.1);
        let usual = context.style_of(Theme::Dark).visuals.hyperlink_color;
        assert_eq!(usual, DARK.accent, "what can be read already stays");
    }

    #[test]
    fn the_look_comes_back() {
        let look = Look { shade: Shade::Light, accent: Some([1, 2, 3]), zoom: 1.5 };
        let context = egui::Context::default();
        begin(&context, &look);
        let text = serde_json::to_string(&look).unwrap();
        assert_eq!(serde_json::from_str::<Look>(&text).unwrap(), look);
        assert_eq!(now(&context, look.accent).shade, Shade::Light);
        assert_eq!(serde_json::from_str::<Look>("{}").unwrap(), Look::default(), "a file from before");
    }
}

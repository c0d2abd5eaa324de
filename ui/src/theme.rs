//! Colours and sizes. The program follows the system's dark or light theme; the picture is always grey on black.

use eframe::egui::{self, Color32, CornerRadius, FontFamily, FontId, Stroke, TextStyle, Theme};

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
    if ui.visuals().dark_mode { DARK } else { LIGHT }
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

/// Sets both themes up, once.
pub fn apply(context: &egui::Context) {
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
        visuals.selection.bg_fill = Color32::from_rgb(18, 84, 122);
        visuals.selection.stroke = Stroke::new(1.0, Color32::WHITE);
    });
    context.style_mut_of(Theme::Light, |style| {
        let visuals = &mut style.visuals;
        visuals.panel_fill = Color32::from_rgb(246, 247, 249);
        visuals.extreme_bg_color = Color32::WHITE;
        visuals.faint_bg_color = Color32::from_rgb(234, 237, 241);
        visuals.override_text_color = Some(LIGHT.value);
        visuals.weak_text_color = Some(LIGHT.label);
        visuals.selection.bg_fill = Color32::from_rgb(176, 218, 246);
        visuals.selection.stroke = Stroke::new(1.0, LIGHT.value);
    });
}

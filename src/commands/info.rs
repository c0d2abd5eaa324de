//! `beadscope info`: what a recording holds, on one page.

use std::fmt::Write as _;

use anyhow::Result;
use beadscope_engine::clock::utc_text;
use beadscope_engine::ledger::{Ledger, Lost};
use beadscope_engine::record::read::Recording;
use beadscope_engine::record::read::summary::{ALLAN_S, BeadRead, Summary, summarise};

use crate::arguments::InfoArguments;
use crate::output;

pub fn run(arguments: &InfoArguments) -> Result<()> {
    let recording = Recording::open(&arguments.run)?;
    let bar = output::progress(Some(recording.counts.frames), "frames");
    let summary = summarise(&recording, &|done| bar.set_position(done));
    bar.finish_and_clear();
    let summary = summary?;
    if arguments.json { output::print_json(&summary) } else { output::print(&page(&summary)) }
}

fn page(summary: &Summary) -> String {
    let mut page = String::new();
    let mut line = |text: String| page += &(text + "\n");
    let about = &summary.about;
    line(summary.path.display().to_string());
    line(format!("{}, format {}, {}", about.software, about.format_version, how_it_ended(summary)));
    line(when(summary));
    line(with_what(summary));
    let (frames, rows) = (summary.counts.frames, summary.counts.rows);
    line(format!("{frames} frames, {rows} rows{}", rate(summary)));
    line(losses(summary));
    if let Some(latency) = summary.latency_ms {
        let (p50, p99, max) = (latency.p50, latency.p99, latency.max);
        line(format!("latency {p50:.2} ms median, {p99:.2} ms p99, {max:.2} ms max"));
    }
    for zlut in &summary.zluts {
        let [low, high] = zlut.range_nm;
        let made = zlut.created_utc.as_ref().map(|utc| format!(", made {utc}")).unwrap_or_default();
        let (hash, planes, source) = (&zlut.hash, zlut.planes, &zlut.source);
        line(format!("Z-LUT {hash}: {planes} planes from {low:.0} to {high:.0} nm, {source}{made}"));
    }
    if summary.zluts.is_empty() {
        let has_z = summary.beads.iter().any(|bead| bead.with_z > 0.0);
        line(if has_z { "no Z-LUT in the file" } else { "no Z-LUT, so x and y only" }.to_owned());
    }
    for gap in &summary.longest_gaps {
        let lasted_s = gap.to_ns.saturating_sub(gap.from_ns) as f64 * 1e-9;
        line(format!("gap behind frame {}: {lasted_s:.3} s, {}", gap.after_frame, gap.reason));
    }
    if summary.gaps > summary.longest_gaps.len() {
        line(format!("{} gaps in all, the longest are told", summary.gaps));
    }
    for notice in &summary.notices {
        line(format!("notice: {notice}"));
    }
    for event in &summary.events {
        let (utc, sender) = (utc_text(event.unix_ns), &event.sender);
        line(format!("{utc} {sender}: {}: {}", event.command, event.answer));
    }
    page + &beads(summary)
}

fn how_it_ended(summary: &Summary) -> &'static str {
    let about = &summary.about;
    match (about.complete, about.partial) {
        (true, _) if about.write_failed => "ended early, since writing failed",
        (true, _) => "finished",
        (false, true) => "not finished: being written, or left by a crash (then: beadscope recover)",
        (false, false) => "recovered after a crash",
    }
}

fn when(summary: &Summary) -> String {
    match summary.unix_ns {
        Some([first, last]) => {
            format!("{} to {}, {:.3} s", utc_text(first), utc_text(last), summary.duration_s)
        }
        None => {
            let what =
                if summary.about.has_times { "no frames" } else { "no times: tracked from images on disk" };
            format!("{what}, started {}", utc_text(summary.about.started_unix_ns))
        }
    }
}

fn with_what(summary: &Summary) -> String {
    let of = |table: &toml::Table, key: &str| {
        table.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let source = of(&summary.camera, "driver").or_else(|| of(&summary.camera, "input"));
    let mut text = source.unwrap_or_else(|| "camera not known".to_owned());
    if let Some(window) = summary.camera.get("window").and_then(toml::Value::as_table)
        && let (Some(width), Some(height)) = (of(window, "width_px"), of(window, "height_px"))
    {
        let _ = write!(text, ", {width} x {height} px");
    }
    for (key, unit) in [("format", ""), ("rate_hz", " Hz"), ("exposure_us", " µs exposure")] {
        if let Some(value) = of(&summary.camera, key) {
            let _ = write!(text, ", {value}{unit}");
        }
    }
    let _ = write!(text, ", pixel {} nm", summary.about.pixel_size_nm);
    if let Some(method) = &summary.method {
        let _ = write!(text, "; method {method}");
    }
    let (on_gpu, frames) = (summary.frames_on_gpu, summary.counts.frames);
    text + &match on_gpu {
        0 => " on the CPU".to_owned(),
        _ if on_gpu == frames => " on the GPU".to_owned(),
        _ => format!(" on the GPU in {on_gpu} frames, on the CPU in {}", frames - on_gpu),
    }
}

fn rate(summary: &Summary) -> String {
    let asked: Vec<String> =
        summary.segments.iter().map(|segment| format!("{} Hz", segment.rate_hz)).collect();
    let asked =
        if asked.is_empty() { String::new() } else { format!("; asked for {}", asked.join(", then ")) };
    let got = summary.rate_hz.map(|rate_hz| format!(", got {rate_hz:.3} Hz")).unwrap_or_default();
    asked + &got
}

fn losses(summary: &Summary) -> String {
    let named = |counts: &[(&str, u64)]| {
        let lost: Vec<String> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name}={count}"))
            .collect();
        if lost.is_empty() { "nothing".to_owned() } else { lost.join(" ") }
    };
    let Some(ledger) = &summary.ledger else {
        let [camera, ring_full, recorder_late] = summary.lost_before;
        let lost = named(&[("camera", camera), ("ring_full", ring_full), ("recorder_late", recorder_late)]);
        return format!("lost {lost} between its frames; no ledger, since it was not finished");
    };
    let Ledger { camera, received, tracked, recorded, lost, .. } = ledger;
    let Lost { camera: by_camera, ring_full, recorder_late, record_failed } = *lost;
    let lost = named(&[
        ("camera", by_camera),
        ("ring_full", ring_full),
        ("recorder_late", recorder_late),
        ("record_failed", record_failed),
    ]);
    let sums = ledger.check().map_or_else(|wrong| format!("does not sum: {wrong}"), |()| "sums".to_owned());
    format!(
        "{camera} exposed, {received} received, {tracked} tracked, {recorded} recorded; lost {lost}; ledger {sums}"
    )
}

fn beads(summary: &Summary) -> String {
    let three = |values: [Option<f64>; 3], digits: usize| {
        values.map(|value| value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))).join(" ")
    };
    let references = summary.beads.iter().filter(|bead| bead.is_reference).count();
    let mut text = match summary.drift_nm {
        Some(drift) => {
            format!("drift by {references} reference beads: {} nm in x y z\n", three(drift, 1))
        }
        None => "no reference bead, so the drift of the instrument is not known\n".to_owned(),
    };
    let row = |cells: [&str; 7]| {
        let [bead, located, with_z, drift, deviation, allan, flags] = cells;
        let cells =
            format!("{bead:>6} {located:>6} {with_z:>6} {drift:>24} {deviation:>22} {allan:>22} {flags}");
        cells.trim_end().to_owned() + "\n"
    };
    let allan = format!("Allan {ALLAN_S} s nm");
    text += &row(["bead", "x,y %", "z %", "drift x y z nm", "std x y z nm", &allan, "flags"]);
    for bead in &summary.beads {
        let BeadRead { located, with_z, flags, drift_nm, deviation_nm, allan_nm, .. } = bead;
        let name = format!("{}{}", bead.bead, if bead.is_reference { " ref" } else { "" });
        let flags: Vec<String> = flags.iter().map(|(name, count)| format!("{name}={count}")).collect();
        text += &row([
            &name,
            &format!("{:.1}", located * 100.0),
            &format!("{:.1}", with_z * 100.0),
            &three(*drift_nm, 1),
            &three(*deviation_nm, 2),
            &three(*allan_nm, 2),
            &flags.join(" "),
        ]);
    }
    text
}

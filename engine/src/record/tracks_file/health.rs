//! The session's health once a second, as the recording keeps it. What is not known is NaN, or an empty name.

use rust_hdf5::Hdf5Error;
use rust_hdf5::swmr::SwmrFileWriter;

use super::columns::{padded, prefix};
use crate::record::column::Column;
use crate::record::schema::READER_BYTES;
use crate::status::Health;

/// Threads and readers of the columns with several entries, in their order; the first processor share is the program's.
const THREADS: [&str; 4] = ["beadscope-camera", "beadscope-track", "beadscope-track-N", "beadscope-record"];
const LOSSLESS: [&str; 2] = ["tracking", "recorder"];

/// Adds a row to the columns of `schema::HEALTH_COLUMNS`.
pub fn push(columns: &mut [Column; 13], file: &mut SwmrFileWriter, health: &Health) -> Result<(), Hdf5Error> {
    let Health { vitals, ledger, .. } = health;
    let lost =
        [ledger.lost.camera, ledger.lost.ring_full, ledger.lost.recorder_late, ledger.lost.record_failed];
    let cpu = vitals.cpu.as_ref();
    let shares = [cpu.map(|cpu| cpu.process)].into_iter().chain(THREADS.map(|name| vitals.share_of(name)));
    let latency = vitals.latency_10s_ms;
    let disk = vitals.disk.as_ref();
    let slow = prefix(vitals.slow_reader.unwrap_or_default(), READER_BYTES);
    let values: [Vec<u8>; 13] = [
        vitals.unix_ns.to_le_bytes().to_vec(),
        ledger.received.to_le_bytes().to_vec(),
        bytemuck::cast_slice(&lost).to_vec(),
        floats([vitals.rate_hz]),
        floats(LOSSLESS.map(|name| vitals.fill_of(name))),
        padded(slow, READER_BYTES),
        floats([latency.map(|ms| ms.p50), latency.map(|ms| ms.p99), latency.map(|ms| ms.max)]),
        floats([Some(vitals.camera_loop_us.p99), Some(vitals.camera_loop_us.max)]),
        floats(shares),
        floats([vitals.gpu_share]),
        floats([vitals.memory_bytes.map(|bytes| bytes as f64)]),
        floats([disk.map(|disk| disk.free_bytes as f64), disk.and_then(|disk| disk.write_bytes_per_s)]),
        floats([vitals.camera_temperature_c]),
    ];
    columns.iter_mut().zip(values).try_for_each(|(column, bytes)| column.push(file, &bytes))
}

/// As a dataset of `f64` has them.
fn floats(values: impl IntoIterator<Item = Option<f64>>) -> Vec<u8> {
    values.into_iter().flat_map(|value| value.unwrap_or(f64::NAN).to_le_bytes()).collect()
}

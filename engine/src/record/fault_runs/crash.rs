//! What a crash and damages of the journal leave of a recording.

use super::compare::frames;
use super::*;
use crate::record::tracks_file::{partial_path, recover};
use std::time::SystemTime;

/// Where blocks begin and end in a journal.
fn blocks(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    const CHUNK: u8 = 6;
    let mut place = 8;
    let mut chunks = Vec::new();
    while let Some((kind, length)) = bytes[place..].get(..9).and_then(<[u8]>::split_first) {
        let end = place + 9 + u64::from_le_bytes(length.try_into().unwrap()) as usize;
        if *kind == CHUNK {
            chunks.push(place..end);
        }
        place = end;
    }
    // The first one has the schemas.
    chunks.split_off(1)
}

/// Damages some blocks of the journal of `path`, of which nothing else is left, and recovers it: it contradicts itself
/// nowhere, and every frame of the other blocks is there.
pub(super) fn compare_crash(seed: u64, world: &mut World, path: &Path) {
    let journal = journal_path(path);
    let mut bytes = fs::read(&journal).unwrap();
    let blocks = blocks(&bytes);
    // None, one, or about half of them: the first, the last, neighbours and others.
    let of = [u64::MAX, blocks.len() as u64, 2][(seed % 3) as usize].max(1);
    let chosen: Vec<bool> = blocks.iter().map(|_| world.random.below(of) == 0).collect();
    for (block, _) in blocks.iter().zip(&chosen).filter(|(_, chosen)| **chosen) {
        let byte = block.start + 49 + world.random.below((block.len() - 49) as u64) as usize;
        bytes[byte] ^= 1 << world.random.below(8);
    }
    fs::write(&journal, bytes).unwrap();
    // Where there are no locks, it must have been at rest.
    let at_rest = SystemTime::now() - Duration::from_secs(60);
    fs::File::options().write(true).open(&journal).unwrap().set_modified(at_rest).unwrap();

    let recovered = recover(&partial_path(path)).unwrap();
    let is_damaged = chosen.contains(&true);
    assert_eq!(
        (recovered.damages.is_empty(), recovered.kept.is_none()),
        (!is_damaged, !is_damaged),
        "seed {seed}"
    );
    let problems = verify(path, &|_, _| {}).unwrap().problems;
    assert!(
        problems.len() == 1 && problems[0].contains("recovered after a crash"),
        "seed {seed}, {chosen:?}: {problems:#?}"
    );
    let file = H5File::open(path).unwrap();
    let found = frames(&file);
    if is_damaged {
        // In the same order, but the first one, which has nothing before it.
        let mut sent = world.recorded.iter();
        for (k, frame) in found.iter().enumerate() {
            assert!(
                sent.any(|sent| sent == frame
                    || k == 0 && sent.number == frame.number && sent.segment == frame.segment),
                "seed {seed}: {frame:?}"
            );
        }
    } else {
        assert!(world.recorded.starts_with(&found), "seed {seed}");
    }
    let listed: Vec<u64> = file.dataset("beadscope/segments/segment").unwrap().read_raw().unwrap();
    let mut segments: Vec<u64> = found.iter().map(|frame| frame.segment).collect();
    segments.dedup();
    assert_eq!(listed, segments, "seed {seed}, {chosen:?}");
    drop(file);
    // Asked again, it finds what it has made.
    let again = recover(&partial_path(path));
    match again {
        Ok(again) => assert!(is_damaged && again.counts == recovered.counts && again.kept.is_some()),
        Err(error) => assert!(!is_damaged && matches!(error, RecordError::Exists { .. }), "{error}"),
    }
    fs::remove_file(path).unwrap();
    drop(fs::remove_file(journal));
}

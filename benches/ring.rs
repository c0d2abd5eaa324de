//! What a frame costs in the ring, beside the copying of its pixels: `cargo bench --bench ring`.
#![allow(
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark that cannot be set up has nothing to report"
)]

use beadscope_engine::ring::{Ends, ring};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn hops(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring");
    group.throughput(Throughput::Elements(1));
    let Ends { mut writer, lossless: [mut tracking, mut video], skipping: [mut window] } =
        ring::<u64, 2, 1>(256, 4096, ["tracking", "video"]);
    group.bench_function("claim, publish, two lossless readers, one newest", |bencher| {
        let mut value = 0;
        bencher.iter(|| {
            writer.claim().expect("the readers keep up").publish(value);
            value += 1;
            let seen = tracking.peek(0).map(|(header, _)| *header);
            tracking.release(1);
            video.release(1);
            (seen, window.newest().map(|(header, _)| *header))
        });
    });
    group.finish();
}

criterion_group!(benches, hops);
criterion_main!(benches);

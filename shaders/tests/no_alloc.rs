//! No method allocates while it tracks, not even at a thread's first image.

#![allow(unsafe_code, reason = "an allocator that counts is unsafe by its interface")]
#![allow(clippy::unwrap_used, reason = "a test stops at what should not be")]

mod counting;
mod scene;

use std::cell::Cell;

use beadscope_shaders::magtrack::{MagTrack, Options, Reference};
use beadscope_shaders::pipeline::{Method, Params, Tracker};
use counting::Counting;
use scene::{Bead, MAX_LEVEL, Random};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more, and is none of ours.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

#[global_allocator]
static ALLOCATOR: Counting = Counting(count);

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

const ROI_PX: usize = 48;

fn tracker(method: Method) -> Tracker {
    let tracker = Tracker::new(ROI_PX, &Params { method, ..Params::default() }).unwrap();
    let magtrack = MagTrack::new(ROI_PX, &Options::default()).unwrap();
    let mut scratch = magtrack.scratch();
    let middle = (ROI_PX / 2) as f64;
    let profile = |z_nm: f64| {
        let image = scene::exact(&scene::render(ROI_PX, &[Bead { x_px: middle, y_px: middle, z_nm }]));
        magtrack.profile_about(&image, (middle, middle), &mut scratch).to_vec()
    };
    let profiles: Vec<f64> = scene::plane_heights().into_iter().flat_map(profile).collect();
    let reference = Reference::new(&profiles, &scene::plane_heights(), magtrack.bins()).unwrap();
    tracker.with_reference(reference).unwrap()
}

#[test]
fn tracking_does_not_allocate() {
    let table = scene::table(ROI_PX).with_image_model(scene::image_model(ROI_PX, 0.0));
    let mut random = Random(5);
    // Beads to be found, and all that can go wrong on the way.
    let images: Vec<Vec<f32>> = [(24.3, 23.9), (22.0, 25.5), (1.0, 24.0), (47.0, 47.0)]
        .map(|(x_px, y_px)| {
            let z_nm = 4200.0 * random.uniform();
            scene::filmed(&scene::render(ROI_PX, &[Bead { x_px, y_px, z_nm }]), &mut random)
        })
        .into_iter()
        .chain([vec![100.0; ROI_PX * ROI_PX], vec![f32::NAN; ROI_PX * ROI_PX], Vec::new()])
        .collect();
    for (method, _) in Method::NAMES {
        let tracker = tracker(method);
        let mut scratch = tracker.scratch();
        let mut found = 0;
        let allocations = allocations(|| {
            for image in images.iter().cycle().take(100) {
                found +=
                    u32::from(tracker.locate(image, MAX_LEVEL, Some(&table), &mut scratch).x_px.is_finite());
            }
        });
        assert!(found >= 28, "{method}: {found} of 100 found");
        assert_eq!(allocations, 0, "{method}");
    }
    assert!(allocations(|| drop(vec![0u8; 10])) > 0, "the counter counts nothing");
}

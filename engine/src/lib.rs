//! The engine: from the camera to rows and video on disk, in a few threads and two rings. It never opens a window.
//!
//! ```text
//! camera ──fills a slot──▶ frame ring ──▶ tracking ──rows──▶ track ring ──▶ recorder ──▶ tracks.h5
//!                              ├──▶ video ──blocks──▶ disk ──▶ video.ome.zarr
//!                              └──▶ newest frame (window)        └──▶ rows in order, may skip (plots)
//! ```
//!
//! | thread | owns | may block | may allocate | talks through |
//! |---|---|---|---|---|
//! | `beadscope-camera` (`acquire`) | camera, writer of the frame ring | for the camera only | while the camera stands still | frame ring, orders |
//! | `beadscope-track` ([`track`]) | nothing: it waits for the worker that tracks | for that worker | no | rayon |
//! | `beadscope-track-N`, the one waited for | tracker, writer of the track ring, scratch of one worker | for frames only | no; the graphics library does | both rings, rayon |
//! | `beadscope-track-N`, the others | scratch of one worker | for work only | no | rayon |
//! | `beadscope-video` ([`video`]) | where it copies frames to, in modes that film | for frames only | when it is told something | frame ring, blocks, orders |
//! | `beadscope-video-disk` | the shard that is written | on the disk | at the end of a shard | blocks |
//! | `beadscope-hardware` ([`hardware`]), one for each controller | the controller, behind the gate of [`safety`] | on its device, with deadlines | yes | orders, readings |
//! | `beadscope-device`, one for each simulated controller | the device | for who writes to it | yes | a pseudo-terminal |
//! | `beadscope-ramp` ([`magnets`]), while one runs | the magnets | for a motor, with an end | yes | orders |
//! | `beadscope-sweep` ([`zlut_sweep`]), while one runs | what is gathered of a focus sweep | for focus and frames, with an end | yes | frame ring, orders |
//! | `beadscope-locks` ([`locks`]) | where beads were | for what its commands wait for | yes | track ring, commands |
//! | `beadscope-script` ([`script`]), while one runs | its lines | for what its commands wait for | yes | commands |
//! | `beadscope-record` ([`record`]) | the open file | on the disk | yes | track ring, commands |
//! | `beadscope-health` ([`health`]) | what is measured of the others | yes | yes | counters, [`status::Health`] |
//! | `beadscope-log` (the program's) | the log file | on the disk | yes | a bounded queue that loses lines |
//! | `beadscope-text` (the program's) | the lines of `run --commands` | for who writes them; ends with the program | yes | [`command::CommandBus`] |
//! | `beadscope-gpu-end` ([`track`]) | an adapter that failed amid a run | for its driver; not joined | yes | nothing |
//! | `beadscope-doctor` ([`doctor`]) | one adapter on trial | yes, left behind after 20 s | yes | an answer |
//! | `main` | the window or the command line | yes | yes | [`session::Session`], [`session::View`] |
//!
//! Nothing upstream waits for anything downstream; what does not fit is dropped where it arrives, counted in
//! [`status`], carried in the next header and written into the file. [`ledger::Ledger::check`] says whether it sums.

mod acquire;
pub mod analysis;
pub mod bead_set;
pub mod bench;
pub mod calibrate;
pub mod camera_status;
pub mod clock;
pub mod command;
pub mod correction;
mod cut;
pub mod doctor;
mod durable;
pub mod find;
pub mod frame;
pub mod gpu;
pub mod hardware;
pub mod health;
pub mod import;
pub mod instrument;
pub mod latency;
pub mod ledger;
pub mod locks;
pub mod magnets;
pub mod magtrack_options;
pub mod offline;
pub mod plane_check;
pub mod precision;
pub mod prepared_zlut;
pub mod record;
pub mod replace;
pub mod rig;
pub mod ring;
pub mod roi;
pub mod rois;
pub mod run_folder;
pub mod run_name;
pub mod safety;
pub mod script;
#[cfg(test)]
mod seeded;
pub mod segment;
pub mod session;
pub mod settings;
mod split;
pub mod status;
mod sync;
pub mod threads;
pub mod track;
pub mod tracks;
pub mod video;
pub mod zlut_sweep;

//! The journal of a recording: what a power cut cannot take.
//!
//! An [MCAP](https://mcap.dev/spec) file beside `tracks.h5`, as a database keeps a write-ahead log: everything that is
//! recorded goes here first, twice a second, as one chunk with a checksum that is on the disk before the next; the HDF5
//! file beside it gets the same bytes, but is whole only once the recording is finished. Then the journal is removed, unless
//! the disk has refused anything. After a crash [`recover()`](super::tracks_file::recover()) makes `tracks.h5` anew, from the
//! journal alone.
//!
//! ```text
//! header · tracks.h5 as it is before the first frame (attachment, twice) · schemas and channels · block · block · ...
//! block = chunk with CRC-32 { ledger and new gaps (JSON) · columns of each table that has news }
//! ```
//!
//! A message of a table holds its columns one after the other, each with the new entries only, little-endian; the schema
//! (encoding [`COLUMNS`]) names them in that order with NumPy's type and the number of elements in an entry. The message's
//! sequence number is that of its block. Any reader of MCAP finds all this (`mcap recover` also after a crash); the JSON is
//! shown as it is.

mod read;
mod table;
#[cfg(test)]
mod tests;
mod write;

use serde::{Deserialize, Serialize};

pub(super) use read::{Block, Damage, Journal, JournalError};
pub(super) use table::Table;
pub(super) use write::JournalWriter;

use super::tracks_file::Gap;
use crate::ledger::Ledger;
use crate::segment::Segment;

/// Encoding of a table's messages and schema.
const COLUMNS: &str = "beadscope-columns";
/// Name of the attachment.
const DESCRIPTION: &str = "tracks.h5";
/// Its kind.
const KIND: &str = "application/x-hdf5";
/// Channel of the ledger; those of the tables follow.
const LEDGER_CHANNEL: u16 = 1;

/// What a block says besides its tables: enough for it to be understood if blocks before it are damaged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SoFar {
    /// The ledger of the recording up to the first frame of this block, with what was lost just before that frame.
    pub(super) before: Ledger,
    /// The ledger of the recording, as if it ended here.
    pub(super) ledger: Ledger,
    /// The gaps since the block before.
    pub(super) gaps: Vec<Gap>,
    /// What the camera did at the first frame of the block; `None` without a frame.
    pub(super) segment: Option<Segment>,
}

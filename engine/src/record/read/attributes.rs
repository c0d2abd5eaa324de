//! Numeric attributes of a group, which the HDF5 library writes but reads back as text only.
//!
//! From the superblock along the links of the root to the group's object header and its continuation blocks; where a
//! group has more attributes than fit there, to the heap that holds them. The structures themselves are the library's.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use rust_hdf5::DatatypeMessage;
use rust_hdf5::format::checksum::checksum_metadata;
use rust_hdf5::format::dense_attr::read_dense_attributes;
use rust_hdf5::format::messages::attr_info::AttributeInfoMessage;
use rust_hdf5::format::messages::attribute::AttributeMessage;
use rust_hdf5::format::messages::link::{LinkMessage, LinkTarget};
use rust_hdf5::format::messages::{MSG_ATTR_INFO, MSG_ATTRIBUTE, MSG_LINK, MSG_OBJ_HEADER_CONTINUATION};
use rust_hdf5::format::object_header::{OCHK_SIGNATURE, ObjectHeader};
use rust_hdf5::format::superblock::SuperblockV2V3;
use rust_hdf5::format::{BlockReader, FormatContext, FormatError, FormatResult};

/// A superblock with 8-byte addresses.
const SUPERBLOCK_BYTES: usize = 48;
/// What a header is expected to take at most; a longer one is read again.
const HEADER_BYTES: usize = 1024;
/// Continuation blocks of a header. More is a circle.
const MAX_BLOCKS: usize = 64;

/// The attributes of one group.
pub(super) struct Attributes(Vec<AttributeMessage>);

/// Type and content of a header's message.
type Message = (u8, Vec<u8>);

struct Blocks(File);

impl Attributes {
    /// Those of the group `name` in the root of the file at `path`; `None` if there is no such group.
    pub(super) fn read(path: &Path, name: &str) -> FormatResult<Option<Self>> {
        let mut blocks = Blocks(File::open(path).map_err(damaged)?);
        let superblock = SuperblockV2V3::decode(&blocks.read_block(0, SUPERBLOCK_BYTES)?)?;
        let context =
            FormatContext { sizeof_addr: superblock.sizeof_offsets, sizeof_size: superblock.sizeof_lengths };
        let root = blocks.messages(superblock.root_group_object_header_address)?;
        let mut links = root.iter().filter(|(kind, _)| *kind == MSG_LINK);
        let address = links.find_map(|(_, data)| match LinkMessage::decode(data, &context) {
            Ok((LinkMessage { name: found, target: LinkTarget::Hard { address }, .. }, _)) => {
                (found == name).then_some(address)
            }
            _ => None,
        });
        let Some(address) = address else { return Ok(None) };
        let mut attributes = Vec::new();
        for (kind, data) in blocks.messages(address)? {
            match kind {
                MSG_ATTRIBUTE => attributes.push(AttributeMessage::decode(&data, &context)?.0),
                MSG_ATTR_INFO => {
                    let (info, _) = AttributeInfoMessage::decode(&data, &context)?;
                    let entries = read_dense_attributes(&info, &context, &mut blocks)?;
                    attributes.extend(entries.iter().filter_map(|entry| entry.readable().cloned()));
                }
                _ => {}
            }
        }
        Ok(Some(Self(attributes)))
    }

    /// An unsigned number of any width.
    pub(super) fn unsigned(&self, name: &str) -> Option<u64> {
        let attribute = self.find(name)?;
        let is_integer = matches!(attribute.datatype, DatatypeMessage::FixedPoint { .. });
        let mut bytes = [0; 8];
        let data = attribute.data.get(..attribute.data.len().min(8)).filter(|data| !data.is_empty())?;
        bytes[..data.len()].copy_from_slice(data);
        is_integer.then_some(u64::from_le_bytes(bytes))
    }

    /// An `f64`.
    pub(super) fn double(&self, name: &str) -> Option<f64> {
        let attribute = self.find(name)?;
        let is_float = matches!(attribute.datatype, DatatypeMessage::FloatingPoint { .. });
        let bytes = attribute.data.as_slice().try_into().ok()?;
        is_float.then_some(f64::from_le_bytes(bytes))
    }

    fn find(&self, name: &str) -> Option<&AttributeMessage> {
        self.0.iter().find(|attribute| attribute.name == name)
    }
}

impl Blocks {
    /// All messages of the object header at `address`.
    fn messages(&mut self, address: u64) -> FormatResult<Vec<Message>> {
        let mut bytes = self.read_block(address, HEADER_BYTES)?;
        if let Err(FormatError::BufferTooShort { needed, .. }) = ObjectHeader::decode(&bytes) {
            bytes = self.read_block(address, needed)?;
        }
        let (header, _) = ObjectHeader::decode(&bytes)?;
        let message_bytes = if header.has_creation_order() { 6 } else { 4 };
        let mut messages: Vec<Message> =
            header.messages.into_iter().map(|message| (message.msg_type, message.data)).collect();
        let (mut seen, mut blocks) = (0, 0);
        while let Some((kind, data)) = messages.get(seen) {
            seen += 1;
            if *kind != MSG_OBJ_HEADER_CONTINUATION {
                continue;
            }
            blocks += 1;
            let &[address, length] = data.as_chunks::<8>().0 else {
                return Err(damaged("a continuation of a header has no address"));
            };
            let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
            if blocks > MAX_BLOCKS || length > HEADER_BYTES * MAX_BLOCKS {
                return Err(damaged("a header has no end"));
            }
            let block = self.read_block(u64::from_le_bytes(address), length)?;
            messages.extend(continued(&block, message_bytes)?);
        }
        Ok(messages)
    }
}

impl BlockReader for Blocks {
    fn read_block(&mut self, offset: u64, length: usize) -> FormatResult<Vec<u8>> {
        let mut bytes = Vec::new();
        let Self(file) = self;
        file.seek(SeekFrom::Start(offset)).map_err(damaged)?;
        file.take(length as u64).read_to_end(&mut bytes).map_err(damaged)?;
        Ok(bytes)
    }
}

/// The messages of a continuation block: signature, messages, checksum.
fn continued(block: &[u8], message_bytes: usize) -> FormatResult<Vec<Message>> {
    let mut rest = block.strip_prefix(&OCHK_SIGNATURE).ok_or(FormatError::InvalidSignature)?;
    let (content, checksum) = block.split_last_chunk::<4>().ok_or_else(|| damaged("a header is cut off"))?;
    let (expected, computed) = (u32::from_le_bytes(*checksum), checksum_metadata(content));
    if expected != computed {
        return Err(FormatError::ChecksumMismatch { expected, computed });
    }
    rest = rest.split_last_chunk::<4>().map_or(&[], |(rest, _)| rest);
    let mut messages = Vec::new();
    while let Some((&[kind, low, high, ..], data)) = rest.split_at_checked(message_bytes) {
        let length = usize::from(u16::from_le_bytes([low, high]));
        let Some((data, behind)) = data.split_at_checked(length) else { break };
        messages.push((kind, data.to_vec()));
        rest = behind;
    }
    Ok(messages)
}

fn damaged(error: impl ToString) -> FormatError {
    FormatError::InvalidData(error.to_string())
}

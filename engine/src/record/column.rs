//! One growing dataset: rows gather in memory and go out as whole chunks.
//!
//! rust-hdf5 writes part of a chunk by reading all of it and writing all of it, 1.5 MB for `positions_nm`. So the
//! chunk that is still filling stays here, and `save` writes it once a flush. Memory: one chunk a column, and a second of
//! rows for the journal.

use rust_hdf5::Hdf5Error;
use rust_hdf5::swmr::SwmrFileWriter;

use super::schema::{self, ColumnSpec};

/// A dataset and its chunk that is still filling.
pub struct Column {
    dataset: usize,
    width: u64,
    row_bytes: usize,
    /// The chunk that is filling; zero behind `filled`.
    chunk: Vec<u8>,
    filled: usize,
    /// Whole chunks written before it.
    chunks: u64,
    /// Bytes of `chunk` that are in the file already.
    saved: usize,
    /// Rows at the last flush.
    flushed: u64,
    /// What was pushed since it was taken for the journal, if there is one.
    news: Option<Vec<u8>>,
}

impl Column {
    /// Creates the empty dataset.
    pub fn create(file: &mut SwmrFileWriter, spec: &ColumnSpec) -> Result<Self, Hdf5Error> {
        let dataset = schema::create(file, spec)?;
        Ok(Self::new(dataset, spec.width as u64, spec.entry_bytes(), spec.chunk_rows))
    }

    /// For a dataset that was created empty, with chunks of so many rows.
    pub fn new(dataset: usize, width: u64, row_bytes: usize, chunk_rows: u64) -> Self {
        let chunk = vec![0; row_bytes * usize::try_from(chunk_rows).unwrap_or(usize::MAX)];
        Self { dataset, width, row_bytes, chunk, filled: 0, chunks: 0, saved: 0, flushed: 0, news: None }
    }

    /// From now on, what is pushed is also kept for the journal.
    pub fn keep_news(&mut self) {
        self.news = Some(Vec::new());
    }

    /// Moves what was pushed since the last time to the end of `news`.
    pub fn take_news(&mut self, news: &mut Vec<u8>) {
        if let Some(kept) = &mut self.news {
            news.append(kept);
        }
    }

    /// Adds whole rows. A chunk that fills is written at once; readers see it after [`Self::extend`] and a flush.
    pub fn push(&mut self, file: &mut SwmrFileWriter, mut bytes: &[u8]) -> Result<(), Hdf5Error> {
        if let Some(news) = &mut self.news {
            news.extend_from_slice(bytes);
        }
        while !bytes.is_empty() {
            let take = bytes.len().min(self.chunk.len() - self.filled);
            let (now, later) = bytes.split_at(take);
            self.chunk[self.filled..self.filled + take].copy_from_slice(now);
            self.filled += take;
            bytes = later;
            if self.filled == self.chunk.len() {
                self.write_chunk(file)?;
                self.chunks += 1;
                self.chunk.fill(0);
                (self.filled, self.saved) = (0, 0);
            }
        }
        Ok(())
    }

    /// Writes the chunk that is filling, if it has news. The rows that were in the file already keep their bytes, so
    /// a crash in the middle of the write cannot harm them.
    pub fn save(&mut self, file: &mut SwmrFileWriter) -> Result<(), Hdf5Error> {
        if self.saved < self.filled {
            self.write_chunk(file)?;
            self.saved = self.filled;
        }
        Ok(())
    }

    /// Writes the first chunk although it is empty, so that it has its place on a disk that may be full later.
    pub fn reserve(&mut self, file: &mut SwmrFileWriter) -> Result<(), Hdf5Error> {
        self.write_chunk(file)
    }

    /// Sets the dataset's length to what was pushed.
    pub fn extend(&self, file: &mut SwmrFileWriter) -> Result<(), Hdf5Error> {
        self.set_length(file, self.rows())
    }

    /// All that was pushed is in the file, length and all.
    pub fn mark_flushed(&mut self) {
        self.flushed = self.rows();
    }

    /// Sets the dataset's length back to what the last flush made it.
    pub fn set_back(&self, file: &mut SwmrFileWriter) -> Result<(), Hdf5Error> {
        self.set_length(file, self.flushed)
    }

    fn set_length(&self, file: &mut SwmrFileWriter, rows: u64) -> Result<(), Hdf5Error> {
        let dims = if self.width > 1 { vec![rows, self.width] } else { vec![rows] };
        file.set_extent(self.dataset, &dims)
    }

    /// Index of the dataset in the file.
    pub fn dataset(&self) -> usize {
        self.dataset
    }

    /// Rows pushed so far.
    fn rows(&self) -> u64 {
        let in_chunk = |bytes: usize| (bytes / self.row_bytes) as u64;
        self.chunks * in_chunk(self.chunk.len()) + in_chunk(self.filled)
    }

    fn write_chunk(&self, file: &mut SwmrFileWriter) -> Result<(), Hdf5Error> {
        let position = [self.chunks, 0];
        let coordinates = if self.width > 1 { &position[..] } else { &position[..1] };
        file.write_chunk_at(self.dataset, coordinates, &self.chunk)
    }
}

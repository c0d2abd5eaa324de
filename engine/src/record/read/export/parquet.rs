//! Parquet: the rows of the CSV export for pandas, polars, R and databases, at less than half its size and with all digits.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use beadscope_shaders::flags::Flags;
use beadscope_zlut::aside;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::ExportError;
use crate::clock::utc_text;
use crate::record::read::{Block, Recording};

/// The columns of CSV, in its order.
const SCHEMA: &str = "message rows {
    REQUIRED INT64 frame (INTEGER(64, false));
    REQUIRED INT32 bead (INTEGER(16, false));
    REQUIRED DOUBLE x_px;
    REQUIRED DOUBLE y_px;
    REQUIRED DOUBLE z_nm;
    REQUIRED FLOAT quality;
    REQUIRED BYTE_ARRAY flags (STRING);
    REQUIRED DOUBLE time_s;
}";
/// Measured values hardly ever repeat.
const MEASURED: [&str; 4] = ["x_px", "y_px", "z_nm", "quality"];
/// A row group is written when it has so many rows; it may be twice as long, some 40 MB.
const GROUP_ROWS: usize = 1 << 18;

/// Writes all rows to `out`, replacing what is there. `progress` hears how many frames are done.
///
/// # Errors
/// If the recording cannot be read or `out` not be written; it is as before then.
pub fn write(recording: &Recording, out: &Path, progress: &dyn Fn(u64)) -> Result<(), ExportError> {
    aside::write(out, |path| {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let properties = MEASURED.iter().fold(
            WriterProperties::builder()
                .set_compression(Compression::SNAPPY)
                .set_key_value_metadata(Some(metadata(recording)?)),
            |properties, name| properties.set_column_dictionary_enabled(ColumnPath::from(*name), false),
        );
        let mut file = SerializedFileWriter::new(File::create(path)?, schema, Arc::new(properties.build()))?;
        let (mut rows, mut first_ns) = (Rows::default(), None);
        recording.each_block(|block| -> Result<(), ExportError> {
            let first_ns = *first_ns.get_or_insert(block.time_ns[0]);
            rows.take(recording, block, first_ns);
            if rows.frame.len() >= GROUP_ROWS {
                rows.write(&mut file)?;
            }
            progress(block.first_frame + block.frames() as u64);
            Ok(())
        })?;
        if !rows.frame.is_empty() {
            rows.write(&mut file)?;
        }
        // The footer is in the file once it is closed.
        file.close()?;
        Ok(())
    })
}

fn metadata(recording: &Recording) -> Result<Vec<KeyValue>, ExportError> {
    let about = &recording.about;
    let first = recording.first_unix_ns()?.filter(|_| about.has_times).map(|unix_ns| unix_ns.to_string());
    let entries = [
        ("software", Some(about.software.clone())),
        ("pixel_size_nm", Some(about.pixel_size_nm.to_string())),
        ("started_utc", Some(utc_text(about.started_unix_ns))),
        ("started_unix_ns", Some(about.started_unix_ns.to_string())),
        // What `time_s` counts from.
        ("first_frame_unix_ns", first),
        ("finished", Some(about.complete.to_string())),
        ("camera_toml", Some(about.camera_toml.clone())),
        ("settings_toml", Some(about.settings_toml.clone())),
    ];
    let known = entries.into_iter().filter_map(|(key, value)| Some(KeyValue::new(key.to_owned(), value?)));
    Ok(known.collect())
}

/// Rows of a row group, column by column.
#[derive(Default)]
struct Rows {
    frame: Vec<i64>,
    bead: Vec<i32>,
    x_px: Vec<f64>,
    y_px: Vec<f64>,
    z_nm: Vec<f64>,
    quality: Vec<f32>,
    flags: Vec<ByteArray>,
    time_s: Vec<f64>,
}

impl Rows {
    fn take(&mut self, recording: &Recording, block: &Block, first_ns: u64) {
        let nm = recording.about.pixel_size_nm;
        // Most rows have those of the row before.
        let mut last = (Flags::NONE, ByteArray::from(Flags::NONE.to_string().into_bytes()));
        for place in 0..block.frames() {
            // A frame may have been taken before the one that came first.
            let since_ns = i128::from(block.time_ns[place]) - i128::from(first_ns);
            let time_s = if recording.about.has_times { since_ns as f64 * 1e-9 } else { f64::NAN };
            for row in block.rows(place) {
                let [x_nm, y_nm, z_nm] = block.position_nm[row];
                let flags = Flags(block.row_flags[row]);
                if flags != last.0 {
                    last = (flags, ByteArray::from(flags.to_string().into_bytes()));
                }
                // The schema says that the bits are those of an unsigned number.
                self.frame.push(block.frame[place] as i64);
                self.bead.push(block.bead[row].into());
                self.x_px.push(x_nm / nm);
                self.y_px.push(y_nm / nm);
                self.z_nm.push(z_nm);
                self.quality.push(block.quality[row]);
                self.flags.push(last.1.clone());
                self.time_s.push(time_s);
            }
        }
    }

    /// Writes them as a row group; none are left.
    fn write(&mut self, file: &mut SerializedFileWriter<File>) -> Result<(), ParquetError> {
        let mut group = file.next_row_group()?;
        write_column::<Int64Type>(&mut group, &mut self.frame)?;
        write_column::<Int32Type>(&mut group, &mut self.bead)?;
        for column in [&mut self.x_px, &mut self.y_px, &mut self.z_nm] {
            write_column::<DoubleType>(&mut group, column)?;
        }
        write_column::<FloatType>(&mut group, &mut self.quality)?;
        write_column::<ByteArrayType>(&mut group, &mut self.flags)?;
        write_column::<DoubleType>(&mut group, &mut self.time_s)?;
        group.close()?;
        Ok(())
    }
}

fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &mut Vec<T::T>,
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else { return Ok(()) };
    column.typed::<T>().write_batch(values, None, None)?;
    values.clear();
    column.close()
}

//! A campaign's results as a Parquet file: one row group, plain columns, the campaign itself as JSON in the file's
//! metadata.

use super::output::{Cells, Column};
use super::results::Results;
use parquet::basic::{IntType, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use std::sync::Arc;

/// Name of the metadata that holds the campaign as JSON.
pub const CAMPAIGN_KEY: &str = "busbar.campaign";

impl Results {
    /// The points as a Parquet file.
    ///
    /// # Errors
    /// A sentence where the library refuses.
    pub fn parquet(&self) -> Result<Vec<u8>, String> {
        let campaign = serde_json::to_string(&self.campaign).map_err(|error| error.to_string())?;
        write(&self.columns(), campaign).map_err(|error| format!("the Parquet file cannot be made: {error}"))
    }
}

fn write(columns: &[Column], campaign: String) -> Result<Vec<u8>, ParquetError> {
    let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("campaign").with_fields(fields).build()?;
    let metadata = vec![KeyValue::new(CAMPAIGN_KEY.to_string(), campaign)];
    let properties = WriterProperties::builder()
        .set_created_by(format!("channel-sim {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(metadata))
        .build();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for column in columns {
        let Some(mut writer) = group.next_column()? else { break };
        match &column.cells {
            Cells::Text(values) => {
                let values: Vec<ByteArray> = values.iter().map(|value| value.as_str().into()).collect();
                writer.typed::<ByteArrayType>().write_batch(&values, None, None)?;
            }
            Cells::Integer(values) => {
                // Unsigned numbers of 64 bits stand in signed ones, bit by bit.
                let values: Vec<i64> = values.iter().map(|value| value.cast_signed()).collect();
                writer.typed::<Int64Type>().write_batch(&values, None, None)?;
            }
            Cells::Real(values) => {
                let there: Vec<f64> = values.iter().filter_map(|value| *value).collect();
                let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
                writer.typed::<DoubleType>().write_batch(&there, Some(&levels), None)?;
            }
        }
        writer.close()?;
    }
    group.close()?;
    file.into_inner()
}

fn field(column: &Column) -> Result<Arc<Type>, ParquetError> {
    let (physical, logical, repetition) = match &column.cells {
        Cells::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::REQUIRED),
        Cells::Integer(_) => {
            let unsigned = LogicalType::Integer(IntType { bit_width: 64, is_signed: false });
            (Physical::INT64, Some(unsigned), Repetition::REQUIRED)
        }
        Cells::Real(_) => (Physical::DOUBLE, None, Repetition::OPTIONAL),
    };
    let builder = Type::primitive_type_builder(column.name, physical);
    builder.with_logical_type(logical).with_repetition(repetition).build().map(Arc::new)
}

//! The tables of a pandapower file: JSON objects whose `_object` is, as text, a data frame split into columns, index
//! and data.

use super::super::{FeederError, Place};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Rows in one table.
const MAX_ROWS: usize = 1_000_000;

/// A network: its tables and settings as they stand in the file.
pub(super) struct Network<'t> {
    file: Rc<str>,
    text: &'t str,
    members: BTreeMap<Cow<'t, str>, &'t RawValue>,
}

#[derive(Deserialize)]
struct Root<'t> {
    #[serde(rename = "_class", default)]
    class: String,
    #[serde(borrow, rename = "_object", default)]
    object: BTreeMap<Cow<'t, str>, &'t RawValue>,
}

#[derive(Deserialize)]
struct DataFrame {
    #[serde(rename = "_object")]
    object: Value,
}

#[derive(Deserialize)]
struct Split {
    columns: Vec<Value>,
    index: Vec<Value>,
    data: Vec<Vec<Value>>,
}

/// A table.
pub(super) struct Table {
    name: &'static str,
    place: Place,
    columns: HashMap<String, usize>,
    index: Vec<Value>,
    data: Vec<Vec<Value>>,
}

/// A row of a table.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    table: &'a Table,
    number: usize,
}

impl<'t> Network<'t> {
    pub(super) fn parse(file: &str, text: &'t str) -> Result<Self, FeederError> {
        let file: Rc<str> = file.into();
        let syntax = |line: usize, reason: String| FeederError::Syntax {
            place: Place { file: file.clone(), line },
            reason,
        };
        let root: Root<'t> =
            serde_json::from_str(text).map_err(|error| syntax(error.line(), error.to_string()))?;
        if root.class != "pandapowerNet" {
            return Err(syntax(1, format!("_class {:?}: a pandapowerNet expected", root.class)));
        }
        Ok(Self { file, text, members: root.object })
    }

    /// Line of the file that a part of its text begins on.
    fn line_of(&self, part: &str) -> usize {
        let offset = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        1 + before.iter().filter(|octet| **octet == b'\n').count()
    }

    fn syntax(&self, part: &str, reason: String) -> FeederError {
        FeederError::Syntax { place: Place { file: self.file.clone(), line: self.line_of(part) }, reason }
    }

    /// The network's name.
    pub(super) fn name(&self) -> String {
        self.members.get("name").and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// Mains frequency, 50 Hz where the file has none.
    pub(super) fn mains_hz(&self) -> Result<f64, FeederError> {
        let Some(raw) = self.members.get("f_hz") else { return Ok(50.0) };
        match raw.get().parse::<f64>() {
            Ok(hz) if (10.0..=100.0).contains(&hz) => Ok(hz),
            _ => {
                let value: String = raw.get().chars().take(40).collect();
                Err(self.syntax(raw.get(), format!("f_hz={value}: a frequency from 10 to 100 expected")))
            }
        }
    }

    pub(super) fn no_transformer(&self) -> FeederError {
        FeederError::NoTransformer { file: self.file.to_string() }
    }

    /// A table, where the file has it.
    pub(super) fn table(&self, name: &'static str) -> Result<Option<Table>, FeederError> {
        let Some(raw) = self.members.get(name) else { return Ok(None) };
        let wrong = |reason: String| self.syntax(raw.get(), format!("table {name}: {reason}"));
        let frame: DataFrame = serde_json::from_str(raw.get()).map_err(|error| wrong(error.to_string()))?;
        let split: Split = match frame.object {
            Value::String(text) => serde_json::from_str(&text),
            other => serde_json::from_value(other),
        }
        .map_err(|error| wrong(format!("{error}; columns, index and data expected (orient split)")))?;
        if split.index.len() != split.data.len() || split.data.len() > MAX_ROWS {
            let (index, data) = (split.index.len(), split.data.len());
            return Err(wrong(format!("{index} indices for {data} rows (at most {MAX_ROWS})")));
        }
        let column = |(number, name): (usize, &Value)| Some((name.as_str()?.to_string(), number));
        // The table's own text stands on the line of `_object`.
        let inner = raw.get().find("\"_object\"").and_then(|at| raw.get().get(at..)).unwrap_or(raw.get());
        Ok(Some(Table {
            name,
            place: Place { file: self.file.clone(), line: self.line_of(inner) },
            columns: split.columns.iter().enumerate().filter_map(column).collect(),
            index: split.index,
            data: split.data,
        }))
    }
}

impl Table {
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.data.len()).map(|number| Row { table: self, number })
    }

    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }

    pub(super) fn unknown_name(&self, object: &str, property: &str, value: &str) -> FeederError {
        FeederError::UnknownName {
            place: self.place(),
            object: object.to_string(),
            property: property.to_string(),
            value: value.to_string(),
        }
    }
}

impl Row<'_> {
    fn cell(&self, column: &str) -> &Value {
        let position = self.table.columns.get(column);
        position.and_then(|&at| self.table.data.get(self.number)?.get(at)).unwrap_or(&Value::Null)
    }

    pub(super) fn place(&self) -> Place {
        self.table.place()
    }

    /// Table and index, with the name where there is one.
    pub(super) fn object(&self) -> String {
        let index = self.table.index.get(self.number).unwrap_or(&Value::Null);
        match self.cell("name").as_str().filter(|name| !name.is_empty()) {
            Some(name) => format!("{} {index} ({})", self.table.name, clip(name)),
            None => format!("{} {index}", self.table.name),
        }
    }

    /// The row's index.
    pub(super) fn id(&self) -> Result<i64, FeederError> {
        let index = self.table.index.get(self.number).unwrap_or(&Value::Null);
        whole(index).ok_or_else(|| {
            self.syntax(format!("index {}: a whole number expected", clip(&index.to_string())))
        })
    }

    /// A whole number.
    pub(super) fn integer(&self, column: &'static str) -> Result<i64, FeederError> {
        whole(self.given(column)?).ok_or_else(|| self.wrong(column, "a whole number"))
    }

    /// A finite number.
    pub(super) fn number(&self, column: &'static str) -> Result<f64, FeederError> {
        self.given(column)?;
        Ok(self.optional_number(column)?.unwrap_or_default())
    }

    /// A number above 0.
    pub(super) fn positive(&self, column: &'static str) -> Result<f64, FeederError> {
        let number = self.number(column)?;
        if number > 0.0 { Ok(number) } else { Err(self.wrong(column, "a number above 0")) }
    }

    /// A finite number, where the cell is not empty.
    pub(super) fn optional_number(&self, column: &'static str) -> Result<Option<f64>, FeederError> {
        match self.cell(column) {
            Value::Null => Ok(None),
            value => value
                .as_f64()
                .filter(|number| number.is_finite())
                .map(Some)
                .ok_or_else(|| self.wrong(column, "a number")),
        }
    }

    /// A text, where the cell is one.
    pub(super) fn text(&self, column: &str) -> Option<String> {
        match self.cell(column) {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A truth value; an empty cell is true, as a network without the column means it.
    pub(super) fn flag(&self, column: &str) -> bool {
        match self.cell(column) {
            Value::Bool(flag) => *flag,
            Value::Number(number) => number.as_f64() != Some(0.0),
            _ => true,
        }
    }

    fn given(&self, column: &'static str) -> Result<&Value, FeederError> {
        match self.cell(column) {
            Value::Null => Err(FeederError::MissingProperty {
                place: self.place(),
                object: self.object(),
                property: column,
            }),
            value => Ok(value),
        }
    }

    /// The error for a cell that holds something else than expected.
    pub(super) fn wrong(&self, column: &'static str, expected: &'static str) -> FeederError {
        FeederError::Value {
            place: self.place(),
            object: self.object(),
            property: column.to_string(),
            value: clip(&self.cell(column).to_string()),
            expected,
        }
    }

    pub(super) fn unknown(&self, column: &'static str, id: i64) -> FeederError {
        self.table.unknown_name(&self.object(), column, &id.to_string())
    }

    pub(super) fn syntax(&self, reason: String) -> FeederError {
        FeederError::Syntax { place: self.place(), reason: format!("table {}: {reason}", self.table.name) }
    }
}

/// A number without fraction: columns with empty cells hold whole numbers as floats.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
    })
}

fn clip(text: &str) -> String {
    text.chars().take(60).collect()
}

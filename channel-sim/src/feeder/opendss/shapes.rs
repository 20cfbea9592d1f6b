//! Load shapes from their objects and the files these name.

use super::build::Builder;
use super::interpreter::{Object, Property, file_reason, resolve};
use super::lexer::{elements, pairs};
use super::values::{COUNT, is_yes, micro, number, option, property_error, whole_number};
use super::{FeederError, Place};
use crate::feeder::LoadShape;
use std::collections::HashMap;

/// Values in one load shape: a year of minutes and a little.
const MAX_SHAPE_VALUES: usize = 600_000;
/// Greatest value, in millionths: what [`micro`] reads.
const MOST_MICRO: i128 = 1_000_000_000_000_000;

impl Builder<'_> {
    pub(super) fn shapes<'o>(
        &mut self,
        objects: impl Iterator<Item = &'o Object>,
    ) -> Result<HashMap<String, usize>, FeederError> {
        let mut index = HashMap::new();
        for object in objects {
            if let Some(shape) = self.shape(object)? {
                index.insert(object.name.clone(), self.draft.shapes.len());
                self.draft.shapes.push(shape);
            }
        }
        Ok(index)
    }

    /// A load shape, or `None` and a report where its values are not there.
    fn shape(&mut self, object: &Object) -> Result<Option<LoadShape>, FeederError> {
        let mut interval_s = 3_600.0;
        for (name, seconds) in [("interval", 3_600.0), ("minterval", 60.0), ("sinterval", 1.0)] {
            if let Some(property) = object.property(name) {
                interval_s = number(object, name, property)? * seconds;
                let whole = interval_s.fract() == 0.0 && (1.0..=86_400.0).contains(&interval_s);
                if !whole {
                    return Err(property_error(object, name, &property.value, "whole seconds, 1 s to 24 h"));
                }
            }
        }
        let source =
            ["mult", "pmult", "csvfile"].into_iter().find_map(|name| Some((name, object.property(name)?)));
        let Some((name, property)) = source else {
            self.unused(&object.place, object.display.clone(), "no values: loads draw their rated power");
            return Ok(None);
        };
        let Some(mut values_micro) = self.shape_values(object, name, property)? else { return Ok(None) };
        if let Some(property) = object.property("npts") {
            let points =
                whole_number(&property.value, || property_error(object, "npts", &property.value, COUNT))?;
            if values_micro.len() < points {
                let why = format!(
                    "{} values where npts is {points}; they repeat after the last",
                    values_micro.len()
                );
                self.unused(&object.place, object.display.clone(), why);
            }
            values_micro.truncate(points);
        }
        let Scale { use_actual, normalized } = self.scale(object)?;
        if let Some(base_micro) = normalized {
            normalize(&mut values_micro, base_micro);
        }
        Ok(Some(LoadShape {
            name: object.name.clone(),
            interval_s: interval_s as u32,
            values_micro,
            use_actual,
        }))
    }

    /// What properties and actions, one after the other, make of the values.
    fn scale(&mut self, object: &Object) -> Result<Scale, FeederError> {
        let mut scale = Scale::default();
        let mut base_micro = 0;
        for (name, property) in &object.sequence {
            match name.as_str() {
                // Values that come after an action are as they are.
                "mult" | "pmult" | "csvfile" => scale.normalized = None,
                "useactual" => scale.use_actual = is_yes(&property.value),
                "pbase" => {
                    base_micro = micro(&property.value)
                        .ok_or_else(|| property_error(object, name, &property.value, "a number"))?;
                }
                "action" => match option(&property.value, &["normalize", "dblsave", "sngsave"]) {
                    Some("normalize") => {
                        scale = Scale { use_actual: false, normalized: Some(base_micro) };
                    }
                    // Saving is for OpenDSS's own later runs.
                    Some(_) => {}
                    None => {
                        let what = format!("{} action={}", object.display, property.value);
                        self.unused(&property.place, what, "not normalize, dblsave or sngsave");
                    }
                },
                _ => {}
            }
        }
        Ok(scale)
    }

    fn shape_values(
        &mut self,
        object: &Object,
        name: &str,
        property: &Property,
    ) -> Result<Option<Vec<i64>>, FeederError> {
        let named = pairs(&property.place, &property.value);
        let option = |key: &str| named.iter().find(|pair| pair.name.as_deref() == Some(key));
        let file = match (name, option("file").or(option("csvfile"))) {
            ("csvfile", None) => Some(property.value.clone()),
            (_, Some(pair)) => Some(pair.value.clone()),
            (_, None) => None,
        };
        let Some(file) = file else {
            let words = elements(&property.value);
            let values = words
                .iter()
                .map(|word| micro(word).ok_or_else(|| property_error(object, name, word, "a number")));
            let values = values.take(MAX_SHAPE_VALUES).collect::<Result<Vec<i64>, _>>()?;
            return Ok((!values.is_empty()).then_some(values));
        };
        let column = match option("col") {
            Some(pair) => whole_number(&pair.value, || property_error(object, "col", &pair.value, COUNT))?,
            None => 1,
        };
        let skip = usize::from(option("header").is_some_and(|pair| is_yes(&pair.value)));
        let path = resolve(&property.folder, &file);
        let content = match self.files.read(&path) {
            Ok(content) => content,
            Err(error) => {
                let why = format!("{}: loads draw their rated power", file_reason(&error));
                self.unused(&property.place, format!("{} {name}=(file={file})", object.display), why);
                return Ok(None);
            }
        };
        let text = String::from_utf8_lossy(&content);
        let mut values = Vec::new();
        for (index, line) in text.lines().enumerate().skip(skip) {
            if line.trim().is_empty() {
                continue;
            }
            let word = elements(line).into_iter().nth(column - 1).unwrap_or_default();
            let value = micro(&word).ok_or_else(|| FeederError::Value {
                place: Place { file: path.as_str().into(), line: index + 1 },
                object: object.display.clone(),
                property: name.to_string(),
                value: word.chars().take(40).collect(),
                expected: "a number",
            })?;
            if values.len() >= MAX_SHAPE_VALUES {
                let place = Place { file: path.as_str().into(), line: index + 1 };
                return Err(FeederError::TooMany {
                    place,
                    what: "load shape values",
                    limit: MAX_SHAPE_VALUES,
                });
            }
            values.push(value);
        }
        if values.is_empty() {
            self.unused(
                &property.place,
                format!("{} {name}=(file={file})", object.display),
                "the file holds no values: loads draw their rated power",
            );
            return Ok(None);
        }
        Ok(Some(values))
    }
}

/// What a shape's values are.
#[derive(Default)]
struct Scale {
    /// Kilowatts, and not shares of the load's rated power.
    use_actual: bool,
    /// Divided by this many millionths, or where they are none by the peak.
    normalized: Option<i64>,
}

/// Values divided by a base, or without one by their peak, where there is one.
fn normalize(values_micro: &mut [i64], base_micro: i64) {
    let peak = values_micro.iter().map(|value| value.unsigned_abs()).max().unwrap_or(0);
    let base = if base_micro > 0 { base_micro.unsigned_abs() } else { peak };
    if base > 0 {
        for value in values_micro {
            let normalized = i128::from(*value) * 1_000_000 / i128::from(base);
            *value = normalized.clamp(-MOST_MICRO, MOST_MICRO) as i64;
        }
    }
}

//! Properties' texts to numbers, units and flags, and the errors where they are none.

use super::FeederError;
use super::Place;
use super::interpreter::{Object, Property};
use super::lexer::elements;

/// What `npts` and `col` take.
pub(super) const COUNT: &str = "a whole number from 1";

pub(super) fn value_error(place: &Place, object: &str, property: &str, value: &str) -> FeederError {
    FeederError::Value {
        place: place.clone(),
        object: object.to_string(),
        property: property.to_string(),
        value: value.to_string(),
        expected: "a positive number",
    }
}

pub(super) fn property_error(
    object: &Object,
    property: &str,
    value: &str,
    expected: &'static str,
) -> FeederError {
    let place = object.property(property).map_or(&object.place, |property| &property.place);
    FeederError::Value {
        place: place.clone(),
        object: object.display.clone(),
        property: property.to_string(),
        value: value.to_string(),
        expected,
    }
}

pub(super) fn required<'o>(object: &'o Object, property: &'static str) -> Result<&'o Property, FeederError> {
    object.property(property).ok_or_else(|| FeederError::MissingProperty {
        place: object.place.clone(),
        object: object.display.clone(),
        property,
    })
}

pub(super) fn number(object: &Object, name: &str, property: &Property) -> Result<f64, FeederError> {
    let parsed: Option<f64> = property.value.trim().parse().ok();
    parsed
        .filter(|value| value.is_finite())
        .ok_or_else(|| property_error(object, name, &property.value, "a number"))
}

/// The one of some words that begins with the letter that a value begins with: OpenDSS looks no further.
pub(super) fn option(value: &str, words: &[&'static str]) -> Option<&'static str> {
    let letter = value.trim().chars().next()?.to_ascii_lowercase();
    words.iter().copied().find(|word| word.starts_with(letter))
}

pub(super) fn positive_number(object: &Object, name: &str, property: &Property) -> Result<f64, FeederError> {
    positive(&property.value, || property_error(object, name, &property.value, "a positive number"))
}

pub(super) fn positive(text: &str, error: impl FnOnce() -> FeederError) -> Result<f64, FeederError> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err(error()),
    }
}

pub(super) fn whole_number(text: &str, error: impl FnOnce() -> FeederError) -> Result<usize, FeederError> {
    text.trim().parse::<std::num::NonZeroUsize>().map(Into::into).map_err(|_| error())
}

/// Positive-sequence resistance in the object's unit: `r1`, or of `rmatrix` the mean of the diagonal less that of the rest.
/// `None` where it has neither.
pub(super) fn resistance(object: &Object) -> Result<Option<f64>, FeederError> {
    if let Some(property) = object.property("r1") {
        return positive_number(object, "r1", property).map(Some);
    }
    let Some(property) = object.property("rmatrix") else { return Ok(None) };
    let error = || {
        property_error(
            object,
            "rmatrix",
            &property.value,
            "rows between |, of which each has as many numbers as its place",
        )
    };
    let (mut own, mut shared) = (Vec::new(), Vec::new());
    for (row, text) in property.value.split('|').enumerate() {
        let row_values = elements(text);
        let parsed: Option<Vec<f64>> =
            row_values.iter().map(|word| word.parse().ok().filter(|value: &f64| value.is_finite())).collect();
        let row_values = parsed.ok_or_else(error)?;
        own.push(*row_values.get(row).ok_or_else(error)?);
        shared.extend(row_values.iter().take(row));
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let resistance = mean(&own) - mean(&shared);
    (resistance > 0.0).then_some(Some(resistance)).ok_or_else(error)
}

pub(super) fn phase_count(object: &Object, default: u32) -> Result<u32, FeederError> {
    let Some(property) = object.property("phases") else { return Ok(default) };
    match property.value.trim().parse::<u32>() {
        Ok(count @ 1..=3) => Ok(count),
        _ => Err(property_error(object, "phases", &property.value, "1, 2 or 3 phases")),
    }
}

pub(super) fn enabled(object: &Object) -> bool {
    object.property("enabled").is_none_or(|property| is_yes(&property.value))
}

pub(super) fn is_yes(text: &str) -> bool {
    matches!(text.trim().to_lowercase().chars().next(), Some('y' | 't'))
}

/// A decimal number in millionths.
pub(super) fn micro(text: &str) -> Option<i64> {
    let value: f64 = text.trim().parse().ok()?;
    (value.abs() < 1e9).then(|| (value * 1e6).round() as i64)
}

/// Metres in the object's unit; `None` where it has none.
pub(super) fn units(object: &Object) -> Result<Option<f64>, FeederError> {
    let Some(property) = object.property("units") else { return Ok(None) };
    Ok(Some(match property.value.trim().to_lowercase().as_str() {
        "none" => return Ok(None),
        "mi" => 1_609.344,
        "kft" => 304.8,
        "km" => 1_000.0,
        "m" | "me" => 1.0,
        "ft" => 0.3048,
        "in" => 0.0254,
        "cm" => 0.01,
        "mm" => 0.001,
        other => {
            return Err(property_error(object, "units", other, "one of none mi kft km m ft in cm mm"));
        }
    }))
}

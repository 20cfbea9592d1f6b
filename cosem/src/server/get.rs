//! Values of GET, produced piece by piece: a block never waits for a buffer that holds all of them.

use super::MAX_LIST_OCTETS;
use super::objects::{self, View};
use super::selection::{Selected, select};
use crate::axdr::{Encoder, write_length};
use crate::classes;
use crate::model::{MAX_ELEMENT, ObjectModel, Role};
use crate::xdlms::{ApduError, AttributeDescriptor, DataAccessError, Items, SelectiveAccess};
use plc_core::bytes::{Full, Reader, Writer};

/// What values come from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) model: &'a dyn ObjectModel,
}

/// Writes the value of an attribute, or the results of a list, into one piece of memory after another.
#[derive(Debug)]
pub(super) struct Producer {
    /// The element being handed out: encoded, of which `handed` octets are gone.
    element: [u8; MAX_ELEMENT],
    encoded: usize,
    handed: usize,
    elements: Elements,
    /// Items of a list that were not begun.
    list: heapless::Vec<u8, MAX_LIST_OCTETS>,
    list_at: usize,
    list_left: usize,
}

/// What the value being produced still has.
#[derive(Clone, Debug)]
enum Elements {
    None,
    Rows { index: usize, selected: Selected },
    Objects { role: Role, next: usize },
}

impl Producer {
    /// Begins with the value of one attribute.
    pub(super) fn value(
        descriptor: &AttributeDescriptor,
        access: Option<&SelectiveAccess<'_>>,
        source: Source<'_>,
    ) -> Result<Self, DataAccessError> {
        let mut producer = Self::empty();
        producer.begin(&[], descriptor, access, source)?;
        Ok(producer)
    }

    /// Begins with the results of a list. The items have to be well-formed.
    pub(super) fn list(items: &Items<'_>) -> Result<Self, Full> {
        let mut producer = Self::empty();
        let mut reader = items.reader.clone();
        let octets = reader.rest();
        let full = Full { at: 0, needed: octets.len(), left: MAX_LIST_OCTETS };
        producer.list.extend_from_slice(octets).map_err(|_| full)?;
        producer.list_left = items.count;
        let mut writer = Writer::new(&mut producer.element);
        write_length(&mut writer, items.count)?;
        producer.encoded = writer.position();
        Ok(producer)
    }

    /// Fills `out` as far as there is something; returns the octets written and whether that was all.
    pub(super) fn fill(
        &mut self,
        out: &mut [u8],
        source: Source<'_>,
    ) -> Result<(usize, bool), DataAccessError> {
        let mut writer = Writer::new(out);
        loop {
            if self.handed == self.encoded && !self.advance(source)? {
                return Ok((writer.position(), true));
            }
            let waiting = self.element.get(self.handed..self.encoded).unwrap_or_default();
            let Err(full) = writer.put(waiting) else {
                self.handed = self.encoded;
                continue;
            };
            let (now, _) = waiting.split_at(full.left.min(waiting.len()));
            writer.put(now)?;
            self.handed += now.len();
            return Ok((writer.position(), false));
        }
    }

    const fn empty() -> Self {
        Self {
            element: [0; MAX_ELEMENT],
            encoded: 0,
            handed: 0,
            elements: Elements::None,
            list: heapless::Vec::new(),
            list_at: 0,
            list_left: 0,
        }
    }

    /// Encodes the next element; `false` if there is none.
    fn advance(&mut self, source: Source<'_>) -> Result<bool, DataAccessError> {
        self.encoded = 0;
        self.handed = 0;
        match &mut self.elements {
            Elements::Rows { index, selected } if !selected.rows.is_empty() => {
                let object =
                    objects::object_at(*index, source.model).ok_or(DataAccessError::LongGetAborted)?;
                let profile = source.model.profile(&object).ok_or(DataAccessError::LongGetAborted)?;
                let row = selected.rows.start;
                if !profile.rows().contains(&row) {
                    // Overwritten while the client was reading.
                    return Err(DataAccessError::LongGetAborted);
                }
                selected.rows.start += 1;
                let mut out = Encoder::new(&mut self.element);
                out.structure(selected.columns.count_ones() as usize)?;
                for column in (0..32).filter(|column| selected.columns >> column & 1 == 1) {
                    profile.cell(row, column, &mut out)?;
                }
                self.encoded = out.len();
                Ok(true)
            }
            Elements::Objects { role, next } => {
                while let Some(object) = objects::object_at(*next, source.model) {
                    *next += 1;
                    if objects::is_visible(&object, *role) {
                        let mut out = Encoder::new(&mut self.element);
                        objects::encode_object(&object, *role, &mut out)?;
                        self.encoded = out.len();
                        return Ok(true);
                    }
                }
                self.elements = Elements::None;
                self.next_item(source)
            }
            Elements::Rows { .. } | Elements::None => {
                self.elements = Elements::None;
                self.next_item(source)
            }
        }
    }

    /// Begins with the next item of a list.
    fn next_item(&mut self, source: Source<'_>) -> Result<bool, DataAccessError> {
        let Some(left) = self.list_left.checked_sub(1) else { return Ok(false) };
        self.list_left = left;
        let list = self.list.clone();
        let mut reader = Reader::new(list.get(self.list_at..).unwrap_or_default());
        let (descriptor, access) = read_item(&mut reader).map_err(|_| DataAccessError::OtherReason)?;
        self.list_at += reader.position();
        // get-data-result: 0 and the value, or 1 and why there is none.
        if let Err(error) = self.begin(&[0], &descriptor, access.as_ref(), source) {
            self.elements = Elements::None;
            self.element[..2].copy_from_slice(&[1, error.code()]);
            self.encoded = 2;
        }
        Ok(true)
    }

    /// Encodes `prefix` and the value of an attribute, or its head if elements follow.
    fn begin(
        &mut self,
        prefix: &[u8],
        descriptor: &AttributeDescriptor,
        access: Option<&SelectiveAccess<'_>>,
        Source { view, model }: Source<'_>,
    ) -> Result<(), DataAccessError> {
        let attribute = descriptor.attribute;
        let (index, object) = objects::find(descriptor.class_id, descriptor.name, model)?;
        if !object.access(view.role, attribute).reads() {
            return Err(DataAccessError::ReadWriteDenied);
        }
        let is_buffer = object.class_id == classes::PROFILE_GENERIC && attribute == 2;
        if access.is_some() && !is_buffer {
            return Err(DataAccessError::ScopeOfAccessViolated);
        }
        let mut out = Encoder::new(&mut self.element);
        out.raw(prefix)?;
        if attribute == 1 {
            out.obis(object.name)?;
        } else if is_buffer {
            let profile = model.profile(&object).ok_or(DataAccessError::ObjectUnavailable)?;
            let selected = select(profile, access)?;
            let rows = selected.rows.end.saturating_sub(selected.rows.start);
            out.array(usize::try_from(rows).map_err(|_| DataAccessError::OtherReason)?)?;
            self.elements = Elements::Rows { index, selected };
        } else if object.class_id == classes::ASSOCIATION_LN && attribute == objects::OBJECT_LIST {
            let role = view.described_role(object.name);
            let visible = (0..)
                .map_while(|index| objects::object_at(index, model))
                .filter(|object| objects::is_visible(object, role));
            out.array(visible.count())?;
            self.elements = Elements::Objects { role, next: 0 };
        } else if index < objects::OWN_OBJECTS.len() {
            view.get(&object, attribute, &mut out)?;
        } else {
            model.get(&object, attribute, &mut out)?;
        }
        self.encoded = out.len();
        // A choice without a value would be an APDU nobody can read.
        if self.encoded > prefix.len() { Ok(()) } else { Err(DataAccessError::OtherReason) }
    }
}

/// Reads an item of a GET with list.
pub(super) fn read_item<'a>(
    reader: &mut Reader<'a>,
) -> Result<(AttributeDescriptor, Option<SelectiveAccess<'a>>), ApduError> {
    Ok((AttributeDescriptor::read(reader)?, SelectiveAccess::read_optional(reader)?))
}

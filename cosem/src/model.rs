//! What a meter shows to its clients: the objects behind the server.
//!
//! The server knows associations, security, access rights, services and blocks; the objects' values are the caller's,
//! who implements [`ObjectModel`], most of it with the values of [`crate::classes`].

use crate::axdr::{Data, Encoder};
use crate::obis::Obis;
use crate::xdlms::DataAccessError;

/// Largest element the server asks a model for at once: a value that is no profile's buffer, or a row of one.
pub const MAX_ELEMENT: usize = 512;
/// Most columns of a profile: selections are kept as bits.
pub const MAX_COLUMNS: usize = 32;

/// Who talks to the server, as far as access rights distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Anybody.
    Public,
    /// The owner's concentrator and head-end, authenticated.
    Management,
}

/// What a client may do with an attribute or method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Nothing.
    None,
    /// Read it.
    Read,
    /// Write it.
    Write,
    /// Read and write it, or call it where it is a method.
    Full,
}

impl Access {
    /// Whether it may be read.
    pub const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::Full)
    }

    /// Whether it may be written.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Full)
    }

    /// Whether it may be called.
    pub const fn calls(self) -> bool {
        matches!(self, Self::Full)
    }
}

/// Rights by role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rights {
    /// Of the public client.
    pub public: Access,
    /// Of the management client.
    pub management: Access,
}

impl Rights {
    /// Everybody reads.
    pub const READ: Self = Self { public: Access::Read, management: Access::Read };
    /// Only management reads.
    pub const MANAGEMENT_READ: Self = Self { public: Access::None, management: Access::Read };
    /// Everybody reads, management writes.
    pub const MANAGEMENT_WRITE: Self = Self { public: Access::Read, management: Access::Full };
    /// Management calls.
    pub const MANAGEMENT_CALL: Self = Self { public: Access::None, management: Access::Full };

    /// The rights of a role.
    pub const fn of(self, role: Role) -> Access {
        match role {
            Role::Public => self.public,
            Role::Management => self.management,
        }
    }
}

/// An attribute of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its number, from 1.
    pub id: i8,
    /// Who may do what with it.
    pub rights: Rights,
    /// Selectors of selective access it understands.
    pub selectors: &'static [u8],
}

impl Attribute {
    /// An attribute without selectors.
    pub const fn new(id: i8, rights: Rights) -> Self {
        Self { id, rights, selectors: &[] }
    }
}

/// A method of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its number, from 1.
    pub id: i8,
    /// Who may call it.
    pub rights: Rights,
}

/// An object as the object list shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// Interface class.
    pub class_id: u16,
    /// Version of the class.
    pub version: u8,
    /// Logical name.
    pub name: Obis,
    /// Attributes; number 1, the logical name, is among them.
    pub attributes: &'static [Attribute],
    /// Methods.
    pub methods: &'static [Method],
}

impl Object {
    /// The rights of a role on an attribute; none where there is no such attribute.
    pub fn access(&self, role: Role, attribute: i8) -> Access {
        self.attributes
            .iter()
            .find(|known| known.id == attribute)
            .map_or(Access::None, |known| known.rights.of(role))
    }

    /// The rights of a role on a method; none where there is no such method.
    pub fn method_access(&self, role: Role, method: i8) -> Access {
        self.methods
            .iter()
            .find(|known| known.id == method)
            .map_or(Access::None, |known| known.rights.of(role))
    }
}

/// The objects of a logical device.
///
/// Rights are checked by the server before it asks. Logical names (attribute 1) and the objects the server has itself
/// (associations, SAP assignment, security setup, invocation counters: [`crate::server`]) never reach the model.
pub trait ObjectModel {
    /// The object at a place of the list, `None` behind its end. The list does not change while a client reads it.
    fn object(&self, index: usize) -> Option<Object>;

    /// Writes one value: attribute `attribute` of an object out of the list, but not the buffer of a profile.
    fn get(&self, object: &Object, attribute: i8, out: &mut Encoder<'_>) -> Result<(), DataAccessError>;

    /// Takes a new value for an attribute.
    fn set(&mut self, object: &Object, attribute: i8, value: Data<'_>) -> Result<(), DataAccessError>;

    /// Calls a method. A value it returns is written to `out`; nothing written means no value.
    fn action(
        &mut self,
        object: &Object,
        method: i8,
        parameter: Option<Data<'_>>,
        out: &mut Encoder<'_>,
    ) -> Result<(), DataAccessError>;

    /// The buffer of a profile (class 7, attribute 2).
    fn profile(&self, object: &Object) -> Option<&dyn Profile> {
        let _ = object;
        None
    }
}

/// A column of a profile, or the attribute its rows are chosen by (capture_object_definition).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CaptureObject {
    /// Interface class.
    pub class_id: u16,
    /// Logical name.
    pub name: Obis,
    /// Attribute.
    pub attribute: i8,
    /// Element of the attribute, from 1; 0 is the whole.
    pub index: u16,
}

impl CaptureObject {
    /// A whole attribute.
    pub const fn new(class_id: u16, name: Obis, attribute: i8) -> Self {
        Self { class_id, name, attribute, index: 0 }
    }

    /// Writes the structure of four.
    pub fn encode(&self, out: &mut Encoder<'_>) -> Result<(), plc_core::bytes::Full> {
        out.structure(4)?;
        out.u16(self.class_id)?;
        out.obis(self.name)?;
        out.i8(self.attribute)?;
        out.u16(self.index)
    }

    /// Reads the structure of four.
    pub fn decode(data: &Data<'_>) -> Option<Self> {
        let [class_id, name, attribute, index] = data.fields()?;
        Some(Self {
            class_id: class_id.as_i64()?.try_into().ok()?,
            name: name.as_obis()?,
            attribute: attribute.as_i64()?.try_into().ok()?,
            index: index.as_i64()?.try_into().ok()?,
        })
    }
}

/// The rows of a profile.
///
/// Rows have numbers that stay: the first row ever captured is 0. A ring buffer forgets old ones, so a transfer in
/// blocks can go on while new rows come in.
pub trait Profile {
    /// The columns; at most [`MAX_COLUMNS`].
    fn columns(&self) -> &[CaptureObject];

    /// Numbers of the rows there are now, oldest first.
    fn rows(&self) -> core::ops::Range<u64>;

    /// Seconds after 1970-01-01 UTC at which a row was captured. It grows with the number, unless the
    /// clock was set back.
    fn captured_unix(&self, row: u64) -> Option<i64>;

    /// Minutes to add to local time to get UTC, for selections whose times have no deviation.
    fn deviation_min(&self) -> i16;

    /// Writes the value of a column in a row.
    fn cell(&self, row: u64, column: usize, out: &mut Encoder<'_>) -> Result<(), DataAccessError>;
}

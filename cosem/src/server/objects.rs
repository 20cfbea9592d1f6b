//! The objects the server has itself: associations, SAP assignment, security setup, names and counter.

use super::{Association, CURRENT_ASSOCIATION, INVOCATION_COUNTER, ServerConfig, State};
use crate::acse::{ApplicationContext, Mechanism, context_oid, mechanism_oid};
use crate::axdr::Encoder;
use crate::classes;
use crate::model::{Access, Attribute, Method, Object, ObjectModel, Rights, Role};
use crate::obis::Obis;
use crate::security::{Protection, SystemTitle};
use crate::xdlms::{Conformance, DLMS_VERSION, DataAccessError};
use plc_core::bytes::Full;

const PUBLIC_ASSOCIATION: Obis = Obis::new(0, 0, 40, 0, 1, 255);
const MANAGEMENT_ASSOCIATION: Obis = Obis::new(0, 0, 40, 0, 2, 255);
const SAP_ASSIGNMENT: Obis = Obis::new(0, 0, 41, 0, 0, 255);
const LOGICAL_DEVICE_NAME: Obis = Obis::new(0, 0, 42, 0, 0, 255);
const SECURITY_SETUP: Obis = Obis::new(0, 0, 43, 0, 0, 255);

/// Attribute 2 of class 15.
pub(super) const OBJECT_LIST: i8 = 2;
/// Method 1 of class 15.
pub(super) const REPLY_TO_HLS_AUTHENTICATION: i8 = 1;

const ASSOCIATION_ATTRIBUTES: [Attribute; 9] = [
    Attribute::new(1, Rights::READ),
    Attribute::new(2, Rights::READ),
    Attribute::new(3, Rights::READ),
    Attribute::new(4, Rights::READ),
    Attribute::new(5, Rights::READ),
    Attribute::new(6, Rights::READ),
    Attribute::new(7, Rights { public: Access::None, management: Access::None }),
    Attribute::new(8, Rights::READ),
    Attribute::new(9, Rights::READ),
];
const MANAGEMENT_ASSOCIATION_ATTRIBUTES: [Attribute; 9] = [
    Attribute::new(1, Rights::MANAGEMENT_READ),
    Attribute::new(2, Rights::MANAGEMENT_READ),
    Attribute::new(3, Rights::MANAGEMENT_READ),
    Attribute::new(4, Rights::MANAGEMENT_READ),
    Attribute::new(5, Rights::MANAGEMENT_READ),
    Attribute::new(6, Rights::MANAGEMENT_READ),
    Attribute::new(7, Rights { public: Access::None, management: Access::None }),
    Attribute::new(8, Rights::MANAGEMENT_READ),
    Attribute::new(9, Rights::MANAGEMENT_READ),
];
const ASSOCIATION_METHODS: [Method; 1] =
    [Method { id: REPLY_TO_HLS_AUTHENTICATION, rights: Rights::MANAGEMENT_CALL }];
const TWO_READABLE: [Attribute; 2] = [Attribute::new(1, Rights::READ), Attribute::new(2, Rights::READ)];
const SECURITY_SETUP_ATTRIBUTES: [Attribute; 6] = [
    Attribute::new(1, Rights::MANAGEMENT_READ),
    Attribute::new(2, Rights::MANAGEMENT_READ),
    Attribute::new(3, Rights::MANAGEMENT_READ),
    Attribute::new(4, Rights::MANAGEMENT_READ),
    Attribute::new(5, Rights::MANAGEMENT_READ),
    Attribute::new(6, Rights::MANAGEMENT_READ),
];

/// In front of the model's objects in the object list.
pub(super) const OWN_OBJECTS: [Object; 7] = [
    own(classes::ASSOCIATION_LN, 1, CURRENT_ASSOCIATION, &ASSOCIATION_ATTRIBUTES, &ASSOCIATION_METHODS),
    own(classes::ASSOCIATION_LN, 1, PUBLIC_ASSOCIATION, &ASSOCIATION_ATTRIBUTES, &[]),
    own(
        classes::ASSOCIATION_LN,
        1,
        MANAGEMENT_ASSOCIATION,
        &MANAGEMENT_ASSOCIATION_ATTRIBUTES,
        &ASSOCIATION_METHODS,
    ),
    own(classes::SAP_ASSIGNMENT, 0, SAP_ASSIGNMENT, &TWO_READABLE, &[]),
    own(classes::DATA, 0, LOGICAL_DEVICE_NAME, &TWO_READABLE, &[]),
    own(classes::SECURITY_SETUP, 1, SECURITY_SETUP, &SECURITY_SETUP_ATTRIBUTES, &[]),
    own(classes::DATA, 0, INVOCATION_COUNTER, &TWO_READABLE, &[]),
];

const fn own(
    class_id: u16,
    version: u8,
    name: Obis,
    attributes: &'static [Attribute],
    methods: &'static [Method],
) -> Object {
    Object { class_id, version, name, attributes, methods }
}

/// What the server's objects show of an association.
#[derive(Clone, Copy, Debug)]
struct AssociationInfo {
    conformance: Conformance,
    client_pdu: u16,
    status: u8,
    client_title: SystemTitle,
}

/// All that values are made of besides the model.
#[derive(Debug)]
pub(super) struct View<'a> {
    config: &'a ServerConfig,
    /// Whose request is answered.
    pub(super) role: Role,
    pdu: u16,
    public: AssociationInfo,
    management: AssociationInfo,
    /// Invocation counter that was not exceeded yet.
    ceiling: u32,
}

impl<'a> View<'a> {
    pub(super) fn new<const PDU: usize>(
        config: &'a ServerConfig,
        role: Role,
        public: &Association<PDU>,
        management: &Association<PDU>,
        ceiling: u32,
    ) -> Self {
        let info = |association: &Association<PDU>| AssociationInfo {
            conformance: association.conformance,
            client_pdu: association.client_pdu,
            status: match association.state {
                State::Idle => 0,
                State::Challenged => 1,
                State::Open => 2,
            },
            client_title: association.client_title,
        };
        let pdu = u16::try_from(PDU).unwrap_or(u16::MAX);
        Self { config, role, pdu, public: info(public), management: info(management), ceiling }
    }

    /// The role whose association an object of class 15 describes.
    pub(super) fn described_role(&self, name: Obis) -> Role {
        match name {
            PUBLIC_ASSOCIATION => Role::Public,
            MANAGEMENT_ASSOCIATION => Role::Management,
            _ => self.role,
        }
    }

    /// Writes an attribute of one of [`OWN_OBJECTS`], but not an object list.
    pub(super) fn get(
        &self,
        object: &Object,
        attribute: i8,
        out: &mut Encoder<'_>,
    ) -> Result<(), DataAccessError> {
        match (object.class_id, object.name, attribute) {
            (classes::ASSOCIATION_LN, name, _) => {
                return self.association(self.described_role(name), attribute, out);
            }
            (classes::SAP_ASSIGNMENT, _, 2) => {
                out.array(1)?;
                out.structure(2)?;
                out.u16(self.config.server_sap)?;
                out.octets(&self.config.logical_device_name)?;
            }
            (_, LOGICAL_DEVICE_NAME, 2) => out.octets(&self.config.logical_device_name)?,
            (_, INVOCATION_COUNTER, 2) => out.u32(self.ceiling)?,
            (classes::SECURITY_SETUP, _, 2) => out.enumeration(policy_bits(self.config.policy))?,
            (classes::SECURITY_SETUP, _, 3) => out.enumeration(0)?,
            (classes::SECURITY_SETUP, _, 4) => out.octets(&self.management.client_title.0)?,
            (classes::SECURITY_SETUP, _, 5) => out.octets(&self.config.system_title.0)?,
            (classes::SECURITY_SETUP, _, 6) => out.array(0)?,
            _ => return Err(DataAccessError::ObjectUndefined),
        }
        Ok(())
    }

    fn association(&self, role: Role, attribute: i8, out: &mut Encoder<'_>) -> Result<(), DataAccessError> {
        let (info, sap, context, mechanism) = match role {
            Role::Public => {
                (self.public, self.config.public_sap, ApplicationContext::LOGICAL_NAMES, Mechanism::NONE)
            }
            Role::Management => (
                self.management,
                self.config.management_sap,
                ApplicationContext::LOGICAL_NAMES_CIPHERED,
                Mechanism::HLS_GMAC,
            ),
        };
        match attribute {
            3 => {
                out.structure(2)?;
                out.i8(i8::try_from(sap).unwrap_or(i8::MAX))?;
                out.u16(self.config.server_sap)?;
            }
            4 => out.octets(&context_oid(context))?,
            5 => {
                out.structure(6)?;
                out.bit_string(&info.conformance.to_bytes(), 24)?;
                out.u16(self.pdu)?;
                out.u16(info.client_pdu)?;
                out.u8(DLMS_VERSION)?;
                out.i8(0)?;
                out.octets(&[])?;
            }
            6 => out.octets(&mechanism_oid(mechanism))?,
            8 => out.enumeration(info.status)?,
            9 => out.obis(SECURITY_SETUP)?,
            _ => return Err(DataAccessError::ObjectUndefined),
        }
        Ok(())
    }
}

/// Security policy of class 64 version 1: the same for requests and responses.
fn policy_bits(policy: Protection) -> u8 {
    let authenticated = if policy.authenticated { 0x04 | 0x20 } else { 0 };
    let encrypted = if policy.encrypted { 0x08 | 0x40 } else { 0 };
    authenticated | encrypted
}

/// The object at a place of the whole list.
pub(super) fn object_at(index: usize, model: &dyn ObjectModel) -> Option<Object> {
    match OWN_OBJECTS.get(index) {
        Some(object) => Some(*object),
        None => model.object(index - OWN_OBJECTS.len()),
    }
}

/// Finds an object and its place in the whole list.
pub(super) fn find(
    class_id: u16,
    name: Obis,
    model: &dyn ObjectModel,
) -> Result<(usize, Object), DataAccessError> {
    let mut index = 0;
    let mut error = DataAccessError::ObjectUndefined;
    while let Some(object) = object_at(index, model) {
        if object.name == name {
            if object.class_id == class_id {
                return Ok((index, object));
            }
            error = DataAccessError::ObjectClassInconsistent;
        }
        index += 1;
    }
    Err(error)
}

/// Whether a role can do anything with an object: the others do not show in its list.
pub(super) fn is_visible(object: &Object, role: Role) -> bool {
    object.attributes.iter().any(|attribute| attribute.rights.of(role) != Access::None)
        || object.methods.iter().any(|method| method.rights.of(role) != Access::None)
}

/// Writes an element of an object list.
pub(super) fn encode_object(object: &Object, role: Role, out: &mut Encoder<'_>) -> Result<(), Full> {
    out.structure(4)?;
    out.u16(object.class_id)?;
    out.u8(object.version)?;
    out.obis(object.name)?;
    out.structure(2)?;
    out.array(object.attributes.len())?;
    for attribute in object.attributes {
        out.structure(3)?;
        out.i8(attribute.id)?;
        out.enumeration(mode(attribute.rights.of(role)))?;
        if attribute.selectors.is_empty() {
            out.null()?;
        } else {
            out.array(attribute.selectors.len())?;
            for &selector in attribute.selectors {
                out.i8(i8::try_from(selector).unwrap_or(i8::MAX))?;
            }
        }
    }
    out.array(object.methods.len())?;
    for method in object.methods {
        out.structure(2)?;
        out.i8(method.id)?;
        out.enumeration(u8::from(method.rights.of(role).calls()))?;
    }
    Ok(())
}

/// Access mode of class 15 versions 0 to 2.
const fn mode(access: Access) -> u8 {
    match access {
        Access::None => 0,
        Access::Read => 1,
        Access::Write => 2,
        Access::Full => 3,
    }
}

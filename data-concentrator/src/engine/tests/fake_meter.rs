//! A meter's server and its metering, with flaws that a test wants.

use crate::testkit::MIDNIGHT_UTC_MS;
use cosem::model::CaptureObject;
use cosem::xdlms::DataAccessError;
use cosem::{Data, Encoder, Keys, Object, ObjectModel, Profile, Server, ServerConfig, SystemTitle};
use modem_fw::metering::{Measurement, Metering, MeteringConfig, Utc};
use modem_fw::objects::{Identity, Objects, PublicAccess};
use plc_core::env::Environment as _;
use plc_core::testkit::TestEnvironment;
use plc_core::time::{Duration, seconds};

pub(super) fn keys(n: u8) -> Keys {
    Keys { encryption: [n; 16], authentication: [n + 100; 16] }
}

/// A household that draws `n` kW all day.
pub(super) struct FakeMeter {
    pub(super) server: Server,
    pub(super) metering: Metering<960>,
    pub(super) identity: Identity,
    pub(super) env: TestEnvironment,
    pub(super) load: Measurement,
    pub(super) flaws: Vec<Flaw>,
    /// Associations opened, and the octets that opened the last one.
    pub(super) associations: u32,
    pub(super) opened_with: Vec<u8>,
    /// The last association in which the flaws show, and the first one that is not answered.
    pub(super) flawed_until: u32,
    pub(super) silent_from: u32,
}

/// A cell of the load profile that is not what it should be, by row and column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flaw {
    pub(super) row: u64,
    pub(super) column: usize,
    pub(super) instead: Data<'static>,
}

/// Nothing that a time or a number could be.
pub(super) const NONSENSE: Data<'static> = Data::OctetString(&[1]);
pub(super) const TIME_COLUMN: usize = 0;
pub(super) const ENERGY_COLUMN: usize = 2;

/// A meter's objects with some cells of its profile damaged.
pub(super) struct Damaged<'a> {
    pub(super) objects: Objects<'a, 960>,
    pub(super) flaws: &'a [Flaw],
    pub(super) profile: Option<Object>,
}

impl<'a> Damaged<'a> {
    pub(super) fn new(objects: Objects<'a, 960>, flaws: &'a [Flaw]) -> Self {
        let profile = (0..).map_while(|n| objects.object(n)).find(|object| objects.profile(object).is_some());
        Self { objects, flaws, profile }
    }

    pub(super) fn rows_of(&self) -> &dyn Profile {
        self.objects.profile(&self.profile.unwrap()).unwrap()
    }
}

impl ObjectModel for Damaged<'_> {
    fn object(&self, index: usize) -> Option<Object> {
        self.objects.object(index)
    }

    fn get(&self, object: &Object, attribute: i8, out: &mut Encoder<'_>) -> Result<(), DataAccessError> {
        self.objects.get(object, attribute, out)
    }

    fn set(&mut self, object: &Object, attribute: i8, value: Data<'_>) -> Result<(), DataAccessError> {
        self.objects.set(object, attribute, value)
    }

    fn action(
        &mut self,
        object: &Object,
        method: i8,
        parameter: Option<Data<'_>>,
        out: &mut Encoder<'_>,
    ) -> Result<(), DataAccessError> {
        self.objects.action(object, method, parameter, out)
    }

    fn profile(&self, object: &Object) -> Option<&dyn Profile> {
        self.objects.profile(object).map(|_| self as &dyn Profile)
    }
}

impl Profile for Damaged<'_> {
    fn columns(&self) -> &[CaptureObject] {
        self.rows_of().columns()
    }

    fn rows(&self) -> std::ops::Range<u64> {
        self.rows_of().rows()
    }

    fn captured_unix(&self, row: u64) -> Option<i64> {
        self.rows_of().captured_unix(row)
    }

    fn deviation_min(&self) -> i16 {
        self.rows_of().deviation_min()
    }

    fn cell(&self, row: u64, column: usize, out: &mut Encoder<'_>) -> Result<(), DataAccessError> {
        match self.flaws.iter().find(|flaw| (flaw.row, flaw.column) == (row, column)) {
            Some(flaw) => Ok(out.data(&flaw.instead)?),
            None => self.rows_of().cell(row, column, out),
        }
    }
}

impl FakeMeter {
    pub(super) fn new(n: u8, keys: Keys) -> Self {
        let mut env = TestEnvironment::new(n.into());
        let config = MeteringConfig {
            time: Utc::from_unix_s(MIDNIGHT_UTC_MS / 1000),
            deviation_min: -60,
            ..MeteringConfig::default()
        };
        let title = SystemTitle([b'B', b'S', b'B', 0, 0, 0, 0, n]);
        let load = Measurement {
            voltage_mv: 230_000,
            current_ma: 4_348,
            active_power_mw: i32::from(n) * 1_000_000,
            frequency_mhz: 50_000,
        };
        let mut meter = Self {
            server: Server::new(ServerConfig::new(title, b"BSB", keys)),
            metering: Metering::new(&config, env.store()),
            identity: Identity {
                serial_number: "1".try_into().unwrap(),
                logical_device_name: "BSB1".try_into().unwrap(),
            },
            env,
            load,
            flaws: Vec::new(),
            associations: 0,
            opened_with: Vec::new(),
            flawed_until: u32::MAX,
            silent_from: u32::MAX,
        };
        (0..18 * 60).for_each(|_| meter.measure(seconds(60)));
        meter
    }

    /// Counts the associations, and says whether this one is to fail.
    pub(super) fn is_silent(&mut self, apdu: &[u8]) -> bool {
        if apdu[0] == 0x60 && apdu != self.opened_with {
            self.associations += 1;
            self.opened_with = apdu.to_vec();
        }
        self.associations >= self.silent_from
    }

    pub(super) fn measure(&mut self, span: Duration) {
        self.metering.measure(self.env.store(), self.load, span);
    }

    pub(super) fn answer(&mut self, client: u16, apdu: &[u8]) -> Vec<u8> {
        let now = self.metering.clock().now();
        let objects = Objects::new(&self.metering, &self.identity, PublicAccess::Identity, now);
        let flawed = self.associations <= self.flawed_until;
        let mut objects = Damaged::new(objects, if flawed { &self.flaws } else { &[] });
        let mut reply = [0; 1024];
        let length = self.server.handle(client, apdu, &mut objects, &mut self.env, &mut reply).unwrap();
        reply[..length].to_vec()
    }
}

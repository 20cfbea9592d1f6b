//! The links over the day, where the loads change.

use super::{Survey, SurveyError};
use crate::line::{HouseholdLoad, Line};
use crate::scenario::{Loads, Scenario};
use g3_phy::BandPlan;
use jiff::civil::Time;
use serde::Serialize;

/// The links with the coordinator around an hour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Hour {
    /// Local hour.
    pub hour: u8,
    /// Meters that the coordinator reaches itself.
    pub in_reach: usize,
    /// Median over the meters of the loss from the coordinator.
    pub median_loss_db: f32,
    /// Median over the meters of the worse direction's signal to noise.
    pub median_snr_db: f32,
    /// The least of them.
    pub least_snr_db: f32,
}

/// Every full hour of the scenario's day, in a band. Where households' impedances are drawn they follow the load shapes; empty
/// where nothing changes over the day.
pub fn hours(scenario: &Scenario, plan: &BandPlan) -> Result<Vec<Hour>, SurveyError> {
    let mut scenario = scenario.clone();
    let shapes = scenario.feeder.loads.iter().any(|load| load.shape.is_some());
    if scenario.loads == Loads::Drawn && shapes {
        scenario.loads = Loads::FollowPower;
    }
    let switched = |load: &HouseholdLoad| match load {
        HouseholdLoad::Appliances(appliances) => appliances.iter().any(|appliance| appliance.follows_day()),
        HouseholdLoad::Impedance(_) => false,
    };
    let changes = scenario.loads == Loads::FollowPower && shapes
        || Line::new(&scenario).households().iter().any(|household| switched(&household.load));
    if !changes {
        return Ok(Vec::new());
    }
    let date = scenario.start.date();
    let at = |hour: u8| {
        let mut scenario = scenario.clone();
        scenario.start = date.to_datetime(Time::new(hour as i8, 0, 0, 0).unwrap_or(Time::midnight()));
        let survey = Survey::of_band(&scenario, plan)?;
        let links: Vec<super::Link> = (1..survey.modems).map(|modem| survey.link(0, modem)).collect();
        let mut losses: Vec<f32> = links.iter().map(|link| link.there.loss_db).collect();
        let mut worse: Vec<f32> = links.iter().map(|link| link.there.snr_db.min(link.back.snr_db)).collect();
        losses.sort_by(f32::total_cmp);
        worse.sort_by(f32::total_cmp);
        let median = |sorted: &[f32]| sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        Ok(Hour {
            hour,
            in_reach: links.iter().filter(|link| link.modulation.is_some()).count(),
            median_loss_db: median(&losses),
            median_snr_db: median(&worse),
            least_snr_db: worse.first().copied().unwrap_or(0.0),
        })
    };
    (0..24).map(at).collect()
}

//! Figures that are read at the moment of asking, one after the other.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// One figure after the other.
pub(super) struct Lines<'a>(pub(super) DescriptorEncoder<'a>);

impl Lines<'_> {
    fn put(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        of: &impl EncodeMetric,
    ) -> fmt::Result {
        // A registry ends each help with a full stop; a collector has to do that for itself.
        let help = format!("{help}.");
        of.encode(self.0.encode_descriptor(name, &help, unit.as_ref(), of.metric_type())?)
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.put(name, help, None, &ConstGauge::new(value))
    }

    pub(super) fn size(&mut self, name: &str, help: &str, bytes: u64) -> fmt::Result {
        self.put(name, help, Some(Unit::Bytes), &ConstGauge::new(bytes))
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.put(name, help, None, &ConstCounter::new(value))
    }

    pub(super) fn bytes(&mut self, name: &str, help: &str, bytes: u64) -> fmt::Result {
        self.put(name, help, Some(Unit::Bytes), &ConstCounter::new(bytes))
    }

    /// Time that was spent, in seconds.
    pub(super) fn seconds(&mut self, name: &str, help: &str, seconds: f64) -> fmt::Result {
        self.put(name, help, Some(Unit::Seconds), &ConstCounter::new(seconds))
    }

    /// A moment, in seconds since 1970, or how long something has been going on.
    pub(super) fn time(&mut self, name: &str, help: &str, seconds: f64) -> fmt::Result {
        self.put(name, help, Some(Unit::Seconds), &ConstGauge::new(seconds))
    }

    /// A gauge for each value of a label.
    pub(super) fn gauges<N: EncodeGaugeValue + Copy>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        label: &'static str,
        values: &[(String, N)],
    ) -> fmt::Result {
        let help = format!("{help}.");
        let of_all =
            &mut self.0.encode_descriptor(name, &help, unit.as_ref(), MetricType::Gauge)?;
        values.iter().try_for_each(|(value, number)| {
            ConstGauge::new(*number).encode(of_all.encode_family(&[(label, value.as_str())])?)
        })
    }

    /// A counter for each value of a label.
    pub(super) fn counters(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        label: &'static str,
        values: &[(&str, u64)],
    ) -> fmt::Result {
        let help = format!("{help}.");
        let of_all =
            &mut self.0.encode_descriptor(name, &help, unit.as_ref(), MetricType::Counter)?;
        values.iter().try_for_each(|&(value, number)| {
            ConstCounter::new(number).encode(of_all.encode_family(&[(label, value)])?)
        })
    }
}

//! How patient members are with one another.

use std::num::{NonZeroU8, NonZeroUsize};

use foca::{Config, PeriodicParams};

use crate::limits::{
    GOSSIP_BYTES_MAX, GOSSIP_INTERVAL, PROBE_INTERVAL, PROBE_TIME, SEEDS_INTERVAL, SUSPICION_TIME,
    TRANSMISSIONS,
};

/// What foca is told to do in a cluster of so many members. Larger clusters need more time to hear that a
/// suspect lives (SWIM, 4.2).
pub(super) fn config(members: usize) -> Config {
    let nonzero = |n| NonZeroUsize::new(n).expect("it is no zero");
    let patience = (members as f64).log10().max(1.0);
    Config {
        probe_period: PROBE_INTERVAL,
        probe_rtt: PROBE_TIME,
        num_indirect_probes: nonzero(3),
        max_transmissions: NonZeroU8::new(TRANSMISSIONS).expect("it is no zero"),
        suspect_to_down_after: SUSPICION_TIME.mul_f64(patience),
        // The roster decides.
        remove_down_after: None,
        max_packet_size: nonzero(GOSSIP_BYTES_MAX),
        notify_down_members: true,
        periodic_announce: Some(PeriodicParams {
            frequency: SEEDS_INTERVAL,
            num_members: nonzero(1),
        }),
        // Membership does so itself, and also where foca has nobody left to talk to.
        periodic_announce_to_down_members: None,
        periodic_gossip: Some(PeriodicParams {
            frequency: GOSSIP_INTERVAL,
            num_members: nonzero(3),
        }),
    }
}

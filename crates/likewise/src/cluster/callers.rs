//! Connections from outside whose handshake is not done: how many there may be, in all and from one
//! address.
//!
//! Nobody has shown yet that they may be here. So a single machine must not be able to take all the room,
//! or one stranger who says nothing keeps every node from having a link.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Callers in all. More wait to be accepted.
const CALLERS_MAX: usize = 64;

/// Callers from one address. One more is hung up on at once; a node tries again in a moment.
const CALLERS_OF_ONE_MAX: usize = 8;

/// Who is calling, by address. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Callers {
    room: Arc<Semaphore>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A place among the callers. Dropping it makes room.
pub(crate) struct Call {
    address: IpAddr,
    callers: Callers,
    _room: OwnedSemaphorePermit,
}

impl Callers {
    pub(crate) fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(CALLERS_MAX)), by_address: Arc::default() }
    }

    /// Waits until there is room for one more.
    pub(crate) async fn room(&self) -> OwnedSemaphorePermit {
        self.room.clone().acquire_owned().await.expect("it is never closed")
    }

    /// Takes the place of a caller from `address`, unless too many from there have one.
    pub(crate) fn enter(&self, address: IpAddr, room: OwnedSemaphorePermit) -> Option<Call> {
        let address = address.to_canonical();
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(address).or_default();
        if *count >= CALLERS_OF_ONE_MAX {
            return None;
        }
        *count += 1;
        drop(by_address);
        Some(Call { address, callers: self.clone(), _room: room })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let by_address = &self.callers.by_address;
        let mut by_address = by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.get_mut(&self.address).expect("a call is counted until it ends");
        *count -= 1;
        if *count == 0 {
            by_address.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_address_cannot_take_the_room_of_all() {
        let callers = Callers::new();
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mapped = IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0x0a00, 1]);
        let mut calls = Vec::new();
        for number in 0..CALLERS_OF_ONE_MAX {
            let address = if number % 2 == 0 { one } else { mapped };
            calls.push(callers.enter(address, callers.room().await).unwrap());
        }
        assert!(callers.enter(one, callers.room().await).is_none());
        assert!(callers.enter(other, callers.room().await).is_some());
        assert_eq!(callers.room.available_permits(), CALLERS_MAX - CALLERS_OF_ONE_MAX);
        calls.pop();
        assert!(callers.enter(one, callers.room().await).is_some());
        calls.clear();
        assert!(callers.by_address.lock().unwrap().is_empty());
        assert_eq!(callers.room.available_permits(), CALLERS_MAX);
    }
}

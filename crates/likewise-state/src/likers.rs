//! The users of one post, as small as they come: a few inline, then a sorted array, then a bitmap.
//!
//! Nearly every length is 1, so membership alone is stored and the other lengths live aside. This
//! module is the only one that knows the representation. What it must never know: texts, posts, keys.
//!
//! | likes of the post | kept as                            | bytes a like          |
//! |-------------------|------------------------------------|-----------------------|
//! | up to 3           | numbers in the 16 bytes themselves | 5 to 16               |
//! | up to 1,024       | sorted numbers on the heap         | 4 to 5, and 96 a post |
//! | more              | a roaring bitmap                   | 0.1 to 4              |

use roaring::RoaringBitmap;

use crate::digest::Digest;
use crate::interner::UserIndex;
use crate::length::CausalLength;

const FEW_MAX: usize = 3;

/// Above this many users a sorted array moves too many bytes at each insertion.
const SORTED_MAX: usize = 1_024;

/// One post's users with the length of each.
#[derive(Clone)]
pub(crate) enum Likers {
    /// Up to three users, each at length 1.
    Few { len: u8, users: [u32; FEW_MAX] },
    /// Anything else.
    Many(Box<Many>),
}

#[derive(Clone)]
pub(crate) struct Many {
    /// The digest of all entries. A few are cheaper to hash anew than to keep one for.
    digest: Digest,
    /// The users at an odd length.
    liked: Liked,
    /// The users at a length of 2 or more, sorted.
    longer: Vec<(UserIndex, CausalLength)>,
}

#[derive(Clone)]
enum Liked {
    Sorted(Vec<u32>),
    Bitmap(RoaringBitmap),
}

impl Default for Likers {
    fn default() -> Self {
        Self::Few { len: 0, users: [0; FEW_MAX] }
    }
}

impl Likers {
    /// How many users like the post. O(1), of a bitmap O(its containers).
    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Few { len, .. } => u64::from(*len),
            Self::Many(many) => many.liked.len(),
        }
    }

    /// The length of one user. O(log n).
    pub(crate) fn length(&self, user: UserIndex) -> CausalLength {
        match self {
            Self::Few { len, users } if users[..usize::from(*len)].contains(&user.0) => {
                CausalLength::LIKED_ONCE
            }
            Self::Few { .. } => CausalLength::UNTOUCHED,
            Self::Many(many) => many.length(user),
        }
    }

    /// Raises the length of `user` from `before`, which must be its present one, to `to`, which must be
    /// more. `hash` gives the digest of an entry.
    pub(crate) fn raise(
        &mut self,
        user: UserIndex,
        before: CausalLength,
        to: CausalLength,
        change: Digest,
        hash: impl Fn(UserIndex, CausalLength) -> Digest,
    ) {
        debug_assert!(before < to && before == self.length(user));
        if let Self::Few { len, users } = self {
            let used = usize::from(*len);
            if to == CausalLength::LIKED_ONCE && used < FEW_MAX {
                users[used] = user.0;
                *len += 1;
                return;
            }
            *self = Self::Many(Box::new(Many::of_few(&users[..used], hash)));
        }
        if let Self::Many(many) = self {
            many.raise(user, before, to);
            many.digest += change;
        }
    }

    /// The digest of all entries, where it is kept; of a few it must be made from the entries.
    pub(crate) fn digest(&self) -> Option<Digest> {
        match self {
            Self::Few { .. } => None,
            Self::Many(many) => Some(many.digest),
        }
    }

    /// The users that like the post, in no order that means anything.
    pub(crate) fn users(&self) -> Vec<UserIndex> {
        match self {
            Self::Few { len, users } => {
                users[..usize::from(*len)].iter().copied().map(UserIndex).collect()
            }
            Self::Many(many) => match &many.liked {
                Liked::Sorted(users) => users.iter().copied().map(UserIndex).collect(),
                Liked::Bitmap(users) => users.iter().map(UserIndex).collect(),
            },
        }
    }

    /// How many users ever touched the post. O(1), of a bitmap O(its containers).
    pub(crate) fn entries_len(&self) -> usize {
        let Self::Many(many) = self else { return self.count() as usize };
        let unliked = many.longer.iter().filter(|(_, length)| !length.liked());
        self.count() as usize + unliked.count()
    }

    /// Every user that ever touched the post, with its length.
    pub(crate) fn entries(&self) -> Vec<(UserIndex, CausalLength)> {
        let liked = self.users().into_iter();
        let Self::Many(many) = self else {
            return liked.map(|user| (user, CausalLength::LIKED_ONCE)).collect();
        };
        if many.longer.is_empty() {
            return liked.map(|user| (user, CausalLength::LIKED_ONCE)).collect();
        }
        let once = liked.filter(|&user| many.longer_at(user).is_err());
        once.map(|user| (user, CausalLength::LIKED_ONCE))
            .chain(many.longer.iter().copied())
            .collect()
    }
}

impl Many {
    fn of_few(users: &[u32], hash: impl Fn(UserIndex, CausalLength) -> Digest) -> Self {
        let mut sorted = users.to_vec();
        sorted.sort_unstable();
        let once = |&user: &u32| hash(UserIndex(user), CausalLength::LIKED_ONCE);
        Self {
            digest: users.iter().map(once).sum(),
            liked: Liked::Sorted(sorted),
            longer: Vec::new(),
        }
    }

    fn longer_at(&self, user: UserIndex) -> Result<usize, usize> {
        self.longer.binary_search_by_key(&user, |&(user, _)| user)
    }

    fn length(&self, user: UserIndex) -> CausalLength {
        match self.longer_at(user) {
            Ok(at) => self.longer[at].1,
            Err(_) if self.liked.contains(user.0) => CausalLength::LIKED_ONCE,
            Err(_) => CausalLength::UNTOUCHED,
        }
    }

    fn raise(&mut self, user: UserIndex, before: CausalLength, to: CausalLength) {
        match (before.liked(), to.liked()) {
            (false, true) => self.liked.insert(user.0),
            (true, false) => self.liked.remove(user.0),
            _ => {}
        }
        if to > CausalLength::LIKED_ONCE {
            match self.longer_at(user) {
                Ok(at) => self.longer[at].1 = to,
                Err(at) => self.longer.insert(at, (user, to)),
            }
        }
    }
}

impl Liked {
    fn len(&self) -> u64 {
        match self {
            Self::Sorted(users) => users.len() as u64,
            Self::Bitmap(users) => users.len(),
        }
    }

    fn contains(&self, user: u32) -> bool {
        match self {
            Self::Sorted(users) => users.binary_search(&user).is_ok(),
            Self::Bitmap(users) => users.contains(user),
        }
    }

    fn insert(&mut self, user: u32) {
        match self {
            Self::Sorted(users) if users.len() < SORTED_MAX => {
                if let Err(at) = users.binary_search(&user) {
                    if users.len() == users.capacity() {
                        users.reserve_exact(users.len() / 4 + 1);
                    }
                    users.insert(at, user);
                }
            }
            Self::Sorted(users) => {
                let mut bitmap = RoaringBitmap::from_sorted_iter(users.iter().copied())
                    .expect("the array is sorted");
                bitmap.insert(user);
                *self = Self::Bitmap(bitmap);
            }
            Self::Bitmap(users) => {
                users.insert(user);
            }
        }
    }

    fn remove(&mut self, user: u32) {
        match self {
            Self::Sorted(users) => {
                if let Ok(at) = users.binary_search(&user) {
                    users.remove(at);
                }
            }
            // A bitmap stays one: a post that was hot is likely to be so again.
            Self::Bitmap(users) => {
                users.remove(user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_takes_sixteen_bytes_until_its_fourth_like() {
        assert_eq!(size_of::<Likers>(), 16);
    }
}

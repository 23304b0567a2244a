//! What it takes to be mergeable, and the tests that prove it.
//!
//! A state-based CRDT is a join-semilattice: a set of states with a merge that is associative,
//! commutative and idempotent. Prose about that is worth little, so each type that implements
//! [`Lattice`] gets its law tests from one macro, [`lattice_laws`](crate::lattice_laws), and the tidy
//! test fails the build for a type that has none.
//!
//! Source: M. Shapiro and others, "Conflict-free replicated data types", SSS 2011.

/// Whether a merge brought anything new. Acknowledgements, digests, outboxes and event streams hang on
/// it, so it must tell the truth: the laws check that too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Changed(pub bool);

/// A state that can take in another one.
pub trait Lattice {
    /// Raises `self` to the least state that is at least both `self` and `other`.
    fn merge(&mut self, other: &Self) -> Changed;
}

/// Makes the law tests of a [`Lattice`] type: `lattice_laws!(causal_length, any_length());` makes a
/// module `causal_length` with one property test a law, over values from the given proptest strategy.
/// The type must be `Clone + PartialEq + Debug`.
#[macro_export]
macro_rules! lattice_laws {
    ($name:ident, $values:expr) => {
        mod $name {
            use super::*;
            use $crate::lattice::{Changed, Lattice};

            fn merged<T: Lattice + Clone>(a: &T, b: &T) -> T {
                let mut merged = a.clone();
                let _ = merged.merge(b);
                merged
            }

            proptest::proptest! {
                #[test]
                fn merge_is_commutative(a in $values, b in $values) {
                    proptest::prop_assert_eq!(merged(&a, &b), merged(&b, &a));
                }

                #[test]
                fn merge_is_associative(a in $values, b in $values, c in $values) {
                    proptest::prop_assert_eq!(
                        merged(&merged(&a, &b), &c),
                        merged(&a, &merged(&b, &c))
                    );
                }

                #[test]
                fn merge_is_idempotent(a in $values, b in $values) {
                    proptest::prop_assert_eq!(&merged(&a, &a), &a);
                    let both = merged(&a, &b);
                    proptest::prop_assert_eq!(&merged(&both, &b), &both);
                }

                #[test]
                fn merge_is_monotone(a in $values, b in $values) {
                    let mut both = merged(&a, &b);
                    proptest::prop_assert_eq!(both.merge(&a), Changed(false));
                    proptest::prop_assert_eq!(both.merge(&b), Changed(false));
                }

                #[test]
                fn changed_tells_the_truth(a in $values, b in $values) {
                    let mut both = a.clone();
                    let changed = both.merge(&b);
                    proptest::prop_assert_eq!(changed, Changed(both != a));
                }
            }
        }
    };
}

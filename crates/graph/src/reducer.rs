//! Reducers: how a field takes up what nodes write to it.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::AddAssign;

use serde::{Deserialize, Deserializer};

/// How one field of a state takes up updates. It is named in [`state!`](crate::state!) and never constructed.
pub trait Reducer {
    /// What the field holds.
    type Value;

    /// What a node writes to it.
    type Update;

    /// Whether a second writer in the same superstep is an error.
    const ONE_WRITER: bool = false;

    /// Makes an update part of the value.
    fn reduce(value: &mut Self::Value, update: Self::Update);
}

/// A list that updates are added to the end of.
#[derive(Debug)]
pub struct Append<T>(PhantomData<T>);

impl<T> Reducer for Append<T> {
    type Value = Vec<T>;
    type Update = Vec<T>;
    fn reduce(value: &mut Vec<T>, update: Vec<T>) {
        value.extend(update);
    }
}

/// A value that an update replaces. Two writers in one superstep are refused: which of them came last
/// would mean nothing.
#[derive(Debug)]
pub struct LastValue<T>(PhantomData<T>);

impl<T> Reducer for LastValue<T> {
    type Value = T;
    type Update = T;
    const ONE_WRITER: bool = true;
    fn reduce(value: &mut T, update: T) {
        *value = update;
    }
}

/// A total that updates are added to.
#[derive(Debug)]
pub struct Sum<T>(PhantomData<T>);

impl<T: AddAssign> Reducer for Sum<T> {
    type Value = T;
    type Update = T;
    fn reduce(value: &mut T, update: T) {
        *value += update;
    }
}

/// A map that updates add keys to or replace keys of. Of two writers of one key in a superstep, the one
/// planned later wins.
#[derive(Debug)]
pub struct Merge<K, V>(PhantomData<(K, V)>);

impl<K: Ord, V> Reducer for Merge<K, V> {
    type Value = BTreeMap<K, V>;
    type Update = BTreeMap<K, V>;
    fn reduce(value: &mut BTreeMap<K, V>, update: BTreeMap<K, V>) {
        value.extend(update);
    }
}

/// Reads a field that is there as `Some`, also where it is `null`: an update that sets an optional value to
/// nothing must not be mistaken for one that leaves it alone.
#[doc(hidden)]
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Declares a state and its update from fields and their [reducers](crate::reducer::Reducer).
///
/// The state holds each field's value; the update holds an `Option` of what is written to it and is
/// `Default`, so that a node names only what it changes. The calling crate needs `serde` with `derive`.
///
/// ```
/// use syndarix_graph::State as _;
/// use syndarix_graph::reducer::{Append, LastValue, Sum};
///
/// syndarix_graph::state! {
///     /// What a conversation knows.
///     #[derive(Debug, Default)]
///     pub struct Conversation, update ConversationUpdate {
///         /// What was said, in order.
///         pub messages: Append<String>,
///         /// How often the model was asked.
///         pub iterations: Sum<u32>,
///         /// What to do next.
///         pub action: LastValue<Option<String>>,
///     }
/// }
///
/// let mut state = Conversation::default();
/// state.apply(ConversationUpdate { messages: Some(vec!["hello".into()]), iterations: Some(1), ..Default::default() });
/// assert_eq!((state.messages.len(), state.iterations, state.action), (1, 1, None));
/// ```
#[macro_export]
macro_rules! state {
    (
        $(#[$meta:meta])*
        $vis:vis struct $state:ident, update $update:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $reducer:ty),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, ::serde::Serialize, ::serde::Deserialize)]
        $vis struct $state {
            $($(#[$field_meta])* $field_vis $field: <$reducer as $crate::reducer::Reducer>::Value,)*
        }

        #[doc = concat!("What a node changes of [`", stringify!($state), "`].")]
        #[derive(Debug, Clone, Default, ::serde::Serialize, ::serde::Deserialize)]
        $vis struct $update {
            $(
                $(#[$field_meta])*
                #[serde(
                    default,
                    skip_serializing_if = "Option::is_none",
                    deserialize_with = "syndarix_graph::reducer::present"
                )]
                $field_vis $field: Option<<$reducer as $crate::reducer::Reducer>::Update>,
            )*
        }

        impl $crate::State for $state {
            type Update = $update;

            fn apply(&mut self, update: $update) {
                $(
                    if let Some(written) = update.$field {
                        <$reducer as $crate::reducer::Reducer>::reduce(&mut self.$field, written);
                    }
                )*
            }

            fn last_value_fields(update: &$update) -> Vec<&'static str> {
                let mut fields = Vec::new();
                $(
                    if <$reducer as $crate::reducer::Reducer>::ONE_WRITER && update.$field.is_some() {
                        fields.push(stringify!($field));
                    }
                )*
                fields
            }
        }
    };
}

//! Enumerations of the wire.

/// Declares an enumeration whose values have names on the wire: `as_str`, `FromStr`, `Display`, serde.
///
/// The first value is the default, for the sake of `derive(Default)` on the structures around it.
#[macro_export]
macro_rules! wire_enum {
    ($(pub enum $name:ident { $first:ident = $first_wire:literal $(, $variant:ident = $wire:literal)* $(,)? })+) => {$(
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            #[default]
            $first,
            $($variant,)*
        }

        impl $name {
            pub const ALL: &'static [$name] = &[$name::$first $(, $name::$variant)*];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $name::$first => $first_wire,
                    $($name::$variant => $wire,)*
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::model::UnknownValue;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $first_wire => Ok($name::$first),
                    $($wire => Ok($name::$variant),)*
                    _ => Err($crate::model::UnknownValue { enumeration: stringify!($name), value: text.to_owned() }),
                }
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <::std::borrow::Cow<'de, str> as ::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }
    )+};
}

/// A text that is none of an enumeration's values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{value}' is not a value of {enumeration}")]
pub struct UnknownValue {
    pub enumeration: &'static str,
    pub value: String,
}

#[cfg(test)]
mod tests {
    crate::wire_enum! {
        pub enum Level { Low = "low", High = "HIGH-1" }
    }

    #[test]
    fn values_travel_by_their_wire_names() {
        assert_eq!(serde_json::to_string(&Level::High).unwrap(), "\"HIGH-1\"");
        assert_eq!(serde_json::from_str::<Level>("\"low\"").unwrap(), Level::Low);
        assert_eq!("High".parse::<Level>().unwrap_err().to_string(), "'High' is not a value of Level");
        assert_eq!(Level::ALL.len(), 2);
    }
}

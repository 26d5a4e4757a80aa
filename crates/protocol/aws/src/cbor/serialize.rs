//! Serde's data model as CBOR.

use std::fmt::Display;

use serde::ser::{self, Serialize};

use super::write;

/// The unit of timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epoch {
    /// As the standard and Smithy's RPC v2 have it.
    Seconds,
    /// As services with `application/x-amz-cbor-1.1` have it.
    Millis,
}

/// The name under which [`crate::AwsTimestamp`] passes its milliseconds.
pub(crate) const TIMESTAMP: &str = "$aws::AwsTimestamp";

/// The tag of a time since the epoch.
const EPOCH_TAG: u64 = 1;

/// Appends a value. Containers whose length serde does not know end with a break.
///
/// # Errors
/// Values CBOR has no form for here: integers beyond 64 bits, and what the value's own `Serialize` refuses.
pub fn to_writer<T: Serialize + ?Sized>(
    value: &T,
    epoch: Epoch,
    out: &mut Vec<u8>,
) -> Result<(), SerializeError> {
    value.serialize(&mut Serializer { out, epoch, is_timestamp: false })
}

/// Why a value has no CBOR form.
#[derive(Debug, thiserror::Error)]
#[error("the value cannot be written as CBOR: {0}")]
pub struct SerializeError(String);

impl ser::Error for SerializeError {
    fn custom<T: Display>(message: T) -> SerializeError {
        SerializeError(message.to_string())
    }
}

struct Serializer<'a> {
    out: &'a mut Vec<u8>,
    epoch: Epoch,
    /// The next integer is the milliseconds of a timestamp.
    is_timestamp: bool,
}

type Done = Result<(), SerializeError>;

/// A container that is being written.
struct Container<'s, 'a> {
    serializer: &'s mut Serializer<'a>,
    /// Without a length: it needs a break.
    is_open: bool,
}

impl<'s, 'a> Serializer<'a> {
    fn array(&'s mut self, length: Option<usize>) -> Container<'s, 'a> {
        match length {
            Some(length) => write::array(self.out, length),
            None => write::open_array(self.out),
        }
        Container { serializer: self, is_open: length.is_none() }
    }

    fn map(&'s mut self, length: Option<usize>) -> Container<'s, 'a> {
        match length {
            Some(length) => write::map(self.out, length),
            None => write::open_map(self.out),
        }
        Container { serializer: self, is_open: length.is_none() }
    }

    /// The map of one pair that stands for a variant with content.
    fn variant(&mut self, name: &str) {
        write::map(self.out, 1);
        write::text(self.out, name);
    }

    fn timestamp(&mut self, millis: i64) {
        self.is_timestamp = false;
        write::tag(self.out, EPOCH_TAG);
        match self.epoch {
            Epoch::Millis => write::integer(self.out, millis),
            Epoch::Seconds => write::double(self.out, millis as f64 / 1000.0),
        }
    }
}

impl<'s, 'a> ser::Serializer for &'s mut Serializer<'a> {
    type Ok = ();
    type Error = SerializeError;
    type SerializeSeq = Container<'s, 'a>;
    type SerializeTuple = Container<'s, 'a>;
    type SerializeTupleStruct = Container<'s, 'a>;
    type SerializeTupleVariant = Container<'s, 'a>;
    type SerializeMap = Container<'s, 'a>;
    type SerializeStruct = Container<'s, 'a>;
    type SerializeStructVariant = Container<'s, 'a>;

    /// What tells blobs and timestamps to be themselves.
    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Done {
        write::boolean(self.out, value);
        Ok(())
    }

    fn serialize_i8(self, number: i8) -> Done {
        self.serialize_i64(number.into())
    }

    fn serialize_i16(self, number: i16) -> Done {
        self.serialize_i64(number.into())
    }

    fn serialize_i32(self, number: i32) -> Done {
        self.serialize_i64(number.into())
    }

    fn serialize_i64(self, number: i64) -> Done {
        if self.is_timestamp {
            self.timestamp(number);
        } else {
            write::integer(self.out, number);
        }
        Ok(())
    }

    fn serialize_u8(self, number: u8) -> Done {
        self.serialize_u64(number.into())
    }

    fn serialize_u16(self, number: u16) -> Done {
        self.serialize_u64(number.into())
    }

    fn serialize_u32(self, number: u32) -> Done {
        self.serialize_u64(number.into())
    }

    fn serialize_u64(self, number: u64) -> Done {
        write::unsigned(self.out, number);
        Ok(())
    }

    fn serialize_f32(self, number: f32) -> Done {
        write::single(self.out, number);
        Ok(())
    }

    fn serialize_f64(self, number: f64) -> Done {
        write::double(self.out, number);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Done {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Done {
        write::text(self.out, text);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Done {
        write::bytes(self.out, bytes);
        Ok(())
    }

    fn serialize_none(self) -> Done {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        write::null(self.out);
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Done {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Done {
        self.is_timestamp = name == TIMESTAMP;
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        self.variant(variant);
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Container<'s, 'a>, SerializeError> {
        Ok(self.array(length))
    }

    fn serialize_tuple(self, length: usize) -> Result<Container<'s, 'a>, SerializeError> {
        Ok(self.array(Some(length)))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<Container<'s, 'a>, SerializeError> {
        Ok(self.array(Some(length)))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Container<'s, 'a>, SerializeError> {
        self.variant(variant);
        Ok(self.array(Some(length)))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Container<'s, 'a>, SerializeError> {
        Ok(self.map(length))
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<Container<'s, 'a>, SerializeError> {
        Ok(self.map(Some(length)))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Container<'s, 'a>, SerializeError> {
        self.variant(variant);
        Ok(self.map(Some(length)))
    }
}

impl Container<'_, '_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(&mut *self.serializer)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
        write::text(self.serializer.out, name);
        self.item(value)
    }

    fn close(self) -> Done {
        if self.is_open {
            write::end(self.serializer.out);
        }
        Ok(())
    }
}

/// One implementation for each kind of container that serde tells apart and CBOR does not.
macro_rules! container {
    (items: $($kind:ident $add:ident,)+) => {$(
        impl ser::$kind for Container<'_, '_> {
            type Ok = ();
            type Error = SerializeError;

            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                self.item(value)
            }

            fn end(self) -> Done {
                self.close()
            }
        }
    )+};
    (fields: $($kind:ident,)+) => {$(
        impl ser::$kind for Container<'_, '_> {
            type Ok = ();
            type Error = SerializeError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
                self.field(name, value)
            }

            fn end(self) -> Done {
                self.close()
            }
        }
    )+};
}

container!(items: SerializeSeq serialize_element, SerializeTuple serialize_element,);
container!(items: SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field,);
container!(fields: SerializeStruct, SerializeStructVariant,);

impl ser::SerializeMap for Container<'_, '_> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        self.item(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.item(value)
    }

    fn end(self) -> Done {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{AwsTimestamp, Blob};

    fn written<T: Serialize>(value: &T, epoch: Epoch) -> Vec<u8> {
        let mut out = Vec::new();
        to_writer(value, epoch, &mut out).unwrap();
        out
    }

    #[test]
    fn the_standards_examples_are_written_as_they_stand_there() {
        for (value, bytes) in [
            (json!(23), &[0x17][..]),
            (json!(100), &[0x18, 0x64]),
            (json!(1000), &[0x19, 0x03, 0xe8]),
            (json!(1_000_000), &[0x1a, 0x00, 0x0f, 0x42, 0x40]),
            (json!(1_000_000_000_000_u64), &[0x1b, 0x00, 0x00, 0x00, 0xe8, 0xd4, 0xa5, 0x10, 0x00]),
            (json!(-1), &[0x20]),
            (json!(-1000), &[0x39, 0x03, 0xe7]),
            (json!(i64::MIN), &[0x3b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            (json!(1.1), &[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]),
            (json!(null), &[0xf6]),
            (json!(true), &[0xf5]),
            (json!("ü"), &[0x62, 0xc3, 0xbc]),
            (json!([1, [2, 3]]), &[0x82, 0x01, 0x82, 0x02, 0x03]),
            (json!({"a": 1, "b": [2, 3]}), &[0xa2, 0x61, 0x61, 0x01, 0x61, 0x62, 0x82, 0x02, 0x03]),
        ] {
            assert_eq!(written(&value, Epoch::Millis), bytes, "{value}");
        }
    }

    #[test]
    fn blobs_are_byte_strings_and_timestamps_have_the_protocols_unit() {
        assert_eq!(written(&Blob::from("hi"), Epoch::Millis), b"\x42hi");
        let at = AwsTimestamp::from_millis(1_000_500);
        assert_eq!(written(&at, Epoch::Millis), [0xc1, 0x1a, 0x00, 0x0f, 0x44, 0x34]);
        let seconds = [&[0xc1, 0xfb][..], &1000.5_f64.to_be_bytes()].concat();
        assert_eq!(written(&at, Epoch::Seconds), seconds);
        // Only the timestamp itself is one.
        assert_eq!(written(&(Some(at), 7_i64), Epoch::Millis)[7..], [0x07]);
    }

    #[test]
    fn containers_of_unknown_length_end_with_a_break() {
        struct Unsized;
        impl Serialize for Unsized {
            fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq([1, 2].iter().filter(|number| **number > 0))
            }
        }
        assert_eq!(written(&Unsized, Epoch::Millis), [0x9f, 0x01, 0x02, 0xff]);
        assert!(to_writer(&u128::MAX, Epoch::Millis, &mut Vec::new()).is_err());
    }
}

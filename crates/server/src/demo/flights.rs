//! The real flights the demo plays: one month of `examples/flights`, carried in the binary.

use anyhow::{Context, Result};
use bytes::Bytes;

const MONTH: &[u8] = include_bytes!("../../../../examples/flights/2001-01.csv.zst");

/// The flights as JSON events, one object each, at most `limit` of them.
///
/// # Errors
/// When the data carried in the binary is damaged.
pub fn events(limit: Option<usize>) -> Result<Vec<Bytes>> {
    let text = zstd::decode_all(MONTH).context("the flights cannot be unpacked")?;
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let mut events = Vec::new();
    let mut row = csv::StringRecord::new();
    while events.len() < limit.unwrap_or(usize::MAX) && reader.read_record(&mut row)? {
        events.push(event(&row).context("a flight has too few fields")?);
    }
    Ok(events)
}

/// The fields need no escaping: times, numbers and airport codes.
fn event(row: &csv::StringRecord) -> Option<Bytes> {
    let number = |at: usize| row.get(at).map(|text| if text.is_empty() { "null" } else { text });
    let (time, origin, destination) = (row.get(0)?, row.get(3)?, row.get(4)?);
    Some(Bytes::from(format!(
        r#"{{"time":"{time}:00","delay":{},"distance":{},"origin":"{origin}","destination":"{destination}"}}"#,
        number(1)?,
        number(2)?,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flight_is_a_json_object() {
        let events = events(None).unwrap();
        assert_eq!(events.len(), 508_239);
        for event in events.iter().step_by(997) {
            let value: serde_json::Value = serde_json::from_slice(event).unwrap();
            assert!(value["time"].is_string() && value["origin"].as_str().unwrap().len() == 3, "{value}");
        }
    }
}
